//! Everything that a run needs: servers, proxies, a user's directory, workers and subscribers.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use test_servers::{PostgreSql, Proxy, RabbitMq, free_port};
use tokio::runtime::Handle;

use super::accounting;
use super::end::Report;
use super::options::Options;
use super::run::Run;
use super::worker::{Setup, Worker};
use crate::checker::{Inbox, Portal, furnish};
use crate::directory::Directory;

/// How long a piece of work stays with a worker that is not heard of.
pub(super) const LEASE_TIME: Duration = Duration::from_secs(2);

/// How long everything may take to start.
const START_PATIENCE: Duration = Duration::from_secs(300);

/// What each worker does. Any two of them can do without the third.
const ROLES: [&str; 3] = ["all", "collect,resolve,deliver", "resolve,deliver"];

/// The log of the subscriber that is fed by files.
pub(super) const LEDGER: &str = "ledger.jsonl";
/// The log of the subscriber that is fed over HTTP.
pub(super) const PORTAL: &str = "portal.jsonl";
/// The folder of what the systems dropped.
pub(super) const SOURCES: &str = "sources";

/// The ways to the servers.
pub(super) struct Roads {
    /// To each node of the broker.
    pub broker: Vec<Proxy>,
    pub store: Proxy,
}

/// Everything that a run needs. Workers end before what they use.
pub(super) struct Site {
    pub workers: Vec<Worker>,
    pub ledger: Inbox,
    pub portal: Portal,
    pub ways: Roads,
    pub broker: RabbitMq,
    pub database: PostgreSql,
    /// The user's directory of the hub.
    pub directory: Directory,
    /// Where everything is: the user's directory, the systems' files, all logs.
    pub root: PathBuf,
}

impl Site {
    /// Starts everything; `None`, said in one loud line, where a server is not installed.
    pub fn new(options: &Options, runtime: &Handle, run: &Run) -> Option<Self> {
        run.tell(format!("seed {}: starting PostgreSQL and RabbitMQ", options.seed));
        let database = PostgreSql::start_new()?;
        // Without faults a cluster would only take longer.
        let broker = if options.faults > 0 { RabbitMq::three()? } else { RabbitMq::one()? };
        database.create_database("hub");
        let root = tempfile::Builder::new().prefix("passerelle-faults-").tempdir().expect("a folder").keep();
        run.tell(format!("everything is in {}", root.display()));
        let (ways, portal) = runtime.block_on(async {
            let mut nodes = Vec::new();
            for node in 0..broker.count() {
                nodes.push(Proxy::to(broker.port(node)).await);
            }
            let store = Proxy::to(database.port()).await;
            let portal = Portal::start(&root.join(PORTAL), options.plant).await.expect("a portal");
            (Roads { broker: nodes, store }, portal)
        });
        let directory = Directory::kept_in(&root, &[("passerelle.toml", &settings(&ways))]);
        furnish(&directory, Some((Ipv4Addr::LOCALHOST, portal.address.port()).into()));
        directory.run(&["check"]).with(0);
        let ledger = Inbox::new(directory.path("ledger/in"), "id", &root.join(LEDGER)).expect("a log");
        let mut workers: Vec<Worker> =
            ROLES.iter().enumerate().map(|(number, roles)| worker(number, roles, &root, &directory, &ways)).collect();
        workers.iter_mut().for_each(Worker::start);
        let mut ready = || {
            workers.iter_mut().all(|worker| {
                worker.keep(run);
                accounting::ask(worker.console).is_ok()
            })
        };
        while !ready() {
            assert!(run.elapsed() < START_PATIENCE, "the workers do not start; their logs are in {}", root.display());
            run.pause(Duration::from_millis(100));
        }
        run.tell("the hub runs");
        Some(Site { workers, ledger, portal, ways, broker, database, directory, root })
    }

    /// Ends everything, and removes the folder unless something is wrong.
    pub fn close(self, report: &Report, run: &Run) {
        let Site { mut workers, root, database, directory, .. } = self;
        workers.iter_mut().for_each(Worker::kill);
        if report.is_clean() {
            // What cannot be removed is only rubbish in a temporary folder.
            let _ = std::fs::remove_dir_all(&root);
        } else {
            // The server goes with the run: the store is kept as a file.
            let store = root.join("store.db");
            let kept = directory.run(&["store", "copy", "--keep-bus", &database.url("hub"), &store.to_string_lossy()]);
            run.tell(format!("logs, files and the user's directory are kept in {}", root.display()));
            run.tell(format!("what the store held: {} {}", store.display(), kept.err.trim()));
        }
    }
}

fn worker(number: usize, roles: &'static str, root: &Path, directory: &Directory, ways: &Roads) -> Worker {
    let way = &ways.broker[number % ways.broker.len()];
    let broker = format!("amqp://guest:guest@127.0.0.1:{}/%2f", way.port());
    Worker::new(&Setup { number, home: directory.root(), logs: root, roles, broker, console: free_port() })
}

/// The settings of the hub: short times, so that much happens in a run.
fn settings(ways: &Roads) -> String {
    format!(
        r#"[store]
url = "postgres://hub@127.0.0.1:{store}/hub"
statement_max = "10s"

[bus]
url = "amqp://guest:guest@127.0.0.1:{broker}/%2f"

[limits]
partitions = 4
lease_time = "{lease}ms"
retry_delay_max = "2s"

[log]
level = "info"
"#,
        store = ways.store.port(),
        broker = ways.broker[0].port(),
        lease = LEASE_TIME.as_millis(),
    )
}
