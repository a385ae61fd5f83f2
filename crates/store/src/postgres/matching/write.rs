//! What a resolution writes about who is who: one statement per table, with the rows as arrays.

use std::collections::HashSet;

use master::MasterId;
use master::matching::{Bits, BlockingKey, RecordNumber};

use super::COMMON;
use crate::contract::matching::{pack_keys, pack_links};
use crate::postgres::failure::Failure;
use crate::postgres::pool::{Link, Parameter};
use crate::postgres::rows::number;
use crate::postgres::text::kept;
use crate::postgres::words::Words;
use crate::postgres::write::{column, last_of_each, optional_master, try_column};
use crate::value::{Coded, MasterKey, nanoseconds};
use crate::{Judgement, JudgementKind, MatchRecord, MatchWrites};

macro_rules! insert_records {
    () => {
        "INSERT INTO match_records (record, system, key, master, home, evidence, common)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::bytea[]) AS u"
    };
}
const RECORDS_NEW: &str = insert_records!();
const RECORDS: &str = concat!(
    insert_records!(),
    " ON CONFLICT (record) DO UPDATE SET
         key = excluded.key, master = excluded.master, evidence = excluded.evidence, common = excluded.common"
);

const LINKS_NEW: &str = "INSERT INTO match_links (record, links) SELECT * FROM unnest($1::bigint[], $2::bytea[]) AS u";
const LINKS: &str = "INSERT INTO match_links (record, links) SELECT * FROM unnest($1::bigint[], $2::bytea[]) AS u
     ON CONFLICT (record) DO UPDATE SET links = excluded.links";
const LINKS_GONE: &str = "DELETE FROM match_links WHERE record = ANY($1)";

const KEYS_NEW: &str = "INSERT INTO blocking (key, record) SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS u";
const KEYS: &str =
    "INSERT INTO blocking (key, record) SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS u ON CONFLICT DO NOTHING";

/// Key by key, and by the places of rows that are never updated, as where match keys are taken away.
const KEYS_GONE: &str = "DELETE FROM blocking WHERE ctid = ANY (ARRAY(
         SELECT b.ctid FROM unnest($1::bigint[]) AS k(key) CROSS JOIN LATERAL
             (SELECT ctid FROM blocking WHERE key = k.key AND record > $2 AND record <= $3) AS b))";

const JUDGEMENTS: &str =
    "INSERT INTO judgements (tenant, at, kind, by, reason, model, master, other, lefts, rights, undoes)
     SELECT $1::bigint, u.at, u.kind, u.by, u.reason, u.model, u.master, u.other, u.lefts, u.rights, u.undoes
     FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[],
                 $10::text[], $11::bigint[]) WITH ORDINALITY
         AS u(at, kind, by, reason, model, master, other, lefts, rights, undoes, place)
     ORDER BY u.place RETURNING number";
const JUDGED: &str = "INSERT INTO judged (record, judgement) SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS u ON CONFLICT DO NOTHING";

const REGROUPED: &str =
    "INSERT INTO regroupings (master, after) SELECT master, 0 FROM unnest($1::bigint[]) AS u(master)
     ON CONFLICT (master) DO UPDATE SET after = 0";
const REGROUPING_ENDED: &str = "DELETE FROM regroupings WHERE master = ANY($1)";
/// Customer by customer; those of whom nothing is to be looked at are passed over.
const REGROUPING: &str = "UPDATE regroupings r SET after = $2 WHERE r.master = $1";

/// Everything that [`write`] may send.
const STATEMENTS: &[&str] = &[
    RECORDS_NEW,
    RECORDS,
    LINKS_NEW,
    LINKS,
    LINKS_GONE,
    KEYS_NEW,
    KEYS,
    KEYS_GONE,
    JUDGEMENTS,
    JUDGED,
    REGROUPING_ENDED,
    REGROUPING,
    REGROUPED,
];

/// Writes what a resolution decided about who is who. Records for whom `is_new` says so were never written before.
pub(in crate::postgres) async fn write(
    link: &Link,
    words: &Words,
    tenant: i64,
    writes: &MatchWrites,
    is_new: &(dyn Fn(RecordNumber) -> bool + Sync),
) -> Result<(), Failure> {
    let MatchWrites { records: rows, links: changed, keys, common, judgements: decided, regrouped, regrouping } =
        writes;
    let is_empty = rows.is_empty() && changed.is_empty() && keys.is_empty() && common.is_empty();
    if is_empty && decided.is_empty() && regrouped.is_empty() && regrouping.is_empty() {
        return Ok(());
    }
    link.prepare(STATEMENTS).await?;
    let (new, known): (Vec<_>, Vec<_>) =
        last_of_each(rows, |record| record.number).into_iter().partition(|record| is_new(record.number));
    // Whoever is new and resembles nobody has no row.
    let resembling = new.iter().filter(|record| !record.links.is_empty());
    let links_new = resembling.map(|record| (record.number, &*record.links)).collect();
    let links_known = known.iter().map(|record| (record.number, &*record.links));
    let (links_gone, links_known): (Vec<_>, Vec<_>) = links_known
        .chain(changed.iter().map(|(number, links)| (*number, &**links)))
        .partition(|(_, links)| links.is_empty());
    futures::try_join!(
        links(link, tenant, LINKS_NEW, links_new),
        links(link, tenant, LINKS, links_known),
        forget_links(link, tenant, links_gone),
        records(link, words, tenant, RECORDS_NEW, new),
        records(link, words, tenant, RECORDS, known),
        blocking(link, tenant, keys, common, is_new),
        judgements(link, tenant, decided),
        regroup(link, tenant, regrouped, regrouping),
    )?;
    Ok(())
}

fn packed(tenant: i64, number: RecordNumber) -> Result<i64, Failure> {
    Ok(MasterKey::to_write(tenant, MasterId(number))?.0)
}

async fn records(
    link: &Link,
    words: &Words,
    tenant: i64,
    sql: &'static str,
    mut rows: Vec<&MatchRecord>,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|row| row.number);
    let record = try_column(&rows, |row| packed(tenant, row.number))?;
    let system = try_column(&rows, |row| words.must(&row.local.system))?;
    let key = column(&rows, |row| kept(&row.local.key));
    let master = try_column(&rows, |row| Ok(MasterKey::to_write(tenant, row.master_id)?.0))?;
    let home = try_column(&rows, |row| Ok(MasterKey::to_write(tenant, row.home)?.0))?;
    let evidence = column(&rows, |row| &*row.evidence);
    let common = column(&rows, |row| (!row.common.is_empty()).then(|| pack_keys(&row.common)));
    let parameters: [Parameter<'_>; 7] = [&record, &system, &key, &master, &home, &evidence, &common];
    link.execute(sql, &parameters).await?;
    Ok(())
}

/// Whom records resemble.
async fn links(
    link: &Link,
    tenant: i64,
    sql: &'static str,
    mut rows: Vec<(RecordNumber, &[(RecordNumber, Bits)])>,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(number, _)| *number);
    let record = rows.iter().map(|(number, _)| packed(tenant, *number)).collect::<Result<Vec<i64>, Failure>>()?;
    let links: Vec<Vec<u8>> = rows.iter().map(|(_, links)| pack_links(links)).collect();
    link.execute(sql, &[&record, &links]).await?;
    Ok(())
}

/// Whoever resembles nobody has no row.
async fn forget_links(
    link: &Link,
    tenant: i64,
    rows: Vec<(RecordNumber, &[(RecordNumber, Bits)])>,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut record = rows.iter().map(|(number, _)| packed(tenant, *number)).collect::<Result<Vec<i64>, Failure>>()?;
    record.sort_unstable();
    link.execute(LINKS_GONE, &[&record]).await?;
    Ok(())
}

/// Puts records under keys, and takes everybody away from those that lead nowhere any more.
async fn blocking(
    link: &Link,
    tenant: i64,
    keys: &[(BlockingKey, RecordNumber)],
    common: &[BlockingKey],
    is_new: &(dyn Fn(RecordNumber) -> bool + Sync),
) -> Result<(), Failure> {
    let nowhere: HashSet<BlockingKey> = common.iter().copied().collect();
    let (mut new, mut known) = (Vec::new(), Vec::new());
    for (key, record) in keys.iter().filter(|(key, _)| !nowhere.contains(key)) {
        let rows = if is_new(*record) { &mut new } else { &mut known };
        rows.push((key.0.cast_signed(), packed(tenant, *record)?));
    }
    let mark = packed(tenant, COMMON)?;
    known.extend(nowhere.iter().map(|key| (key.0.cast_signed(), mark)));
    let gone: Vec<i64> = nowhere.iter().map(|key| key.0.cast_signed()).collect();
    let (_, last) = MasterKey::range(tenant);
    let forget = async {
        if !gone.is_empty() {
            link.execute(KEYS_GONE, &[&gone, &mark, &last]).await?;
        }
        Ok::<_, Failure>(())
    };
    futures::try_join!(forget, file(link, KEYS_NEW, new), file(link, KEYS, known))?;
    Ok(())
}

/// In the order of the tree, so that a page is touched once.
async fn file(link: &Link, sql: &'static str, mut rows: Vec<(i64, i64)>) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable();
    rows.dedup();
    let (keys, records): (Vec<i64>, Vec<i64>) = rows.into_iter().unzip();
    link.execute(sql, &[&keys, &records]).await?;
    Ok(())
}

async fn judgements(link: &Link, tenant: i64, judgements: &[Judgement]) -> Result<(), Failure> {
    if judgements.is_empty() {
        return Ok(());
    }
    let rows: Vec<&Judgement> = judgements.iter().collect();
    let at = column(&rows, |row| nanoseconds(row.at));
    let kind = column(&rows, |row| row.kind.code());
    let by = column(&rows, |row| row.by.as_deref().map(kept));
    let reason = column(&rows, |row| row.reason.as_deref().map(kept));
    let model = column(&rows, |row| row.model.map(i64::from));
    let master = try_column(&rows, |row| Ok(MasterKey::to_write(tenant, row.master_id)?.0))?;
    let other = try_column(&rows, |row| optional_master(tenant, row.other))?;
    let left = try_column(&rows, |row| Ok(serde_json::to_string(&row.left)?))?;
    let right = try_column(&rows, |row| Ok(serde_json::to_string(&row.right)?))?;
    let undoes = column(&rows, |row| row.undoes.map(u64::cast_signed));
    let parameters: [Parameter<'_>; 11] =
        [&tenant, &at, &kind, &by, &reason, &model, &master, &other, &left, &right, &undoes];
    let given = link.query(JUDGEMENTS, &parameters).await?;
    let mut given = given.iter().map(|row| number(row, 0)).collect::<Result<Vec<u64>, Failure>>()?;
    // They were given in the order of the rows, which may be told in any.
    given.sort_unstable();
    judged(link, tenant, judgements.iter().zip(given)).await
}

/// Notes which records a judgement binds. The hub's own bind nobody, and one that takes back another binds none.
async fn judged<'j>(
    link: &Link,
    tenant: i64,
    numbered: impl Iterator<Item = (&'j Judgement, u64)>,
) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for (one, number) in numbered.filter(|(one, _)| one.by.is_some() && one.kind != JudgementKind::Undo) {
        for record in one.left.iter().chain(&one.right) {
            rows.push((packed(tenant, *record)?, number.cast_signed()));
        }
    }
    file(link, JUDGED, rows).await
}

async fn regroup(
    link: &Link,
    tenant: i64,
    regrouped: &[MasterId],
    regrouping: &[(MasterId, Option<MasterId>)],
) -> Result<(), Failure> {
    let mut ended = Vec::new();
    for (id, after) in regrouping {
        let master = MasterKey::to_write(tenant, *id)?.0;
        match after {
            Some(after) => drop(link.execute(REGROUPING, &[&master, &after.0.cast_signed()]).await?),
            None => ended.push(master),
        }
    }
    if !ended.is_empty() {
        link.execute(REGROUPING_ENDED, &[&ended]).await?;
    }
    let begun: HashSet<MasterId> = regrouped.iter().copied().collect();
    let begun = begun.into_iter().map(|id| Ok(MasterKey::to_write(tenant, id)?.0));
    let mut begun = begun.collect::<Result<Vec<i64>, Failure>>()?;
    if !begun.is_empty() {
        begun.sort_unstable();
        link.execute(REGROUPED, &[&begun]).await?;
    }
    Ok(())
}
