//! The suite on the embedded bus.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bus::embedded::{EmbeddedBus, EmbeddedOptions};
use bus::testkit::{self, Subject};
use bus::{Bus, BusError};
use tempfile::TempDir;

/// An embedded bus whose crash is a copy of its files as they are at that moment, without any orderly end.
pub struct EmbeddedSubject {
    directory: TempDir,
    crashes: AtomicUsize,
    options: EmbeddedOptions,
}

impl EmbeddedSubject {
    pub fn new(options: EmbeddedOptions) -> Self {
        EmbeddedSubject { directory: TempDir::new().unwrap(), crashes: AtomicUsize::new(0), options }
    }

    fn life(&self, number: usize) -> PathBuf {
        self.directory.path().join(format!("life-{number}"))
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // The index of the write-ahead log is rebuilt after a crash.
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[async_trait]
impl Subject for EmbeddedSubject {
    async fn open(&self) -> Result<Arc<dyn Bus>, BusError> {
        let directory = self.life(self.crashes.load(Ordering::SeqCst));
        Ok(Arc::new(EmbeddedBus::open(directory, self.options.clone())?))
    }

    async fn crash(&self, bus: Arc<dyn Bus>) -> Result<(), BusError> {
        let number = self.crashes.fetch_add(1, Ordering::SeqCst);
        copy(&self.life(number), &self.life(number + 1));
        drop(bus);
        Ok(())
    }

    fn message_bytes_max(&self) -> usize {
        self.options.message_bytes_max
    }
}

/// Small limits, so that the cases meet them, and acknowledgements that only a crash test leaves unwritten.
pub fn options() -> EmbeddedOptions {
    EmbeddedOptions { message_bytes_max: 100_000, acknowledge_delay_ms_max: 3_600_000, ..EmbeddedOptions::default() }
}

async fn check(options: EmbeddedOptions) {
    let failures = testkit::run(|| async { Box::new(EmbeddedSubject::new(options.clone())) as Box<dyn Subject> }).await;
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_bus_keeps_the_contract() {
    check(options()).await;
}

#[tokio::test]
async fn it_does_so_on_one_thread_with_acknowledgements_written_at_once() {
    check(EmbeddedOptions { acknowledge_delay_ms_max: 0, ..options() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_so_when_nothing_is_read_ahead() {
    check(EmbeddedOptions { read_ahead_bytes_max: 1, transaction_bytes_max: 1, ..options() }).await;
}
