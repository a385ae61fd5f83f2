//! One resolution: exclusive use of the connection that writes, reads in transactions of their own, and one commit.

use std::sync::Arc;

use async_trait::async_trait;
use master::MasterId;
use rusqlite::{CachedStatement, params};

use super::connection::{Core, Writer, WriterGuard, blocking, read_on, write_on};
use super::dictionary::Session;
use super::failure::Failure;
use super::resolve::write_outbox;
use super::value::{Coded, MasterKey, nanoseconds};
use super::{line, masters, matching, rows, tasks, write};
use crate::value::RowWriter;
use crate::{
    CrosswalkRow, LocalKey, MasterRow, MatchKeysWrite, ParkedStage, Position, Reserved, Resolution, Resolved,
    SourceRow, StoreError, WaitingRow,
};

/// A key leads to at most this many masters.
const MATCHES_MAX: usize = 64;

pub(super) struct SqliteResolution {
    core: Arc<Core>,
    tenant: Arc<str>,
    /// Missing only while a call uses it, or after one that was cancelled half-way.
    writer: Option<WriterGuard>,
}

impl SqliteResolution {
    pub fn new(core: Arc<Core>, tenant: &str, writer: WriterGuard) -> Self {
        SqliteResolution { core, tenant: tenant.into(), writer: Some(writer) }
    }

    /// Lends the writer to a thread that may block. If the caller gives up meanwhile, the writer is freed when `work`
    /// ends.
    pub(super) async fn lend<T, F>(&mut self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Writer, &Core, &Arc<str>) -> Result<T, Failure> + Send + 'static,
    {
        let Some(mut writer) = self.writer.take() else {
            return Err(StoreError::Internal("a resolution goes on after a call that was cancelled".to_owned()));
        };
        let (core, tenant) = (Arc::clone(&self.core), Arc::clone(&self.tenant));
        let (writer, result) = blocking(move || {
            let result = work(&mut writer, &core, &tenant).map_err(|failure| failure.at(&core.place));
            Ok((writer, result))
        })
        .await?;
        self.writer = Some(writer);
        result
    }

    /// Reads for each key, in order, in one read transaction. A tenant that no row can carry has nothing of any.
    pub(super) async fn each<K, T, F>(&mut self, keys: &[K], read: F) -> Result<Vec<T>, StoreError>
    where
        K: Clone + Send + 'static,
        T: Default + Send + 'static,
        F: Fn(&Session<'_>, i64, &[K]) -> Result<Vec<T>, Failure> + Send + 'static,
    {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let keys = keys.to_vec();
        self.lend(move |writer, core, tenant| {
            read_on(&writer.connection, &core.words, |session| match session.id(tenant)? {
                Some(tenant) => read(session, tenant, &keys),
                None => Ok(keys.iter().map(|_| T::default()).collect()),
            })
        })
        .await
    }

    /// Waiting documents by a local key, oldest first.
    async fn waiting(&mut self, keys: &[LocalKey], condition: &'static str) -> Result<Vec<WaitingRow>, StoreError> {
        let found = self
            .each(keys, move |session, tenant, keys| {
                if is_empty(session, "SELECT 1 FROM waiting LIMIT 1")? {
                    return Ok(keys.iter().map(|_| Vec::new()).collect());
                }
                let columns = rows::WAITING;
                let mut select = session.prepare(&format!("SELECT {columns} FROM waiting WHERE {condition}"))?;
                keys.iter().map(|local| waiting_under(session, &mut select, tenant, local)).collect()
            })
            .await?;
        let mut waiting: Vec<WaitingRow> = found.into_iter().flatten().collect();
        waiting.sort_by_key(|row| row.number);
        waiting.dedup_by_key(|row| row.number);
        Ok(waiting)
    }
}

#[async_trait]
impl Resolution for SqliteResolution {
    async fn crosswalk(&mut self, keys: &[LocalKey]) -> Result<Vec<Option<CrosswalkRow>>, StoreError> {
        self.each(keys, |session, tenant, keys| {
            let mut select = session.prepare(&format!(
                "SELECT {} FROM crosswalk WHERE key = ?1 AND system = ?2 AND entity = ?3 AND tenant = ?4",
                rows::CROSSWALK
            ))?;
            let one = |local: &LocalKey| {
                let Some((system, entity)) = local_ids(session, local)? else { return Ok(None) };
                let mut found = select.query(params![local.key, system, entity, tenant])?;
                found.next()?.map(|row| rows::crosswalk(session, row)).transpose()
            };
            keys.iter().map(one).collect()
        })
        .await
    }

    async fn matches(&mut self, keys: &[String]) -> Result<Vec<Vec<MasterId>>, StoreError> {
        self.each(keys, |session, tenant, keys| {
            let mut select = session
                .prepare("SELECT master FROM match_keys WHERE tenant = ?1 AND key = ?2 ORDER BY master LIMIT ?3")?;
            let limit = i64::try_from(MATCHES_MAX).unwrap_or(i64::MAX);
            keys.iter()
                .map(|key| {
                    let found = select.query_map(params![tenant, key, limit], |row| Ok(MasterKey(row.get(0)?).id()))?;
                    Ok(found.collect::<Result<_, _>>()?)
                })
                .collect()
        })
        .await
    }

    async fn masters(&mut self, ids: &[MasterId]) -> Result<Vec<Option<MasterRow>>, StoreError> {
        self.each(ids, masters::read).await
    }

    async fn sources_of(&mut self, ids: &[MasterId]) -> Result<Vec<Vec<SourceRow>>, StoreError> {
        self.each(ids, masters::sources_of).await
    }

    async fn waiting_of(&mut self, keys: &[LocalKey]) -> Result<Vec<WaitingRow>, StoreError> {
        self.waiting(keys, "key = ?1 AND system = ?2 AND entity = ?3 AND tenant = ?4").await
    }

    async fn waiting_for(&mut self, keys: &[LocalKey]) -> Result<Vec<WaitingRow>, StoreError> {
        self.waiting(keys, "needs_key = ?1 AND needs_system = ?2 AND needs_entity = ?3 AND tenant = ?4").await
    }

    async fn parked_keys(&mut self, keys: &[(Arc<str>, String)]) -> Result<Vec<Vec<Option<Position>>>, StoreError> {
        self.each(keys, |session, tenant, keys| {
            if is_empty(session, "SELECT 1 FROM parked LIMIT 1")? {
                return Ok(vec![Vec::new(); keys.len()]);
            }
            keys.iter().map(|(system, key)| parked_positions(session, tenant, system, key)).collect()
        })
        .await
    }

    async fn parked_at(&mut self, key: &(Arc<str>, String), at: Position) -> Result<Option<Vec<u8>>, StoreError> {
        let key = std::slice::from_ref(key);
        let found = self.each(key, move |session, tenant, keys| {
            keys.iter().map(|(system, key)| parked_event(session, tenant, (system, key), at)).collect()
        });
        Ok(found.await?.pop().flatten())
    }

    async fn reserve(&mut self, masters: u64, versions: u64) -> Result<Reserved, StoreError> {
        self.lend(move |writer, _, tenant| writer.sequences.reserve(&writer.connection, tenant, masters, versions))
            .await
    }

    async fn commit(mut self: Box<Self>, writes: Resolved) -> Result<(), StoreError> {
        writes.require_keys()?;
        let publishes = !writes.outbox.is_empty();
        let releases = self
            .lend(move |writer, core, tenant| {
                let Writer { connection, sequences, outbox_numbers } = writer;
                write_on(connection, &core.words, |session| {
                    let tenant_id = session.intern(tenant)?;
                    sequences.save(session, tenant, tenant_id)?;
                    write_outbox(session, tenant_id, outbox_numbers, &writes.outbox)?;
                    save(session, tenant_id, &writes)?;
                    line::release(session, outbox_numbers, tenant_id, &writes.crosswalk, &writes.parked)
                })
            })
            .await?;
        if publishes || releases {
            self.core.outbox_has_more();
        }
        Ok(())
    }
}

/// The numbers of a local key's system and entity; `None` when no row can carry them.
fn local_ids(session: &Session<'_>, local: &LocalKey) -> Result<Option<(i64, i64)>, Failure> {
    Ok(session.id(&local.system)?.zip(session.entity_id(&local.entity)?))
}

/// Whether a table has no row: mostly nothing waits and nothing is parked, and then no key needs to be looked up.
fn is_empty(session: &Session<'_>, select: &str) -> Result<bool, Failure> {
    Ok(!session.prepare(select)?.exists([])?)
}

fn waiting_under(
    session: &Session<'_>,
    select: &mut CachedStatement<'_>,
    tenant: i64,
    local: &LocalKey,
) -> Result<Vec<WaitingRow>, Failure> {
    let Some((system, entity)) = local_ids(session, local)? else { return Ok(Vec::new()) };
    let mut found = select.query(params![local.key, system, entity, tenant])?;
    let mut waiting = Vec::new();
    while let Some(row) = found.next()? {
        waiting.push(rows::waiting(session, row)?);
    }
    Ok(waiting)
}

/// Whether something is parked under a key.
pub(super) fn is_parked(
    session: &Session<'_>,
    tenant: i64,
    stage: ParkedStage,
    system: &str,
    key: &str,
) -> Result<bool, Failure> {
    let Some(system) = session.id(system)? else { return Ok(false) };
    let mut select = session
        .prepare("SELECT 1 FROM parked WHERE key = ?1 AND system = ?2 AND stage = ?3 AND tenant = ?4 LIMIT 1")?;
    Ok(select.exists(params![key, system, stage.code(), tenant])?)
}

/// The positions of what is parked before resolve under a key.
fn parked_positions(
    session: &Session<'_>,
    tenant: i64,
    system: &str,
    key: &str,
) -> Result<Vec<Option<Position>>, Failure> {
    let Some(system) = session.id(system)? else { return Ok(Vec::new()) };
    let mut select = session.prepare(
        "SELECT drop_number, ordinal FROM parked WHERE key = ?1 AND system = ?2 AND stage = ?3 AND tenant = ?4",
    )?;
    let stage = ParkedStage::Observed.code();
    let found = select.query_map(params![key, system, stage, tenant], |row| {
        let (drop, ordinal): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        Ok(Position::from_columns(drop, ordinal))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The newest message that is parked before resolve under a key and at a position.
fn parked_event(
    session: &Session<'_>,
    tenant: i64,
    (system, key): (&str, &str),
    at: Position,
) -> Result<Option<Vec<u8>>, Failure> {
    let Some(system) = session.id(system)? else { return Ok(None) };
    let mut select = session.prepare(
        "SELECT event FROM parked WHERE key = ?1 AND system = ?2 AND stage = ?3 AND tenant = ?4
             AND drop_number = ?5 AND ordinal = ?6 ORDER BY number DESC LIMIT 1",
    )?;
    let stage = ParkedStage::Observed.code();
    let (drop, ordinal) = (at.drop.cast_signed(), at.ordinal.cast_signed());
    let mut rows = select.query(params![key, system, stage, tenant, drop, ordinal])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

fn save(session: &Session<'_>, tenant: i64, writes: &Resolved) -> Result<(), Failure> {
    sources(session, tenant, &writes.sources)?;
    write::crosswalk(session, tenant, &writes.crosswalk, RowWriter::Resolution)?;
    masters::write(session, tenant, &writes.masters)?;
    match_keys(session, tenant, &writes.match_keys)?;
    matching::write(session, tenant, &writes.matching)?;
    write::journal(session, tenant, &writes.journal)?;
    waiting(session, tenant, &writes.waiting)?;
    write::forget(session, tenant, write::FORGET_WAITING, &writes.released)?;
    write::parked(session, tenant, &writes.parked)?;
    // Before the questions go that asked about what is parked: an answer is kept.
    tasks::close_all(session, tenant, &writes.tasks_closed)?;
    write::forget_parked(session, tenant, &writes.unparked)?;
    tasks::end(session, tenant, &writes.tasks_ended)?;
    tasks::ask(session, tenant, &writes.tasks)?;
    for (drop, difference) in &writes.outcomes {
        if !write::outcomes(session, tenant, *drop, difference)? {
            // The bus can outlive a store that was thrown away; what it still carries must not block the rest.
            tracing::warn!(drop, "an observation of a drop that this store does not know; it is not accounted for");
        }
    }
    Ok(())
}

fn sources(session: &Session<'_>, tenant: i64, rows: &[SourceRow]) -> Result<(), Failure> {
    let mut write = session.prepare(
        "INSERT INTO sources (tenant, system, stream, entity, key, master, mapping, drop_number, ordinal, observed_at,
                              removed, asserted, residue, document)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT (key, stream, system, entity, tenant) DO UPDATE SET
             master = excluded.master, mapping = excluded.mapping, drop_number = excluded.drop_number,
             ordinal = excluded.ordinal, observed_at = excluded.observed_at, removed = excluded.removed,
             asserted = excluded.asserted, residue = excluded.residue, document = excluded.document",
    )?;
    for row in rows {
        write.execute(params![
            tenant,
            session.intern(&row.local.system)?,
            session.intern(&row.stream)?,
            session.intern_entity(&row.local.entity)?,
            row.local.key,
            MasterKey::to_write(tenant, row.master_id)?.0,
            session.intern(&row.mapping)?,
            row.position.drop.cast_signed(),
            row.position.ordinal.cast_signed(),
            nanoseconds(row.observed_at),
            row.removed,
            row.asserted,
            row.residue,
            row.document,
        ])?;
    }
    Ok(())
}

fn match_keys(session: &Session<'_>, tenant: i64, writes: &[MatchKeysWrite]) -> Result<(), Failure> {
    let mut delete = session.prepare("DELETE FROM match_keys WHERE tenant = ?1 AND key = ?2 AND master = ?3")?;
    let mut insert =
        session.prepare("INSERT INTO match_keys (tenant, key, master) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?;
    for write in writes {
        let master = MasterKey::to_write(tenant, write.master_id)?.0;
        for key in &write.remove {
            delete.execute(params![tenant, key, master])?;
        }
        for key in &write.add {
            insert.execute(params![tenant, key, master])?;
        }
    }
    Ok(())
}

fn waiting(session: &Session<'_>, tenant: i64, rows: &[WaitingRow]) -> Result<(), Failure> {
    let mut insert = session.prepare(
        "INSERT INTO waiting (tenant, needs_system, needs_entity, needs_key, system, entity, key, stream, drop_number,
                              ordinal, since, event)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for row in rows {
        insert.execute(params![
            tenant,
            session.intern(&row.needs.system)?,
            session.intern_entity(&row.needs.entity)?,
            row.needs.key,
            session.intern(&row.local.system)?,
            session.intern_entity(&row.local.entity)?,
            row.local.key,
            session.intern(&row.stream)?,
            row.position.drop.cast_signed(),
            row.position.ordinal.cast_signed(),
            nanoseconds(row.since),
            row.event,
        ])?;
    }
    Ok(())
}
