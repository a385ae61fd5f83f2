//! One resolution: a transaction that locks what it decides over, and one commit.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use master::MasterId;
use tokio::sync::OwnedSemaphorePermit;

use super::core::Core;
use super::failure::Failure;
use super::locks::{self, Locks};
use super::rows::{self, crosswalk_columns, get, told, waiting_columns};
use super::text::kept;
use super::transaction::Transaction;
use super::write::Rows;
use super::{line, masters, matching, outbox, tasks, write};
use crate::value::RowWriter;
use crate::value::{Coded, MasterKey};
use crate::{
    CrosswalkRow, Lease, LocalKey, MasterRow, ParkedStage, Position, Reserved, Resolution, Resolved, SourceRow,
    StoreError, WaitingRow,
};

/// A key leads to at most this many masters.
const MATCHES_MAX: i64 = 64;

/// So many locks a resolution comes to for each record that it first asks for: the record's own, and its match keys.
const LOCKS_PER_RECORD: usize = 3;

pub(super) struct PostgresResolution {
    core: Arc<Core>,
    transaction: Transaction,
    tenant: i64,
    locks: Locks,
    /// The lowest version that was reserved.
    version_min: Option<u64>,
    /// Records that nobody knows, locked.
    absent: HashSet<LocalKey>,
    /// Master ids that were taken.
    reserved: Vec<Range<u64>>,
    _turn: OwnedSemaphorePermit,
}

impl PostgresResolution {
    pub async fn begin(core: &Arc<Core>, fence: Option<&Lease>, tenant: &str) -> Result<PostgresResolution, Failure> {
        let turn = core.resolution_turn().await?;
        let tenant = core.intern_one(tenant).await?;
        let transaction = Transaction::begin_fenced(core, fence).await?;
        let (core, locks) = (Arc::clone(core), Locks::default());
        let (absent, reserved) = (HashSet::new(), Vec::new());
        Ok(PostgresResolution { core, transaction, tenant, locks, version_min: None, absent, reserved, _turn: turn })
    }

    pub(super) fn told<T>(&self, outcome: Result<T, Failure>) -> Result<T, StoreError> {
        outcome.map_err(|failure| failure.at(&self.core.place))
    }

    pub(super) fn core(&self) -> &Core {
        &self.core
    }

    pub(super) fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// The word of the tenant.
    pub(super) fn tenant(&self) -> i64 {
        self.tenant
    }

    /// Keeps others from deciding who is who in this tenant. What comes after it sees what they have committed.
    pub(super) async fn hold_matching(&self) -> Result<(), Failure> {
        let lock = locks::of_matching(&self.core.options.schema, self.tenant);
        self.transaction.execute(locks::TAKE, &[&vec![lock]]).await?;
        Ok(())
    }

    /// Keeps others from deciding over these records, and deliveries from ending with them.
    pub(super) async fn lock_records(&mut self, keys: &[LocalKey]) -> Result<(), Failure> {
        let schema = &self.core.options.schema;
        let records = keys.iter().map(|key| locks::of_record(schema, self.tenant, key)).collect();
        self.locks.take(&self.transaction, self.tenant, records, keys.len() * LOCKS_PER_RECORD).await
    }

    async fn know(&self, keys: &[LocalKey]) -> Result<(), Failure> {
        self.core.know(keys.iter().flat_map(|key| [&*key.system, key.entity.name()])).await
    }

    async fn try_crosswalk(&mut self, keys: &[LocalKey]) -> Result<Vec<Option<CrosswalkRow>>, Failure> {
        self.lock_records(keys).await?;
        self.know(keys).await?;
        let texts: Vec<_> = keys.iter().map(|key| kept(&key.key)).collect();
        const READ: &str =
            concat!("SELECT ", crosswalk_columns!(), " FROM crosswalk WHERE key = ANY($1) AND tenant = $2");
        let found = self.transaction.query(READ, &[&texts, &self.tenant]).await?;
        let found = self.core.read(&found, rows::crosswalk).await?;
        let found: HashMap<LocalKey, CrosswalkRow> = found.into_iter().map(|row| (row.local.clone(), row)).collect();
        self.absent.extend(keys.iter().filter(|key| !found.contains_key(key)).cloned());
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn try_matches(&mut self, keys: &[String]) -> Result<Vec<Vec<MasterId>>, Failure> {
        let schema = &self.core.options.schema;
        let locks = keys.iter().map(|key| locks::of_match_key(schema, self.tenant, key)).collect();
        self.locks.take(&self.transaction, self.tenant, locks, keys.len() * LOCKS_PER_RECORD).await?;
        let texts: Vec<_> = keys.iter().map(|key| kept(key)).collect();
        let sql = "SELECT k.place, m.master FROM unnest($2::text[]) WITH ORDINALITY AS k(key, place)
             CROSS JOIN LATERAL (SELECT master FROM match_keys WHERE tenant = $1 AND key = k.key ORDER BY master LIMIT $3) AS m
             ORDER BY k.place, m.master";
        let found = self.transaction.query(sql, &[&self.tenant, &texts, &MATCHES_MAX]).await?;
        let mut matches = vec![Vec::new(); keys.len()];
        for row in found {
            let place = usize::try_from(get::<i64>(&row, 0)?).unwrap_or_default();
            if let Some(ids) = matches.get_mut(place.wrapping_sub(1)) {
                ids.push(MasterKey(get(&row, 1)?).id());
            }
        }
        Ok(matches)
    }

    async fn try_masters(&mut self, ids: &[MasterId]) -> Result<Vec<Option<MasterRow>>, Failure> {
        const LOCK: &str = "SELECT count(*) FROM
            (SELECT 1 FROM masters WHERE master = ANY($1) ORDER BY master FOR NO KEY UPDATE) AS held";
        let keys = masters::keys(self.tenant, ids);
        let keys: [super::pool::Parameter<'_>; 1] = [&keys];
        self.transaction.prepare(&[LOCK, masters::READ]).await?;
        // Carried out one after the other: the second sees what the holders of the locks have committed.
        let lock = self.transaction.query(LOCK, &keys);
        let read = self.transaction.query(masters::READ, &keys);
        let (_, found) = futures::try_join!(lock, read)?;
        for row in &found {
            if self.version_min.is_some_and(|least| masters::version(row).is_ok_and(|version| version >= least)) {
                let reason = "a master got a later version while this resolution was under way";
                return Err(StoreError::Conflict(reason.to_owned()).into());
            }
        }
        let found = self.core.read(&found, rows::master).await?;
        let found: HashMap<MasterId, MasterRow> = found.into_iter().map(|row| (row.master_id, row)).collect();
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    /// Waiting documents by a local key, oldest first.
    async fn waiting(
        &mut self,
        sql: &'static str,
        keys: &[LocalKey],
        of: impl Fn(&WaitingRow) -> &LocalKey,
    ) -> Result<Vec<WaitingRow>, Failure> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let texts: Vec<_> = keys.iter().map(|key| kept(&key.key)).collect();
        let found = self.transaction.query(sql, &[&texts, &self.tenant]).await?;
        let mut found = self.core.read(&found, rows::waiting).await?;
        let keys: HashSet<&LocalKey> = keys.iter().collect();
        found.retain(|row| keys.contains(of(row)));
        found.sort_unstable_by_key(|row| row.number);
        Ok(found)
    }

    async fn try_parked_keys(&mut self, keys: &[(Arc<str>, String)]) -> Result<Vec<Vec<Option<Position>>>, Failure> {
        let texts: Vec<_> = keys.iter().map(|(_, key)| kept(key)).collect();
        let stage = ParkedStage::Observed.code();
        let sql =
            "SELECT system, key, drop_number, ordinal FROM parked WHERE key = ANY($1) AND stage = $2 AND tenant = $3";
        let found = self.transaction.query(sql, &[&texts, &stage, &self.tenant]).await?;
        let read = |words: &super::words::Words, row: &tokio_postgres::Row| {
            let position = Position::from_columns(get(row, 2)?, get(row, 3)?);
            Ok(((words.text(get(row, 0)?)?, told(row, 1)?), position))
        };
        let mut positions: HashMap<(Arc<str>, String), Vec<Option<Position>>> = HashMap::new();
        for (key, position) in self.core.read(&found, read).await? {
            positions.entry(key).or_default().push(position);
        }
        Ok(keys.iter().map(|key| positions.get(key).cloned().unwrap_or_default()).collect())
    }

    async fn try_parked_at(&mut self, key: &(Arc<str>, String), at: Position) -> Result<Option<Vec<u8>>, Failure> {
        let (system, key) = (self.core.intern_one(&key.0).await?, kept(&key.1));
        let (drop, ordinal) = (at.drop.cast_signed(), at.ordinal.cast_signed());
        let sql = "SELECT event FROM parked WHERE key = $1 AND system = $2 AND stage = $3 AND tenant = $4
             AND drop_number = $5 AND ordinal = $6 ORDER BY number DESC LIMIT 1";
        let stage = ParkedStage::Observed.code();
        let parameters: [super::pool::Parameter<'_>; 6] = [&key, &system, &stage, &self.tenant, &drop, &ordinal];
        let found = self.transaction.query_opt(sql, &parameters).await?;
        found.map(|row| get::<&[u8]>(&row, 0).map(<[u8]>::to_vec)).transpose()
    }

    async fn try_reserve(&mut self, masters: u64, versions: u64) -> Result<Reserved, Failure> {
        let too_many = |_| Failure::internal("more numbers were asked for than there are");
        let masters = i64::try_from(masters).map_err(too_many)?;
        let versions = i64::try_from(versions).map_err(too_many)?;
        // Apart from the transaction, or all of a tenant would wait for its commit.
        let sql = "INSERT INTO sequences AS s (tenant, master, version) VALUES ($1, 1 + $2::bigint, 1 + $3::bigint)
             ON CONFLICT (tenant) DO UPDATE SET master = s.master + $2, version = s.version + $3
             RETURNING master - $2, version - $3";
        let row = self.core.aside().await?.query_one(sql, &[&self.tenant, &masters, &versions]).await?;
        let version = rows::number(&row, 1)?;
        self.version_min = Some(self.version_min.map_or(version, |least| least.min(version)));
        let first = rows::number(&row, 0)?;
        self.reserved.push(first..first + masters.cast_unsigned());
        Ok(Reserved { master_id: MasterId(first), version })
    }

    /// Whether a number was taken here.
    fn is_taken(&self, number: u64) -> bool {
        self.reserved.iter().any(|range| range.contains(&number))
    }

    /// Whether all that is written is of records that nobody knew, and of masters whose ids were taken here: then no row
    /// of it can be there, unless somebody wrote past this contract.
    fn which(&self, writes: &Resolved) -> Rows {
        let is_absent = |local: &LocalKey| self.absent.contains(local);
        let is_taken = |id: MasterId| self.is_taken(id.0);
        let is_new = self.core.rows_are_as_told()
            && writes.sources.iter().all(|row| is_absent(&row.local))
            && writes.crosswalk.iter().all(|row| is_absent(&row.local))
            && writes.masters.iter().all(|row| is_taken(row.master_id))
            && writes.match_keys.iter().all(|row| is_taken(row.master_id))
            && writes.outbox.iter().all(|row| is_taken(row.master_id));
        if is_new { Rows::New } else { Rows::Any }
    }

    /// Writes everything; returns whether the outbox has more.
    async fn write(&mut self, writes: &Resolved) -> Result<bool, Failure> {
        let (core, transaction, tenant) = (&*self.core, &self.transaction, self.tenant);
        let words = &core.words;
        let which = self.which(writes);
        core.intern(words_of(writes)).await?;
        transaction.prepare(STATEMENTS).await?;
        let is_new = |number| core.rows_are_as_told() && self.is_taken(number);
        // Before the questions go that asked about what is parked: an answer is kept.
        tasks::close_all(transaction, tenant, &writes.tasks_closed).await?;
        // What many transactions count in comes last, because it is locked until the end.
        let (.., unknown) = futures::try_join!(
            write::sources(transaction, words, tenant, &writes.sources, which),
            write::crosswalk(transaction, words, tenant, &writes.crosswalk, RowWriter::Resolution, which),
            write::match_keys(transaction, tenant, &writes.match_keys, which),
            write::journal(transaction, words, tenant, &writes.journal),
            write::waiting(transaction, words, tenant, &writes.waiting),
            write::forget_waiting(transaction, tenant, &writes.released),
            write::parked(transaction, words, tenant, &writes.parked),
            write::forget_parked(transaction, tenant, &writes.unparked),
            outbox::write(transaction, words, tenant, &writes.outbox, which),
            masters::write(transaction, words, tenant, &writes.masters, which),
            matching::write(transaction, words, tenant, &writes.matching, &is_new),
            write::outcomes(transaction, tenant, &writes.outcomes),
        )?;
        for drop in unknown {
            // The bus can outlive a store that was thrown away; what it still carries must not block the rest.
            tracing::warn!(drop, "an observation of a drop that this store does not know; it is not accounted for");
        }
        tasks::end(transaction, tenant, &writes.tasks_ended).await?;
        tasks::ask(transaction, words, tenant, &writes.tasks).await?;
        let releases = line::release(transaction, tenant, &writes.crosswalk, &writes.parked).await?;
        Ok(releases || !writes.outbox.is_empty())
    }
}

/// Everything that [`PostgresResolution::write`] may send.
const STATEMENTS: &[&str] = &[
    write::SOURCES_NEW,
    write::SOURCES,
    write::CROSSWALK_NEW,
    write::CROSSWALK,
    write::KEYS_GONE,
    write::KEYS_ALL_NEW,
    write::KEYS_NEW,
    write::JOURNAL,
    write::WAITING,
    write::WAITING_GONE,
    write::PARKED,
    write::PARKED_GONE,
    outbox::WRITE_NEW,
    outbox::WRITE,
    masters::WRITE_SEARCH_NEW,
    masters::WRITE_SEARCH,
    masters::WRITE_NEW,
    masters::WRITE,
    write::DROPS_LOCKED,
    write::OUTCOMES,
    tasks::CLOSE,
    tasks::END,
    tasks::HOLD,
    tasks::ASK,
];

/// Every name that the rows carry as a number.
fn words_of(writes: &Resolved) -> impl Iterator<Item = &str> {
    fn of(local: &LocalKey) -> [&str; 2] {
        [&local.system, local.entity.name()]
    }
    let sources = writes.sources.iter().flat_map(|row| of(&row.local).into_iter().chain([&*row.stream, &*row.mapping]));
    let crosswalk = writes.crosswalk.iter().flat_map(|row| of(&row.local));
    let masters = writes.masters.iter().map(|row| row.entity.name());
    let journal = writes.journal.iter().flat_map(|row| [&*row.system, row.entity.name()]);
    let waiting =
        writes.waiting.iter().flat_map(|row| of(&row.local).into_iter().chain(of(&row.needs)).chain([&*row.stream]));
    let outbox = writes.outbox.iter().filter_map(|row| row.system.as_deref());
    let parked = line::words_of(&writes.parked);
    let tasks = writes.tasks.iter().map(|task| &*task.system);
    let matched = writes.matching.records.iter().map(|record| &*record.local.system);
    let rows = sources.chain(crosswalk).chain(masters).chain(journal).chain(waiting);
    rows.chain(outbox).chain(parked).chain(tasks).chain(matched)
}

#[async_trait]
impl Resolution for PostgresResolution {
    async fn crosswalk(&mut self, keys: &[LocalKey]) -> Result<Vec<Option<CrosswalkRow>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = self.try_crosswalk(keys).await;
        self.told(outcome)
    }

    async fn matches(&mut self, keys: &[String]) -> Result<Vec<Vec<MasterId>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = self.try_matches(keys).await;
        self.told(outcome)
    }

    async fn masters(&mut self, ids: &[MasterId]) -> Result<Vec<Option<MasterRow>>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = self.try_masters(ids).await;
        self.told(outcome)
    }

    async fn sources_of(&mut self, ids: &[MasterId]) -> Result<Vec<Vec<SourceRow>>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = masters::sources_of(&self.core, &self.transaction, self.tenant, ids).await;
        self.told(outcome)
    }

    async fn waiting_of(&mut self, keys: &[LocalKey]) -> Result<Vec<WaitingRow>, StoreError> {
        const READ: &str = concat!("SELECT ", waiting_columns!(), " FROM waiting WHERE key = ANY($1) AND tenant = $2");
        let outcome = self.waiting(READ, keys, |row| &row.local).await;
        self.told(outcome)
    }

    async fn waiting_for(&mut self, keys: &[LocalKey]) -> Result<Vec<WaitingRow>, StoreError> {
        const READ: &str =
            concat!("SELECT ", waiting_columns!(), " FROM waiting WHERE needs_key = ANY($1) AND tenant = $2");
        let outcome = self.waiting(READ, keys, |row| &row.needs).await;
        self.told(outcome)
    }

    async fn parked_keys(&mut self, keys: &[(Arc<str>, String)]) -> Result<Vec<Vec<Option<Position>>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = self.try_parked_keys(keys).await;
        self.told(outcome)
    }

    async fn parked_at(&mut self, key: &(Arc<str>, String), at: Position) -> Result<Option<Vec<u8>>, StoreError> {
        let outcome = self.try_parked_at(key, at).await;
        self.told(outcome)
    }

    async fn reserve(&mut self, masters: u64, versions: u64) -> Result<Reserved, StoreError> {
        let outcome = self.try_reserve(masters, versions).await;
        self.told(outcome)
    }

    async fn commit(mut self: Box<Self>, writes: Resolved) -> Result<(), StoreError> {
        writes.require_keys()?;
        let outcome = self.write(&writes).await.map_err(|failure| self.core.conflict_of_rows(failure));
        let has_more = self.told(outcome)?;
        let PostgresResolution { core, transaction, .. } = *self;
        transaction.commit().await.map_err(|failure| failure.at(&core.place))?;
        if has_more {
            core.outbox_has_more();
        }
        Ok(())
    }
}
