//! The servers of a measurement.

use test_servers::{PostgreSql, RabbitMq};

/// The settings that a server is delivered with: those of the compose file.
///
/// # Panics
/// When the file does not have them on one line.
pub fn delivered_settings() -> Vec<String> {
    let compose = include_str!("../../../deploy/compose.yaml");
    let command = compose.lines().find_map(|line| line.trim().strip_prefix("command: [\"postgres\", "));
    let words: Vec<String> = command.and_then(|rest| serde_json::from_str(&format!("[{rest}")).ok()).expect("settings");
    words.into_iter().filter(|word| word != "-c").collect()
}

/// A PostgreSQL server, and a broker where one is needed. They end when this value goes.
pub struct Engines {
    /// The database server.
    pub server: PostgreSql,
    /// One node.
    pub broker: Option<RabbitMq>,
}

impl Engines {
    /// Starts them; `None`, said in one loud line, where a package is missing.
    ///
    /// `counts_statements` has PostgreSQL count what each statement takes; that itself takes a few percent.
    ///
    /// # Panics
    /// When a server does not start.
    pub fn start(with_broker: bool, counts_statements: bool) -> Option<Self> {
        Self::start_with(with_broker, counts_statements, &[])
    }

    /// The same with settings of the database server, such as `shared_buffers=1GB`.
    ///
    /// # Panics
    /// When a server does not start.
    pub fn start_with(with_broker: bool, counts_statements: bool, settings: &[String]) -> Option<Self> {
        let counting = counts_statements.then_some("shared_preload_libraries=pg_stat_statements");
        let settings: Vec<&str> = settings.iter().map(String::as_str).chain(counting).collect();
        let server = PostgreSql::start_new_with(&settings)?;
        let broker = if with_broker { Some(RabbitMq::one()?) } else { None };
        Some(Engines { server, broker })
    }

    /// A new database; returns its URL.
    ///
    /// # Panics
    /// When there is one of that name.
    pub fn database(&self, name: &str, counts_statements: bool) -> String {
        let url = self.server.create_database(name);
        if counts_statements {
            self.server.execute(name, "CREATE EXTENSION pg_stat_statements");
        }
        url
    }

    /// The address of the broker.
    ///
    /// # Panics
    /// When there is none.
    pub fn bus_url(&self) -> String {
        self.broker.as_ref().expect("a broker").url(0)
    }
}
