//! Where a hub's store is, and the ways to open it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use connector::Secret;
use store::postgres::{PostgresOptions, PostgresStore};
use store::sqlite::{SqliteOptions, SqliteStore};
use store::{Store, StoreError};
use url::Url;

use crate::configuration::StoreSettings;

/// Where a hub's store is.
#[derive(Clone)]
pub enum StorePlace {
    /// A file, for one hub.
    File(PathBuf, SqliteOptions),
    /// A schema of a database, for any number of hubs.
    Server(Server),
}

/// A schema of a database on a server.
#[derive(Clone)]
pub struct Server {
    /// With the password, and so never printed.
    url: String,
    options: PostgresOptions,
}

impl StorePlace {
    /// The place that a configuration tells.
    ///
    /// # Errors
    /// When the address cannot be read, or its password is not there.
    pub fn of(directory: &Path, settings: &StoreSettings) -> Result<Self, StoreError> {
        let Some(address) = &settings.url else {
            return Ok(StorePlace::File(directory.join(&settings.path), settings.options()));
        };
        let refused = |reason: String| StoreError::Refused(format!("store.url: {reason}"));
        let mut url = Url::parse(address)
            .map_err(|error| refused(format!("{error}; write postgres://USER@HOST:PORT/DATABASE")))?;
        if let Some(reference) = &settings.password {
            let password = reference.resolve(directory);
            let password = password.map_err(|fault| StoreError::Refused(format!("store.password: {fault}")))?;
            url.set_password(Some(Secret::expose(&password))).map_err(|()| {
                refused("it has no place for a password; write postgres://USER@HOST:PORT/DATABASE".into())
            })?;
        }
        let options = settings.server_options(directory);
        Ok(StorePlace::Server(Server { url: url.into(), options }))
    }

    /// The same place, as a copy takes it.
    pub fn for_copy(&self) -> store::copy::Place {
        match self {
            StorePlace::File(path, _) => store::copy::Place::Sqlite(path.clone()),
            StorePlace::Server(server) => {
                let (url, options) = (server.url.clone(), Box::new(server.options.clone()));
                store::copy::Place::Postgres { url, options }
            }
        }
    }

    /// Opens the store of a hub, made or upgraded if need be.
    ///
    /// # Errors
    /// When another hub has the file, or the store cannot be opened.
    pub async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            StorePlace::File(path, options) => SqliteStore::open(path, options.clone())?,
            StorePlace::Server(server) => PostgresStore::open(&server.url, server.options.clone()).await?,
        })
    }

    /// Opens the store for a command, with or without a hub running.
    ///
    /// # Errors
    /// When there is no store yet, or it cannot be opened.
    pub async fn open_beside(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            StorePlace::File(path, _) => SqliteStore::open_beside(path)?,
            StorePlace::Server(server) => {
                let options = PostgresOptions { connections_max: CONNECTIONS_BESIDE, ..server.options.clone() };
                PostgresStore::open_beside(&server.url, options).await?
            }
        })
    }

    /// Whether a hub has the store open, on whatever machine.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn is_hub_running(&self) -> Result<bool, StoreError> {
        match self {
            StorePlace::File(path, _) => Ok(SqliteStore::is_hub_running(path)),
            StorePlace::Server(server) => PostgresStore::is_hub_running(&server.url, server.options.clone()).await,
        }
    }

    /// Whether there may be a store: a server is always asked.
    pub fn may_be_there(&self) -> bool {
        match self {
            StorePlace::File(path, _) => path.exists(),
            StorePlace::Server(_) => true,
        }
    }
}

/// A command asks one thing after the other.
const CONNECTIONS_BESIDE: usize = 2;
