//! Where the hub of a test keeps its store: a file of its directory, or a database of its own on a private server.
//!
//! `PASSERELLE_TEST_STORE=postgresql` runs the whole-hub tests on PostgreSQL: the same cases, the same facts.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use store::postgres::{PostgresOptions, PostgresStore};
use store::sqlite::{SqliteOptions, SqliteStore};
use store::{Store, StoreError};

use crate::servers::PostgreSql;

/// The variable that chooses the engine.
pub const SWITCH: &str = "PASSERELLE_TEST_STORE";

/// A server for all tests of a process. It ends with the process.
static SERVER: LazyLock<Option<PostgreSql>> = LazyLock::new(|| {
    // Nobody reads these databases after a crash of the machine.
    PostgreSql::start_new_with(&["fsync=off", "max_connections=500"])
});

/// Databases are numbered through the process.
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A worker that was crashed is replaced within this time. Only a server remembers it.
const LEASE_TIME: Duration = Duration::from_secs(2);

/// Where the hub of a test keeps its store.
#[derive(Clone, Debug)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// A database, by its address.
    Server(String),
}

impl Place {
    /// A new place: in this folder, or on the server when the switch says so.
    ///
    /// # Panics
    /// When the switch asks for an engine that is not there.
    pub fn new(folder: &Path) -> Self {
        match std::env::var(SWITCH).as_deref() {
            Err(_) | Ok("" | "sqlite") => Place::File(folder.join("store.db")),
            Ok("postgresql") => Self::server().expect("PostgreSQL, which the switch asks for"),
            Ok(other) => panic!("{SWITCH}={other}: there are sqlite and postgresql"),
        }
    }

    /// A new database on the server; `None`, said in one loud line, without PostgreSQL.
    pub fn server() -> Option<Self> {
        let server = SERVER.as_ref()?;
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        Some(Place::Server(server.create_database(&format!("hub{number}"))))
    }

    /// The port of the server of all tests; `None` without PostgreSQL.
    pub fn port() -> Option<u16> {
        SERVER.as_ref().map(PostgreSql::port)
    }

    /// Opens the store of a hub.
    ///
    /// # Errors
    /// When another hub has the file, or it cannot be opened.
    pub async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Place::File(path) => SqliteStore::open(path, SqliteOptions::default())?,
            Place::Server(url) => {
                let options = PostgresOptions { connections_max: 6, ..PostgresOptions::default() };
                PostgresStore::open(url, options).await?
            }
        })
    }

    /// How long a worker's leases last here, when that is not the usual time.
    pub fn lease_time(&self) -> Option<Duration> {
        matches!(self, Place::Server(_)).then_some(LEASE_TIME)
    }
}
