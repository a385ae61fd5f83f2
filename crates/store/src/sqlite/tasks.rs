//! Tasks on SQLite: asking, ending, listing.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Row, named_params, params};

use super::SqliteStore;
use super::dictionary::Session;
use super::failure::Failure;
use super::listing::Narrow;
use super::rows::number;
use super::value::{Coded, MasterKey, nanoseconds, time};
use super::write::optional_master;
use crate::contract::tasks::{kept_detail, kept_question};
use crate::{Decision, NewTask, StoreError, TaskClosing, TaskFilter, TaskStatus, TaskStore};

#[async_trait]
impl TaskStore for SqliteStore {
    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<TaskStatus>, StoreError> {
        let filter = filter.clone();
        self.core.read(move |session| list(session, &filter)).await
    }

    async fn task_count(&self, filter: &TaskFilter) -> Result<u64, StoreError> {
        let filter = filter.clone();
        self.core.read(move |session| count(session, &filter)).await
    }

    async fn tasks_numbered(&self, tenant: Option<&str>, numbers: &[u64]) -> Result<Vec<TaskStatus>, StoreError> {
        let (tenant, numbers) = (tenant.map(str::to_owned), numbers.to_vec());
        self.core.read(move |session| numbered(session, tenant.as_deref(), &numbers)).await
    }

    async fn close_tasks(
        &self,
        tenant: Option<&str>,
        numbers: &[u64],
        closing: &TaskClosing,
    ) -> Result<Vec<u64>, StoreError> {
        let (tenant, numbers, closing) = (tenant.map(str::to_owned), numbers.to_vec(), closing.clone());
        let close = move |session: &Session<'_>| {
            let tenant = match tenant {
                None => None,
                Some(tenant) => match session.id(&tenant)? {
                    None => return Ok(Vec::new()),
                    known => known,
                },
            };
            let closed = numbers.into_iter().map(|number| Ok((number, close(session, tenant, number, &closing)?)));
            let closed = closed.collect::<Result<Vec<_>, Failure>>()?;
            Ok(closed.into_iter().filter_map(|(number, is_closed)| is_closed.then_some(number)).collect())
        };
        self.core.write(self.fence.as_ref(), close).await
    }

    async fn forget_closed_tasks(&self, before: Timestamp, count_max: usize) -> Result<u64, StoreError> {
        let forget = move |session: &Session<'_>| {
            let mut delete = session.prepare(
                "DELETE FROM tasks WHERE number IN
                     (SELECT number FROM tasks WHERE closed_at < ?1 ORDER BY closed_at, number LIMIT ?2)",
            )?;
            Ok(delete.execute(params![nanoseconds(before), i64::try_from(count_max).unwrap_or(i64::MAX)])? as u64)
        };
        self.core.write(self.fence.as_ref(), forget).await
    }
}

/// Asks questions. One that is open is brought up to date, and not written when it is already; one that was answered is
/// asked as its writer wants it.
pub(super) fn ask(session: &Session<'_>, tenant: i64, tasks: &[NewTask]) -> Result<(), Failure> {
    if tasks.is_empty() {
        return Ok(());
    }
    let mut write = session.prepare(
        "INSERT INTO tasks (tenant, subject, code, question, system, master, other, rank, detail, since)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
         WHERE EXISTS (SELECT 1 FROM tasks WHERE subject = ?2 AND tenant = ?1 AND closed_at IS NULL)
            OR NOT EXISTS (
                SELECT 1 FROM (SELECT detail FROM tasks WHERE subject = ?2 AND tenant = ?1 AND closed_at IS NOT NULL
                               ORDER BY number DESC LIMIT 1) AS answered
                WHERE ?11 = ?12 OR (?11 = ?13 AND answered.detail IS ?9))
         ON CONFLICT (subject, tenant) WHERE closed_at IS NULL DO UPDATE SET
             code = excluded.code, question = excluded.question, system = excluded.system, master = excluded.master,
             other = excluded.other, rank = excluded.rank, detail = excluded.detail
         WHERE (tasks.code, tasks.question, tasks.system, tasks.master, tasks.other, tasks.rank, tasks.detail) IS NOT
               (excluded.code, excluded.question, excluded.system, excluded.master, excluded.other, excluded.rank,
                excluded.detail)",
    )?;
    for task in tasks {
        write.execute(params![
            tenant,
            task.subject,
            task.code,
            kept_question(&task.question),
            session.intern(&task.system)?,
            optional_master(tenant, task.master_id)?,
            optional_master(tenant, task.other)?,
            task.rank,
            kept_detail(task),
            nanoseconds(task.at),
            task.reopen.code(),
            crate::Reopen::Never.code(),
            crate::Reopen::OnNewDetail.code(),
        ])?;
    }
    Ok(())
}

/// Ends open tasks that have nothing to ask about any more.
pub(super) fn end(session: &Session<'_>, tenant: i64, subjects: &[String]) -> Result<(), Failure> {
    if subjects.is_empty() {
        return Ok(());
    }
    let mut delete = session.prepare("DELETE FROM tasks WHERE subject = ?2 AND tenant = ?1 AND closed_at IS NULL")?;
    for subject in subjects {
        delete.execute(params![tenant, subject])?;
    }
    Ok(())
}

/// Ends the open tasks that ask about a parked message.
pub(super) fn end_of_parked(session: &Session<'_>, tenant: i64, numbers: &[u64]) -> Result<(), Failure> {
    let mut delete = session.prepare(
        "DELETE FROM tasks WHERE tenant = ?2 AND closed_at IS NULL
            AND subject = (SELECT task FROM parked WHERE number = ?1 AND tenant = ?2)",
    )?;
    for number in numbers {
        delete.execute([number.cast_signed(), tenant])?;
    }
    Ok(())
}

/// Notes how somebody ended tasks; those that are closed already are passed over.
pub(super) fn close_all(session: &Session<'_>, tenant: i64, closed: &[(u64, TaskClosing)]) -> Result<(), Failure> {
    for (number, closing) in closed {
        close(session, Some(tenant), *number, closing)?;
    }
    Ok(())
}

/// Whether there was such an open task.
fn close(session: &Session<'_>, tenant: Option<i64>, number: u64, closing: &TaskClosing) -> Result<bool, Failure> {
    let mut update = session.prepare(
        "UPDATE tasks SET closed_at = ?3, closed_by = ?4, decision = ?5, reason = ?6
         WHERE number = ?1 AND (?2 IS NULL OR tenant = ?2) AND closed_at IS NULL",
    )?;
    let TaskClosing { decision, reason, by, at } = closing;
    let changed =
        update.execute(params![number.cast_signed(), tenant, nanoseconds(*at), by, decision.code(), reason])?;
    Ok(changed > 0)
}

/// The columns that [`task`] reads, but for the detail, which comes last.
const COLUMNS: &str = "number, tenant, code, subject, question, system, master, other, rank, since, closed_at, closed_by, \
     decision, reason";

fn task(session: &Session<'_>, row: &Row<'_>) -> Result<TaskStatus, Failure> {
    let master = |index| Ok::<_, Failure>(row.get::<_, Option<i64>>(index)?.map(|key| MasterKey(key).id()));
    let closed = match row.get::<_, Option<i64>>(10)? {
        None => None,
        Some(at) => Some(TaskClosing {
            decision: Decision::from_column(row.get(12)?)?,
            reason: row.get(13)?,
            by: row.get(11)?,
            at: time(at),
        }),
    };
    Ok(TaskStatus {
        number: number(row, 0)?,
        tenant: session.text(row.get(1)?)?,
        code: row.get(2)?,
        subject: row.get(3)?,
        question: row.get(4)?,
        system: session.text(row.get(5)?)?,
        master_id: master(6)?,
        other: master(7)?,
        rank: row.get(8)?,
        since: time(row.get(9)?),
        closed,
        detail: row.get(14)?,
    })
}

/// What a filter lets through.
const CONDITION: &str = "(:tenant IS NULL OR tenant = :tenant) AND (:system IS NULL OR system = :system)
     AND (:code IS NULL OR code = :code OR substr(code, 1, length(:code) + 1) = :code || '.')
     AND (:customer IS NULL OR master & :mask = :customer OR other & :mask = :customer)
     AND (:text IS NULL OR instr(lower(code || ' ' || question || ' ' || coalesce(detail, '')), :text) > 0)";

/// The condition on the state, and the column that orders the listing.
fn state(filter: &TaskFilter) -> (&'static str, &'static str) {
    if filter.is_closed { ("closed_at IS NOT NULL", "closed_at") } else { ("closed_at IS NULL", "rank") }
}

fn list(session: &Session<'_>, filter: &TaskFilter) -> Result<Vec<TaskStatus>, Failure> {
    let Some(narrow) = Narrow::new(session, &filter.shared())? else { return Ok(Vec::new()) };
    let (state, order) = state(filter);
    let mut select = session.prepare(&format!(
        "SELECT {COLUMNS}, NULL FROM tasks
         WHERE {state} AND {CONDITION}
           AND (:after IS NULL OR {order} < :after OR ({order} = :after AND number > :after_number))
         ORDER BY {order} DESC, number LIMIT :limit"
    ))?;
    let mut found = select.query(named_params! {
        ":tenant": narrow.tenant,
        ":system": narrow.system,
        ":code": filter.code,
        ":customer": narrow.customer,
        ":mask": MasterKey::ID_MASK,
        ":text": narrow.text,
        ":after": filter.after.map(|place| place.order),
        ":after_number": filter.after.map(|place| place.number.cast_signed()),
        ":limit": narrow.limit(),
    })?;
    let mut tasks = Vec::new();
    while let Some(row) = found.next()? {
        tasks.push(task(session, row)?);
    }
    Ok(tasks)
}

fn count(session: &Session<'_>, filter: &TaskFilter) -> Result<u64, Failure> {
    let Some(narrow) = Narrow::new(session, &filter.shared())? else { return Ok(0) };
    let (state, _) = state(filter);
    let mut select = session.prepare(&format!("SELECT count(*) FROM tasks WHERE {state} AND {CONDITION}"))?;
    let parameters = named_params! {
        ":tenant": narrow.tenant,
        ":system": narrow.system,
        ":code": filter.code,
        ":customer": narrow.customer,
        ":mask": MasterKey::ID_MASK,
        ":text": narrow.text,
    };
    let count: i64 = select.query_row(parameters, |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

fn numbered(session: &Session<'_>, tenant: Option<&str>, numbers: &[u64]) -> Result<Vec<TaskStatus>, Failure> {
    let tenant = match tenant.map(|tenant| session.id(tenant)).transpose()? {
        None => None,
        Some(None) => return Ok(Vec::new()),
        Some(known) => known,
    };
    let mut select = session
        .prepare(&format!("SELECT {COLUMNS}, detail FROM tasks WHERE number = ?1 AND (?2 IS NULL OR tenant = ?2)"))?;
    let mut tasks = Vec::new();
    for number in numbers {
        let mut found = select.query(params![number.cast_signed(), tenant])?;
        if let Some(row) = found.next()? {
            tasks.push(task(session, row)?);
        }
    }
    Ok(tasks)
}
