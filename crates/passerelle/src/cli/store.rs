//! Arguments of `store`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use connector::SecretReference;

/// Arguments of `store`.
#[derive(Debug, Args)]
pub struct StoreArguments {
    /// What to do.
    #[command(subcommand)]
    pub action: StoreAction,
}

/// What to do with stores.
#[derive(Debug, Subcommand)]
pub enum StoreAction {
    /// Copy a whole store to another place: from the embedded one to PostgreSQL, and back
    #[command(after_help = "\
Examples:
  passerelle store copy hub postgres://passerelle@db.example/passerelle --to-password file:secrets/postgres
  passerelle store copy hub /mnt/copy/store.db

FROM and TO are each
  a user's directory                       the store that its passerelle.toml tells of, with its password and schema
  postgres://USER@HOST:PORT/DATABASE       a database, in the schema \"passerelle\"
  a file, or a folder that has store.db    the embedded store; sqlite:PATH says so of a path of any form

Stop the hub first. TO must be empty or not there yet; it gets everything or nothing. What is on its way on the bus is
not copied: while anything is there, nothing is copied, unless --keep-bus says that the hub goes on with the same bus.
A password on the command line can be seen by others on this machine: use --from-password and --to-password.")]
    Copy(StoreCopy),
}

/// Arguments of `store copy`.
#[derive(Debug, Args)]
pub struct StoreCopy {
    /// The store to copy
    pub from: String,
    /// The place to copy it to
    pub to: String,
    /// Where the password of FROM is, when FROM is an address: env:NAME or file:PATH
    #[arg(long, value_name = "WHERE", value_parser = secret)]
    pub from_password: Option<SecretReference>,
    /// Where the password of TO is, when TO is an address: env:NAME or file:PATH
    #[arg(long, value_name = "WHERE", value_parser = secret)]
    pub to_password: Option<SecretReference>,
    /// Copy although something is on its way: the hub on TO goes on with the same bus
    #[arg(long)]
    pub keep_bus: bool,
    /// Print the counts as JSON
    #[arg(long)]
    pub json: bool,
}

/// Where a secret is, as a command line says it.
fn secret(text: &str) -> Result<SecretReference, String> {
    match text.split_once(':') {
        Some(("env", name)) if !name.is_empty() => Ok(SecretReference::Env(name.to_owned())),
        Some(("file", path)) if !path.is_empty() => Ok(SecretReference::File(PathBuf::from(path))),
        // What stands there may be the secret itself, so it is not repeated.
        _ => Err("write env:NAME, with the name of a variable, or file:PATH".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_named_and_never_written() {
        let check = |text: &str, expected: Option<SecretReference>| assert_eq!(secret(text).ok(), expected, "{text}");
        check("env:DB_PASSWORD", Some(SecretReference::Env("DB_PASSWORD".to_owned())));
        check("file:secrets/db", Some(SecretReference::File("secrets/db".into())));
        check("file:C:/secrets/db", Some(SecretReference::File("C:/secrets/db".into())));
        check("env:", None);
        check("sesame", None);
        assert!(!secret("sesame").unwrap_err().contains("sesame"));
    }
}
