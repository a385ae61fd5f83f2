//! Other engines for the demo's hub: its configuration is told of them, so that every command works on the directory alone.
//!
//! Passwords stand in files that only the owner may read, as a user would have them.

use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;
use url::Url;

use super::stage::write_secret;

/// Where the hub of the demo keeps what it keeps, if not in the directory. Its configuration remembers it.
#[derive(Clone, Debug, Default, Args)]
pub struct Engines {
    /// Keep the store in this PostgreSQL database, as postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Use this RabbitMQ broker, as amqp://USER:PASSWORD@HOST:PORT/VHOST
    #[arg(long, value_name = "URL")]
    bus: Option<String>,
}

impl Engines {
    /// Tells the configuration in a directory of them; what is not named stays as it is.
    ///
    /// # Errors
    /// When an address cannot be read, or a file cannot be written.
    pub fn furnish(&self, directory: &Path) -> anyhow::Result<()> {
        let file = directory.join("passerelle.toml");
        for (table, url) in [("store", &self.store), ("bus", &self.bus)] {
            let Some(url) = url else { continue };
            let engine = Engine::parse(url).with_context(|| format!("--{table}"))?;
            let secret = format!("secrets/{table}-password");
            let password = engine.password.as_ref().map(|_| secret.as_str());
            if let Some(password) = &engine.password {
                write_secret(&directory.join(&secret), password)
                    .with_context(|| format!("{secret} cannot be written"))?;
            }
            let text = std::fs::read_to_string(&file).context("passerelle.toml cannot be read")?;
            std::fs::write(&file, with_engine(&text, table, &engine.url, password)?)
                .context("passerelle.toml cannot be written")?;
        }
        Ok(())
    }
}

/// An address and the password that stood in it.
struct Engine {
    url: String,
    password: Option<String>,
}

impl Engine {
    fn parse(address: &str) -> anyhow::Result<Self> {
        // What cannot be read is not shown: it may hold a password.
        let mut url = Url::parse(address).context("the address cannot be read")?;
        let password = url.password().map(decoded);
        if password.is_some() && url.set_password(None).is_err() {
            bail!("the address has no place for a password");
        }
        Ok(Engine { url: url.into(), password })
    }
}

/// What stands behind the %XX of an address.
fn decoded(password: &str) -> String {
    // A form has two more signs of its own, which are none in a password.
    let as_form = password.replace('+', "%2B").replace('&', "%26");
    let mut values = url::form_urlencoded::parse(as_form.as_bytes());
    // Without a `=` it is a name, and with one it is both.
    values.next().map_or_else(String::new, |(name, value)| match as_form.contains('=') {
        true => format!("{name}={value}"),
        false => name.into_owned(),
    })
}

/// The configuration with an engine in one of its tables, in the place of an earlier one.
fn with_engine(text: &str, table: &str, url: &str, password: Option<&str>) -> anyhow::Result<String> {
    let header = format!("[{table}]");
    if !text.lines().any(|line| line == header) {
        bail!("passerelle.toml has no {header}");
    }
    let mut written = String::with_capacity(text.len() + 200);
    let mut is_inside = false;
    for line in text.lines() {
        if line.starts_with('[') {
            is_inside = line == header;
        } else if is_inside && (line.starts_with("url = ") || line.starts_with("password = ")) {
            continue;
        }
        written.push_str(line);
        written.push('\n');
        if line == header {
            written.push_str(&format!("url = {}\n", toml::Value::from(url)));
            if let Some(file) = password {
                written.push_str(&format!("password = {{ file = \"{file}\" }}\n"));
            }
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_password_is_taken_out_of_an_address() {
        let check = |address: &str, url: &str, password: Option<&str>| {
            let engine = Engine::parse(address).unwrap();
            assert_eq!((engine.url.as_str(), engine.password.as_deref()), (url, password), "{address}");
        };
        check("postgres://hub@db:6000/demo", "postgres://hub@db:6000/demo", None);
        check("postgres://hub:sesame@db/demo?a=1", "postgres://hub@db/demo?a=1", Some("sesame"));
        check("amqp://hub:a%2Fb+c&d=%C3%A9@mq/house", "amqp://hub@mq/house", Some("a/b+c&d=é"));
        let told = format!("{:#}", Engine::parse("sesame").err().unwrap());
        assert!(!told.contains("sesame"), "{told}");
    }

    #[test]
    fn the_configuration_remembers_engines_and_files_keep_their_passwords() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("secrets")).unwrap();
        let file = folder.path().join("passerelle.toml");
        std::fs::write(&file, "[store]\npath = \"data/store.db\"\n\n[bus]\npath = \"data/bus\"\n").unwrap();
        let furnish = |store: Option<&str>, bus: Option<&str>| {
            let engines = Engines { store: store.map(str::to_owned), bus: bus.map(str::to_owned) };
            engines.furnish(folder.path()).unwrap();
            std::fs::read_to_string(&file).unwrap()
        };
        furnish(Some("postgres://hub:sesame@db/one"), None);
        let told = furnish(Some("postgres://hub:simsim@db/two"), Some("amqp://guest@mq"));
        let expected = "[store]\nurl = \"postgres://hub@db/two\"\npassword = { file = \"secrets/store-password\" }\n\
                        path = \"data/store.db\"\n\n[bus]\nurl = \"amqp://guest@mq\"\npath = \"data/bus\"\n";
        assert_eq!(told, expected);
        assert_eq!(furnish(None, None), expected);
        let secret = folder.path().join("secrets/store-password");
        assert_eq!(std::fs::read_to_string(&secret).unwrap(), "simsim\n");
        assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
