//! Deliver on PostgreSQL.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use master::MasterId;

use super::PostgresStore;
use super::backlog::ids as word_ids;
use super::core::Core;
use super::failure::Failure;
use super::locks::{self, Locks};
use super::pool::Link;
use super::rows::{self, crosswalk_columns, get, source_columns, told};
use super::text::kept;
use super::transaction::{Transaction, transaction};
use super::{line, masters, tasks, write};
use crate::value::RowWriter;
use crate::value::{Coded, MasterKey, nanoseconds, time};
use crate::{Attempt, CrosswalkRow, DeliverStore, Delivered, Held, JournalEntry, JournalKind, StoreError, TargetState};

#[async_trait]
impl DeliverStore for PostgresStore {
    async fn held(&self, tenant: &str, system: &str, ids: &[MasterId]) -> Result<Vec<Held>, StoreError> {
        held(&self.core, tenant, system, ids).await.map_err(|failure| failure.at(&self.core.place))
    }

    async fn local_keys(
        &self,
        tenant: &str,
        system: &str,
        ids: &[MasterId],
    ) -> Result<Vec<Option<String>>, StoreError> {
        local_keys(&self.core, tenant, system, ids).await.map_err(|failure| failure.at(&self.core.place))
    }

    async fn begin_attempt(&self, attempt: &Attempt) -> Result<(), StoreError> {
        transaction!(self, |tx| begin_attempt(&tx, attempt))
    }

    async fn open_attempts(&self, tenant: &str, system: &str) -> Result<Vec<Attempt>, StoreError> {
        open_attempts(&self.core, tenant, system).await.map_err(|failure| failure.at(&self.core.place))
    }

    async fn finish_attempt(
        &self,
        tenant: &str,
        system: &str,
        batch: Option<&str>,
        end: Delivered,
    ) -> Result<(), StoreError> {
        end.require_keys()?;
        if transaction!(self, |tx| finish_attempt(&tx, tenant, system, batch, &end))? {
            self.core.outbox_has_more();
        }
        Ok(())
    }

    async fn set_target_state(
        &self,
        tenant: &str,
        system: &str,
        state: TargetState,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, |tx| set_target_state(&tx, tenant, system, state, reason, at))
    }

    async fn target_state(&self, tenant: &str, system: &str) -> Result<TargetState, StoreError> {
        target_state(&self.core, tenant, system).await.map_err(|failure| failure.at(&self.core.place))
    }
}

async fn held(core: &Arc<Core>, tenant: &str, system: &str, ids: &[MasterId]) -> Result<Vec<Held>, Failure> {
    const CROSSWALK: &str =
        concat!("SELECT ", crosswalk_columns!(), " FROM crosswalk WHERE master = ANY($1) AND system = $2");
    const SOURCES: &str = concat!("SELECT ", source_columns!(), " FROM sources WHERE master = ANY($1) AND system = $2");
    let nothing = || Held { master: None, crosswalk: Vec::new(), sources: Vec::new(), blocked: false };
    core.know([tenant, system]).await?;
    let Some(tenant) = core.words.id(tenant) else { return Ok(ids.iter().map(|_| nothing()).collect()) };
    // No row carries it when the system has no number.
    let system = core.words.id(system).unwrap_or(-1);
    let tx = Transaction::begin_read(core).await?;
    let keys = masters::keys(tenant, ids);
    let parameters: [super::pool::Parameter<'_>; 2] = [&keys, &system];
    tx.prepare(&[masters::READ, CROSSWALK, SOURCES]).await?;
    let (found, crosswalk, sources) = futures::try_join!(
        masters::read(core, &tx, tenant, ids),
        tx.query(CROSSWALK, &parameters),
        tx.query(SOURCES, &parameters),
    )?;
    let crosswalk = core.read(&crosswalk, rows::crosswalk).await?;
    let sources = core.read(&sources, rows::source).await?;
    let crosswalk = masters::grouped(ids, crosswalk, |row| row.master_id, |a, b| a.local.cmp(&b.local));
    let sources =
        masters::grouped(ids, sources, |row| row.master_id, |a, b| (&a.stream, &a.local).cmp(&(&b.stream, &b.local)));
    let asked: Vec<_> = found.iter().flatten().map(|master| (master.root.to_string(), master.master_id)).collect();
    let mut blocked = line::holds_back(&tx, tenant, system, &asked).await?.into_iter();
    let all = found.into_iter().zip(crosswalk).zip(sources).map(|((master, crosswalk), sources)| match master {
        None => nothing(),
        Some(master) => Held { master: Some(master), crosswalk, sources, blocked: blocked.next().unwrap_or_default() },
    });
    Ok(all.collect())
}

async fn local_keys(core: &Core, tenant: &str, system: &str, ids: &[MasterId]) -> Result<Vec<Option<String>>, Failure> {
    let Some((tenant, system)) = word_ids(core, tenant, system).await? else { return Ok(vec![None; ids.len()]) };
    // Of several, the oldest: the one that other records of the system refer to.
    let sql = "SELECT DISTINCT ON (master) master, key FROM crosswalk
         WHERE master = ANY($1) AND system = $2 AND removed = 0 ORDER BY master, id";
    let mut keys = HashMap::new();
    for row in &core.link().await?.query(sql, &[&masters::keys(tenant, ids), &system]).await? {
        keys.insert(MasterKey(get(row, 0)?).id(), told(row, 1)?);
    }
    Ok(ids.iter().map(|id| keys.get(id).cloned()).collect())
}

async fn begin_attempt(tx: &Transaction, attempt: &Attempt) -> Result<(), Failure> {
    let core = tx.core();
    core.intern([&*attempt.tenant, &*attempt.system]).await?;
    let (tenant, system) = (core.words.must(&attempt.tenant)?, core.words.must(&attempt.system)?);
    let sql = "INSERT INTO attempts (tenant, system, batch, at, members) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant, system, batch) DO NOTHING";
    let members = serde_json::to_string(&attempt.members)?;
    tx.execute(sql, &[&tenant, &system, &attempt.batch, &nanoseconds(attempt.at), &members]).await?;
    Ok(())
}

async fn open_attempts(core: &Core, tenant: &str, system: &str) -> Result<Vec<Attempt>, Failure> {
    let Some((tenant_id, system_id)) = word_ids(core, tenant, system).await? else { return Ok(Vec::new()) };
    let sql = "SELECT batch, at, members FROM attempts WHERE tenant = $1 AND system = $2 ORDER BY number";
    let found = core.link().await?.query(sql, &[&tenant_id, &system_id]).await?;
    let attempt = |row| {
        Ok(Attempt {
            batch: get(row, 0)?,
            tenant: tenant.into(),
            system: system.into(),
            members: serde_json::from_str(get(row, 2)?)?,
            at: time(get(row, 1)?),
        })
    };
    found.iter().map(attempt).collect()
}

/// Returns whether the outbox has more.
async fn finish_attempt(
    tx: &Transaction,
    tenant: &str,
    system: &str,
    batch: Option<&str>,
    end: &Delivered,
) -> Result<bool, Failure> {
    let core = tx.core();
    core.intern(words_of(end).chain([tenant, system])).await?;
    let words = &core.words;
    let (tenant, system) = (words.must(tenant)?, words.must(system)?);
    let schema = &core.options.schema;
    // Against resolutions that decide over these records: see the module's head.
    let records = end.crosswalk.iter().map(|row| locks::of_record(schema, tenant, &row.local)).collect();
    if !end.crosswalk.is_empty() {
        Locks::default().take(tx, tenant, records, end.crosswalk.len()).await?;
    }
    line::hold_all(tx, tenant, &end.parked, !end.unparked.is_empty(), system).await?;
    tx.prepare(&[write::CROSSWALK, write::JOURNAL, write::PARKED, write::PARKED_GONE, tasks::HOLD, tasks::ASK]).await?;
    futures::try_join!(
        write::crosswalk(
            tx,
            words,
            tenant,
            &end.crosswalk,
            RowWriter::Delivery { is_read: end.is_read },
            write::Rows::Any
        ),
        write::journal(tx, words, tenant, &end.journal),
        write::parked(tx, words, tenant, &end.parked),
        write::forget_parked(tx, tenant, &end.unparked),
        tasks::ask(tx, words, tenant, &end.tasks),
    )?;
    count(tx, tenant, system, &end.journal).await?;
    if let Some(batch) = batch {
        believe_newer(tx, tenant, system, batch, &end.crosswalk).await?;
        let sql = "DELETE FROM attempts WHERE tenant = $1 AND system = $2 AND batch = $3";
        tx.execute(sql, &[&tenant, &system, &batch]).await?;
    }
    line::release(tx, tenant, &end.crosswalk, &end.parked).await
}

fn words_of(end: &Delivered) -> impl Iterator<Item = &str> {
    let crosswalk = end.crosswalk.iter().flat_map(|row| [&*row.local.system, row.local.entity.name()]);
    let journal = end.journal.iter().flat_map(|row| [&*row.system, row.entity.name()]);
    let tasks = end.tasks.iter().map(|task| &*task.system);
    crosswalk.chain(journal).chain(tasks).chain(line::words_of(&end.parked))
}

/// What a system showed since the call began speaks for itself: the shadow of the call may be older.
async fn believe_newer(
    tx: &Transaction,
    tenant: i64,
    system: i64,
    batch: &str,
    rows: &[CrosswalkRow],
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = rows.iter().map(|row| kept(&row.local.key)).collect();
    let words = &tx.core().words;
    let entities = rows.iter().map(|row| words.must_entity(&row.local.entity)).collect::<Result<Vec<_>, _>>()?;
    // Record by record: a join that was planned while the tables were small would be kept, and go through all records of
    // the system.
    let sql = concat!(
        "UPDATE crosswalk c SET holds = NULL, earlier = CASE WHEN c.holds IS NULL THEN c.earlier ELSE ",
        write::earlier_with_holds!("c"),
        " END
         WHERE id = ANY (ARRAY(
             SELECT held.id FROM unnest($1::text[], $2::bigint[]) AS u(key, entity)
             CROSS JOIN LATERAL (
                 SELECT 1 FROM sources WHERE key = u.key AND system = $3 AND entity = u.entity AND tenant = $4
                    AND removed = 0 AND observed_at >= (SELECT at FROM attempts WHERE tenant = $4 AND system = $3 AND batch = $5)
                 LIMIT 1) AS shown
             CROSS JOIN LATERAL (
                 SELECT id FROM crosswalk WHERE key = u.key AND system = $3 AND entity = u.entity AND tenant = $4
                 LIMIT 1) AS held))"
    );
    tx.execute(sql, &[&keys, &entities, &system, &tenant, &batch]).await?;
    Ok(())
}

/// Keeps count of what a target took and refused.
async fn count(link: &Link, tenant: i64, system: i64, journal: &[JournalEntry]) -> Result<(), Failure> {
    let (mut delivered, mut refused, mut last) = (0_i64, 0_i64, None);
    for entry in journal {
        match entry.kind {
            JournalKind::Delivered => {
                delivered += 1;
                last = last.max(Some(nanoseconds(entry.at)));
            }
            JournalKind::Refused => refused += 1,
            _ => {}
        }
    }
    if delivered == 0 && refused == 0 {
        return Ok(());
    }
    let sql = "INSERT INTO targets AS t (tenant, system, delivered, refused, last_delivery) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant, system) DO UPDATE SET
             delivered = t.delivered + excluded.delivered, refused = t.refused + excluded.refused,
             last_delivery = greatest(excluded.last_delivery, t.last_delivery)";
    link.execute(sql, &[&tenant, &system, &delivered, &refused, &last]).await?;
    Ok(())
}

async fn set_target_state(
    tx: &Transaction,
    tenant: &str,
    system: &str,
    state: TargetState,
    reason: Option<&str>,
    at: Timestamp,
) -> Result<(), Failure> {
    let core = tx.core();
    core.intern([tenant, system]).await?;
    let (tenant, system) = (core.words.must(tenant)?, core.words.must(system)?);
    // Since when it has this state: saying it again changes the reason only.
    let sql = "INSERT INTO targets AS t (tenant, system, state, reason, since) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant, system) DO UPDATE SET
             since = CASE WHEN t.state = excluded.state AND t.since IS NOT NULL THEN t.since ELSE excluded.since END,
             state = excluded.state, reason = excluded.reason";
    tx.execute(sql, &[&tenant, &system, &state.code(), &reason.map(kept), &nanoseconds(at)]).await?;
    Ok(())
}

async fn target_state(core: &Core, tenant: &str, system: &str) -> Result<TargetState, Failure> {
    let Some((tenant, system)) = word_ids(core, tenant, system).await? else { return Ok(TargetState::default()) };
    let sql = "SELECT state FROM targets WHERE tenant = $1 AND system = $2";
    let row = core.link().await?.query_opt(sql, &[&tenant, &system]).await?;
    match row {
        Some(row) => Ok(TargetState::from_column(get(&row, 0)?)?),
        None => Ok(TargetState::default()),
    }
}
