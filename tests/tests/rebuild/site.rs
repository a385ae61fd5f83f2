//! A company, the directory of its hub, and a subscriber that keeps an append-only log.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use passerelle_tests::checker::{Company, Inbox, Size, check, furnish};
use passerelle_tests::directory::{Directory, command};
use passerelle_tests::servers::{PostgreSql, RabbitMq};
use store::postgres::{PostgresOptions, PostgresStore};
use store::sqlite::SqliteStore;
use store::{Filter, Outcomes, Store};

/// How long a fact may take to come.
const PATIENCE: Duration = Duration::from_secs(240);

const SOURCES: [&str; 4] = ["erp", "crm", "billing", "bank"];

/// The engines that a hub beyond one machine works on.
pub struct Engines {
    pub server: PostgreSql,
    pub broker: RabbitMq,
}

impl Engines {
    /// `None`, said aloud, where they are missing.
    pub fn start() -> Option<Self> {
        let server = PostgreSql::start_new()?;
        server.create_database("hub");
        Some(Engines { server, broker: RabbitMq::one()? })
    }
}

/// Everything around a hub.
pub struct Site {
    pub directory: Directory,
    pub engines: Option<Engines>,
    outside: tempfile::TempDir,
    ledger: Inbox,
    company: Company,
}

impl Site {
    /// A hub on these engines, or on those of one machine; `limits` are lines of that table.
    pub fn new(engines: Option<Engines>, size: Size, limits: &str) -> Self {
        let outside = tempfile::tempdir().unwrap();
        let urls = engines.as_ref().map_or_else(String::new, |engines| {
            let (store, bus) = (engines.server.url("hub"), engines.broker.url(0));
            format!("[store]\nurl = \"{store}\"\n[bus]\nurl = \"{bus}\"\n")
        });
        let directory = Directory::new(&[("passerelle.toml", &format!("{urls}[limits]\n{limits}\n"))]);
        furnish(&directory, None);
        let ledger = Inbox::new(directory.path("ledger/in"), "id", &outside.path().join("ledger.jsonl")).unwrap();
        let company = Company::new(7, size, outside.path().join("sources")).unwrap();
        Site { directory, engines, outside, ledger, company }
    }

    /// Every system drops its next file; `false` when there are no more.
    pub fn next_round(&mut self) -> bool {
        let Some(dropped) = self.company.next_round().unwrap() else { return false };
        for file in &dropped {
            file.drop_into(&self.directory.path(&format!("{}/in", file.system))).unwrap();
        }
        true
    }

    /// Runs a hub until nothing is on its way.
    pub fn settle(&mut self) {
        self.directory.run(&["run", "--once"]).with(0);
        self.pick_up();
    }

    /// The subscriber takes what there is.
    pub fn pick_up(&mut self) {
        self.ledger.pick_up().unwrap();
    }

    /// Waits until every file was read and put away.
    pub fn until_read(&self) {
        let is_read = || SOURCES.iter().all(|system| self.directory.files(&format!("{system}/in")).is_empty());
        until("every file is read", is_read);
    }

    /// The store, beside a hub.
    pub async fn store(&self) -> Arc<dyn Store> {
        match &self.engines {
            Some(Engines { server, .. }) => {
                let options = PostgresOptions { connections_max: 2, ..PostgresOptions::default() };
                PostgresStore::open_beside(&server.url("hub"), options).await.unwrap()
            }
            None => SqliteStore::open_beside(&self.directory.path("data/store.db")).unwrap(),
        }
    }

    /// The accounting of all streams together.
    pub async fn accounting(&self) -> Outcomes {
        let mut sum = Outcomes::default();
        for stream in self.store().await.streams(&Filter::default()).await.unwrap() {
            assert!(stream.total.adds_up(), "{stream:?}");
            sum.merge(&stream.total);
        }
        sum
    }

    /// Where the sources' files and the subscriber's log are, for who keeps them.
    fn at(&self, inner: &str) -> PathBuf {
        self.outside.path().join(inner)
    }

    /// Nothing was lost, doubled or put out of order, and every record has an outcome.
    pub async fn require_clean(&self) {
        let verdict = check(&self.at("sources"), &[("ledger", &self.at("ledger.jsonl"))]).unwrap();
        assert!(verdict.is_clean(), "{verdict:#?}");
        let sum = self.accounting().await;
        assert_eq!((sum.in_flight, sum.read.unsigned_abs()), (0, verdict.read), "{sum:?}");
    }
}

/// Waits for a fact.
#[track_caller]
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for a fact that is asked for.
pub async fn until_asked(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A worker in a process of its own. It is killed when this value goes.
pub struct Worker(Child);

impl Worker {
    /// Starts one with these roles, and these settings in its environment.
    pub fn start(site: &Site, roles: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = command(site.directory.root(), &["run", "--role", roles]);
        command.envs(environment.iter().copied()).env("PASSERELLE_LOG", "error,lapin=off");
        Worker(command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself, which the test notices by its own means.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
