//! Who is who, on PostgreSQL.
//!
//! Whoever decides who is who in a tenant holds one lock from the first statement to the commit
//! ([`lock_matching`](MatchResolution::lock_matching)), so nothing that is read here needs a lock of its own. Crosswalk rows
//! do: the end of a delivery writes them as well.
//!
//! Rows are found key by key: sessions keep the plans that were made while the tables were empty, and those must not walk
//! over a table that has grown.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use master::MasterId;
use master::matching::{BlockingKey, Posting, RecordNumber};
use tokio_postgres::Row;

use super::PostgresStore;
use super::failure::Failure;
use super::masters::keys as master_keys;
use super::operate::reading;
use super::resolution::PostgresResolution;
use super::rows::{self, crosswalk_columns, get, number, optional_number, told, told_opt};
use super::text::kept;
use super::transaction::{Transaction, transaction};
use super::words::Words;
use crate::contract::matching::{unpack_keys, unpack_links};
use crate::value::{Coded, MasterKey, nanoseconds, time};
use crate::{
    CrosswalkRow, Judgement, JudgementKind, KeptModel, LocalKey, MatchRecord, MatchResolution, MatchStore, Regrouping,
    StoreError,
};

mod write;

pub(super) use self::write::write;

/// The record number that stands under a key which leads nowhere.
const COMMON: RecordNumber = 0;

/// The columns that [`record`] reads, of `match_records` as m.
macro_rules! record_columns {
    () => {
        "m.record, m.system, m.key, m.master, m.home, m.evidence, m.common, \
         (SELECT l.links FROM match_links l WHERE l.record = m.record)"
    };
}

/// The columns that [`judgement`] reads, of `judgements` as j.
macro_rules! judgement_columns {
    () => {
        "j.number, j.at, j.kind, j.by, j.reason, j.model, j.master, j.other, j.lefts, j.rights, j.undoes, \
         EXISTS (SELECT 1 FROM judgements u WHERE u.undoes = j.number AND u.tenant = j.tenant)"
    };
}

fn record(words: &Words, row: &Row) -> Result<MatchRecord, Failure> {
    let bytes = |column| Ok::<_, Failure>(get::<Option<&[u8]>>(row, column)?.unwrap_or_default());
    Ok(MatchRecord {
        number: MasterKey(get(row, 0)?).id().0,
        local: LocalKey {
            system: words.text(get(row, 1)?)?,
            entity: canonical::entity::Entity::Customer,
            key: told(row, 2)?,
        },
        master_id: MasterKey(get(row, 3)?).id(),
        home: MasterKey(get(row, 4)?).id(),
        evidence: get(row, 5)?,
        common: unpack_keys(bytes(6)?),
        links: unpack_links(bytes(7)?),
    })
}

fn judgement(row: &Row) -> Result<Judgement, Failure> {
    let side = |column| -> Result<Vec<RecordNumber>, Failure> { Ok(serde_json::from_str(get(row, column)?)?) };
    let model = get::<Option<i64>>(row, 5)?.map(model_number).transpose()?;
    Ok(Judgement {
        number: number(row, 0)?,
        at: time(get(row, 1)?),
        kind: JudgementKind::from_column(get(row, 2)?)?,
        by: told_opt(row, 3)?,
        reason: told_opt(row, 4)?,
        model,
        master_id: MasterKey(get(row, 6)?).id(),
        other: get::<Option<i64>>(row, 7)?.map(|key| MasterKey(key).id()),
        left: side(8)?,
        right: side(9)?,
        undoes: optional_number(row, 10)?,
        is_undone: get(row, 11)?,
    })
}

fn judgements(rows: &[Row]) -> Result<Vec<Judgement>, Failure> {
    rows.iter().map(judgement).collect()
}

fn model_number(column: i64) -> Result<u32, Failure> {
    u32::try_from(column).map_err(|_| Failure::internal(format!("a model has the number {column}")))
}

/// At most so many rows.
fn limit(count_max: usize) -> i64 {
    i64::try_from(count_max).unwrap_or(i64::MAX)
}

/// The packed keys of records, which are named like masters; those that none of this store can have are passed over.
fn record_keys(tenant: i64, numbers: &[RecordNumber]) -> Vec<i64> {
    numbers.iter().filter_map(|number| MasterKey::pack(tenant, MasterId(*number))).map(|key| key.0).collect()
}

const RECORDS_OF: &str = concat!("SELECT ", record_columns!(), " FROM match_records m WHERE m.master = ANY($1)");

impl PostgresResolution {
    async fn try_match_records(&self, sql: &'static str, keys: Vec<i64>) -> Result<Vec<MatchRecord>, Failure> {
        let found = self.transaction().query(sql, &[&keys]).await?;
        self.core().read(&found, record).await
    }

    async fn try_postings(&self, keys: &[BlockingKey], count_max: usize) -> Result<Vec<Posting>, Failure> {
        // The limit is within each key: of those that many records have, nobody wants all.
        let sql = "SELECT k.place, b.record FROM unnest($1::bigint[]) WITH ORDINALITY AS k(key, place)
             CROSS JOIN LATERAL (SELECT record FROM blocking WHERE key = k.key AND record BETWEEN $2 AND $3
                                 ORDER BY record LIMIT $4) AS b
             ORDER BY k.place, b.record";
        let columns: Vec<i64> = keys.iter().map(|key| key.0.cast_signed()).collect();
        let (first, last) = MasterKey::range(self.tenant());
        let limit = limit(count_max).saturating_add(1);
        let found = self.transaction().query(sql, &[&columns, &first, &last, &limit]).await?;
        let mut postings = vec![Posting::Records(Vec::new()); keys.len()];
        for row in &found {
            let place = usize::try_from(get::<i64>(row, 0)?).unwrap_or_default();
            let Some(posting) = postings.get_mut(place.wrapping_sub(1)) else { continue };
            match MasterKey(get(row, 1)?).id().0 {
                COMMON => *posting = Posting::Common,
                record => {
                    if let Posting::Records(records) = posting {
                        records.push(record);
                    }
                }
            }
        }
        Ok(postings)
    }

    async fn try_judgements_of(&self, records: &[RecordNumber]) -> Result<Vec<Judgement>, Failure> {
        // Mostly nobody judged anything, and then no record needs to be looked up.
        const READ: &str = concat!(
            "SELECT ",
            judgement_columns!(),
            " FROM judgements j
             WHERE j.tenant = $2 AND NOT EXISTS (SELECT 1 FROM judgements u WHERE u.undoes = j.number AND u.tenant = j.tenant)
                AND j.number = ANY (ARRAY(
                    SELECT g.judgement FROM unnest($1::bigint[]) AS r(record)
                    CROSS JOIN LATERAL (SELECT judgement FROM judged WHERE record = r.record) AS g
                    WHERE EXISTS (SELECT 1 FROM judged)))
             ORDER BY j.number"
        );
        let keys = record_keys(self.tenant(), records);
        judgements(&self.transaction().query(READ, &[&keys, &self.tenant()]).await?)
    }

    async fn try_judgement(&self, number: u64) -> Result<Option<Judgement>, Failure> {
        const READ: &str =
            concat!("SELECT ", judgement_columns!(), " FROM judgements j WHERE j.number = $1 AND j.tenant = $2");
        let found = self.transaction().query_opt(READ, &[&number.cast_signed(), &self.tenant()]).await?;
        found.as_ref().map(judgement).transpose()
    }

    /// Holds the rows that it tells: what the end of a delivery notes in them until the commit would be lost.
    async fn try_crosswalk_of(&mut self, ids: &[MasterId]) -> Result<Vec<(CrosswalkRow, MasterId)>, Failure> {
        const READ: &str = concat!(
            "SELECT c.* FROM unnest($1::bigint[]) AS k(id) CROSS JOIN LATERAL (
                 SELECT ",
            crosswalk_columns!(),
            ", coalesce(home, master) AS first FROM crosswalk WHERE master = k.id
                 UNION ALL SELECT ",
            crosswalk_columns!(),
            ", home FROM crosswalk WHERE home = k.id AND master <> k.id) AS c"
        );
        let keys = master_keys(self.tenant(), ids);
        let mut held: HashSet<LocalKey> = HashSet::new();
        // Read again under the locks; only a row that came meanwhile makes another round.
        loop {
            let found = self.transaction().query(READ, &[&keys]).await?;
            let first = |row: &Row| Ok::<_, Failure>(MasterKey(row.try_get("first")?).id());
            let found = self.core().read(&found, |words, row| Ok((rows::crosswalk(words, row)?, first(row)?))).await?;
            let found: BTreeMap<LocalKey, (CrosswalkRow, MasterId)> =
                found.into_iter().map(|row| (row.0.local.clone(), row)).collect();
            let free: Vec<LocalKey> = found.keys().filter(|local| !held.contains(*local)).cloned().collect();
            if free.is_empty() {
                return Ok(found.into_values().collect());
            }
            self.lock_records(&free).await?;
            held.extend(free);
        }
    }

    async fn try_documents_of(
        &self,
        customers: &[Regrouping],
        count_max: usize,
    ) -> Result<Vec<Vec<MasterId>>, Failure> {
        // The condition of the index, word for word: it has no row for the customers themselves.
        let sql =
            "SELECT k.place, m.master FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS k(root, after, place)
             CROSS JOIN LATERAL (SELECT master FROM masters
                 WHERE root = k.root AND root <> (master & 1099511627775) AND master > k.after AND master <= $3
                 ORDER BY master LIMIT $4) AS m
             ORDER BY k.place, m.master";
        let (_, last) = MasterKey::range(self.tenant());
        let after = |one: &Regrouping| MasterKey::pack(self.tenant(), one.after).map_or(i64::MAX, |key| key.0);
        let after: Vec<i64> = customers.iter().map(after).collect();
        let roots: Vec<i64> = customers.iter().map(|one| one.master_id.0.cast_signed()).collect();
        let found = self.transaction().query(sql, &[&roots, &after, &last, &limit(count_max)]).await?;
        let mut documents = vec![Vec::new(); customers.len()];
        for row in &found {
            let place = usize::try_from(get::<i64>(row, 0)?).unwrap_or_default();
            if let Some(documents) = documents.get_mut(place.wrapping_sub(1)) {
                documents.push(MasterKey(get(row, 1)?).id());
            }
        }
        Ok(documents)
    }

    async fn try_open_tasks(&self, code: &str, ids: &[MasterId]) -> Result<Vec<String>, Failure> {
        let sql = "SELECT t.subject FROM unnest($1::bigint[]) AS k(id) CROSS JOIN LATERAL (
                 SELECT subject FROM tasks WHERE master = k.id AND code = $2 AND closed_at IS NULL
                 UNION ALL SELECT subject FROM tasks WHERE other = k.id AND code = $2 AND closed_at IS NULL) AS t";
        let keys = master_keys(self.tenant(), ids);
        let found = self.transaction().query(sql, &[&keys, &kept(code)]).await?;
        let each = found.iter().map(|row| told(row, 0)).collect::<Result<BTreeSet<String>, Failure>>()?;
        Ok(each.into_iter().collect())
    }
}

#[async_trait]
impl MatchResolution for PostgresResolution {
    async fn lock_matching(&mut self) -> Result<(), StoreError> {
        let outcome = self.hold_matching().await;
        self.told(outcome)
    }

    async fn match_records(&mut self, numbers: &[RecordNumber]) -> Result<Vec<MatchRecord>, StoreError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        const READ: &str = concat!("SELECT ", record_columns!(), " FROM match_records m WHERE m.record = ANY($1)");
        let outcome = self.try_match_records(READ, record_keys(self.tenant(), numbers)).await;
        self.told(outcome)
    }

    async fn match_records_of(&mut self, ids: &[MasterId]) -> Result<Vec<MatchRecord>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = self.try_match_records(RECORDS_OF, master_keys(self.tenant(), ids)).await;
        self.told(outcome)
    }

    async fn postings(&mut self, keys: &[BlockingKey], count_max: usize) -> Result<Vec<Posting>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = self.try_postings(keys, count_max).await;
        self.told(outcome)
    }

    async fn judgements_of(&mut self, records: &[RecordNumber]) -> Result<Vec<Judgement>, StoreError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = self.try_judgements_of(records).await;
        self.told(outcome)
    }

    async fn judgement(&mut self, number: u64) -> Result<Option<Judgement>, StoreError> {
        let outcome = self.try_judgement(number).await;
        self.told(outcome)
    }

    async fn crosswalk_of(&mut self, ids: &[MasterId]) -> Result<Vec<(CrosswalkRow, MasterId)>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = self.try_crosswalk_of(ids).await;
        self.told(outcome)
    }

    async fn documents_of(
        &mut self,
        customers: &[Regrouping],
        count_max: usize,
    ) -> Result<Vec<Vec<MasterId>>, StoreError> {
        if customers.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = self.try_documents_of(customers, count_max).await;
        self.told(outcome)
    }

    async fn open_tasks(&mut self, code: &str, ids: &[MasterId]) -> Result<Vec<String>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = self.try_open_tasks(code, ids).await;
        self.told(outcome)
    }
}

#[async_trait]
impl MatchStore for PostgresStore {
    async fn match_records_of(&self, tenant: &str, ids: &[MasterId]) -> Result<Vec<MatchRecord>, StoreError> {
        reading!(self, |tx| records_of(&tx, tenant, ids))
    }

    async fn match_records_after(
        &self,
        tenant: &str,
        after: RecordNumber,
        count_max: usize,
    ) -> Result<Vec<MatchRecord>, StoreError> {
        reading!(self, |tx| records_after(&tx, tenant, after, count_max))
    }

    async fn judgements(&self, tenant: &str, ids: &[MasterId], count_max: usize) -> Result<Vec<Judgement>, StoreError> {
        reading!(self, |tx| judgements_about(&tx, tenant, ids, count_max))
    }

    async fn regroupings(&self, tenant: &str, count_max: usize) -> Result<Vec<Regrouping>, StoreError> {
        reading!(self, |tx| regroupings(&tx, tenant, count_max))
    }

    async fn match_model(&self, tenant: &str, above: u32) -> Result<Option<(u32, Arc<str>)>, StoreError> {
        reading!(self, |tx| match_model(&tx, tenant, above))
    }

    async fn match_models(&self, tenant: &str, count_max: usize) -> Result<Vec<KeptModel>, StoreError> {
        reading!(self, |tx| match_models(&tx, tenant, count_max))
    }

    async fn add_match_model(&self, tenant: &str, number: u32, model: &str, at: Timestamp) -> Result<(), StoreError> {
        // Told here and not within the transaction, which is done again when others came first.
        match transaction!(self, |tx| add_match_model(&tx, tenant, number, model, at))? {
            true => Ok(()),
            false => Err(StoreError::Conflict(format!("there is a model {number} already"))),
        }
    }
}

async fn records_of(tx: &Transaction, tenant: &str, ids: &[MasterId]) -> Result<Vec<MatchRecord>, Failure> {
    let Some(tenant) = tx.core().id(tenant).await? else { return Ok(Vec::new()) };
    let found = tx.query(RECORDS_OF, &[&master_keys(tenant, ids)]).await?;
    let mut found = tx.core().read(&found, record).await?;
    found.sort_unstable_by_key(|record| record.number);
    Ok(found)
}

async fn records_after(
    tx: &Transaction,
    tenant: &str,
    after: RecordNumber,
    count_max: usize,
) -> Result<Vec<MatchRecord>, Failure> {
    const READ: &str = concat!(
        "SELECT ",
        record_columns!(),
        " FROM match_records m WHERE m.record > $1 AND m.record <= $2 ORDER BY m.record LIMIT $3"
    );
    let Some(tenant) = tx.core().id(tenant).await? else { return Ok(Vec::new()) };
    let Some(after) = MasterKey::pack(tenant, MasterId(after)) else { return Ok(Vec::new()) };
    let (_, last) = MasterKey::range(tenant);
    let found = tx.query(READ, &[&after.0, &last, &limit(count_max)]).await?;
    tx.core().read(&found, record).await
}

async fn judgements_about(
    tx: &Transaction,
    tenant: &str,
    ids: &[MasterId],
    count_max: usize,
) -> Result<Vec<Judgement>, Failure> {
    const ALL: &str = concat!(
        "SELECT ",
        judgement_columns!(),
        " FROM judgements j WHERE j.tenant = $1 ORDER BY j.number DESC LIMIT $2"
    );
    const ABOUT: &str = concat!(
        "SELECT ",
        judgement_columns!(),
        " FROM judgements j
         WHERE j.number = ANY (ARRAY(
             SELECT g.number FROM unnest($1::bigint[]) AS k(id) CROSS JOIN LATERAL (
                 SELECT number FROM judgements WHERE master = k.id
                 UNION ALL SELECT number FROM judgements WHERE other = k.id) AS g))
         ORDER BY j.number DESC LIMIT $2"
    );
    let Some(tenant) = tx.core().id(tenant).await? else { return Ok(Vec::new()) };
    let found = match ids {
        [] => tx.query(ALL, &[&tenant, &limit(count_max)]).await?,
        ids => tx.query(ABOUT, &[&master_keys(tenant, ids), &limit(count_max)]).await?,
    };
    judgements(&found)
}

async fn regroupings(tx: &Transaction, tenant: &str, count_max: usize) -> Result<Vec<Regrouping>, Failure> {
    let Some(tenant) = tx.core().id(tenant).await? else { return Ok(Vec::new()) };
    let (first, last) = MasterKey::range(tenant);
    let sql = "SELECT master, after FROM regroupings WHERE master BETWEEN $1 AND $2 ORDER BY master LIMIT $3";
    let found = tx.query(sql, &[&first, &last, &limit(count_max)]).await?;
    let one = |row| Ok(Regrouping { master_id: MasterKey(get(row, 0)?).id(), after: MasterId(number(row, 1)?) });
    found.iter().map(one).collect()
}

async fn match_model(tx: &Transaction, tenant: &str, above: u32) -> Result<Option<(u32, Arc<str>)>, Failure> {
    let Some(tenant) = tx.core().id(tenant).await? else { return Ok(None) };
    let sql = "SELECT number, model FROM match_models WHERE tenant = $1 AND number > $2 ORDER BY number DESC LIMIT 1";
    let Some(row) = tx.query_opt(sql, &[&tenant, &i64::from(above)]).await? else { return Ok(None) };
    Ok(Some((model_number(get(&row, 0)?)?, get::<&str>(&row, 1)?.into())))
}

async fn match_models(tx: &Transaction, tenant: &str, count_max: usize) -> Result<Vec<KeptModel>, Failure> {
    let Some(tenant) = tx.core().id(tenant).await? else { return Ok(Vec::new()) };
    let sql = "SELECT number, at, model FROM match_models WHERE tenant = $1 ORDER BY number DESC LIMIT $2";
    let found = tx.query(sql, &[&tenant, &limit(count_max)]).await?;
    let one = |row| {
        let number = model_number(get(row, 0)?)?;
        Ok(KeptModel { number, at: time(get(row, 1)?), model: get::<&str>(row, 2)?.into() })
    };
    found.iter().map(one).collect()
}

/// Whether there was none of this number yet.
async fn add_match_model(
    tx: &Transaction,
    tenant: &str,
    number: u32,
    model: &str,
    at: Timestamp,
) -> Result<bool, Failure> {
    let tenant = tx.core().intern_one(tenant).await?;
    let sql = "INSERT INTO match_models (tenant, number, at, model) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    Ok(tx.execute(sql, &[&tenant, &i64::from(number), &nanoseconds(at), &model]).await? > 0)
}
