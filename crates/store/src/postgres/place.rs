//! The address of a store: what of it is for the driver, what is for us, and how people are told of it.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::PostgresOptions;
use crate::StoreError;

/// Where the store is and how to get there.
pub(super) struct Place {
    /// With the password; never shown.
    pub config: Config,
    /// Certificates to trust instead of the system's.
    pub roots: Option<PathBuf>,
    /// Without the password.
    pub shown: String,
}

impl Place {
    pub fn parse(address: &str, options: &PostgresOptions) -> Result<Place, StoreError> {
        let (address, mut ours) = split(address);
        let mut config: Config = address.parse().map_err(unreadable)?;
        if ours.verifies {
            config.ssl_mode(SslMode::Require);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_millis(options.connect_ms_max));
        }
        if config.get_application_name().is_none() {
            config.application_name(&options.application_name);
        }
        // A server that vanished is found out in a minute, not in hours.
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE_MAX);
        }
        config.keepalives_idle(SILENCE_MAX).keepalives_interval(Duration::from_secs(10)).keepalives_retries(3);
        let roots = ours.roots.take().or_else(|| options.roots.clone());
        Ok(Place { shown: shown(&config), config, roots })
    }
}

const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What the driver does not know.
#[derive(Default)]
struct Ours {
    roots: Option<PathBuf>,
    verifies: bool,
}

/// Takes our parameters out of an address.
fn split(address: &str) -> (String, Ours) {
    let mut ours = Ours::default();
    let Some((before, parameters)) = address.split_once('?') else { return (address.to_owned(), ours) };
    let mut others = Vec::new();
    for parameter in parameters.split('&') {
        let mut decoded = url::form_urlencoded::parse(parameter.as_bytes());
        match decoded.next() {
            Some((name, value)) if name == "sslrootcert" => ours.roots = Some(PathBuf::from(value.into_owned())),
            // What `require` means here.
            Some((name, value)) if name == "sslmode" && value.starts_with("verify-") => ours.verifies = true,
            _ => others.push(parameter),
        }
    }
    let joint = if others.is_empty() { "" } else { "?" };
    (format!("{before}{joint}{}", others.join("&")), ours)
}

fn unreadable(error: tokio_postgres::Error) -> StoreError {
    // It names a parameter, never a value.
    StoreError::Refused(format!(
        "the address of the store cannot be read ({}); write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special \
         characters of the password as %XX",
        super::failure::reason(&error)
    ))
}

/// `postgres://hub@db1:5432,db2:5432/hub`.
fn shown(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(index, host)| {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) if name.contains(':') => format!("[{name}]:{port}"),
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(folder) => format!("{}:{port}", folder.display()),
        }
    });
    let hosts: Vec<String> = hosts.collect();
    let user = config.get_user().map(|user| format!("{user}@")).unwrap_or_default();
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{user}{}/{database}", hosts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let check = |address: &str, expected: &str| {
            let place = Place::parse(address, &PostgresOptions::default()).unwrap();
            assert_eq!(place.shown, expected);
        };
        check("postgres://hub:s3cret@db:6000/acme?sslmode=require", "postgres://hub@db:6000/acme");
        check("postgresql://hub@[::1]/acme", "postgres://hub@[::1]:5432/acme");
        check("postgres://hub:x@a:1,b:2/acme", "postgres://hub@a:1,b:2/acme");
        check("host=db user=hub password=s3cret", "postgres://hub@db:5432/hub");
    }

    #[test]
    fn what_the_driver_does_not_know_is_ours() {
        let check = |address: &str, mode: SslMode, roots: Option<&str>| {
            let place = Place::parse(address, &PostgresOptions::default()).unwrap();
            assert_eq!((place.config.get_ssl_mode(), place.roots), (mode, roots.map(PathBuf::from)));
        };
        check("postgres://h@db/d", SslMode::Prefer, None);
        check("postgres://h@db/d?sslmode=disable", SslMode::Disable, None);
        check(
            "postgres://h@db/d?sslmode=verify-full&sslrootcert=%2Fetc%2Fa%20b.pem",
            SslMode::Require,
            Some("/etc/a b.pem"),
        );
        check("postgres://h@db/d?sslrootcert=ca.pem&application_name=x", SslMode::Prefer, Some("ca.pem"));
    }

    #[test]
    fn an_address_that_cannot_be_read_tells_no_secret() {
        for address in ["postgres://hub:s3cret@db:port/acme", "postgres://hub:s3cret@db/acme?sslmode=s3cret", "s3cret"]
        {
            let Err(error) = Place::parse(address, &PostgresOptions::default()) else { panic!("{address} was read") };
            let told = error.to_string();
            assert!(told.contains("postgres://USER:PASSWORD@") && !told.contains("s3cret"), "{told}");
        }
    }
}
