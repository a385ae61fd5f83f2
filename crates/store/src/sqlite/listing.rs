//! Listings: what operators see of streams, drops, targets and of what needs somebody.

use rusqlite::{Row, ToSql, named_params, params};

use super::dictionary::Session;
use super::failure::Failure;
use super::rows;
use super::value::{Coded, MasterKey, time};
use crate::{
    Counts, DropNumber, DropStatus, Filter, JournalEntry, ParkedStatus, RejectStatus, StreamStatus, TargetStatus,
    WaitingStatus,
};

/// How many rows a listing has when the filter does not say.
const COUNT_DEFAULT: usize = 100;

/// A filter in the terms of the tables.
#[derive(Default)]
pub(super) struct Narrow {
    pub tenant: Option<i64>,
    pub system: Option<i64>,
    pub entity: Option<i64>,
    pub customer: Option<i64>,
    pub text: Option<String>,
    pub after: Option<i64>,
    pub count_max: usize,
}

impl Narrow {
    /// `None` when the filter names something that no row can carry.
    pub fn new(session: &Session<'_>, filter: &Filter) -> Result<Option<Narrow>, Failure> {
        let tenant = filter.tenant.as_deref().map(|tenant| session.id(tenant)).transpose()?;
        let system = filter.system.as_deref().map(|system| session.id(system)).transpose()?;
        let entity = filter.entity.as_ref().map(|entity| session.entity_id(entity)).transpose()?;
        if tenant == Some(None) || system == Some(None) || entity == Some(None) {
            return Ok(None);
        }
        Ok(Some(Narrow {
            tenant: tenant.flatten(),
            system: system.flatten(),
            entity: entity.flatten(),
            customer: filter.customer.map(|customer| customer.0.cast_signed()),
            text: filter.text.as_deref().map(str::to_lowercase).filter(|text| !text.trim().is_empty()),
            after: filter.after.map(u64::cast_signed),
            count_max: if filter.count_max == 0 { COUNT_DEFAULT } else { filter.count_max },
        }))
    }

    pub fn limit(&self) -> i64 {
        i64::try_from(self.count_max).unwrap_or(i64::MAX)
    }
}

/// Runs a listing: SQL with `:tenant`, `:system`, `:entity`, `:text`, `:after`, `:limit`, each of which it must use.
fn list<T>(
    session: &Session<'_>,
    filter: &Filter,
    sql: &str,
    read: impl Fn(&Session<'_>, &Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let Some(narrow) = Narrow::new(session, filter)? else { return Ok(Vec::new()) };
    let limit = narrow.limit();
    let parameters: &[(&str, &dyn ToSql)] = named_params! {
        ":tenant": narrow.tenant, ":system": narrow.system, ":entity": narrow.entity,
        ":text": narrow.text, ":after": narrow.after, ":limit": limit,
    };
    let mut select = session.prepare(sql)?;
    let used: Vec<_> =
        parameters.iter().filter(|(name, _)| matches!(select.parameter_index(name), Ok(Some(_)))).copied().collect();
    let mut found = select.query(used.as_slice())?;
    let mut listed = Vec::new();
    while let Some(row) = found.next()? {
        listed.push(read(session, row)?);
    }
    Ok(listed)
}

pub(super) fn streams(session: &Session<'_>, filter: &Filter) -> Result<Vec<StreamStatus>, Failure> {
    // As `rows::outcomes` for each drop, so that the sum is that of what the drops show.
    let told = |column: &str| match column {
        "records_read" => "d.records_read + max(-d.in_flight, 0)".to_owned(),
        "in_flight" => "max(d.in_flight, 0)".to_owned(),
        column => format!("d.{column}"),
    };
    let sums: Vec<String> =
        rows::OUTCOME_COLUMNS.iter().map(|column| format!("coalesce(sum({}), 0)", told(column))).collect();
    let sql = format!(
        "SELECT s.tenant, s.system, s.stream, s.last_run, s.fault, max(d.number), {}
         FROM streams s LEFT JOIN drops d ON d.stream = s.id
         WHERE (:tenant IS NULL OR s.tenant = :tenant) AND (:system IS NULL OR s.system = :system)
         GROUP BY s.id LIMIT :limit",
        sums.join(", ")
    );
    let mut streams = list(session, filter, &sql, |session, row| {
        let last: Option<i64> = row.get(5)?;
        Ok(StreamStatus {
            stream: rows::stream_key(session, row)?,
            last_run: row.get::<_, Option<i64>>(3)?.map(time),
            fault: row.get(4)?,
            total: rows::outcomes(row, 6)?,
            last_drop: last.map(|last| drop_by_number(session, last)).transpose()?.flatten(),
        })
    })?;
    streams.sort_by(|a, b| a.stream.cmp(&b.stream));
    Ok(streams)
}

/// One drop, whatever its tenant.
pub(super) fn drop_by_number(session: &Session<'_>, number: i64) -> Result<Option<DropStatus>, Failure> {
    let mut select = session.prepare(&format!(
        "SELECT {} FROM drops d JOIN streams s ON s.id = d.stream WHERE d.number = ?1",
        rows::DROP
    ))?;
    let mut found = select.query([number])?;
    found.next()?.map(|row| rows::drop_status(session, row)).transpose()
}

pub(super) fn drops(session: &Session<'_>, filter: &Filter) -> Result<Vec<DropStatus>, Failure> {
    let sql = format!(
        "SELECT {} FROM drops d JOIN streams s ON s.id = d.stream
         WHERE (:tenant IS NULL OR d.tenant = :tenant) AND (:system IS NULL OR s.system = :system)
           AND (:after IS NULL OR d.number < :after) AND (:text IS NULL OR instr(lower(d.name), :text) > 0)
         ORDER BY d.number DESC LIMIT :limit",
        rows::DROP
    );
    list(session, filter, &sql, rows::drop_status)
}

pub(super) fn targets(session: &Session<'_>, filter: &Filter) -> Result<Vec<TargetStatus>, Failure> {
    let sql = "SELECT tenant, system, state, reason, since, delivered, refused, last_delivery FROM targets
         WHERE (:tenant IS NULL OR tenant = :tenant) AND (:system IS NULL OR system = :system) LIMIT :limit";
    let mut targets = list(session, filter, sql, |session, row| {
        Ok(TargetStatus {
            tenant: session.text(row.get(0)?)?,
            system: session.text(row.get(1)?)?,
            state: Coded::from_column(row.get(2)?)?,
            reason: row.get(3)?,
            since: row.get::<_, Option<i64>>(4)?.map(time),
            delivered: rows::number(row, 5)?,
            refused: rows::number(row, 6)?,
            last_delivery: row.get::<_, Option<i64>>(7)?.map(time),
        })
    })?;
    targets.sort_by(|a, b| (&a.tenant, &a.system).cmp(&(&b.tenant, &b.system)));
    Ok(targets)
}

pub(super) fn rejects(session: &Session<'_>, filter: &Filter) -> Result<Vec<RejectStatus>, Failure> {
    let sql = format!(
        "SELECT {} FROM rejects r JOIN streams s ON s.id = r.stream
         WHERE (:tenant IS NULL OR r.tenant = :tenant) AND (:system IS NULL OR s.system = :system)
           AND (:after IS NULL OR r.number < :after)
           AND (:text IS NULL
                OR instr(lower(coalesce(r.key, '') || ' ' || coalesce(r.file, '') || ' ' || r.code || ' ' || r.reason), :text) > 0)
         ORDER BY r.number DESC LIMIT :limit",
        rows::REJECT
    );
    list(session, filter, &sql, rows::reject)
}

pub(super) fn parked(session: &Session<'_>, filter: &Filter) -> Result<Vec<ParkedStatus>, Failure> {
    let sql = format!(
        "SELECT {} FROM parked
         WHERE (:tenant IS NULL OR tenant = :tenant) AND (:system IS NULL OR system = :system)
           AND (:entity IS NULL OR entity = :entity) AND (:after IS NULL OR number > :after)
           AND (:text IS NULL OR instr(lower(key || ' ' || code || ' ' || coalesce(reason, '')), :text) > 0)
         ORDER BY number LIMIT :limit",
        rows::PARKED
    );
    list(session, filter, &sql, rows::parked)
}

pub(super) fn parked_behind(session: &Session<'_>, number: u64) -> Result<Vec<ParkedStatus>, Failure> {
    let mut select = session.prepare(&format!(
        "SELECT {} FROM parked
         WHERE number >= ?1 AND (key, system, stage, tenant) =
               (SELECT first.key, first.system, first.stage, first.tenant FROM parked first WHERE first.number = ?1)
         ORDER BY number",
        rows::PARKED
    ))?;
    let mut found = select.query([number.cast_signed()])?;
    let mut parked = Vec::new();
    while let Some(row) = found.next()? {
        parked.push(rows::parked(session, row)?);
    }
    Ok(parked)
}

pub(super) fn waiting(session: &Session<'_>, filter: &Filter) -> Result<Vec<WaitingStatus>, Failure> {
    let sql = format!(
        "SELECT {} FROM waiting
         WHERE (:tenant IS NULL OR tenant = :tenant) AND (:system IS NULL OR system = :system)
           AND (:entity IS NULL OR entity = :entity) AND (:after IS NULL OR number > :after)
           AND (:text IS NULL OR instr(lower(key || ' ' || needs_key), :text) > 0)
         ORDER BY number LIMIT :limit",
        rows::WAITING_STATUS
    );
    list(session, filter, &sql, rows::waiting_status)
}

pub(super) fn drop_journal(
    session: &Session<'_>,
    number: DropNumber,
    filter: &Filter,
) -> Result<Vec<JournalEntry>, Failure> {
    let Some(narrow) = Narrow::new(session, filter)? else { return Ok(Vec::new()) };
    let mut select = session.prepare(&format!(
        "SELECT {} FROM journal
         WHERE drop_number = ?1 AND (?2 IS NULL OR tenant = ?2) AND (?3 IS NULL OR system = ?3)
           AND (?4 IS NULL OR entity = ?4) AND (?5 IS NULL OR ordinal > ?5)
         ORDER BY number LIMIT ?6",
        rows::JOURNAL
    ))?;
    let Narrow { tenant, system, entity, after, .. } = narrow;
    let mut found = select.query(params![number.cast_signed(), tenant, system, entity, after, narrow.limit()])?;
    let mut journal = Vec::new();
    while let Some(row) = found.next()? {
        journal.push(rows::journal(session, row)?);
    }
    Ok(journal)
}

pub(super) fn counts(session: &Session<'_>, filter: &Filter) -> Result<Counts, Failure> {
    let Some(narrow) = Narrow::new(session, filter)? else { return Ok(Counts::default()) };
    let count = |sql: &str| -> Result<u64, Failure> {
        let parameters = params![narrow.tenant, narrow.system, narrow.entity];
        let counted: i64 = session.prepare(sql)?.query_row(parameters, |row| row.get(0))?;
        Ok(u64::try_from(counted).unwrap_or_default())
    };
    // Each statement takes the same three parameters, used or not: `?3 IS ?3` is always true.
    let rejects = "SELECT count(*) FROM rejects r WHERE (?1 IS NULL OR r.tenant = ?1) AND ?3 IS ?3
                   AND (?2 IS NULL OR r.stream IN (SELECT id FROM streams WHERE system = ?2))";
    let parked = "SELECT count(*) FROM parked WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR system = ?2)
                  AND (?3 IS NULL OR entity = ?3)";
    let waiting = "SELECT count(*) FROM waiting WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR system = ?2)
                   AND (?3 IS NULL OR entity = ?3)";
    let tasks = "SELECT count(*) FROM tasks WHERE closed_at IS NULL AND (?1 IS NULL OR tenant = ?1)
                 AND (?2 IS NULL OR system = ?2) AND ?3 IS ?3";
    let attempts = "SELECT count(*) FROM attempts WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR system = ?2)
                    AND ?3 IS ?3";
    let customers = "SELECT coalesce(sum(count), 0) FROM tallies WHERE (?1 IS NULL OR tenant = ?1) AND ?2 IS ?2
                     AND entity = 1 AND (?3 IS NULL OR entity = ?3)";
    let documents = "SELECT coalesce(sum(count), 0) FROM tallies WHERE (?1 IS NULL OR tenant = ?1) AND ?2 IS ?2
                     AND entity <> 1 AND (?3 IS NULL OR entity = ?3)";
    let (from, to) = narrow.tenant.map_or((i64::MIN, i64::MAX), MasterKey::range);
    let (outbox, oldest): (i64, Option<i64>) = session
        .prepare("SELECT count(*), min(at) FROM outbox WHERE master BETWEEN ?1 AND ?2")?
        .query_row([from, to], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Counts {
        rejects: count(rejects)?,
        parked: count(parked)?,
        waiting: count(waiting)?,
        tasks: count(tasks)?,
        outbox: outbox.cast_unsigned(),
        outbox_oldest: oldest.map(time),
        attempts: count(attempts)?,
        customers: count(customers)?,
        documents: count(documents)?,
    })
}
