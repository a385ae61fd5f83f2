//! Listings: what operators see of streams, drops, targets and of what needs somebody.

use tokio_postgres::Row;

use super::core::Core;
use super::failure::Failure;
use super::pool::Parameter;
use super::rows::{
    self, drop_columns, get, journal_columns, parked_columns, reject_columns, told_opt, waiting_status_columns,
};
use super::text::kept;
use super::transaction::Transaction;
use super::words::Words;
use crate::value::{Coded, MasterKey, time};
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
    pub async fn new(core: &Core, filter: &Filter) -> Result<Option<Narrow>, Failure> {
        let words = [filter.tenant.as_deref(), filter.system.as_deref(), filter.entity.as_ref().map(|one| one.name())];
        core.know(words.into_iter().flatten()).await?;
        let tenant = filter.tenant.as_deref().map(|tenant| core.words.id(tenant));
        let system = filter.system.as_deref().map(|system| core.words.id(system));
        let entity = filter.entity.as_ref().map(|entity| core.words.entity_id(entity));
        if tenant == Some(None) || system == Some(None) || entity == Some(None) {
            return Ok(None);
        }
        let text = filter.text.as_deref().map(str::to_lowercase).filter(|text| !text.trim().is_empty());
        Ok(Some(Narrow {
            tenant: tenant.flatten(),
            system: system.flatten(),
            entity: entity.flatten(),
            customer: filter.customer.map(|customer| customer.0.cast_signed()),
            text: text.map(|text| kept(&text).into_owned()),
            after: filter.after.map(u64::cast_signed),
            count_max: if filter.count_max == 0 { COUNT_DEFAULT } else { filter.count_max },
        }))
    }

    pub fn limit(&self) -> i64 {
        i64::try_from(self.count_max).unwrap_or(i64::MAX)
    }
}

/// Runs a listing: SQL whose parameters are, in this order, the tenant, the system, the entity, the text, what it comes
/// after, and the limit. It must use them all: see [`asked`].
async fn list<T>(
    tx: &Transaction,
    filter: &Filter,
    sql: &'static str,
    read: impl Fn(&Words, &Row) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let Some(narrow) = Narrow::new(tx.core(), filter).await? else { return Ok(Vec::new()) };
    let Narrow { tenant, system, entity, text, after, .. } = &narrow;
    let limit = narrow.limit();
    let parameters: [Parameter<'_>; 6] = [tenant, system, entity, text, after, &limit];
    let found = tx.query(sql, &parameters).await?;
    tx.core().read(&found, read).await
}

/// The parameters of [`list`], for statements that do not use all of them.
macro_rules! asked {
    () => {
        "WITH asked AS (SELECT $1::bigint AS tenant, $2::bigint AS system, $3::bigint AS entity, $4::text AS text,
                               $5::bigint AS after) "
    };
}

pub(super) async fn streams(tx: &Transaction, filter: &Filter) -> Result<Vec<StreamStatus>, Failure> {
    // As `rows::outcomes` for each drop, so that the sum is that of what the drops show.
    let sql = concat!(
        asked!(),
        "SELECT s.tenant, s.system, s.stream, s.last_run, s.fault, max(d.number),
                coalesce(sum(d.records_read + greatest(-d.in_flight, 0)), 0)::bigint, coalesce(sum(d.rows_read), 0)::bigint,
                coalesce(sum(greatest(d.in_flight, 0)), 0)::bigint, coalesce(sum(d.created), 0)::bigint,
                coalesce(sum(d.updated), 0)::bigint, coalesce(sum(d.unchanged), 0)::bigint,
                coalesce(sum(d.removed), 0)::bigint, coalesce(sum(d.duplicate), 0)::bigint,
                coalesce(sum(d.rejected), 0)::bigint, coalesce(sum(d.parked), 0)::bigint,
                coalesce(sum(d.waiting), 0)::bigint, coalesce(sum(d.withheld), 0)::bigint
         FROM streams s LEFT JOIN drops d ON d.stream = s.id
         WHERE ($1 IS NULL OR s.tenant = $1) AND ($2 IS NULL OR s.system = $2)
         GROUP BY s.id LIMIT $6"
    );
    let read = |words: &Words, row: &Row| {
        let status = StreamStatus {
            stream: rows::stream_key(words, row)?,
            last_run: get::<Option<i64>>(row, 3)?.map(time),
            fault: told_opt(row, 4)?,
            total: rows::outcomes(row, 6)?,
            last_drop: None,
        };
        Ok((status, get::<Option<i64>>(row, 5)?))
    };
    let found = list(tx, filter, sql, read).await?;
    let last: Vec<i64> = found.iter().filter_map(|(_, last)| *last).collect();
    let last = drops_by_number(tx, &last).await?;
    let mut streams: Vec<StreamStatus> = found
        .into_iter()
        .map(|(status, number)| {
            let last_drop = last.iter().find(|drop| Some(drop.number.cast_signed()) == number).cloned();
            StreamStatus { last_drop, ..status }
        })
        .collect();
    streams.sort_by(|a, b| a.stream.cmp(&b.stream));
    Ok(streams)
}

/// Some drops, whatever their tenant.
pub(super) async fn drops_by_number(tx: &Transaction, numbers: &[i64]) -> Result<Vec<DropStatus>, Failure> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let sql =
        concat!("SELECT ", drop_columns!(), " FROM drops d JOIN streams s ON s.id = d.stream WHERE d.number = ANY($1)");
    let found = tx.query(sql, &[&numbers]).await?;
    tx.core().read(&found, rows::drop_status).await
}

pub(super) async fn drops(tx: &Transaction, filter: &Filter) -> Result<Vec<DropStatus>, Failure> {
    let sql = concat!(
        asked!(),
        "SELECT ",
        drop_columns!(),
        " FROM drops d JOIN streams s ON s.id = d.stream
         WHERE ($1 IS NULL OR d.tenant = $1) AND ($2 IS NULL OR s.system = $2) AND ($5 IS NULL OR d.number < $5)
           AND ($4 IS NULL OR strpos(lower(d.name), $4) > 0)
         ORDER BY d.number DESC LIMIT $6"
    );
    list(tx, filter, sql, rows::drop_status).await
}

pub(super) async fn targets(tx: &Transaction, filter: &Filter) -> Result<Vec<TargetStatus>, Failure> {
    let sql = concat!(
        asked!(),
        "SELECT t.tenant, t.system, t.state, t.reason, t.since, t.delivered, t.refused, t.last_delivery FROM targets t
         WHERE ($1 IS NULL OR t.tenant = $1) AND ($2 IS NULL OR t.system = $2) LIMIT $6"
    );
    let read = |words: &Words, row: &Row| {
        Ok(TargetStatus {
            tenant: words.text(get(row, 0)?)?,
            system: words.text(get(row, 1)?)?,
            state: Coded::from_column(get(row, 2)?)?,
            reason: told_opt(row, 3)?,
            since: get::<Option<i64>>(row, 4)?.map(time),
            delivered: rows::number(row, 5)?,
            refused: rows::number(row, 6)?,
            last_delivery: get::<Option<i64>>(row, 7)?.map(time),
        })
    };
    let mut targets = list(tx, filter, sql, read).await?;
    targets.sort_by(|a, b| (&a.tenant, &a.system).cmp(&(&b.tenant, &b.system)));
    Ok(targets)
}

pub(super) async fn rejects(tx: &Transaction, filter: &Filter) -> Result<Vec<RejectStatus>, Failure> {
    let sql = concat!(
        asked!(),
        "SELECT ",
        reject_columns!(),
        " FROM rejects r JOIN streams s ON s.id = r.stream
         WHERE ($1 IS NULL OR r.tenant = $1) AND ($2 IS NULL OR s.system = $2) AND ($5 IS NULL OR r.number < $5)
           AND ($4 IS NULL
                OR strpos(lower(coalesce(r.key, '') || ' ' || coalesce(r.file, '') || ' ' || r.code || ' ' || r.reason), $4) > 0)
         ORDER BY r.number DESC LIMIT $6"
    );
    list(tx, filter, sql, rows::reject).await
}

pub(super) async fn parked(tx: &Transaction, filter: &Filter) -> Result<Vec<ParkedStatus>, Failure> {
    let sql = concat!(
        "SELECT ",
        parked_columns!(),
        " FROM parked
         WHERE ($1::bigint IS NULL OR tenant = $1) AND ($2::bigint IS NULL OR system = $2)
           AND ($3::bigint IS NULL OR entity = $3) AND ($5::bigint IS NULL OR number > $5)
           AND ($4::text IS NULL OR strpos(lower(key || ' ' || code || ' ' || coalesce(reason, '')), $4) > 0)
         ORDER BY number LIMIT $6"
    );
    list(tx, filter, sql, rows::parked).await
}

pub(super) async fn parked_behind(tx: &Transaction, number: u64) -> Result<Vec<ParkedStatus>, Failure> {
    let sql = concat!(
        "SELECT ",
        parked_columns!(),
        " FROM parked
         WHERE number >= $1 AND (key, system, stage, tenant) =
               (SELECT first.key, first.system, first.stage, first.tenant FROM parked first WHERE first.number = $1)
         ORDER BY number"
    );
    let found = tx.query(sql, &[&number.cast_signed()]).await?;
    tx.core().read(&found, rows::parked).await
}

pub(super) async fn waiting(tx: &Transaction, filter: &Filter) -> Result<Vec<WaitingStatus>, Failure> {
    let sql = concat!(
        "SELECT ",
        waiting_status_columns!(),
        " FROM waiting
         WHERE ($1::bigint IS NULL OR tenant = $1) AND ($2::bigint IS NULL OR system = $2)
           AND ($3::bigint IS NULL OR entity = $3) AND ($5::bigint IS NULL OR number > $5)
           AND ($4::text IS NULL OR strpos(lower(key || ' ' || needs_key), $4) > 0)
         ORDER BY number LIMIT $6"
    );
    list(tx, filter, sql, rows::waiting_status).await
}

pub(super) async fn drop_journal(
    tx: &Transaction,
    number: DropNumber,
    filter: &Filter,
) -> Result<Vec<JournalEntry>, Failure> {
    let Some(narrow) = Narrow::new(tx.core(), filter).await? else { return Ok(Vec::new()) };
    let sql = concat!(
        "SELECT ",
        journal_columns!(),
        " FROM journal
         WHERE drop_number = $1 AND ($2::bigint IS NULL OR tenant = $2) AND ($3::bigint IS NULL OR system = $3)
           AND ($4::bigint IS NULL OR entity = $4) AND ($5::bigint IS NULL OR ordinal > $5)
         ORDER BY number LIMIT $6"
    );
    let Narrow { tenant, system, entity, after, .. } = &narrow;
    let parameters: [Parameter<'_>; 6] = [&number.cast_signed(), tenant, system, entity, after, &narrow.limit()];
    let found = tx.query(sql, &parameters).await?;
    tx.core().read(&found, rows::journal).await
}

pub(super) async fn counts(tx: &Transaction, filter: &Filter) -> Result<Counts, Failure> {
    let Some(narrow) = Narrow::new(tx.core(), filter).await? else { return Ok(Counts::default()) };
    let (from, to) = narrow.tenant.map_or((i64::MIN, i64::MAX), MasterKey::range);
    let sql = "SELECT
         (SELECT count(*) FROM rejects r WHERE ($1::bigint IS NULL OR r.tenant = $1)
             AND ($2::bigint IS NULL OR r.stream IN (SELECT id FROM streams WHERE system = $2))),
         (SELECT count(*) FROM parked WHERE ($1 IS NULL OR tenant = $1) AND ($2 IS NULL OR system = $2)
             AND ($3::bigint IS NULL OR entity = $3)),
         (SELECT count(*) FROM waiting WHERE ($1 IS NULL OR tenant = $1) AND ($2 IS NULL OR system = $2)
             AND ($3 IS NULL OR entity = $3)),
         (SELECT count(*) FROM tasks WHERE closed_at IS NULL AND ($1 IS NULL OR tenant = $1) AND ($2 IS NULL OR system = $2)),
         (SELECT count(*) FROM attempts WHERE ($1 IS NULL OR tenant = $1) AND ($2 IS NULL OR system = $2)),
         (SELECT coalesce(sum(count), 0)::bigint FROM tallies WHERE ($1 IS NULL OR tenant = $1) AND entity = 1
             AND ($3 IS NULL OR entity = $3)),
         (SELECT coalesce(sum(count), 0)::bigint FROM tallies WHERE ($1 IS NULL OR tenant = $1) AND entity <> 1
             AND ($3 IS NULL OR entity = $3)),
         (SELECT count(*) FROM outbox WHERE master BETWEEN $4 AND $5),
         (SELECT min(at) FROM outbox WHERE master BETWEEN $4 AND $5)";
    let row = tx.query_one(sql, &[&narrow.tenant, &narrow.system, &narrow.entity, &from, &to]).await?;
    Ok(Counts {
        rejects: rows::number(&row, 0)?,
        parked: rows::number(&row, 1)?,
        waiting: rows::number(&row, 2)?,
        tasks: rows::number(&row, 3)?,
        attempts: rows::number(&row, 4)?,
        customers: rows::number(&row, 5)?,
        documents: rows::number(&row, 6)?,
        outbox: rows::number(&row, 7)?,
        outbox_oldest: get::<Option<i64>>(&row, 8)?.map(time),
    })
}
