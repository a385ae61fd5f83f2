//! Scripted systems around a real hub in a temporary directory: on the embedded bus or a broker, and on the store that
//! the tests run on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bus::embedded::{EmbeddedBus, EmbeddedOptions};
use bus::rabbitmq::{RabbitMqBus, RabbitMqOptions};
use bus::{Bus, BusError, Message, Queue, Route};
use canonical::entity::Entity;
use connector::Registry;
use hub::{Filter, Hub, Limits, Missing, Mode, Schedule, Settings, Stream, Subscription, Surplus, System};
use serde_json::{Value, json};
use store::{
    Command, CrosswalkRow, Export, JournalKind, MasterStory, MasterSummary, Outcomes, ParkedStatus, Store,
    TargetStatus, WaitingStatus,
};

use super::{Script, Scripted, lock, register};
use crate::engine::Place;
use crate::house::{accounting, compile, wait_until_quiet};

/// A bus that publishes, and now and then does not say so.
pub struct LossyBus {
    inner: Box<dyn Bus>,
    /// How many publishes to the observed queues are confirmed before one is not; then all are again.
    confirms_left: Mutex<Option<u32>>,
}

impl LossyBus {
    /// The confirmation of a publish of observations is lost, after that many that are not.
    pub fn lose_confirm_after(&self, confirms: u32) {
        *lock(&self.confirms_left) = Some(confirms);
    }

    /// Whether a confirmation is still to be lost.
    pub fn is_to_lose(&self) -> bool {
        lock(&self.confirms_left).is_some()
    }

    fn is_lost(&self) -> bool {
        let mut left = lock(&self.confirms_left);
        match *left {
            Some(0) => {
                *left = None;
                true
            }
            Some(confirms) => {
                *left = Some(confirms - 1);
                false
            }
            None => false,
        }
    }
}

#[async_trait]
impl Bus for LossyBus {
    async fn declare(&self, queues: &[Queue]) -> Result<(), BusError> {
        self.inner.declare(queues).await
    }

    async fn remove(&self, queues: &[Queue]) -> Result<Vec<Queue>, BusError> {
        self.inner.remove(queues).await
    }

    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
        let observed = messages.iter().any(|message| matches!(message.route, Route::Queue(Queue::Observed(_))));
        self.inner.publish(messages).await?;
        if observed && self.is_lost() {
            return Err(BusError::Unreachable("the confirmation was lost".to_owned()));
        }
        Ok(())
    }

    async fn subscribe(&self, queue: &Queue, prefetch: usize) -> Result<Box<dyn bus::Subscription>, BusError> {
        self.inner.subscribe(queue, prefetch).await
    }

    fn message_bytes_max(&self) -> usize {
        self.inner.message_bytes_max()
    }

    fn carries_public(&self) -> bool {
        self.inner.carries_public()
    }

    fn blocked(&self) -> Option<String> {
        self.inner.blocked()
    }

    async fn close(&self) -> Result<(), BusError> {
        self.inner.close().await
    }

    async fn consumers(&self, queue: &Queue) -> Result<Option<u32>, BusError> {
        self.inner.consumers(queue).await
    }

    async fn depth(&self, queue: &Queue) -> Result<(u64, Option<i64>), BusError> {
        self.inner.depth(queue).await
    }
}

/// How long a test waits for a fact before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The tenant of everything in a world.
pub const TENANT: &str = "acme";

/// A stream of a scripted system.
#[derive(Clone)]
pub struct Feed {
    /// Its name.
    pub name: &'static str,
    /// The text of its mapping.
    pub mapping: &'static str,
    /// Whether a drop is everything.
    pub export: Export,
    /// What a record means that a full export no longer shows.
    pub missing: Missing,
    /// Whether drops are known by their content beforehand, as files are.
    pub is_file: bool,
    /// When it is read.
    pub schedule: Schedule,
}

impl Feed {
    /// A stream of deltas, read on demand.
    pub fn new(name: &'static str, mapping: &'static str) -> Self {
        let (export, missing, schedule) = (Export::Delta, Missing::Keep, Schedule::Manual);
        Feed { name, mapping, export, missing, is_file: true, schedule }
    }

    /// A stream of full exports; what is missing in one is gone.
    pub fn full(name: &'static str, mapping: &'static str) -> Self {
        Feed { export: Export::Full, missing: Missing::Remove, ..Feed::new(name, mapping) }
    }
}

/// A scripted system.
#[derive(Clone)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub shows: Vec<Feed>,
    /// What it is fed, each by a mapping, and which documents.
    pub takes: Vec<(Entity, &'static str, Filter)>,
    /// Whether it gives new records keys of its own.
    pub assigns_keys: bool,
    /// At most this many changes in one call.
    pub count_max: usize,
    /// How long a call may take, in milliseconds.
    pub timeout_ms: u64,
    /// How long changes are gathered for one call, in milliseconds.
    pub age_ms: u64,
    /// Whether a change that it does not apply stops those behind it in the call.
    pub stops: bool,
}

impl Part {
    /// A system that shows nothing and is fed nothing yet.
    pub fn new(name: &'static str) -> Self {
        let (shows, takes) = (Vec::new(), Vec::new());
        let (assigns_keys, count_max, timeout_ms, age_ms, stops) = (false, 10, 60_000, 0, false);
        Part { name, shows, takes, assigns_keys, count_max, timeout_ms, age_ms, stops }
    }

    /// It also shows this.
    #[must_use]
    pub fn shows(mut self, feed: Feed) -> Self {
        self.shows.push(feed);
        self
    }

    /// It is also fed this.
    #[must_use]
    pub fn takes(mut self, entity: Entity, mapping: &'static str) -> Self {
        self.takes.push((entity, mapping, Filter::default()));
        self
    }

    /// It gives new records keys of its own.
    #[must_use]
    pub fn assigning_keys(mut self) -> Self {
        self.assigns_keys = true;
        self
    }
}

/// Scripted systems and the directory of their hub.
pub struct World {
    directory: tempfile::TempDir,
    /// Where its store is.
    pub place: Place,
    parts: Vec<Part>,
    scripts: BTreeMap<&'static str, (usize, Arc<Mutex<Script>>)>,
    /// What happens to further records of one customer.
    pub surplus: Surplus,
    /// The limits of the next hub.
    pub limits: Limits,
    /// The limits of its bus.
    pub bus: EmbeddedOptions,
    /// The address of a broker, and the limits of the bus on it; the embedded bus where there is none.
    pub broker: Option<(String, RabbitMqOptions)>,
}

impl World {
    /// A world of these systems; those that come first are trusted most.
    pub fn new(parts: Vec<Part>) -> Self {
        let script = |part: &Part| {
            let script = Arc::new(Mutex::new(Script::default()));
            (part.name, (register(script.clone()), script))
        };
        let directory = tempfile::tempdir().expect("a temporary directory");
        let place = Place::new(directory.path());
        let limits = Limits {
            retry_delay_min: Duration::from_millis(5),
            retry_delay_max: Duration::from_millis(40),
            lease_time: place.lease_time().unwrap_or(Limits::default().lease_time),
            ..Limits::default()
        };
        let scripts = parts.iter().map(script).collect();
        let (surplus, bus) = (Surplus::default(), EmbeddedOptions::default());
        World { directory, place, parts, scripts, surplus, limits, bus, broker: None }
    }

    /// The same on PostgreSQL and a broker, where several hubs share its work.
    #[must_use]
    pub fn shared(mut self, place: Place, broker: String) -> Self {
        self.limits.lease_time = place.lease_time().unwrap_or(self.limits.lease_time);
        self.place = place;
        self.broker = Some((broker, RabbitMqOptions::default()));
        self
    }

    /// Does something with the script of a system.
    pub fn on<T>(&self, system: &str, act: impl FnOnce(&mut Script) -> T) -> T {
        act(&mut lock(&self.scripts[system].1))
    }

    /// Adds a drop to a stream of a system.
    pub fn show(&self, system: &str, stream: &str, rows: Vec<Value>) {
        self.on(system, |script| script.show(stream, rows));
    }

    fn settings(&self) -> Settings {
        let order = self.parts.iter().map(|part| part.name.to_owned()).collect();
        let systems = self.parts.iter().map(|part| (Arc::from(part.name), Arc::new(self.configure(part))));
        Settings {
            directory: self.directory.path().to_owned(),
            limits: self.limits.clone(),
            systems: systems.collect(),
            rules: BTreeMap::from([(Arc::from(TENANT), master::Trust { order, ..Default::default() }.into())]),
            matching: BTreeMap::new(),
            registry: Registry::default().with::<Scripted>(),
        }
    }

    fn configure(&self, part: &Part) -> System {
        let stream = |feed: &Feed| Stream {
            mapping: compile(&format!("{}/{}.toml", part.name, feed.name), feed.mapping),
            export: feed.export,
            schedule: feed.schedule.clone(),
            missing: feed.missing,
            removals_percent_max: 50,
            refuse_fatal: false,
        };
        let subscription = |(entity, text, filter): &(Entity, &'static str, Filter)| {
            let mapping = compile(&format!("{}/{entity}.toml", part.name), text);
            (entity.clone(), Subscription { mapping, filter: filter.clone(), surplus: self.surplus })
        };
        let streams: BTreeMap<_, _> = part.shows.iter().map(|feed| (feed.name, feed.is_file)).collect();
        System {
            name: Arc::from(part.name),
            tenant: Arc::from(TENANT),
            kind: "scripted".to_owned(),
            connector: json!({
                "script": self.scripts[part.name].0,
                "streams": streams,
                "assigns_keys": part.assigns_keys,
                "count_max": part.count_max,
                "timeout_ms": part.timeout_ms,
                "age_ms": part.age_ms,
                "stops": part.stops,
            }),
            streams: part.shows.iter().map(|feed| (Arc::from(feed.name), Arc::new(stream(feed)))).collect(),
            subscriptions: part.takes.iter().map(subscription).collect(),
        }
    }

    /// Starts a hub whose streams are read on demand.
    pub async fn start(&self) -> Running<'_> {
        self.start_in(Mode::OnDemand).await
    }

    /// Starts a hub. Waits until the one before has let go of the directory.
    pub async fn start_in(&self, mode: Mode) -> Running<'_> {
        self.start_as(mode, &hub::Role::ALL).await
    }

    /// Starts a hub that does a part of the work.
    pub async fn start_as(&self, mode: Mode, roles: &[hub::Role]) -> Running<'_> {
        self.start_on(&self.place, mode, roles).await
    }

    /// The same on another way to the store.
    pub async fn start_on(&self, place: &Place, mode: Mode, roles: &[hub::Role]) -> Running<'_> {
        let (store, bus) = self.open(place).await;
        let hub = Hub::start(self.settings(), store.clone(), bus.clone(), mode, roles).await.expect("a hub");
        Running { world: self, hub, store, bus }
    }

    /// Removes everything of the embedded bus, while no hub runs.
    pub fn lose_bus(&self) {
        std::fs::remove_dir_all(self.directory.path().join("bus")).expect("a bus");
    }

    /// Tries to start a hub, which is refused; tells why.
    pub async fn refusal(&self) -> String {
        let (store, bus) = self.open(&self.place).await;
        let refused = Hub::start(self.settings(), store, bus.clone(), Mode::OnDemand, &hub::Role::ALL).await;
        bus.close().await.expect("a closed bus");
        refused.err().expect("a refusal").to_string()
    }

    /// Makes up for a bus that was lost.
    pub async fn rebuild(&self) -> hub::Rebuilt {
        let (store, bus) = self.open(&self.place).await;
        let rebuilt = hub::rebuild(&self.settings(), &*store, &*bus).await.expect("a rebuilt bus");
        bus.close().await.expect("a closed bus");
        rebuilt
    }

    /// Opens store and bus, once a hub before has let go of them.
    async fn open(&self, place: &Place) -> (Arc<dyn Store>, Arc<LossyBus>) {
        let begun = Instant::now();
        let path = self.directory.path();
        let store = loop {
            match place.open().await {
                Ok(store) => break store,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        let inner: Box<dyn Bus> = loop {
            let opened = match &self.broker {
                Some((url, options)) => RabbitMqBus::new(url, options.clone()).map(|bus| Box::new(bus) as Box<dyn Bus>),
                None => EmbeddedBus::open(path.join("bus"), self.bus.clone()).map(|bus| Box::new(bus) as Box<dyn Bus>),
            };
            match opened {
                Ok(inner) => break inner,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        (store, Arc::new(LossyBus { inner, confirms_left: Mutex::default() }))
    }
}

/// A hub at work.
pub struct Running<'w> {
    world: &'w World,
    /// The hub.
    pub hub: Hub,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// Its bus.
    pub bus: Arc<LossyBus>,
}

impl Running<'_> {
    /// Reads every stream of every system once.
    pub async fn collect(&self) {
        for part in &self.world.parts {
            for name in self.hub.streams(part.name, None) {
                self.hub.collect(&name, false, None).await.expect("a readable stream");
            }
        }
    }

    /// Waits until nothing is on its way.
    pub async fn quiet(&self) {
        wait_until_quiet(&self.hub, PATIENCE).await;
    }

    /// Reads everything and waits until it is delivered.
    pub async fn settle(&self) {
        self.collect().await;
        self.quiet().await;
    }

    /// Waits for a fact.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let begun = Instant::now();
        while !holds().await {
            assert!(begun.elapsed() < PATIENCE, "after {PATIENCE:?} still not: {what}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Ends the hub at once, as a crash would: nothing is finished.
    pub fn crash(self) {}

    /// Ends the hub in order.
    pub async fn stop(self) {
        self.hub.stop().await;
    }

    /// Leaves a command, as an operator would, and waits for the answer.
    pub async fn command(&self, command: Command) -> Result<String, String> {
        let number = self.store.submit(&command, jiff::Timestamp::now()).await.expect("a number");
        let mut answer = None;
        self.until("an answer to the command", async || {
            answer = self.store.answer_of(number).await.expect("an answer");
            answer.is_some()
        })
        .await;
        answer.unwrap_or_else(|| Err(String::new()))
    }

    /// The accounting of a system; fails when it does not add up.
    pub async fn accounting(&self, system: &str) -> Outcomes {
        accounting(&*self.store, system).await
    }

    /// What is parked, oldest first.
    pub async fn parked(&self) -> Vec<ParkedStatus> {
        self.store.parked(&everything()).await.expect("a listing")
    }

    /// What waits, oldest first.
    pub async fn waiting(&self) -> Vec<WaitingStatus> {
        self.store.waiting(&everything()).await.expect("a listing")
    }

    /// Where a target stands.
    pub async fn target(&self, system: &str) -> TargetStatus {
        let targets = self.store.targets(&everything()).await.expect("a listing");
        targets.into_iter().find(|target| &*target.system == system).expect("a target that was written to")
    }

    /// The masters of an entity, by id.
    pub async fn masters(&self, entity: Entity) -> Vec<MasterSummary> {
        let filter = store::Filter { entity: Some(entity), ..everything() };
        self.store.masters(&filter).await.expect("a listing")
    }

    /// The master that has this text in a field.
    pub async fn master(&self, entity: Entity, field: &str, text: &str) -> MasterSummary {
        let masters = self.masters(entity).await;
        let is_it = |master: &MasterSummary| document(master)[field] == text;
        masters.iter().find(|master| is_it(master)).expect("a master").clone()
    }

    /// Everything about a master.
    pub async fn story(&self, master: &MasterSummary) -> MasterStory {
        self.store.story(Some(TENANT), master.master_id).await.expect("a story").expect("a master")
    }

    /// What a system holds of a master.
    pub async fn crosswalk(&self, master: &MasterSummary, system: &str) -> Vec<CrosswalkRow> {
        let story = self.story(master).await;
        story.crosswalk.into_iter().filter(|row| &*row.local.system == system).collect()
    }

    /// How often something happened to a master.
    pub async fn happened(&self, master: &MasterSummary, kind: JournalKind) -> usize {
        let story = self.story(master).await;
        story.journal.iter().filter(|entry| entry.kind == kind).count()
    }
}

/// The document of a master.
pub fn document(master: &MasterSummary) -> Value {
    serde_json::from_str(master.document.get()).expect("a document")
}

fn everything() -> store::Filter {
    store::Filter { count_max: 1_000_000, ..store::Filter::default() }
}
