//! The servers of a measurement.

use test_servers::{PostgreSql, RabbitMq};

/// A PostgreSQL server, and a broker where one is needed. They end when this value goes.
pub struct Engines {
    /// The database server, with its default settings.
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
        let settings: &[&str] = if counts_statements { &["shared_preload_libraries=pg_stat_statements"] } else { &[] };
        let server = PostgreSql::start_new_with(settings)?;
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
