//! Who is who, on SQLite.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use master::MasterId;
use master::matching::{Bits, BlockingKey, Posting, RecordNumber};
use rusqlite::{OptionalExtension, Row, params};

use super::SqliteStore;
use super::dictionary::Session;
use super::failure::Failure;
use super::resolution::SqliteResolution;
use super::rows;
use super::value::{Coded, MasterKey, nanoseconds, time};
use crate::contract::matching::{pack_keys, pack_links, unpack_keys, unpack_links};
use crate::{
    CrosswalkRow, Judgement, JudgementKind, KeptModel, LocalKey, MatchRecord, MatchResolution, MatchStore, MatchWrites,
    Regrouping, StoreError,
};

/// The record number that stands under a key which leads nowhere.
const COMMON: RecordNumber = 0;

/// Of `match_records` as m. Links stand apart: they change often, and rows of nothing else keep together.
const RECORD: &str = "m.record, m.system, m.key, m.master, m.home, m.evidence, m.common, \
     (SELECT links FROM match_links WHERE record = m.record)";

#[async_trait]
impl MatchResolution for SqliteResolution {
    /// A resolution has the one connection that writes.
    async fn lock_matching(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn match_records(&mut self, numbers: &[RecordNumber]) -> Result<Vec<MatchRecord>, StoreError> {
        let found = self
            .each(numbers, |session, tenant, numbers| {
                let mut select =
                    session.prepare(&format!("SELECT {RECORD} FROM match_records m WHERE m.record = ?1"))?;
                let one = |number: &RecordNumber| {
                    let Some(key) = MasterKey::pack(tenant, MasterId(*number)) else { return Ok(None) };
                    let mut found = select.query([key.0])?;
                    found.next()?.map(|row| record(session, row)).transpose()
                };
                numbers.iter().map(one).collect()
            })
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn match_records_of(&mut self, ids: &[MasterId]) -> Result<Vec<MatchRecord>, StoreError> {
        let found = self.each(ids, records_of).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn postings(&mut self, keys: &[BlockingKey], count_max: usize) -> Result<Vec<Posting>, StoreError> {
        let found: Vec<Option<Posting>> = self
            .each(keys, move |session, tenant, keys| {
                let mut select = session.prepare(
                    "SELECT record FROM blocking WHERE key = ?1 AND record BETWEEN ?2 AND ?3 ORDER BY record LIMIT ?4",
                )?;
                let (first, last) = MasterKey::range(tenant);
                let limit = i64::try_from(count_max).unwrap_or(i64::MAX).saturating_add(1);
                let one = |key: &BlockingKey| {
                    let found = select.query_map(params![key.0.cast_signed(), first, last, limit], |row| {
                        Ok(MasterKey(row.get(0)?).id().0)
                    })?;
                    let records = found.collect::<Result<Vec<RecordNumber>, _>>()?;
                    let is_common = records.first() == Some(&COMMON);
                    Ok(Some(if is_common { Posting::Common } else { Posting::Records(records) }))
                };
                keys.iter().map(one).collect()
            })
            .await?;
        Ok(found.into_iter().map(|posting| posting.unwrap_or(Posting::Records(Vec::new()))).collect())
    }

    async fn judgements_of(&mut self, records: &[RecordNumber]) -> Result<Vec<Judgement>, StoreError> {
        let found = self
            .each(records, |session, tenant, records| {
                if !session.prepare("SELECT 1 FROM judged LIMIT 1")?.exists([])? {
                    return Ok(vec![Vec::new(); records.len()]);
                }
                let mut select = session.prepare(&format!(
                    "SELECT {JUDGEMENT} FROM judged r JOIN judgements j ON j.number = r.judgement
                     WHERE r.record = ?1 AND NOT EXISTS (
                         SELECT 1 FROM judgements u WHERE u.undoes = j.number AND u.tenant = j.tenant)"
                ))?;
                let one = |number: &RecordNumber| {
                    let Some(key) = MasterKey::pack(tenant, MasterId(*number)) else { return Ok(Vec::new()) };
                    judgements(&mut select.query([key.0])?)
                };
                records.iter().map(one).collect()
            })
            .await?;
        let sorted: BTreeMap<u64, Judgement> = found.into_iter().flatten().map(|one| (one.number, one)).collect();
        Ok(sorted.into_values().collect())
    }

    async fn judgement(&mut self, number: u64) -> Result<Option<Judgement>, StoreError> {
        let found = self
            .each(&[number], |session, tenant, numbers| {
                let sql = format!("SELECT {JUDGEMENT} FROM judgements j WHERE j.number = ?1 AND j.tenant = ?2");
                let mut select = session.prepare(&sql)?;
                numbers
                    .iter()
                    .map(|number| judgements(&mut select.query(params![number.cast_signed(), tenant])?))
                    .collect::<Result<Vec<_>, _>>()
            })
            .await?;
        Ok(found.into_iter().flatten().next())
    }

    async fn crosswalk_of(&mut self, ids: &[MasterId]) -> Result<Vec<(CrosswalkRow, MasterId)>, StoreError> {
        let found = self
            .each(ids, |session, tenant, ids| {
                let columns = rows::CROSSWALK;
                let mut select = session.prepare(&format!(
                    "SELECT {columns}, coalesce(home, master) AS first FROM crosswalk WHERE master = ?1
                     UNION ALL SELECT {columns}, home FROM crosswalk WHERE home = ?1 AND master <> ?1"
                ))?;
                let one = |id: &MasterId| {
                    let Some(key) = MasterKey::pack(tenant, *id) else { return Ok(Vec::new()) };
                    let mut found = select.query([key.0])?;
                    let mut crosswalk = Vec::new();
                    while let Some(row) = found.next()? {
                        crosswalk.push((rows::crosswalk(session, row)?, MasterKey(row.get("first")?).id()));
                    }
                    Ok(crosswalk)
                };
                ids.iter().map(one).collect()
            })
            .await?;
        let each: BTreeMap<LocalKey, (CrosswalkRow, MasterId)> =
            found.into_iter().flatten().map(|row| (row.0.local.clone(), row)).collect();
        Ok(each.into_values().collect())
    }

    async fn documents_of(
        &mut self,
        customers: &[Regrouping],
        count_max: usize,
    ) -> Result<Vec<Vec<MasterId>>, StoreError> {
        self.each(customers, move |session, tenant, customers| {
            let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
            let (_, last) = MasterKey::range(tenant);
            // The condition of the index, word for word: it has no row for the customers themselves.
            let mut select = session.prepare(
                "SELECT master FROM masters WHERE root = ?1 AND root <> (master & 1099511627775)
                     AND master > ?2 AND master <= ?3 ORDER BY master LIMIT ?4",
            )?;
            let one = |customer: &Regrouping| {
                let Some(after) = MasterKey::pack(tenant, customer.after) else { return Ok(Vec::new()) };
                let root = customer.master_id.0.cast_signed();
                let found =
                    select.query_map(params![root, after.0, last, limit], |row| Ok(MasterKey(row.get(0)?).id()))?;
                Ok(found.collect::<Result<Vec<_>, _>>()?)
            };
            customers.iter().map(one).collect()
        })
        .await
    }

    async fn open_tasks(&mut self, code: &str, ids: &[MasterId]) -> Result<Vec<String>, StoreError> {
        let code = code.to_owned();
        let found = self
            .each(ids, move |session, tenant, ids| {
                let mut select = session.prepare(
                    "SELECT subject FROM tasks WHERE master = ?1 AND code = ?2 AND closed_at IS NULL
                     UNION ALL SELECT subject FROM tasks WHERE other = ?1 AND code = ?2 AND closed_at IS NULL",
                )?;
                let one = |id: &MasterId| {
                    let Some(key) = MasterKey::pack(tenant, *id) else { return Ok(Vec::new()) };
                    let found = select.query_map(params![key.0, code], |row| row.get::<_, String>(0))?;
                    Ok(found.collect::<Result<Vec<_>, _>>()?)
                };
                ids.iter().map(one).collect()
            })
            .await?;
        let each: BTreeSet<String> = found.into_iter().flatten().collect();
        Ok(each.into_iter().collect())
    }
}

#[async_trait]
impl MatchStore for SqliteStore {
    async fn match_records_of(&self, tenant: &str, ids: &[MasterId]) -> Result<Vec<MatchRecord>, StoreError> {
        let (tenant, ids) = (tenant.to_owned(), ids.to_vec());
        let read = move |session: &Session<'_>| {
            let Some(tenant) = session.id(&tenant)? else { return Ok(Vec::new()) };
            let mut found: Vec<MatchRecord> = records_of(session, tenant, &ids)?.into_iter().flatten().collect();
            found.sort_by_key(|record| record.number);
            Ok(found)
        };
        self.core.read(read).await
    }

    async fn match_records_after(
        &self,
        tenant: &str,
        after: RecordNumber,
        count_max: usize,
    ) -> Result<Vec<MatchRecord>, StoreError> {
        let tenant = tenant.to_owned();
        let read = move |session: &Session<'_>| {
            let Some(tenant) = session.id(&tenant)? else { return Ok(Vec::new()) };
            let Some(after) = MasterKey::pack(tenant, MasterId(after)) else { return Ok(Vec::new()) };
            let (_, last) = MasterKey::range(tenant);
            let mut select = session.prepare(&format!(
                "SELECT {RECORD} FROM match_records m WHERE m.record > ?1 AND m.record <= ?2 ORDER BY m.record LIMIT ?3"
            ))?;
            records(session, &mut select.query(params![after.0, last, i64::try_from(count_max).unwrap_or(i64::MAX)])?)
        };
        self.core.read(read).await
    }

    async fn judgements(&self, tenant: &str, ids: &[MasterId], count_max: usize) -> Result<Vec<Judgement>, StoreError> {
        let (tenant, ids) = (tenant.to_owned(), ids.to_vec());
        let read = move |session: &Session<'_>| {
            let Some(tenant) = session.id(&tenant)? else { return Ok(Vec::new()) };
            let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
            if ids.is_empty() {
                let sql =
                    format!("SELECT {JUDGEMENT} FROM judgements j WHERE j.tenant = ?1 ORDER BY j.number DESC LIMIT ?2");
                return judgements(&mut session.prepare(&sql)?.query(params![tenant, limit])?);
            }
            let mut select = session.prepare(&format!(
                "SELECT {JUDGEMENT} FROM judgements j
                 WHERE j.number IN (SELECT number FROM judgements WHERE master = ?1
                                    UNION SELECT number FROM judgements WHERE other = ?1)
                 ORDER BY j.number DESC LIMIT ?2"
            ))?;
            let mut found: BTreeMap<u64, Judgement> = BTreeMap::new();
            for key in ids.iter().filter_map(|id| MasterKey::pack(tenant, *id)) {
                let more = judgements(&mut select.query(params![key.0, limit])?)?;
                found.extend(more.into_iter().map(|one| (one.number, one)));
            }
            Ok(found.into_values().rev().take(count_max).collect())
        };
        self.core.read(read).await
    }

    async fn regroupings(&self, tenant: &str, count_max: usize) -> Result<Vec<Regrouping>, StoreError> {
        let tenant = tenant.to_owned();
        let read = move |session: &Session<'_>| {
            let Some(tenant) = session.id(&tenant)? else { return Ok(Vec::new()) };
            let (first, last) = MasterKey::range(tenant);
            let mut select = session.prepare(
                "SELECT master, after FROM regroupings WHERE master BETWEEN ?1 AND ?2 ORDER BY master LIMIT ?3",
            )?;
            let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
            let found = select.query_map(params![first, last, limit], |row| {
                let (master, after): (i64, i64) = (row.get(0)?, row.get(1)?);
                Ok(Regrouping { master_id: MasterKey(master).id(), after: MasterId(after.cast_unsigned()) })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        };
        self.core.read(read).await
    }

    async fn match_model(&self, tenant: &str, above: u32) -> Result<Option<(u32, Arc<str>)>, StoreError> {
        let tenant = tenant.to_owned();
        let read = move |session: &Session<'_>| {
            let Some(tenant) = session.id(&tenant)? else { return Ok(None) };
            let mut select = session.prepare(
                "SELECT number, model FROM match_models WHERE tenant = ?1 AND number > ?2 ORDER BY number DESC LIMIT 1",
            )?;
            Ok(select.query_row(params![tenant, above], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
        };
        self.core.read(read).await
    }

    async fn match_models(&self, tenant: &str, count_max: usize) -> Result<Vec<KeptModel>, StoreError> {
        let tenant = tenant.to_owned();
        let read = move |session: &Session<'_>| {
            let Some(tenant) = session.id(&tenant)? else { return Ok(Vec::new()) };
            let mut select = session.prepare(
                "SELECT number, at, model FROM match_models WHERE tenant = ?1 ORDER BY number DESC LIMIT ?2",
            )?;
            let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
            let found = select.query_map(params![tenant, limit], |row| {
                Ok(KeptModel { number: row.get(0)?, at: time(row.get(1)?), model: row.get(2)? })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        };
        self.core.read(read).await
    }

    async fn add_match_model(&self, tenant: &str, number: u32, model: &str, at: Timestamp) -> Result<(), StoreError> {
        let (tenant, model) = (tenant.to_owned(), model.to_owned());
        let write = move |session: &Session<'_>| {
            let tenant = session.intern(&tenant)?;
            let mut insert = session.prepare(
                "INSERT INTO match_models (tenant, number, at, model) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            )?;
            match insert.execute(params![tenant, number, nanoseconds(at), model])? {
                0 => Err(StoreError::Conflict(format!("there is a model {number} already")).into()),
                _ => Ok(()),
            }
        };
        self.core.write(self.fence.as_ref(), write).await
    }
}

fn records_of(session: &Session<'_>, tenant: i64, ids: &[MasterId]) -> Result<Vec<Vec<MatchRecord>>, Failure> {
    let mut select = session.prepare(&format!("SELECT {RECORD} FROM match_records m WHERE m.master = ?1"))?;
    let one = |id: &MasterId| {
        let Some(key) = MasterKey::pack(tenant, *id) else { return Ok(Vec::new()) };
        records(session, &mut select.query([key.0])?)
    };
    ids.iter().map(one).collect()
}

fn records(session: &Session<'_>, found: &mut rusqlite::Rows<'_>) -> Result<Vec<MatchRecord>, Failure> {
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        all.push(record(session, row)?);
    }
    Ok(all)
}

fn record(session: &Session<'_>, row: &Row<'_>) -> Result<MatchRecord, Failure> {
    let bytes = |column| Ok::<_, Failure>(row.get_ref(column)?.as_blob_or_null()?.unwrap_or_default());
    Ok(MatchRecord {
        number: MasterKey(row.get(0)?).id().0,
        local: LocalKey {
            system: session.text(row.get(1)?)?,
            entity: canonical::entity::Entity::Customer,
            key: row.get(2)?,
        },
        master_id: MasterKey(row.get(3)?).id(),
        home: MasterKey(row.get(4)?).id(),
        evidence: row.get(5)?,
        common: unpack_keys(bytes(6)?),
        links: unpack_links(bytes(7)?),
    })
}

/// Of `judgements` as j.
const JUDGEMENT: &str = "j.number, j.at, j.kind, j.by, j.reason, j.model, j.master, j.other, j.lefts, j.rights, j.undoes, \
     EXISTS (SELECT 1 FROM judgements u WHERE u.undoes = j.number AND u.tenant = j.tenant)";

fn judgements(found: &mut rusqlite::Rows<'_>) -> Result<Vec<Judgement>, Failure> {
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let side = |column| -> Result<Vec<RecordNumber>, Failure> {
            Ok(serde_json::from_str(row.get_ref(column)?.as_str()?)?)
        };
        all.push(Judgement {
            number: rows::number(row, 0)?,
            at: time(row.get(1)?),
            kind: JudgementKind::from_column(row.get(2)?)?,
            by: row.get(3)?,
            reason: row.get(4)?,
            model: row.get(5)?,
            master_id: MasterKey(row.get(6)?).id(),
            other: row.get::<_, Option<i64>>(7)?.map(|key| MasterKey(key).id()),
            left: side(8)?,
            right: side(9)?,
            undoes: row.get::<_, Option<i64>>(10)?.map(i64::cast_unsigned),
            is_undone: row.get(11)?,
        });
    }
    Ok(all)
}

/// Writes what a resolution decided about who is who.
pub(super) fn write(session: &Session<'_>, tenant: i64, writes: &MatchWrites) -> Result<(), Failure> {
    write_records(session, tenant, &writes.records)?;
    let of_records = writes.records.iter().map(|record| (record.number, &*record.links));
    let others = writes.links.iter().map(|(number, links)| (*number, &**links));
    write_links(session, tenant, of_records.chain(others))?;
    write_keys(session, tenant, writes)?;
    write_judgements(session, tenant, &writes.judgements)?;
    let mut begin = session.prepare(
        "INSERT INTO regroupings (master, after) VALUES (?1, 0) ON CONFLICT (master) DO UPDATE SET after = 0",
    )?;
    let mut go_on = session.prepare("UPDATE regroupings SET after = ?2 WHERE master = ?1")?;
    let mut end = session.prepare("DELETE FROM regroupings WHERE master = ?1")?;
    for (id, after) in &writes.regrouping {
        let master = MasterKey::to_write(tenant, *id)?.0;
        match after {
            Some(after) => go_on.execute(params![master, after.0.cast_signed()])?,
            None => end.execute([master])?,
        };
    }
    for id in &writes.regrouped {
        begin.execute([MasterKey::to_write(tenant, *id)?.0])?;
    }
    Ok(())
}

fn write_records(session: &Session<'_>, tenant: i64, records: &[MatchRecord]) -> Result<(), Failure> {
    let mut write = session.prepare(
        "INSERT INTO match_records (record, system, key, master, home, evidence, common)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (record) DO UPDATE SET
             key = excluded.key, master = excluded.master, evidence = excluded.evidence, common = excluded.common",
    )?;
    for record in records {
        write.execute(params![
            MasterKey::to_write(tenant, MasterId(record.number))?.0,
            session.intern(&record.local.system)?,
            record.local.key,
            MasterKey::to_write(tenant, record.master_id)?.0,
            MasterKey::to_write(tenant, record.home)?.0,
            record.evidence,
            (!record.common.is_empty()).then(|| pack_keys(&record.common)),
        ])?;
    }
    Ok(())
}

fn write_links<'w>(
    session: &Session<'_>,
    tenant: i64,
    links: impl Iterator<Item = (RecordNumber, &'w [(RecordNumber, Bits)])>,
) -> Result<(), Failure> {
    let mut write = session.prepare(
        "INSERT INTO match_links (record, links) VALUES (?1, ?2) ON CONFLICT (record) DO UPDATE SET links = excluded.links",
    )?;
    let mut forget = session.prepare("DELETE FROM match_links WHERE record = ?1")?;
    for (record, links) in links {
        let record = MasterKey::to_write(tenant, MasterId(record))?.0;
        match links {
            [] => forget.execute([record])?,
            links => write.execute(params![record, pack_links(links)])?,
        };
    }
    Ok(())
}

fn write_keys(session: &Session<'_>, tenant: i64, writes: &MatchWrites) -> Result<(), Failure> {
    let mut insert = session.prepare("INSERT INTO blocking (key, record) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    // In the order of the tree, so that a page is touched once.
    let mut keys: Vec<(i64, RecordNumber)> =
        writes.keys.iter().map(|(key, record)| (key.0.cast_signed(), *record)).collect();
    keys.sort_unstable();
    for (key, record) in keys {
        insert.execute([key, MasterKey::to_write(tenant, MasterId(record))?.0])?;
    }
    let mut forget = session.prepare("DELETE FROM blocking WHERE key = ?1 AND record BETWEEN ?2 AND ?3")?;
    let (first, last) = MasterKey::range(tenant);
    for key in &writes.common {
        let key = key.0.cast_signed();
        forget.execute([key, first, last])?;
        insert.execute([key, MasterKey::to_write(tenant, MasterId(COMMON))?.0])?;
    }
    Ok(())
}

fn write_judgements(session: &Session<'_>, tenant: i64, judgements: &[Judgement]) -> Result<(), Failure> {
    let mut insert = session.prepare(
        "INSERT INTO judgements (tenant, at, kind, by, reason, model, master, other, lefts, rights, undoes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let mut note = session.prepare("INSERT INTO judged (record, judgement) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    for one in judgements {
        insert.execute(params![
            tenant,
            nanoseconds(one.at),
            one.kind.code(),
            one.by,
            one.reason,
            one.model,
            MasterKey::to_write(tenant, one.master_id)?.0,
            one.other.map(|id| MasterKey::to_write(tenant, id)).transpose()?.map(|key| key.0),
            serde_json::to_string(&one.left)?,
            serde_json::to_string(&one.right)?,
            one.undoes.map(u64::cast_signed),
        ])?;
        if one.by.is_none() || one.kind == JudgementKind::Undo {
            continue;
        }
        let number = session.connection.last_insert_rowid();
        for record in one.left.iter().chain(&one.right) {
            note.execute([MasterKey::to_write(tenant, MasterId(*record))?.0, number])?;
        }
    }
    Ok(())
}
