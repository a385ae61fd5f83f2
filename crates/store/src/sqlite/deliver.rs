//! Deliver on SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use master::MasterId;
use rusqlite::{OptionalExtension, params};

use super::SqliteStore;
use super::dictionary::Session;
use super::failure::Failure;
use super::resolve::OutboxNumbers;
use super::rows;
use super::value::{Coded, MasterKey, nanoseconds, time};
use super::{line, masters, tasks, write};
use crate::value::RowWriter;
use crate::{Attempt, CrosswalkRow, DeliverStore, Delivered, Held, JournalEntry, JournalKind, StoreError, TargetState};

#[async_trait]
impl DeliverStore for SqliteStore {
    async fn held(&self, tenant: &str, system: &str, ids: &[MasterId]) -> Result<Vec<Held>, StoreError> {
        let (tenant, system, ids) = (tenant.to_owned(), system.to_owned(), ids.to_vec());
        self.core.read(move |session| held(session, &tenant, &system, &ids)).await
    }

    async fn local_keys(
        &self,
        tenant: &str,
        system: &str,
        ids: &[MasterId],
    ) -> Result<Vec<Option<String>>, StoreError> {
        let (tenant, system, ids) = (tenant.to_owned(), system.to_owned(), ids.to_vec());
        self.core.read(move |session| local_keys(session, &tenant, &system, &ids)).await
    }

    async fn begin_attempt(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let attempt = attempt.clone();
        self.core.write(self.fence.as_ref(), move |session| begin_attempt(session, &attempt)).await
    }

    async fn open_attempts(&self, tenant: &str, system: &str) -> Result<Vec<Attempt>, StoreError> {
        let (tenant, system) = (tenant.to_owned(), system.to_owned());
        self.core.read(move |session| open_attempts(session, &tenant, &system)).await
    }

    async fn finish_attempt(
        &self,
        tenant: &str,
        system: &str,
        batch: Option<&str>,
        end: Delivered,
    ) -> Result<(), StoreError> {
        end.require_keys()?;
        let (tenant, system, batch) = (tenant.to_owned(), system.to_owned(), batch.map(str::to_owned));
        let finish = move |session: &Session<'_>, outbox: &mut OutboxNumbers| {
            finish_attempt(session, outbox, &tenant, &system, batch.as_deref(), &end)
        };
        if self.core.write_changes(self.fence.as_ref(), finish).await? {
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
        let (tenant, system, reason) = (tenant.to_owned(), system.to_owned(), reason.map(str::to_owned));
        self.core
            .write(self.fence.as_ref(), move |session| {
                set_target_state(session, &tenant, &system, state, reason.as_deref(), at)
            })
            .await
    }

    async fn target_state(&self, tenant: &str, system: &str) -> Result<TargetState, StoreError> {
        let (tenant, system) = (tenant.to_owned(), system.to_owned());
        self.core.read(move |session| target_state(session, &tenant, &system)).await
    }
}

fn held(session: &Session<'_>, tenant: &str, system: &str, ids: &[MasterId]) -> Result<Vec<Held>, Failure> {
    let nothing = || Held { master: None, crosswalk: Vec::new(), sources: Vec::new(), blocked: false };
    let Some(tenant) = session.id(tenant)? else { return Ok(ids.iter().map(|_| nothing()).collect()) };
    let mut crosswalk =
        session.prepare(&format!("SELECT {} FROM crosswalk WHERE master = ?1 AND system = ?2", rows::CROSSWALK))?;
    let mut sources =
        session.prepare(&format!("SELECT {} FROM sources WHERE master = ?1 AND system = ?2", rows::SOURCE))?;
    let system_id = session.id(system)?;
    let mut all = Vec::with_capacity(ids.len());
    for master in masters::read(session, tenant, ids)? {
        let mut held = Held { master, ..nothing() };
        all.push(nothing());
        let Some(master) = &held.master else { continue };
        let key = MasterKey::pack(tenant, master.master_id);
        held.blocked = line::holds_back(session, tenant, system, &master.root.to_string(), key)?;
        if let (Some(key), Some(system)) = (MasterKey::pack(tenant, master.master_id), system_id) {
            let mut found = crosswalk.query([key.0, system])?;
            while let Some(row) = found.next()? {
                held.crosswalk.push(rows::crosswalk(session, row)?);
            }
            let mut found = sources.query([key.0, system])?;
            while let Some(row) = found.next()? {
                held.sources.push(rows::source(session, row)?);
            }
        }
        held.crosswalk.sort_by(|a, b| a.local.cmp(&b.local));
        held.sources.sort_by(|a, b| (&a.stream, &a.local).cmp(&(&b.stream, &b.local)));
        if let Some(last) = all.last_mut() {
            *last = held;
        }
    }
    Ok(all)
}

fn local_keys(
    session: &Session<'_>,
    tenant: &str,
    system: &str,
    ids: &[MasterId],
) -> Result<Vec<Option<String>>, Failure> {
    let (Some(tenant), Some(system)) = (session.id(tenant)?, session.id(system)?) else {
        return Ok(vec![None; ids.len()]);
    };
    // Of several, the oldest: the one that other records of the system refer to.
    let mut select = session
        .prepare("SELECT key FROM crosswalk WHERE master = ?1 AND system = ?2 AND removed = 0 ORDER BY id LIMIT 1")?;
    ids.iter()
        .map(|id| {
            let Some(key) = MasterKey::pack(tenant, *id) else { return Ok(None) };
            Ok(select.query_row([key.0, system], |row| row.get(0)).optional()?)
        })
        .collect()
}

fn begin_attempt(session: &Session<'_>, attempt: &Attempt) -> Result<(), Failure> {
    let (tenant, system) = (session.intern(&attempt.tenant)?, session.intern(&attempt.system)?);
    let mut insert = session.prepare(
        "INSERT INTO attempts (tenant, system, batch, at, members) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (tenant, system, batch) DO NOTHING",
    )?;
    let members = serde_json::to_string(&attempt.members)?;
    insert.execute(params![tenant, system, attempt.batch, nanoseconds(attempt.at), members])?;
    Ok(())
}

fn open_attempts(session: &Session<'_>, tenant: &str, system: &str) -> Result<Vec<Attempt>, Failure> {
    let (Some(tenant_id), Some(system_id)) = (session.id(tenant)?, session.id(system)?) else { return Ok(Vec::new()) };
    let mut select =
        session.prepare("SELECT batch, at, members FROM attempts WHERE tenant = ?1 AND system = ?2 ORDER BY number")?;
    let mut found = select.query([tenant_id, system_id])?;
    let mut attempts = Vec::new();
    while let Some(row) = found.next()? {
        attempts.push(Attempt {
            batch: row.get(0)?,
            tenant: tenant.into(),
            system: system.into(),
            members: serde_json::from_str(row.get_ref(2)?.as_str()?)?,
            at: time(row.get(1)?),
        });
    }
    Ok(attempts)
}

/// Returns whether the outbox has more.
fn finish_attempt(
    session: &Session<'_>,
    outbox: &mut OutboxNumbers,
    tenant: &str,
    system: &str,
    batch: Option<&str>,
    end: &Delivered,
) -> Result<bool, Failure> {
    let (tenant, system) = (session.intern(tenant)?, session.intern(system)?);
    write::crosswalk(session, tenant, &end.crosswalk, RowWriter::Delivery { is_read: end.is_read })?;
    write::journal(session, tenant, &end.journal)?;
    write::parked(session, tenant, &end.parked)?;
    write::forget_parked(session, tenant, &end.unparked)?;
    tasks::ask(session, tenant, &end.tasks)?;
    count(session, tenant, system, &end.journal)?;
    if let Some(batch) = batch {
        believe_newer(session, tenant, system, batch, &end.crosswalk)?;
        session
            .prepare("DELETE FROM attempts WHERE tenant = ?1 AND system = ?2 AND batch = ?3")?
            .execute(params![tenant, system, batch])?;
    }
    line::release(session, outbox, tenant, &end.crosswalk, &end.parked)
}

/// What a system showed since the call began speaks for itself: the shadow of the call may be older.
fn believe_newer(
    session: &Session<'_>,
    tenant: i64,
    system: i64,
    batch: &str,
    rows: &[CrosswalkRow],
) -> Result<(), Failure> {
    let mut update = session.prepare(&format!(
        "UPDATE crosswalk SET holds = NULL,
             earlier = CASE WHEN holds IS NULL THEN earlier ELSE {} END
         WHERE key = ?1 AND system = ?2 AND entity = ?3 AND tenant = ?4 AND EXISTS (
             SELECT 1 FROM sources s JOIN attempts a ON a.tenant = ?4 AND a.system = ?2 AND a.batch = ?5
             WHERE s.key = ?1 AND s.system = ?2 AND s.entity = ?3 AND s.tenant = ?4 AND s.removed = 0
               AND s.observed_at >= a.at)",
        write::EARLIER_WITH_HOLDS
    ))?;
    for row in rows {
        update.execute(params![row.local.key, system, session.intern_entity(&row.local.entity)?, tenant, batch])?;
    }
    Ok(())
}

/// Keeps count of what a target took and refused.
fn count(session: &Session<'_>, tenant: i64, system: i64, journal: &[JournalEntry]) -> Result<(), Failure> {
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
    session
        .prepare(
            "INSERT INTO targets (tenant, system, delivered, refused, last_delivery) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (tenant, system) DO UPDATE SET
                 delivered = delivered + excluded.delivered, refused = refused + excluded.refused,
                 last_delivery = coalesce(max(excluded.last_delivery, last_delivery), excluded.last_delivery, last_delivery)",
        )?
        .execute(params![tenant, system, delivered, refused, last])?;
    Ok(())
}

fn set_target_state(
    session: &Session<'_>,
    tenant: &str,
    system: &str,
    state: TargetState,
    reason: Option<&str>,
    at: Timestamp,
) -> Result<(), Failure> {
    let (tenant, system) = (session.intern(tenant)?, session.intern(system)?);
    // Since when it has this state: saying it again changes the reason only.
    session
        .prepare(
            "INSERT INTO targets (tenant, system, state, reason, since) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (tenant, system) DO UPDATE SET
                 since = CASE WHEN state = excluded.state AND since IS NOT NULL THEN since ELSE excluded.since END,
                 state = excluded.state, reason = excluded.reason",
        )?
        .execute(params![tenant, system, state.code(), reason, nanoseconds(at)])?;
    Ok(())
}

fn target_state(session: &Session<'_>, tenant: &str, system: &str) -> Result<TargetState, Failure> {
    let (Some(tenant), Some(system)) = (session.id(tenant)?, session.id(system)?) else {
        return Ok(TargetState::default());
    };
    let mut select = session.prepare("SELECT state FROM targets WHERE tenant = ?1 AND system = ?2")?;
    let state: Option<i64> = select.query_row([tenant, system], |row| row.get(0)).optional()?;
    Ok(state.map(Coded::from_column).transpose()?.unwrap_or_default())
}
