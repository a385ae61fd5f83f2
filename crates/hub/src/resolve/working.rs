//! The working set of one transaction of resolve: what was read, as it is after the observations so far, and what is written.

mod read;
mod wait;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use bus::Delivered;
use canonical::entity::{Entity, Operation};
use jiff::Timestamp;
use master::{Asserted, MasterId};
use serde_json::Value;
use store::{
    CrosswalkRow, JournalEntry, JournalKind, LocalKey, MasterRow, MatchKeysWrite, Member, NewParked, NewTask,
    OutboxWrite, ParkedStage, Position, RecordOutcome, Resolution, Resolved, SourceRow, StoreError,
};

use super::breaker::Flips;
use super::identify::{Company, Reuse};
use super::links;
use crate::context::Context;
use crate::observation::{NotAnObservation, Observation};
use wait::Waiting;

/// A record of one stream.
pub(super) type SourceKey = (LocalKey, Arc<str>);

/// What blocks when something is parked before resolve: the system, and the record there.
type BlockedKey = (Arc<str>, String);

/// A source row, read.
pub(super) struct Shown {
    pub row: SourceRow,
    /// In normal form.
    pub document: Value,
    pub asserted: Asserted,
    pub changed: bool,
}

impl Shown {
    /// `None` for a row that this version cannot read: it asserts nothing.
    fn read(row: SourceRow) -> Option<Self> {
        let document = serde_json::from_str(&row.document).ok()?;
        let asserted = serde_json::from_str(&row.asserted).ok()?;
        Some(Shown { row, document, asserted, changed: false })
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
    /// The match keys that it gets and those that it loses.
    keys_added: BTreeSet<String>,
    keys_removed: BTreeSet<String>,
    pub row_changed: bool,
}

/// The numbers that the transaction took and has not used.
#[derive(Default)]
struct Numbers {
    masters: Taken,
    versions: Taken,
    /// All master ids that were taken.
    taken: Vec<Range<u64>>,
    /// Whether a number was needed that was not taken: nothing of this transaction may be written.
    is_overdrawn: bool,
}

impl Numbers {
    fn or_overdrawn(&mut self, next: Option<u64>) -> u64 {
        self.is_overdrawn |= next.is_none();
        next.unwrap_or_default()
    }
}

/// Numbers of one kind, in the order in which they were taken. Others may have taken those in between.
#[derive(Default)]
struct Taken(VecDeque<Range<u64>>);

impl Taken {
    fn add(&mut self, first: u64, count: u64) {
        if count > 0 {
            self.0.push_back(first..first + count);
        }
    }

    /// The next number; `None` when fewer were taken than are needed, which is a bug.
    fn next(&mut self) -> Option<u64> {
        while self.0.front().is_some_and(Range::is_empty) {
            self.0.pop_front();
        }
        self.0.front_mut()?.next()
    }
}

pub(super) struct Working<'c> {
    pub context: &'c Context,
    pub tenant: Arc<str>,
    resolution: Box<dyn Resolution>,
    crosswalk: HashMap<LocalKey, Option<CrosswalkRow>>,
    matches: HashMap<String, Vec<MasterId>>,
    masters: HashMap<MasterId, Known>,
    covers: HashMap<Arc<str>, Option<Arc<[String]>>>,
    waiting: Waiting,
    blocked: HashSet<BlockedKey>,
    /// The messages of that by their place in the feeds, as far as one of them may come again: it is parked already.
    parked: HashMap<(BlockedKey, Position), Vec<u8>>,
    /// What an operator lets go in this transaction, although it is parked.
    unblocked: HashSet<BlockedKey>,
    /// Changes on their way to a system, in calls that have not ended, with the time when the call began: it may show
    /// them before we know that it took them.
    under_way: HashMap<Arc<str>, Vec<(Timestamp, Member)>>,
    numbers: Numbers,
    /// The customers whose records are compared, once any are.
    pub company: Option<Company>,
    /// The masters of the records that were compared.
    pub identified: HashMap<LocalKey, MasterId>,
    /// Masters that gained or lost records, and the systems of those that moved.
    pub moved_from: BTreeSet<MasterId>,
    pub moved_systems: BTreeSet<(MasterId, Arc<str>)>,
    /// Masters that are themselves again, with those that they were one with.
    pub split_from: BTreeMap<MasterId, MasterId>,
    /// Whether somebody's judgement is carried out.
    pub is_judging: bool,
    /// What is asked about keys that belong to another customer now, and what was answered.
    pub reuse: Reuse,
    /// How customers go to and fro.
    pub flips: Flips,
    changed_crosswalk: BTreeSet<LocalKey>,
    pub writes: Resolved,
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
            waiting: Waiting::default(),
            blocked: HashSet::new(),
            parked: HashMap::new(),
            unblocked: HashSet::new(),
            under_way: HashMap::new(),
            numbers: Numbers::default(),
            company: None,
            identified: HashMap::new(),
            moved_from: BTreeSet::new(),
            moved_systems: BTreeSet::new(),
            split_from: BTreeMap::new(),
            is_judging: false,
            reuse: Reuse::default(),
            flips: Flips::default(),
            changed_crosswalk: BTreeSet::new(),
            writes: Resolved::default(),
        })
    }

    /// Takes observations in, in order; returns those that they released.
    pub async fn take(&mut self, mut prepared: Vec<links::Prepared>) -> Result<Vec<Observation>, StoreError> {
        if prepared.iter().any(|one| one.evidence.is_some()) {
            self.resolution.lock_matching().await?;
        }
        self.read(&prepared).await?;
        self.identify(&prepared).await?;
        for one in &mut prepared {
            self.decide(one).await?;
        }
        self.settle_moves().await?;
        Ok(std::mem::take(&mut self.waiting.released))
    }

    /// Parks an observation, unless it was taken in all the same.
    pub async fn set_aside(&mut self, one: &links::Prepared, code: &str, reason: &str) -> Result<(), StoreError> {
        self.read(std::slice::from_ref(one)).await?;
        if !self.is_seen(one) && !self.is_parked(one) {
            self.park(one, code, Some(reason.to_owned()));
        }
        Ok(())
    }

    /// Changes on their way to a system, of one kind of document.
    pub fn under_way<'a>(&'a self, local: &'a LocalKey) -> impl Iterator<Item = &'a Member> {
        self.calls_with(local).map(|(_, member)| member)
    }

    fn calls_with<'a>(&'a self, local: &'a LocalKey) -> impl Iterator<Item = &'a (Timestamp, Member)> {
        let members = self.under_way.get(&local.system).map(Vec::as_slice).unwrap_or_default();
        members.iter().filter(|(_, member)| member.entity == local.entity)
    }

    /// Whether a call that began before a time, and has not ended, makes records of this kind of which the system chooses
    /// the keys.
    pub fn is_being_made(&self, local: &LocalKey, before: Timestamp) -> bool {
        let is_new = |member: &Member| member.local_key.is_none() && member.operation == Operation::Upsert;
        self.calls_with(local).any(|(began, member)| *began <= before && is_new(member))
    }

    pub fn new_master_id(&mut self) -> MasterId {
        let next = self.numbers.masters.next();
        MasterId(self.numbers.or_overdrawn(next))
    }

    /// Whether a number was taken in this transaction.
    pub fn is_new_number(&self, id: MasterId) -> bool {
        self.numbers.taken.iter().any(|taken| taken.contains(&id.0))
    }

    pub fn resolution(&mut self) -> &mut dyn Resolution {
        &mut *self.resolution
    }

    /// The records that this transaction links to a master.
    pub fn changed_at(&self, id: MasterId) -> Vec<LocalKey> {
        let here = |local: &&LocalKey| self.crosswalk(local).is_some_and(|row| row.master_id == id);
        self.changed_crosswalk.iter().filter(here).cloned().collect()
    }

    pub fn new_version(&mut self) -> u64 {
        let next = self.numbers.versions.next();
        self.numbers.or_overdrawn(next)
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
        self.row_of(id).map_or(id, |row| row.root)
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
        self.blocked.contains(&one.blocked_key())
    }

    /// Whether this very observation is parked: its message came again before it was acknowledged. What another reading
    /// found at the same place is another one.
    pub fn is_parked(&self, one: &links::Prepared) -> bool {
        let position = one.observation.position;
        let parked = self.parked.get(&(one.blocked_key(), position));
        !one.observation.derived && parked.is_some_and(|event| !wait::is_older(position, event, one))
    }

    /// A master as it is after the observations so far; `None` until its first version is made.
    pub fn row_of(&self, id: MasterId) -> Option<&MasterRow> {
        self.masters.get(&id)?.row.as_ref()
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

    /// Takes a match key away from a master.
    pub fn remove_key(&mut self, id: MasterId, key: &str) {
        if let Some(ids) = self.matches.get_mut(key) {
            ids.retain(|other| *other != id);
        }
        let known = self.known(id);
        if !known.keys_added.remove(key) {
            known.keys_removed.insert(key.to_owned());
        }
    }

    /// Gives a match key to a master.
    pub fn add_key(&mut self, id: MasterId, key: String) {
        let ids = self.matches.entry(key.clone()).or_default();
        if !ids.contains(&id) {
            ids.push(id);
            let known = self.known(id);
            if !known.keys_removed.remove(&key) {
                known.keys_added.insert(key);
            }
        }
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
        if one.from_flight {
            self.writes.outcomes.entry(position.drop).or_default().in_flight -= 1;
        }
    }

    pub fn publish(&mut self, master_id: MasterId, version: u64, system: Option<Arc<str>>) {
        self.writes.outbox.push(OutboxWrite { master_id, version, system });
    }

    pub fn journal(
        &mut self,
        observation: &Observation,
        kind: JournalKind,
        master_id: Option<MasterId>,
        version: Option<u64>,
        detail: Option<String>,
    ) {
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

    /// Takes parked observations up again: nothing of theirs blocks in this transaction any more.
    pub fn unpark(&mut self, numbers: Vec<u64>, observations: &[Observation]) {
        for observation in observations {
            let local = observation.local();
            self.unblocked.insert(links::blocked_key(&local));
            if !observation.derived {
                self.count(observation.position, RecordOutcome::Parked, -1);
            }
            self.journal(observation, JournalKind::Retried, None, None, None);
        }
        self.writes.unparked.extend(numbers);
    }

    /// Sets an observation aside; later ones of the same record line up behind it.
    pub fn park(&mut self, one: &links::Prepared, code: &str, reason: Option<String>) {
        self.blocked.insert(one.blocked_key());
        let observation = &one.observation;
        let event = observation.to_event().to_bytes();
        if !observation.derived {
            self.parked.insert((one.blocked_key(), observation.position), event.clone());
        }
        let (system, key) = one.blocked_key();
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
            needs: None,
            task: None,
            event,
            at: self.context.now(),
        });
        self.end(one, RecordOutcome::Parked);
    }

    /// The same with a question, which ends when it is let go.
    pub fn park_and_ask(&mut self, one: &links::Prepared, reason: String, task: NewTask) {
        self.park(one, &task.code, Some(reason));
        if let Some(parked) = self.writes.parked.last_mut() {
            parked.task = Some(task.subject.clone());
        }
        self.writes.tasks.push(task);
    }

    /// Whether an operator lets a record go on in this transaction, although it was parked.
    pub fn is_let_go(&self, one: &links::Prepared) -> bool {
        !self.unblocked.is_empty() && self.unblocked.contains(&one.blocked_key())
    }

    /// Writes everything and commits.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if self.numbers.is_overdrawn {
            return Err(StoreError::Internal("more numbers were given out than were taken; this is a bug".to_owned()));
        }
        let crosswalk = &mut self.crosswalk;
        self.writes.crosswalk.extend(self.changed_crosswalk.iter().filter_map(|key| crosswalk.remove(key).flatten()));
        let changed: BTreeMap<MasterId, Known> = self.masters.into_iter().collect();
        for (master_id, known) in changed {
            if !known.keys_added.is_empty() || !known.keys_removed.is_empty() {
                let (add, remove) = (known.keys_added.into_iter().collect(), known.keys_removed.into_iter().collect());
                self.writes.match_keys.push(MatchKeysWrite { master_id, add, remove });
            }
            self.writes.masters.extend(known.row.filter(|_| known.row_changed));
            self.writes.sources.extend(known.sources.into_iter().filter(|shown| shown.changed).map(|shown| shown.row));
        }
        let spent = self.company.map(|company| company.write(&mut self.writes.matching));
        self.resolution.commit(self.writes).await?;
        // Whoever writes next need not wait until the memory of all that was compared is given back.
        drop(spent);
        self.context.breaker.note(&self.tenant, self.flips);
        Ok(())
    }
}

fn unique<T: Ord + Clone>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    items.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
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
        needs: None,
        task: None,
        event: message.body.clone(),
        at,
    }
}
