//! The outbox: one row per master that has something to publish.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::core::Core;
use super::failure::Failure;
use super::pool::Link;
use super::rows::{self, get, master_columns};
use super::words::Words;
use super::write::Rows;
use crate::value::{MasterKey, nanoseconds, time};
use crate::{OutboxRow, OutboxWrite};

/// Places follow the order of the changes; rows are locked in the order of their masters, as whoever confirms does.
macro_rules! insert {
    () => {
        "WITH numbered AS MATERIALIZED (
         SELECT u.*, nextval('outbox_numbers') AS number
         FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS u(master, version, systems))
     INSERT INTO outbox (master, place, number, version, systems, at)
     SELECT master, number, number, version, systems, $4::bigint FROM numbered ORDER BY master"
    };
}
pub(super) const WRITE_NEW: &str = insert!();
pub(super) const WRITE: &str = concat!(
    insert!(),
    " ON CONFLICT (master) DO UPDATE SET
         version = greatest(outbox.version, excluded.version), number = excluded.number,
         systems = CASE WHEN outbox.systems IS NULL OR excluded.systems IS NULL THEN NULL ELSE
             (SELECT ',' || string_agg(DISTINCT one, ',') || ','
              FROM unnest(string_to_array(outbox.systems || excluded.systems, ',')) AS one WHERE one <> '') END"
);

/// Changes of one master as one.
struct Change {
    place: usize,
    version: u64,
    /// `None`: for all subscribers.
    systems: Option<Vec<i64>>,
}

/// Writes changes. A master that is on its way already keeps its place and takes the newest version; it goes to all
/// subscribers if any of its changes does.
pub(super) async fn write(
    link: &Link,
    words: &Words,
    tenant: i64,
    changes: &[OutboxWrite],
    which: Rows,
) -> Result<(), Failure> {
    let mut united: BTreeMap<i64, Change> = BTreeMap::new();
    for (place, change) in changes.iter().enumerate() {
        let master = MasterKey::to_write(tenant, change.master_id)?.0;
        let system = change.system.as_ref().map(|system| words.must(system)).transpose()?;
        let one = united.entry(master).or_insert(Change { place, version: 0, systems: Some(Vec::new()) });
        one.version = one.version.max(change.version);
        match system {
            None => one.systems = None,
            Some(system) => {
                one.systems.iter_mut().filter(|all| !all.contains(&system)).for_each(|all| all.push(system))
            }
        }
    }
    if united.is_empty() {
        return Ok(());
    }
    let mut in_order: Vec<(i64, Change)> = united.into_iter().collect();
    in_order.sort_unstable_by_key(|(_, change)| change.place);
    let masters: Vec<i64> = in_order.iter().map(|(master, _)| *master).collect();
    let versions: Vec<i64> = in_order.iter().map(|(_, change)| change.version.cast_signed()).collect();
    let systems: Vec<Option<String>> =
        in_order.iter().map(|(_, change)| change.systems.as_deref().map(listed)).collect();
    let at = nanoseconds(Timestamp::now());
    let sql = if which == Rows::New { WRITE_NEW } else { WRITE };
    link.execute(sql, &[&masters, &versions, &systems, &at]).await?;
    Ok(())
}

/// `,7,12,`.
fn listed(systems: &[i64]) -> String {
    let mut listed = ",".to_owned();
    for system in systems {
        listed.push_str(&system.to_string());
        listed.push(',');
    }
    listed
}

/// The first rows first, whatever the planner takes the size of the outbox for; then their masters.
const READ: &str = concat!(
    "SELECT ",
    master_columns!(),
    ", o.number, o.systems FROM (SELECT * FROM outbox ORDER BY place LIMIT $1) AS o JOIN masters m ON m.master = o.master
     JOIN search_texts t ON t.master = o.master ORDER BY o.place"
);

/// See [`crate::ResolveStore::outbox_count`].
pub(super) async fn count(link: &Link) -> Result<(u64, Option<Timestamp>), Failure> {
    let row = link.query_one("SELECT count(*), min(at) FROM outbox", &[]).await?;
    Ok((rows::number(&row, 0)?, get::<Option<i64>>(&row, 1)?.map(time)))
}

pub(super) async fn read(core: &Core, link: &Link, count_max: usize) -> Result<Vec<OutboxRow>, Failure> {
    let found = link.query(READ, &[&i64::try_from(count_max).unwrap_or(i64::MAX)]).await?;
    core.read(&found, change).await
}

fn change(words: &Words, row: &Row) -> Result<OutboxRow, Failure> {
    let systems: Option<&str> = get(row, 9)?;
    Ok(OutboxRow {
        tenant: words.text(MasterKey(get(row, 0)?).tenant())?,
        numbers: vec![rows::number(row, 8)?],
        systems: systems.map(|systems| system_words(words, systems)).transpose()?,
        master: rows::master(words, row)?,
    })
}

fn system_words(words: &Words, systems: &str) -> Result<Vec<Arc<str>>, Failure> {
    let numbers = systems.split(',').filter(|number| !number.is_empty());
    numbers
        .map(|number| {
            let id = number.parse().map_err(|_| Failure::internal("an outbox row names no system"))?;
            words.text(id)
        })
        .collect()
}

/// Row by row: a table that is empty whenever it is analyzed is planned as one of a single row, and a join with it walks
/// over all of it for each of the rows that are done. They are locked in the order of their masters.
const DONE: &str = "DELETE FROM outbox WHERE ctid = ANY(ARRAY(
         SELECT o.ctid FROM unnest($1::bigint[], $2::bigint[]) AS u(master, number)
         CROSS JOIN LATERAL
             (SELECT ctid FROM outbox WHERE master = u.master AND number = u.number LIMIT 1 FOR UPDATE) AS o))";

/// Forgets changes. A row that changed since it was read stays: its number is another.
pub(super) async fn done(core: &Core, link: &Link, rows: &[OutboxRow]) -> Result<(), Failure> {
    core.know(rows.iter().map(|row| &*row.tenant)).await?;
    let mut done: Vec<(i64, i64)> = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(tenant) = core.words.id(&row.tenant) else { continue };
        let Some(master) = MasterKey::pack(tenant, row.master.master_id) else { continue };
        done.extend(row.numbers.iter().map(|number| (master.0, number.cast_signed())));
    }
    done.sort_unstable();
    let (masters, numbers): (Vec<i64>, Vec<i64>) = done.into_iter().unzip();
    link.execute(DONE, &[&masters, &numbers]).await?;
    Ok(())
}
