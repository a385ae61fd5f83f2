//! The suite, on SQLite.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use store::sqlite::{SqliteOptions, SqliteStore};
use store::testkit::{Backend, run};
use store::{Store, StoreError};

struct InDirectory(tempfile::TempDir);

impl InDirectory {
    fn file(&self) -> PathBuf {
        self.0.path().join("store.sqlite")
    }
}

#[async_trait]
impl Backend for InDirectory {
    async fn open(&mut self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(SqliteStore::open(&self.file(), SqliteOptions::default())?)
    }

    async fn reopen(&mut self) -> Result<Arc<dyn Store>, StoreError> {
        self.open().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_is_a_store() {
    let failed = run(|| Box::new(InDirectory(tempfile::tempdir().unwrap()))).await;
    let told: Vec<_> = failed.iter().map(|case| format!("{}: {}", case.name, case.reason)).collect();
    assert!(told.is_empty(), "{} cases do not hold:\n{}", told.len(), told.join("\n"));
}
