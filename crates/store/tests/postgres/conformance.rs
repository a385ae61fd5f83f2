//! The suite, on PostgreSQL.

use std::sync::Arc;

use async_trait::async_trait;
use store::postgres::{PostgresOptions, PostgresStore};
use store::testkit::{Backend, run};
use store::{Store, StoreError};

use super::server::{Server, server};

struct InSchema {
    server: &'static Server,
    options: PostgresOptions,
}

#[async_trait]
impl Backend for InSchema {
    async fn open(&mut self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(PostgresStore::open(&self.server.url(), self.options.clone()).await?)
    }

    async fn reopen(&mut self) -> Result<Arc<dyn Store>, StoreError> {
        self.open().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_a_store() {
    let Some(server) = server() else { return };
    let failed = run(|| Box::new(InSchema { server, options: server.options() })).await;
    let told: Vec<_> = failed.iter().map(|case| format!("{}: {}", case.name, case.reason)).collect();
    assert!(told.is_empty(), "{} cases do not hold:\n{}", told.len(), told.join("\n"));
}
