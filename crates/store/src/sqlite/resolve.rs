//! Resolve on SQLite: beginning a resolution, the outbox, and what is kept in memory for both.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use jiff::Timestamp;
use master::MasterId;
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteStore;
use super::backlog;
use super::dictionary::Session;
use super::failure::Failure;
use super::resolution::SqliteResolution;
use super::rows;
use super::value::{MasterKey, nanoseconds, time};
use crate::{BacklogRow, OutboxRow, OutboxWrite, Reserved, Resolution, ResolveStore, StoreError};

#[async_trait]
impl ResolveStore for SqliteStore {
    async fn begin_resolve(&self, tenant: &str) -> Result<Box<dyn Resolution>, StoreError> {
        let writer = self.core.fenced_writer(self.fence.as_ref()).await?;
        Ok(Box::new(SqliteResolution::new(Arc::clone(&self.core), tenant, writer)))
    }

    async fn mapping_covers(&self, version: &str) -> Result<Option<Arc<[String]>>, StoreError> {
        if let Some(covers) = self.core.covers.get(version) {
            return Ok(Some(covers));
        }
        let asked = version.to_owned();
        let covers = self.core.read(move |session| mapping_covers(session, &asked)).await?;
        if let Some(covers) = &covers {
            self.core.covers.insert(version.into(), Arc::clone(covers));
        }
        Ok(covers)
    }

    async fn outbox(&self, count_max: usize) -> Result<Vec<OutboxRow>, StoreError> {
        self.core.read(move |session| outbox(session, count_max)).await
    }

    async fn outbox_count(&self) -> Result<(u64, Option<Timestamp>), StoreError> {
        self.core.read(outbox_count).await
    }

    async fn outbox_done(&self, rows: &[OutboxRow]) -> Result<(), StoreError> {
        let one = |row: &OutboxRow| (Arc::clone(&row.tenant), row.master.master_id, row.numbers.clone());
        let done: Vec<_> = rows.iter().map(one).collect();
        if done.is_empty() {
            return Ok(());
        }
        self.core.write(self.fence.as_ref(), move |session| outbox_done(session, &done)).await
    }

    async fn add_to_backlog(&self, system: &str, rows: &[OutboxRow]) -> Result<(), StoreError> {
        let system = system.to_owned();
        let masters: Vec<_> = rows.iter().map(|row| (Arc::clone(&row.tenant), row.master.master_id)).collect();
        self.core.write(self.fence.as_ref(), move |session| backlog::add(session, &system, &masters)).await
    }

    async fn backlog(&self, tenant: &str, system: &str, count_max: usize) -> Result<Vec<BacklogRow>, StoreError> {
        let (tenant, system) = (tenant.to_owned(), system.to_owned());
        self.core.read(move |session| backlog::read(session, &tenant, &system, count_max)).await
    }

    async fn backlog_count(&self, tenant: &str, system: &str) -> Result<u64, StoreError> {
        let (tenant, system) = (tenant.to_owned(), system.to_owned());
        self.core.read(move |session| backlog::count(session, &tenant, &system)).await
    }

    async fn backlog_done(&self, rows: &[BacklogRow]) -> Result<(), StoreError> {
        let places: Vec<_> = rows.iter().map(|row| row.place).collect();
        self.core.write(self.fence.as_ref(), move |session| backlog::done(session, &places)).await
    }

    async fn outbox_changed(&self) {
        self.core.outbox.notified().await;
    }
}

/// What mapping versions cover, as far as it was asked or saved.
#[derive(Default)]
pub(super) struct Covers(RwLock<HashMap<Arc<str>, Arc<[String]>>>);

impl Covers {
    fn get(&self, version: &str) -> Option<Arc<[String]>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(version).cloned()
    }

    pub fn insert(&self, version: Arc<str>, covers: Arc<[String]>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(version, covers);
    }
}

/// The next numbers of each tenant.
///
/// They are taken in memory and saved with the commit that uses them. Numbers of a resolution that was dropped are lost
/// for this process; after a restart they may come again, which nobody can notice, because nothing that lasts had them.
#[derive(Default)]
pub(super) struct Sequences(HashMap<Arc<str>, Next>);

#[derive(Clone, Copy)]
struct Next {
    master: u64,
    version: u64,
}

impl Sequences {
    /// Takes numbers.
    pub fn reserve(
        &mut self,
        connection: &Connection,
        tenant: &Arc<str>,
        masters: u64,
        versions: u64,
    ) -> Result<Reserved, Failure> {
        let next = match self.0.get(tenant) {
            Some(next) => *next,
            None => saved(connection, tenant)?.unwrap_or(Next { master: 1, version: 1 }),
        };
        let too_many = || Failure::internal("more numbers were asked for than there are");
        let after = Next {
            master: next.master.checked_add(masters).ok_or_else(too_many)?,
            version: next.version.checked_add(versions).ok_or_else(too_many)?,
        };
        self.0.insert(Arc::clone(tenant), after);
        Ok(Reserved { master_id: MasterId(next.master), version: next.version })
    }

    /// Saves what a tenant's next numbers are.
    pub fn save(&self, session: &Session<'_>, tenant: &str, tenant_id: i64) -> Result<(), Failure> {
        let Some(next) = self.0.get(tenant) else { return Ok(()) };
        let mut write = session.prepare(
            "INSERT INTO sequences (tenant, master, version) VALUES (?1, ?2, ?3)
             ON CONFLICT (tenant) DO UPDATE SET master = excluded.master, version = excluded.version",
        )?;
        write.execute([tenant_id, next.master.cast_signed(), next.version.cast_signed()])?;
        Ok(())
    }
}

fn saved(connection: &Connection, tenant: &str) -> Result<Option<Next>, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT s.master, s.version FROM sequences s JOIN words w ON w.id = s.tenant WHERE w.text = ?1",
    )?;
    let next = select.query_row([tenant], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).optional()?;
    Ok(next.map(|(master, version)| Next { master: master.cast_unsigned(), version: version.cast_unsigned() }))
}

/// See [`crate::ResolveStore::mapping_covers`].
pub(super) fn mapping_covers(session: &Session<'_>, version: &str) -> Result<Option<Arc<[String]>>, Failure> {
    let Some(version) = session.id(version)? else { return Ok(None) };
    let mut select = session.prepare("SELECT covers FROM mapping_versions WHERE version = ?1")?;
    let covers: Option<String> = select.query_row([version], |row| row.get(0)).optional()?;
    Ok(covers.map(|text| serde_json::from_str::<Vec<String>>(&text)).transpose()?.map(Arc::from))
}

fn outbox(session: &Session<'_>, count_max: usize) -> Result<Vec<OutboxRow>, Failure> {
    let sql = format!(
        "SELECT {}, o.number, o.systems FROM outbox o JOIN masters m ON m.master = o.master
         JOIN search_texts t ON t.master = o.master ORDER BY o.place LIMIT ?1",
        rows::MASTER
    );
    let mut select = session.prepare(&sql)?;
    let mut found = select.query([i64::try_from(count_max).unwrap_or(i64::MAX)])?;
    let mut changes = Vec::new();
    while let Some(row) = found.next()? {
        changes.push(OutboxRow {
            tenant: session.text(MasterKey(row.get(0)?).tenant())?,
            numbers: vec![rows::number(row, 8)?],
            systems: row.get_ref(9)?.as_str_or_null()?.map(|systems| system_words(session, systems)).transpose()?,
            master: rows::master(session, row)?,
        });
    }
    Ok(changes)
}

/// See [`crate::ResolveStore::outbox_count`].
fn outbox_count(session: &Session<'_>) -> Result<(u64, Option<Timestamp>), Failure> {
    let mut select = session.prepare("SELECT count(*), min(at) FROM outbox")?;
    let (count, oldest): (i64, Option<i64>) = select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((count.cast_unsigned(), oldest.map(time)))
}

/// Reads what [`write_outbox`] wrote: `,7,12,`.
fn system_words(session: &Session<'_>, systems: &str) -> Result<Vec<Arc<str>>, Failure> {
    let numbers = systems.split(',').filter(|number| !number.is_empty());
    numbers
        .map(|number| {
            let id = number.parse().map_err(|_| Failure::internal("an outbox row names no system"))?;
            session.text(id)
        })
        .collect()
}

/// Writes changes. A master that is on its way already keeps its place and takes the newest version; it goes to all
/// subscribers if any of its changes does.
pub(super) fn write_outbox(
    session: &Session<'_>,
    tenant: i64,
    numbers: &mut OutboxNumbers,
    changes: &[OutboxWrite],
) -> Result<(), Failure> {
    let at = nanoseconds(Timestamp::now());
    let mut insert = session.prepare(
        "INSERT INTO outbox (master, place, number, version, systems, at) VALUES (?1, ?2, ?2, ?3, ?4, ?5)
         ON CONFLICT (master) DO UPDATE SET
             version = max(version, excluded.version), number = excluded.number,
             systems = CASE WHEN systems IS NULL OR excluded.systems IS NULL THEN NULL
                            WHEN instr(systems, excluded.systems) > 0 THEN systems
                            ELSE systems || substr(excluded.systems, 2) END",
    )?;
    for change in changes {
        let systems = match &change.system {
            Some(system) => Some(format!(",{},", session.intern(system)?)),
            None => None,
        };
        let master = MasterKey::to_write(tenant, change.master_id)?.0;
        let number = numbers.next(session)?;
        insert.execute(params![master, number, change.version.cast_signed(), systems, at])?;
    }
    Ok(())
}

/// Numbers of outbox rows: no two changes of a process have the same one.
#[derive(Default)]
pub(super) struct OutboxNumbers(Option<i64>);

impl OutboxNumbers {
    fn next(&mut self, session: &Session<'_>) -> Result<i64, Failure> {
        let last = match self.0 {
            Some(last) => last,
            // Changes keep the place that they took first, so the latest number can be anywhere.
            None => session.prepare("SELECT coalesce(max(number), 0) FROM outbox")?.query_row([], |row| row.get(0))?,
        };
        self.0 = Some(last + 1);
        Ok(last + 1)
    }
}

/// A row that changed since it was read stays: its number is another.
fn outbox_done(session: &Session<'_>, done: &[(Arc<str>, MasterId, Vec<u64>)]) -> Result<(), Failure> {
    let mut delete = session.prepare("DELETE FROM outbox WHERE master = ?1 AND number = ?2")?;
    for (tenant, id, numbers) in done {
        let Some(tenant) = session.id(tenant)? else { continue };
        let Some(master) = MasterKey::pack(tenant, *id) else { continue };
        for number in numbers {
            delete.execute([master.0, number.cast_signed()])?;
        }
    }
    Ok(())
}
