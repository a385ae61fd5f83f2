//! The working set of one transaction of resolve: what was read, as it is after the observations so far, and what is written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bus::Delivered;
use canonical::entity::Entity;
use jiff::Timestamp;
use master::{Asserted, MasterId};
use serde_json::Value;
use store::{
    CrosswalkRow, JournalEntry, JournalKind, LocalKey, MasterRow, MatchKeysWrite, Member, NewParked, OutboxWrite,
    ParkedStage, Position, RecordOutcome, Resolution, Resolved, SourceRow, StoreError, WaitingRow,
};

use super::links;
use crate::context::Context;
use crate::observation::{NotAnObservation, Observation};
use crate::reading;

/// A record of one stream.
pub(super) type SourceKey = (LocalKey, Arc<str>);

/// A source row, read.
pub(super) struct Shown {
    pub row: SourceRow,
    /// In normal form.
    pub document: Value,
    pub asserted: Asserted,
    /// The keys by which a customer is found; other documents get theirs when they are created.
    pub match_keys: Vec<String>,
    pub changed: bool,
}

impl Shown {
    /// `None` for a row that this version cannot read: it asserts nothing.
    fn read(tenant: &str, row: SourceRow) -> Option<Self> {
        let document = serde_json::from_str(&row.document).ok()?;
        let asserted = serde_json::from_str(&row.asserted).ok()?;
        let match_keys = match row.local.entity {
            Entity::Customer => links::match_keys(tenant, &Entity::Customer, &document, 0),
            _ => Vec::new(),
        };
        Some(Shown { row, document, asserted, match_keys, changed: false })
    }

    pub fn is(&self, key: &SourceKey) -> bool {
        self.row.local == key.0 && self.row.stream == key.1
    }
}

/// A master with its sources, as they are after the observations so far.
#[derive(Default)]
pub(super) struct Known {
    /// `None` until its first version is made.
    pub row: Option<MasterRow>,
    pub sources: Vec<Shown>,
    /// The match keys that the store has, and those that it must have.
    pub keys_stored: BTreeSet<String>,
    pub keys: BTreeSet<String>,
    pub row_changed: bool,
}

/// The numbers that the transaction took and has not used.
#[derive(Default)]
struct Numbers {
    master_id: u64,
    masters_left: u64,
    version: u64,
    versions_left: u64,
}

pub(super) struct Working<'c> {
    pub context: &'c Context,
    pub tenant: Arc<str>,
    resolution: Box<dyn Resolution>,
    crosswalk: HashMap<LocalKey, Option<CrosswalkRow>>,
    matches: HashMap<String, Vec<MasterId>>,
    masters: HashMap<MasterId, Known>,
    covers: HashMap<Arc<str>, Option<Arc<[String]>>>,
    /// Observations that wait already, in the store or since this transaction.
    waiting: HashSet<(SourceKey, Position)>,
    /// What waits in the store for records that are about to be known.
    waiting_for: HashMap<LocalKey, Vec<WaitingRow>>,
    blocked: HashSet<(Arc<str>, String)>,
    /// Changes on their way to a system, in calls that have not ended: it may show them before we know that it took them.
    under_way: HashMap<Arc<str>, Vec<Member>>,
    numbers: Numbers,
    changed_crosswalk: BTreeSet<LocalKey>,
    pub writes: Resolved,
    released: Vec<Observation>,
    /// Which observations this transaction released: a second copy of one from the bus is not in flight any more.
    released_marks: HashSet<(SourceKey, Position)>,
}

impl<'c> Working<'c> {
    pub async fn begin(context: &'c Context, tenant: &Arc<str>) -> Result<Self, StoreError> {
        Ok(Working {
            context,
            tenant: tenant.clone(),
            resolution: context.store.begin_resolve(tenant).await?,
            crosswalk: HashMap::new(),
            matches: HashMap::new(),
            masters: HashMap::new(),
            covers: HashMap::new(),
            waiting: HashSet::new(),
            waiting_for: HashMap::new(),
            blocked: HashSet::new(),
            under_way: HashMap::new(),
            numbers: Numbers::default(),
            changed_crosswalk: BTreeSet::new(),
            writes: Resolved::default(),
            released: Vec::new(),
            released_marks: HashSet::new(),
        })
    }

    /// Takes observations in, in order; returns those that they released.
    pub async fn take(&mut self, mut prepared: Vec<links::Prepared>) -> Result<Vec<Observation>, StoreError> {
        self.read(&prepared).await?;
        for one in &mut prepared {
            self.decide(one).await?;
        }
        Ok(std::mem::take(&mut self.released))
    }

    /// Reads everything that these observations may touch, in a handful of calls.
    async fn read(&mut self, prepared: &[links::Prepared]) -> Result<(), StoreError> {
        let local_keys = prepared
            .iter()
            .flat_map(|one| one.references.iter().map(|link| link.to.clone()).chain([one.local.clone()]));
        let local_keys = unique(local_keys.filter(|key| !self.crosswalk.contains_key(key)));
        for (key, row) in local_keys.iter().zip(self.resolution.crosswalk(&local_keys).await?) {
            self.crosswalk.insert(key.clone(), row);
        }
        let match_keys = prepared.iter().flat_map(|one| one.match_keys.iter().cloned());
        let match_keys = unique(match_keys.filter(|key| !self.matches.contains_key(key)));
        self.read_matches(&match_keys).await?;
        let crosswalked =
            local_keys.iter().filter_map(|key| self.crosswalk.get(key)?.as_ref().map(|row| row.master_id));
        let matched = match_keys.iter().filter_map(|key| self.matches.get(key)).flatten().copied();
        let ids: Vec<MasterId> = crosswalked.chain(matched).collect();
        self.read_masters(ids).await?;
        self.read_covers(prepared).await?;
        self.read_blocked(prepared).await?;
        self.read_under_way(prepared).await?;
        self.read_waiting(prepared).await?;
        self.take_numbers(prepared).await
    }

    async fn read_matches(&mut self, keys: &[String]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        for (key, ids) in keys.iter().zip(self.resolution.matches(keys).await?) {
            self.matches.insert(key.clone(), ids);
        }
        Ok(())
    }

    /// Reads masters with their sources, following redirects.
    async fn read_masters(&mut self, ids: impl IntoIterator<Item = MasterId>) -> Result<(), StoreError> {
        let mut ids = unique(ids.into_iter().filter(|id| !self.masters.contains_key(id)));
        while !ids.is_empty() {
            let rows = self.resolution.masters(&ids).await?;
            let sources = self.resolution.sources_of(&ids).await?;
            let mut survivors = Vec::new();
            for ((id, row), sources) in ids.iter().zip(rows).zip(sources) {
                survivors.extend(row.as_ref().and_then(|row| row.redirect));
                let sources: Vec<Shown> =
                    sources.into_iter().filter_map(|row| Shown::read(&self.tenant, row)).collect();
                let keys = match_keys(&sources);
                let (keys_stored, row_changed) = (keys.clone(), false);
                self.masters.insert(*id, Known { row, sources, keys_stored, keys, row_changed });
            }
            ids = unique(survivors.into_iter().filter(|id| !self.masters.contains_key(id)));
        }
        Ok(())
    }

    async fn read_covers(&mut self, prepared: &[links::Prepared]) -> Result<(), StoreError> {
        let of_sources =
            self.masters.values().flat_map(|known| known.sources.iter().map(|source| source.row.mapping.clone()));
        let versions = of_sources.chain(prepared.iter().map(|one| one.observation.mapping.clone()));
        for version in unique(versions.filter(|version| !self.covers.contains_key(version))) {
            let covers =
                if *version == *reading::EMBEDDED { None } else { self.context.store.mapping_covers(&version).await? };
            self.covers.insert(version, covers);
        }
        Ok(())
    }

    async fn read_blocked(&mut self, prepared: &[links::Prepared]) -> Result<(), StoreError> {
        let keys = unique(prepared.iter().map(links::Prepared::partition_key));
        let blocked = self.resolution.parked_keys(&keys).await?;
        self.blocked.extend(keys.into_iter().zip(blocked).filter(|(_, blocked)| *blocked).map(|(key, _)| key));
        Ok(())
    }

    /// Reads the open calls to those systems that both show and are fed what is observed. A call is durable before it is
    /// made and ends in the store's one writer, which this transaction holds: so every change that a system can show by
    /// now is either in its crosswalk row or here.
    async fn read_under_way(&mut self, prepared: &[links::Prepared]) -> Result<(), StoreError> {
        let fed = |one: &&links::Prepared| {
            let system = self.context.settings.systems.get(&one.local.system);
            system.is_some_and(|system| system.subscriptions.contains_key(&one.local.entity))
        };
        let systems = unique(prepared.iter().filter(fed).map(|one| one.local.system.clone()));
        for system in systems {
            let attempts = self.context.store.open_attempts(&self.tenant, &system).await?;
            self.under_way.insert(system, attempts.into_iter().flat_map(|attempt| attempt.members).collect());
        }
        Ok(())
    }

    /// Reads what waits for the new records among these, and which of these wait already.
    async fn read_waiting(&mut self, prepared: &[links::Prepared]) -> Result<(), StoreError> {
        let new = |one: &&links::Prepared| self.crosswalk(&one.local).is_none();
        let keys = unique(prepared.iter().filter(new).map(|one| one.local.clone()));
        for row in self.resolution.waiting_for(&keys).await? {
            self.waiting_for.entry(row.needs.clone()).or_default().push(row);
        }
        let missing = |one: &&links::Prepared| one.references.iter().any(|link| self.crosswalk(&link.to).is_none());
        let marks: Vec<_> = prepared.iter().filter(missing).map(links::Prepared::mark).collect();
        let waits = self.resolution.waits(&marks).await?;
        let waiting = marks.into_iter().zip(waits).filter(|(_, waits)| *waits);
        self.waiting.extend(waiting.map(|((local, stream, position), _)| ((local, stream), position)));
        Ok(())
    }

    /// Changes on their way to a system, of one kind of document.
    pub fn under_way<'a>(&'a self, local: &'a LocalKey) -> impl Iterator<Item = &'a Member> {
        let members = self.under_way.get(&local.system).map_or(&[] as &[Member], Vec::as_slice);
        members.iter().filter(|member| member.entity == local.entity)
    }

    /// Takes as many numbers as these observations can need.
    async fn take_numbers(&mut self, prepared: &[links::Prepared]) -> Result<(), StoreError> {
        let unknown = prepared.iter().filter(|one| self.crosswalk.get(&one.local).is_none_or(Option::is_none)).count();
        let masters = (unknown as u64).saturating_sub(self.numbers.masters_left);
        let versions = (prepared.len() as u64).saturating_sub(self.numbers.versions_left);
        if masters == 0 && versions == 0 {
            return Ok(());
        }
        let reserved = self.resolution.reserve(masters, versions).await?;
        // Numbers of two reservations of one transaction follow each other.
        if self.numbers.masters_left == 0 {
            self.numbers.master_id = reserved.master_id.0;
        }
        if self.numbers.versions_left == 0 {
            self.numbers.version = reserved.version;
        }
        self.numbers.masters_left += masters;
        self.numbers.versions_left += versions;
        Ok(())
    }

    pub fn new_master_id(&mut self) -> MasterId {
        let id = MasterId(self.numbers.master_id);
        self.numbers.master_id += 1;
        self.numbers.masters_left = self.numbers.masters_left.saturating_sub(1);
        id
    }

    pub fn new_version(&mut self) -> u64 {
        let version = self.numbers.version;
        self.numbers.version += 1;
        self.numbers.versions_left = self.numbers.versions_left.saturating_sub(1);
        version
    }

    /// What a stream shows of a record, as it is after the observations so far.
    pub fn shown(&self, key: &SourceKey) -> Option<&Shown> {
        let master_id = self.crosswalk(&key.0)?.master_id;
        let of = |id: MasterId| self.masters.get(&id)?.sources.iter().find(|shown| shown.is(key));
        of(master_id).or_else(|| of(self.survivor(master_id)))
    }

    pub fn crosswalk(&self, key: &LocalKey) -> Option<&CrosswalkRow> {
        self.crosswalk.get(key).and_then(Option::as_ref)
    }

    /// The master behind a record that is known, after redirects.
    pub fn linked(&self, key: &LocalKey) -> Option<MasterId> {
        self.crosswalk(key).map(|row| self.survivor(row.master_id))
    }

    /// The master that took another's place, or itself.
    pub fn survivor(&self, mut id: MasterId) -> MasterId {
        while let Some(next) = self.masters.get(&id).and_then(|known| known.row.as_ref()?.redirect) {
            id = next;
        }
        id
    }

    pub fn known(&mut self, id: MasterId) -> &mut Known {
        self.masters.entry(id).or_default()
    }

    pub fn root_of(&self, id: MasterId) -> MasterId {
        self.masters.get(&id).and_then(|known| known.row.as_ref()).map_or(id, |row| row.root)
    }

    pub fn covers(&self, version: &Arc<str>) -> Option<Arc<[String]>> {
        self.covers.get(version).cloned().flatten()
    }

    /// The masters that carry a match key; reads it if it was not foreseen.
    pub async fn matching(&mut self, key: &str) -> Result<Vec<MasterId>, StoreError> {
        if !self.matches.contains_key(key) {
            self.read_matches(&[key.to_owned()]).await?;
            let ids = self.matches.get(key).cloned().unwrap_or_default();
            self.read_masters(ids).await?;
        }
        Ok(self.matches.get(key).into_iter().flatten().map(|id| self.survivor(*id)).collect())
    }

    pub fn is_blocked(&self, one: &links::Prepared) -> bool {
        self.blocked.contains(&one.partition_key())
    }

    /// What all streams show of a master.
    pub fn sources_of(&self, id: MasterId) -> &[Shown] {
        self.masters.get(&id).map_or(&[], |known| &known.sources)
    }

    /// Notes that a stream no longer shows a record.
    pub fn mark_removed(&mut self, id: MasterId, one: &links::Prepared) {
        let key = one.source_key();
        if let Some(shown) = self.known(id).sources.iter_mut().find(|shown| shown.is(&key)) {
            shown.row.removed = true;
            shown.row.position = one.observation.position;
            shown.row.observed_at = one.observation.at;
            shown.changed = true;
        }
    }

    /// Replaces what a stream shows of a record.
    pub fn put_source(&mut self, shown: Shown) {
        let key = (shown.row.local.clone(), shown.row.stream.clone());
        let sources = &mut self.known(shown.row.master_id).sources;
        match sources.iter_mut().find(|other| other.is(&key)) {
            Some(other) => *other = shown,
            None => sources.push(shown),
        }
    }

    /// Replaces a crosswalk row, and releases what waited for it if it is new.
    pub fn put_crosswalk(&mut self, row: CrosswalkRow) {
        let key = row.local.clone();
        let is_new = self.crosswalk(&key).is_none();
        self.crosswalk.insert(key.clone(), Some(row));
        self.changed_crosswalk.insert(key.clone());
        if is_new {
            self.release(&key);
        }
    }

    /// Replaces a crosswalk row that is there.
    pub fn replace_crosswalk(&mut self, row: CrosswalkRow) {
        self.changed_crosswalk.insert(row.local.clone());
        self.crosswalk.insert(row.local.clone(), Some(row));
    }

    /// Replaces the state of a master.
    pub fn put_master(&mut self, row: MasterRow) {
        let known = self.known(row.master_id);
        known.row = Some(row);
        known.row_changed = true;
    }

    /// Keeps the match keys of a customer in step with its sources.
    pub fn refresh_customer_keys(&mut self, id: MasterId) {
        let known = self.known(id);
        let (keys, before) = (match_keys(&known.sources), known.keys.clone());
        if keys == before {
            return;
        }
        for gone in before.difference(&keys) {
            self.remove_key(id, gone);
        }
        for added in keys.difference(&before) {
            self.add_key(id, added.clone());
        }
    }

    /// Takes a match key away from a master.
    pub fn remove_key(&mut self, id: MasterId, key: &str) {
        if let Some(ids) = self.matches.get_mut(key) {
            ids.retain(|other| *other != id);
        }
        let known = self.known(id);
        if !known.keys.remove(key) {
            known.keys_stored.insert(key.to_owned());
        }
    }

    /// Gives a match key to a master.
    pub fn add_key(&mut self, id: MasterId, key: String) {
        let ids = self.matches.entry(key.clone()).or_default();
        if !ids.contains(&id) {
            ids.push(id);
            self.known(id).keys.insert(key);
        }
    }

    /// Takes up again what waited for a record: in the store, and in this transaction.
    fn release(&mut self, key: &LocalKey) {
        for row in self.waiting_for.remove(key).unwrap_or_default() {
            if self.take_up(&row) {
                self.writes.released.push(row.number);
            }
        }
        let (here, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.writes.waiting).into_iter().partition(|row| row.needs == *key);
        self.writes.waiting = others;
        for row in here {
            self.take_up(&row);
        }
    }

    fn take_up(&mut self, row: &WaitingRow) -> bool {
        match crate::observation::decode(canonical::envelope::CONTENT_TYPE, &row.event) {
            Ok(observations) => {
                self.count(row.position, RecordOutcome::Waiting, -1);
                self.released_marks.insert(((row.local.clone(), row.stream.clone()), row.position));
                self.released.extend(observations);
                true
            }
            Err(error) => {
                tracing::error!(number = row.number, %error, "a waiting document cannot be read back; it keeps waiting");
                false
            }
        }
    }

    /// Whether an observation comes from the bus for the first time.
    pub fn is_in_flight(&self, one: &links::Prepared) -> bool {
        one.from_flight && !self.released_marks.contains(&(one.source_key(), one.observation.position))
    }

    /// Whether this very observation waits already.
    pub fn waits_already(&mut self, one: &links::Prepared) -> bool {
        !self.waiting.insert((one.source_key(), one.observation.position))
    }

    pub fn wait(&mut self, needs: LocalKey, one: &links::Prepared) {
        let observation = &one.observation;
        self.writes.waiting.push(WaitingRow {
            number: 0,
            needs,
            local: one.local.clone(),
            stream: observation.stream.stream.clone(),
            position: observation.position,
            event: observation.to_event().to_bytes(),
            since: self.context.now(),
        });
    }

    pub fn count(&mut self, position: Position, outcome: RecordOutcome, count: i64) {
        self.writes.outcomes.entry(position.drop).or_default().add(outcome, count);
    }

    /// Notes how a record ended; documents that came embedded have no outcome of their own.
    pub fn end(&mut self, one: &links::Prepared, outcome: RecordOutcome) {
        if one.observation.derived {
            return;
        }
        let position = one.observation.position;
        self.count(position, outcome, 1);
        if self.is_in_flight(one) {
            self.writes.outcomes.entry(position.drop).or_default().in_flight -= 1;
        }
    }

    pub fn publish(&mut self, master_id: MasterId, version: u64, system: Option<Arc<str>>) {
        self.writes.outbox.push(OutboxWrite { master_id, version, system });
    }

    pub fn journal(
        &mut self,
        one: &links::Prepared,
        kind: JournalKind,
        master_id: Option<MasterId>,
        version: Option<u64>,
        detail: Option<String>,
    ) {
        let observation = &one.observation;
        self.writes.journal.push(JournalEntry {
            at: observation.at,
            kind,
            system: observation.stream.system.clone(),
            entity: observation.entity.clone(),
            key: Some(observation.key.clone()),
            master_id,
            version,
            position: Some(observation.position),
            line: observation.line,
            detail,
        });
    }

    /// Sets an observation aside; later ones of the same record line up behind it.
    pub fn park(&mut self, one: &links::Prepared, code: &str, reason: Option<String>) {
        self.blocked.insert(one.partition_key());
        let observation = &one.observation;
        let (system, key) = one.partition_key();
        self.writes.parked.push(NewParked {
            stage: ParkedStage::Observed,
            system,
            key,
            entity: observation.entity.clone(),
            master_id: None,
            version: None,
            // Only what counts in the accounting has a position here; a document that came embedded does not.
            position: (!observation.derived).then_some(observation.position),
            code: code.to_owned(),
            reason,
            event: observation.to_event().to_bytes(),
            at: self.context.now(),
        });
        self.end(one, RecordOutcome::Parked);
    }

    /// Writes everything and commits.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let crosswalk = &mut self.crosswalk;
        self.writes.crosswalk.extend(self.changed_crosswalk.iter().filter_map(|key| crosswalk.remove(key).flatten()));
        let changed: BTreeMap<MasterId, Known> = self.masters.into_iter().collect();
        for (master_id, known) in changed {
            if known.keys != known.keys_stored {
                let add = known.keys.difference(&known.keys_stored).cloned().collect();
                let remove = known.keys_stored.difference(&known.keys).cloned().collect();
                self.writes.match_keys.push(MatchKeysWrite { master_id, add, remove });
            }
            self.writes.masters.extend(known.row.filter(|_| known.row_changed));
            self.writes.sources.extend(known.sources.into_iter().filter(|shown| shown.changed).map(|shown| shown.row));
        }
        self.resolution.commit(self.writes).await
    }
}

fn unique<T: Ord + Clone>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    items.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

/// The match keys that a customer has by what its live sources show.
fn match_keys(sources: &[Shown]) -> BTreeSet<String> {
    sources.iter().filter(|shown| !shown.row.removed).flat_map(|shown| shown.match_keys.iter().cloned()).collect()
}

/// A message that no hub published, set aside.
pub(super) fn foreign(message: &Delivered, error: &NotAnObservation, at: Timestamp) -> NewParked {
    NewParked {
        stage: ParkedStage::Observed,
        system: Arc::from(super::UNKNOWN_TENANT),
        key: message.id.clone(),
        entity: Entity::Declared(Arc::from(super::UNKNOWN_TENANT)),
        master_id: None,
        version: None,
        position: None,
        code: "resolve.not-an-observation".to_owned(),
        reason: Some(error.to_string()),
        event: message.body.clone(),
        at,
    }
}
