//! Making connections, and what is asked of a server before it is used.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Socket};

use super::PostgresOptions;
use super::failure::Failure;
use super::place::Place;
use super::tls::Tls;
use crate::StoreError;

/// The oldest server that has what we use: `pg_current_xact_id` came with 13.
const VERSION_MIN: u32 = 13;

/// Called with the channel of every notification.
pub(super) type News = Box<dyn FnMut(&str, i32) + Send>;

/// Makes connections.
pub(super) struct Connector {
    place: Place,
    tls: Option<Tls>,
    /// What every session is told first.
    session: String,
    timeout: Duration,
}

impl Connector {
    pub fn new(place: Place, options: &PostgresOptions) -> Result<Connector, StoreError> {
        let tls = match place.config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(Tls::new(place.roots.as_deref()).map_err(|reason| {
                StoreError::Refused(format!("{}: the certificates to trust: {reason}", place.shown))
            })?),
        };
        let timeout = Duration::from_millis(options.connect_ms_max);
        Ok(Connector { place, tls, session: session(options)?, timeout })
    }

    /// One connection, ready to be used. It lives as long as the client.
    pub async fn connect(&self, news: Option<News>) -> Result<Client, Failure> {
        let place = &self.place.shown;
        let connecting = async {
            let (client, driver) = self.establish(news).await?;
            tokio::spawn(driver);
            client.batch_execute(&self.session).await?;
            Ok(client)
        };
        match tokio::time::timeout(self.timeout, connecting).await {
            Ok(connected) => connected,
            Err(_) => {
                let waited = self.timeout.as_millis();
                Err(StoreError::Unreachable(format!(
                    "{place} did not answer within {waited} ms; is the server running, and does a firewall let us through?"
                ))
                .into())
            }
        }
    }

    async fn establish(&self, news: Option<News>) -> Result<(Client, BoxFuture<'static, ()>), Failure> {
        let config = &self.place.config;
        let Some(tls) = &self.tls else {
            let (client, connection) = config.connect(NoTls).await?;
            return self.used(client, connection, news);
        };
        let refused = match config.connect(tls.clone()).await {
            Ok((client, connection)) => return self.used(client, connection, news),
            Err(error) => error,
        };
        let reason = super::failure::reason(&refused);
        if !reason.starts_with(HANDSHAKE) {
            return Err(refused.into());
        }
        let place = &self.place.shown;
        if config.get_ssl_mode() != SslMode::Prefer {
            return Err(StoreError::Refused(format!(
                "{place}: {reason}; name the server as its certificate does, and its authority with sslrootcert=FILE"
            ))
            .into());
        }
        tracing::warn!(
            place,
            reason,
            "the certificate of the store's server cannot be verified; going on in the clear"
        );
        let mut config = config.clone();
        let (client, connection) = config.ssl_mode(SslMode::Disable).connect(NoTls).await?;
        self.used(client, connection, news)
    }

    /// A connection to a server that is new enough. That is asked before anything else: an older one would answer the
    /// settings of a session with errors that tell nobody what is wrong.
    fn used<T>(
        &self,
        client: Client,
        connection: Connection<Socket, T>,
        news: Option<News>,
    ) -> Result<(Client, BoxFuture<'static, ()>), Failure>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        require_version(connection.parameter("server_version").unwrap_or_default(), &self.place.shown)?;
        Ok((client, Box::pin(drive(connection, news))))
    }
}

/// How the driver's errors begin that are about TLS.
const HANDSHAKE: &str = "error performing TLS handshake";

/// Carries what goes over a connection until its client is gone.
async fn drive<T>(mut connection: Connection<Socket, T>, mut news: Option<News>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = std::future::poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notification(told)) => {
                if let Some(news) = &mut news {
                    news(told.channel(), told.process_id());
                }
            }
            Ok(_) => {}
            // Whoever waits for an answer is told.
            Err(_) => return,
        }
    }
}

/// The settings of every session.
///
/// The planner has no statistics of tables that a bulk load fills just now, and a plan that scans a table which was empty
/// a moment ago is a trap. Everything here reads by keys, so sessions prefer an index wherever there is one.
fn session(options: &PostgresOptions) -> Result<String, StoreError> {
    let schema = &options.schema;
    let is_name = schema.len() <= 63
        && schema.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && schema.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '_');
    if !is_name || schema.starts_with("pg_") {
        return Err(StoreError::Refused(format!(
            "{schema:?} cannot be the schema of the store; use lower case letters, digits and _"
        )));
    }
    let PostgresOptions { statement_ms_max, lock_ms_max, idle_ms_max, .. } = options;
    Ok(format!(
        "SET search_path TO {schema}; SET statement_timeout TO {statement_ms_max}; SET lock_timeout TO {lock_ms_max}; \
         SET idle_in_transaction_session_timeout TO {idle_ms_max}; SET client_min_messages TO warning; \
         SET plan_cache_mode TO force_generic_plan; SET jit TO off; SET enable_seqscan TO off; \
         SET enable_hashjoin TO off; SET enable_mergejoin TO off"
    ))
}

/// Refuses a server that is too old. `version` is what it says of itself when a session begins, such as
/// `15.8 (Debian 15.8-0+deb12u1)` or `17beta2`.
fn require_version(version: &str, place: &str) -> Result<(), StoreError> {
    let digits = version.find(|character: char| !character.is_ascii_digit()).unwrap_or(version.len());
    match version[..digits].parse::<u32>() {
        Ok(major) if major >= VERSION_MIN => Ok(()),
        _ => Err(StoreError::Refused(format!(
            "{place} is PostgreSQL {version}; this passerelle needs {VERSION_MIN} or newer: upgrade the server"
        ))),
    }
}

/// Refuses a server that cannot keep our text, or cannot be written.
pub(super) async fn check(client: &Client, place: &str) -> Result<(), Failure> {
    let row = client
        .query_one(
            "SELECT current_setting('server_encoding'), pg_is_in_recovery(), current_setting('transaction_read_only')",
            &[],
        )
        .await?;
    let encoding: String = row.get(0);
    if encoding != "UTF8" {
        return Err(StoreError::Refused(format!(
            "{place} has the encoding {encoding}; create a database with ENCODING 'UTF8'"
        ))
        .into());
    }
    let (is_standby, is_read_only): (bool, String) = (row.get(1), row.get(2));
    if is_standby || is_read_only == "on" {
        let what = if is_standby { "it is a standby server" } else { "it is read-only" };
        return Err(
            StoreError::Storage { place: place.to_owned(), reason: format!("{what}: use the primary server") }.into()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_too_old_is_refused() {
        let check = |version: &str, is_taken: bool| {
            let told = require_version(version, "postgres://hub@db:5432/hub").map_err(|error| error.to_string());
            let expected = format!("hub@db:5432/hub is PostgreSQL {version}; this passerelle needs 13 or newer");
            assert_eq!(told.is_ok(), is_taken, "{version}");
            assert!(told.is_ok() || told.is_err_and(|told| told.contains(&expected)), "{version}");
        };
        check("15.8 (Debian 15.8-0+deb12u1)", true);
        check("13.0", true);
        check("17beta2", true);
        check("100", true);
        check("12.22", false);
        check("9.6.24", false);
        check("", false);
        check("unknown", false);
    }
}
