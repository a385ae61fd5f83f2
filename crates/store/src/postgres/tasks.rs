//! Tasks on PostgreSQL: asking, ending, listing.

use std::borrow::Cow;
use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::PostgresStore;
use super::core::Core;
use super::failure::Failure;
use super::listing::Narrow;
use super::operate::reading;
use super::pool::{Link, Parameter};
use super::rows::{get, number, told, told_opt};
use super::text::kept;
use super::transaction::{Transaction, transaction};
use super::words::Words;
use super::write::{column, last_of_each, optional_master, signed, try_column};
use crate::contract::tasks::{kept_detail, kept_question};
use crate::value::{Coded, MasterKey, nanoseconds, time};
use crate::{Decision, NewTask, Reopen, StoreError, TaskClosing, TaskFilter, TaskStatus, TaskStore};

#[async_trait]
impl TaskStore for PostgresStore {
    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<TaskStatus>, StoreError> {
        reading!(self, |tx| list(&tx, filter))
    }

    async fn task_count(&self, filter: &TaskFilter) -> Result<u64, StoreError> {
        reading!(self, |tx| count(&tx, filter))
    }

    async fn tasks_numbered(&self, tenant: Option<&str>, numbers: &[u64]) -> Result<Vec<TaskStatus>, StoreError> {
        reading!(self, |tx| numbered(&tx, tenant, numbers))
    }

    async fn close_tasks(
        &self,
        tenant: Option<&str>,
        numbers: &[u64],
        closing: &TaskClosing,
    ) -> Result<Vec<u64>, StoreError> {
        transaction!(self, |tx| close_numbered(&tx, tenant, numbers, closing))
    }

    async fn forget_closed_tasks(&self, before: Timestamp, count_max: usize) -> Result<u64, StoreError> {
        transaction!(self, |tx| forget(&tx, before, count_max))
    }
}

/// Locks the open tasks of some subjects, in the order of their numbers: whoever closes one meanwhile is waited for, and
/// the next statement sees the answer.
pub(super) const HOLD: &str = "SELECT count(*) FROM
     (SELECT 1 FROM tasks WHERE tenant = $1 AND subject = ANY($2) AND closed_at IS NULL ORDER BY number FOR UPDATE) AS held";

/// In the order of the subjects, so that two transactions that ask the same never wait for each other.
pub(super) const ASK: &str =
    "INSERT INTO tasks (tenant, subject, code, question, system, master, other, rank, detail, since)
     SELECT $1::bigint, u.subject, u.code, u.question, u.system, u.master, u.other, u.rank, u.detail, u.since
     FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[],
                 $10::bigint[], $11::bigint[])
         AS u(subject, code, question, system, master, other, rank, detail, since, reopen)
     WHERE EXISTS (SELECT 1 FROM tasks t WHERE t.tenant = $1 AND t.subject = u.subject AND t.closed_at IS NULL)
        OR NOT EXISTS (
            SELECT 1 FROM (SELECT t.detail FROM tasks t
                           WHERE t.tenant = $1 AND t.subject = u.subject AND t.closed_at IS NOT NULL
                           ORDER BY t.number DESC LIMIT 1) AS answered
            WHERE u.reopen = $12 OR (u.reopen = $13 AND answered.detail IS NOT DISTINCT FROM u.detail))
     ORDER BY u.subject
     ON CONFLICT (tenant, subject) WHERE closed_at IS NULL DO UPDATE SET
         code = excluded.code, question = excluded.question, system = excluded.system, master = excluded.master,
         other = excluded.other, rank = excluded.rank, detail = excluded.detail
     WHERE (tasks.code, tasks.question, tasks.system, tasks.master, tasks.other, tasks.rank, tasks.detail)
        IS DISTINCT FROM
        (excluded.code, excluded.question, excluded.system, excluded.master, excluded.other, excluded.rank, excluded.detail)";

/// Asks questions. One that is open is brought up to date, and not written when it is already; one that was answered is
/// asked as its writer wants it.
pub(super) async fn ask(link: &Link, words: &Words, tenant: i64, tasks: &[NewTask]) -> Result<(), Failure> {
    let rows = last_of_each(tasks, |task| &task.subject);
    if rows.is_empty() {
        return Ok(());
    }
    let subject = column(&rows, |row| kept(&row.subject));
    let code = column(&rows, |row| kept(&row.code));
    let question = column(&rows, |row| kept(&kept_question(&row.question)).into_owned());
    let system = try_column(&rows, |row| words.must(&row.system))?;
    let master = try_column(&rows, |row| optional_master(tenant, row.master_id))?;
    let other = try_column(&rows, |row| optional_master(tenant, row.other))?;
    let rank = column(&rows, |row| row.rank);
    let detail = column(&rows, |row| kept_detail(row).map(kept));
    let since = column(&rows, |row| nanoseconds(row.at));
    let reopen = column(&rows, |row| row.reopen.code());
    let (never, on_new_detail) = (Reopen::Never.code(), Reopen::OnNewDetail.code());
    let held: [Parameter<'_>; 2] = [&tenant, &subject];
    let written: [Parameter<'_>; 13] = [
        &tenant,
        &subject,
        &code,
        &question,
        &system,
        &master,
        &other,
        &rank,
        &detail,
        &since,
        &reopen,
        &never,
        &on_new_detail,
    ];
    // In this order, which holds for statements that were prepared.
    link.prepare(&[HOLD, ASK]).await?;
    let hold = link.query(HOLD, &held);
    let write = link.execute(ASK, &written);
    futures::try_join!(hold, write)?;
    Ok(())
}

pub(super) const END: &str = "DELETE FROM tasks WHERE tenant = $1 AND subject = ANY($2) AND closed_at IS NULL";

/// Ends open tasks that have nothing to ask about any more.
pub(super) async fn end(link: &Link, tenant: i64, subjects: &[String]) -> Result<(), Failure> {
    if !subjects.is_empty() {
        let subjects: Vec<Cow<'_, str>> = subjects.iter().map(|subject| kept(subject)).collect();
        link.execute(END, &[&tenant, &subjects]).await?;
    }
    Ok(())
}

pub(super) const CLOSE: &str = "UPDATE tasks SET closed_at = $3, closed_by = $4, decision = $5, reason = $6
     WHERE number = ANY($1) AND ($2::bigint IS NULL OR tenant = $2) AND closed_at IS NULL RETURNING number";

/// Notes how somebody ended tasks; those that are closed already are passed over.
pub(super) async fn close_all(link: &Link, tenant: i64, closed: &[(u64, TaskClosing)]) -> Result<(), Failure> {
    for (number, closing) in closed {
        close(link, Some(tenant), &[*number], closing).await?;
    }
    Ok(())
}

/// The numbers of those that were open, in no order.
async fn close(link: &Link, tenant: Option<i64>, numbers: &[u64], closing: &TaskClosing) -> Result<Vec<Row>, Failure> {
    let TaskClosing { decision, reason, by, at } = closing;
    let (numbers, decision) = (signed(numbers), decision.code());
    let parameters: [Parameter<'_>; 6] = [&numbers, &tenant, &nanoseconds(*at), &kept(by), &decision, &kept(reason)];
    link.query(CLOSE, &parameters).await
}

async fn close_numbered(
    tx: &Transaction,
    tenant: Option<&str>,
    numbers: &[u64],
    closing: &TaskClosing,
) -> Result<Vec<u64>, Failure> {
    let Some(tenant) = tenant_id(tx.core(), tenant).await? else { return Ok(Vec::new()) };
    // In one order, so that two of them never wait for each other.
    const HOLD_NUMBERED: &str = "SELECT count(*) FROM
        (SELECT 1 FROM tasks WHERE number = ANY($1) AND closed_at IS NULL ORDER BY number FOR UPDATE) AS held";
    tx.query(HOLD_NUMBERED, &[&signed(numbers)]).await?;
    let closed = close(tx, tenant, numbers, closing).await?;
    let closed = closed.iter().map(|row| number(row, 0)).collect::<Result<Vec<u64>, Failure>>()?;
    let mut seen = std::collections::HashSet::new();
    let in_order = numbers.iter().filter(|number| closed.contains(number) && seen.insert(**number));
    Ok(in_order.copied().collect())
}

async fn forget(tx: &Transaction, before: Timestamp, count_max: usize) -> Result<u64, Failure> {
    let sql = "DELETE FROM tasks WHERE number IN
         (SELECT number FROM tasks WHERE closed_at < $1 ORDER BY closed_at, number LIMIT $2)";
    let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
    tx.execute(sql, &[&nanoseconds(before), &count_max]).await
}

/// The number of a tenant that may not be asked for; `None` when it is asked for and no row can carry it.
async fn tenant_id(core: &Core, tenant: Option<&str>) -> Result<Option<Option<i64>>, Failure> {
    match tenant {
        None => Ok(Some(None)),
        Some(tenant) => Ok(core.id(tenant).await?.map(Some)),
    }
}

/// The columns that [`task`] reads, but for the detail, which comes last.
macro_rules! columns {
    () => {
        "number, tenant, code, subject, question, system, master, other, rank, since, closed_at, closed_by, decision, reason"
    };
}

fn task(words: &Words, row: &Row) -> Result<TaskStatus, Failure> {
    let master = |index| Ok::<_, Failure>(get::<Option<i64>>(row, index)?.map(|key| MasterKey(key).id()));
    let closed = match get::<Option<i64>>(row, 10)? {
        None => None,
        Some(at) => Some(TaskClosing {
            decision: Decision::from_column(get(row, 12)?)?,
            reason: told(row, 13)?,
            by: told(row, 11)?,
            at: time(at),
        }),
    };
    Ok(TaskStatus {
        number: number(row, 0)?,
        tenant: words.text(get(row, 1)?)?,
        code: told(row, 2)?,
        subject: told(row, 3)?,
        question: told(row, 4)?,
        system: words.text(get(row, 5)?)?,
        master_id: master(6)?,
        other: master(7)?,
        rank: get(row, 8)?,
        since: time(get(row, 9)?),
        closed,
        detail: told_opt(row, 14)?,
    })
}

/// What a filter lets through: `$1` the tenant, `$2` the system, `$3` the code, `$4` the customer, `$5` the mask of ids,
/// `$6` the text.
macro_rules! condition {
    () => {
        "($1::bigint IS NULL OR tenant = $1) AND ($2::bigint IS NULL OR system = $2)
         AND ($3::text IS NULL OR code = $3 OR starts_with(code, $3 || '.'))
         AND ($4::bigint IS NULL OR master & $5 = $4 OR other & $5 = $4) AND $5::bigint IS NOT NULL
         AND ($6::text IS NULL OR strpos(lower(code || ' ' || question || ' ' || coalesce(detail, '')), $6) > 0)"
    };
}

/// A listing of tasks in a state, in the order of a column: `$7` and `$8` the place that it comes after, `$9` the limit.
macro_rules! listing {
    ($state:literal, $order:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", NULL::text FROM tasks WHERE ",
            $state,
            " AND ",
            condition!(),
            " AND ($7::bigint IS NULL OR ",
            $order,
            " < $7 OR (",
            $order,
            " = $7 AND number > $8)) ORDER BY ",
            $order,
            " DESC, number LIMIT $9"
        )
    };
}

async fn list(tx: &Transaction, filter: &TaskFilter) -> Result<Vec<TaskStatus>, Failure> {
    let Some(narrow) = Narrow::new(tx.core(), &filter.shared()).await? else { return Ok(Vec::new()) };
    let sql = match filter.is_closed {
        false => listing!("closed_at IS NULL", "rank"),
        true => listing!("closed_at IS NOT NULL", "closed_at"),
    };
    let code = filter.code.as_deref().map(kept);
    let after = filter.after.map(|place| place.order);
    let after_number = filter.after.map(|place| place.number.cast_signed());
    let limit = narrow.limit();
    let Narrow { tenant, system, customer, text, .. } = &narrow;
    let parameters: [Parameter<'_>; 9] =
        [tenant, system, &code, customer, &MasterKey::ID_MASK, text, &after, &after_number, &limit];
    let found = tx.query(sql, &parameters).await?;
    tx.core().read(&found, task).await
}

async fn count(tx: &Transaction, filter: &TaskFilter) -> Result<u64, Failure> {
    let Some(narrow) = Narrow::new(tx.core(), &filter.shared()).await? else { return Ok(0) };
    let sql = match filter.is_closed {
        false => concat!("SELECT count(*) FROM tasks WHERE closed_at IS NULL AND ", condition!()),
        true => concat!("SELECT count(*) FROM tasks WHERE closed_at IS NOT NULL AND ", condition!()),
    };
    let code = filter.code.as_deref().map(kept);
    let Narrow { tenant, system, customer, text, .. } = &narrow;
    let parameters: [Parameter<'_>; 6] = [tenant, system, &code, customer, &MasterKey::ID_MASK, text];
    number(&tx.query_one(sql, &parameters).await?, 0)
}

async fn numbered(tx: &Transaction, tenant: Option<&str>, numbers: &[u64]) -> Result<Vec<TaskStatus>, Failure> {
    let Some(tenant) = tenant_id(tx.core(), tenant).await? else { return Ok(Vec::new()) };
    const READ: &str = concat!(
        "SELECT ",
        columns!(),
        ", detail FROM tasks WHERE number = ANY($1) AND ($2::bigint IS NULL OR tenant = $2)"
    );
    let found = tx.query(READ, &[&signed(numbers), &tenant]).await?;
    let found = tx.core().read(&found, task).await?;
    let found: HashMap<u64, TaskStatus> = found.into_iter().map(|task| (task.number, task)).collect();
    Ok(numbers.iter().filter_map(|number| found.get(number).cloned()).collect())
}
