//! A whole hub on real parts in a temporary directory: a file for the bus, folders for the systems, and a store on the
//! engine that the tests run on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::embedded::{EmbeddedBus, EmbeddedOptions};
use canonical::entity::Entity;
use connector::Registry;
use hub::{Filter, Hub, Limits, Missing, Mode, Role, Schedule, Settings, Stream, Subscription, System};
use mapping::{Mapping, Table, Tables};
use serde_json::{Value, json};
use store::{Export, Outcomes, Store};

use crate::engine::Place;

struct NoTables;

impl Tables for NoTables {
    fn table(&self, _: &str) -> Option<Arc<Table>> {
        None
    }
}

/// A system of CSV folders: `NAME/in` is read, `NAME/out` is written.
pub struct CsvSystem {
    /// Its name.
    pub name: &'static str,
    /// Its streams, each by the mapping of one entity.
    pub streams: Vec<CsvFeed>,
    /// What it is fed, each by a mapping.
    pub subscriptions: Vec<(Entity, &'static str)>,
}

/// One stream of a [`CsvSystem`]; it reads the files whose names start with its own.
pub struct CsvFeed {
    /// The stream's name.
    pub name: &'static str,
    /// The text of its mapping.
    pub mapping: &'static str,
    /// Whether a drop is everything.
    pub export: Export,
    /// What a record means that a full export no longer shows.
    pub missing: Missing,
}

/// A directory with systems, whose hub is started and stopped.
pub struct House {
    directory: tempfile::TempDir,
    place: Place,
    systems: Vec<CsvSystem>,
    trust: Vec<&'static str>,
}

/// Compiles a mapping, or panics with what is wrong in it.
pub fn compile(name: &str, text: &str) -> Arc<Mapping> {
    match Mapping::compile(name, text, &NoTables) {
        Ok(mapping) => Arc::new(mapping),
        Err(diagnostics) => {
            let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"))
        }
    }
}

impl House {
    /// An empty house; `trust` names the systems, the most trusted first.
    pub fn new(systems: Vec<CsvSystem>, trust: &[&'static str]) -> Self {
        Self::new_at(systems, trust, Place::new)
    }

    /// One that has its store at another place, which it is asked for with its directory.
    pub fn new_at(systems: Vec<CsvSystem>, trust: &[&'static str], place: impl FnOnce(&Path) -> Place) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for system in &systems {
            for folder in ["in", "out"] {
                std::fs::create_dir_all(directory.path().join(system.name).join(folder)).expect("a folder");
            }
        }
        let place = place(directory.path());
        House { directory, place, systems, trust: trust.to_vec() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Drops a file into a system's folder, as the system would: under another name first.
    pub fn drop_file(&self, system: &str, name: &str, content: &str) {
        let folder = self.path().join(system).join("in");
        std::fs::write(folder.join("dropping.tmp"), content).expect("a file");
        std::fs::rename(folder.join("dropping.tmp"), folder.join(name)).expect("a file");
    }

    /// The rows that a system was fed in all, in order of the files' names, without headers.
    pub fn fed(&self, system: &str) -> Vec<String> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.path().join(system).join("out"))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
            .collect();
        files.sort_by_key(|path| {
            // Batch ids begin with the time; the entity's name stands before them.
            path.file_name().map(|name| name.to_string_lossy().split_once('-').map(|(_, batch)| batch.to_owned()))
        });
        let read = |path: &PathBuf| std::fs::read_to_string(path).expect("a readable file");
        files.iter().flat_map(|path| read(path).lines().skip(1).map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// What a hub of this house is told.
    pub fn settings(&self) -> Settings {
        let systems = self.systems.iter().map(|system| (Arc::from(system.name), Arc::new(configure(system))));
        let trust =
            master::Trust { order: self.trust.iter().map(|name| (*name).to_owned()).collect(), ..Default::default() };
        Settings {
            directory: self.path().to_owned(),
            limits: Limits {
                retry_delay_min: Duration::from_millis(20),
                lease_time: self.place.lease_time().unwrap_or(Limits::default().lease_time),
                ..Limits::default()
            },
            systems: systems.collect(),
            rules: BTreeMap::from([(Arc::from("acme"), trust.into())]),
            matching: BTreeMap::new(),
            registry: Registry::default().with::<csv_drop::CsvDrop>(),
        }
    }

    /// Opens the store while no hub runs.
    pub async fn store(&self) -> Arc<dyn Store> {
        self.place.open().await.expect("a store")
    }

    /// Runs the hub until everything that was dropped is read and delivered; returns the store.
    pub async fn settle(&self) -> Arc<dyn Store> {
        self.settle_within(Duration::from_secs(60)).await
    }

    /// The same with more patience, for large loads.
    pub async fn settle_within(&self, patience: Duration) -> Arc<dyn Store> {
        let store = self.store().await;
        let bus = EmbeddedBus::open(self.path().join("bus"), EmbeddedOptions::default()).expect("a bus");
        let hub =
            Hub::start(self.settings(), store.clone(), Arc::new(bus), Mode::OnDemand, &Role::ALL).await.expect("a hub");
        for system in &self.systems {
            for name in hub.streams(system.name, None) {
                hub.collect(&name, false, None).await.expect("a readable stream");
            }
        }
        wait_until_quiet(&hub, patience).await;
        hub.stop().await;
        store
    }
}

/// Waits until nothing is on its way; panics when that takes longer than it should.
pub async fn wait_until_quiet(hub: &Hub, patience: Duration) {
    let begun = Instant::now();
    let mut quiet = 0;
    // A hub that works for long is not kept from it by being asked.
    let (mut delay, delay_max) = (Duration::from_millis(5), Duration::from_millis(50));
    while quiet < 2 {
        let pending = hub.pending().await.expect("an answer");
        quiet = if pending.is_quiet() { quiet + 1 } else { 0 };
        assert!(begun.elapsed() < patience, "not quiet after {patience:?}: {pending:?}");
        tokio::time::sleep(if quiet > 0 { Duration::from_millis(5) } else { delay }).await;
        delay = (delay * 5 / 4).min(delay_max);
    }
}

/// The accounting of everything that a system ever showed.
pub async fn accounting(store: &dyn Store, system: &str) -> Outcomes {
    let filter = store::Filter { system: Some(system.to_owned()), ..store::Filter::default() };
    let mut sum = Outcomes::default();
    for stream in store.streams(&filter).await.expect("streams") {
        sum.merge(&stream.total);
    }
    assert!(sum.adds_up(), "{system}: {sum:?}");
    sum
}

/// The masters of an entity, by id, as (version, document).
pub async fn masters(store: &dyn Store, entity: Entity) -> Vec<(u64, Value)> {
    let filter = store::Filter { entity: Some(entity), count_max: 1_000_000, ..store::Filter::default() };
    let masters = store.masters(&filter).await.expect("masters");
    masters
        .iter()
        .map(|master| (master.version, serde_json::from_str(master.document.get()).expect("a document")))
        .collect()
}

fn configure(system: &CsvSystem) -> System {
    let mut streams = BTreeMap::new();
    let mut connector_streams = serde_json::Map::new();
    for feed in &system.streams {
        let stream = Stream {
            mapping: compile(&format!("{}/{}.toml", system.name, feed.name), feed.mapping),
            export: feed.export,
            schedule: Schedule::Manual,
            missing: feed.missing,
            removals_percent_max: 50,
            refuse_fatal: true,
        };
        streams.insert(Arc::from(feed.name), Arc::new(stream));
        let settings = json!({
            "folder": format!("{}/in", system.name),
            "files": format!("{}*.csv", feed.name),
            "settle_ms": 0,
        });
        connector_streams.insert(feed.name.to_owned(), settings);
    }
    let mut subscriptions = BTreeMap::new();
    let mut targets = serde_json::Map::new();
    for (entity, text) in &system.subscriptions {
        let mapping = compile(&format!("{}/{entity}.toml", system.name), text);
        subscriptions.insert(
            entity.clone(),
            Subscription { mapping, filter: Filter::default(), surplus: hub::Surplus::default() },
        );
        let settings = json!({"folder": format!("{}/out", system.name), "file": format!("{entity}-{{batch}}.csv")});
        targets.insert(entity.name().to_owned(), settings);
    }
    let gather = json!({"changes_max": 2000, "age_ms_max": 20});
    System {
        name: Arc::from(system.name),
        tenant: Arc::from("acme"),
        kind: "csv-drop".to_owned(),
        connector: json!({"streams": connector_streams, "targets": targets, "gather": gather}),
        streams,
        subscriptions,
    }
}
