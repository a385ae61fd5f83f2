//! `passerelle tasks`: what asks a person, and what the person decides.

use master::matching::Bits;
use serde_json::{Map, Value};
use store::{Command, Decision, TASKS_CLOSED_MAX, TaskFilter, TaskStatus, TasksClosed};

use super::collect::quiet_log;
use super::listings::filter;
use crate::cli::{Numbered, TasksAction, TasksChoice, TasksDecision, TasksList};
use crate::failure::{Exit, Failure};
use crate::output::{self, Table, counted, moment};
use crate::session::{carry_out, store_beside};
use crate::user;

/// Lists, shows, closes or decides.
///
/// # Errors
/// When there is no store, no such task, or the hub cannot do it.
pub async fn tasks(action: &TasksAction) -> Result<Exit, Failure> {
    match action {
        TasksAction::List(arguments) => list(arguments).await,
        TasksAction::Show(numbered) => show(numbered).await,
        TasksAction::Close(arguments) => end(&arguments.numbers, Decision::Acknowledged, &arguments.decision).await,
        TasksAction::Decide(arguments) => end(&arguments.numbers, arguments.answer.into(), &arguments.decision).await,
    }
}

fn narrowed(choice: &TasksChoice) -> TaskFilter {
    TaskFilter {
        code: choice.code.clone(),
        customer: choice.customer,
        text: choice.text.clone(),
        ..filter(&choice.listing).into()
    }
}

async fn list(arguments: &TasksList) -> Result<Exit, Failure> {
    let TasksList { choice, closed, after } = arguments;
    let filter = TaskFilter { is_closed: *closed, after: *after, ..narrowed(choice) };
    let tasks = store_beside(&choice.listing.place.dir).await?.tasks(&filter).await?;
    if choice.listing.json {
        output::json(&tasks);
        return Ok(Exit::Done);
    }
    let (table, nothing) =
        if *closed { (answers(&tasks), "no closed tasks") } else { (questions(&tasks), "no open tasks") };
    table.print(nothing);
    if let Some(last) = tasks.last().filter(|_| tasks.len() >= filter.count_max) {
        output::note(format!("passerelle: there may be more; go on with --after={}", last.place()));
    }
    Ok(Exit::Done)
}

fn questions(tasks: &[TaskStatus]) -> Table {
    let mut table = Table::new(&["number", "rank", "since", "system", "master", "question", "code"]);
    for task in tasks {
        table.row([
            task.number.to_string(),
            task.rank.to_string(),
            moment(task.since),
            task.system.to_string(),
            masters(task),
            task.question.clone(),
            task.code.clone(),
        ]);
    }
    table
}

fn answers(tasks: &[TaskStatus]) -> Table {
    let mut table =
        Table::new(&["number", "closed", "by", "decision", "reason", "system", "master", "question", "code"]);
    for task in tasks {
        let Some(closing) = &task.closed else { continue };
        table.row([
            task.number.to_string(),
            moment(closing.at),
            closing.by.clone(),
            closing.decision.to_string(),
            closing.reason.clone(),
            task.system.to_string(),
            masters(task),
            task.question.clone(),
            task.code.clone(),
        ]);
    }
    table
}

/// The masters that a task is about: `m12`, or `m12 m40` for a pair.
fn masters(task: &TaskStatus) -> String {
    let ids: Vec<String> = task.master_id.iter().chain(&task.other).map(ToString::to_string).collect();
    ids.join(" ")
}

async fn show(numbered: &Numbered) -> Result<Exit, Failure> {
    let found = store_beside(&numbered.place.dir).await?.tasks_numbered(None, &[numbered.number]).await?;
    let Some(task) = found.first() else { return Err(no_task(numbered.number)) };
    if numbered.json {
        output::json(task);
        return Ok(Exit::Done);
    }
    let TaskStatus { number, code, question, system, rank, since, .. } = task;
    output::line(format!("task {number}: {question} [{code}]"));
    let about = masters(task);
    let about = if about.is_empty() { String::new() } else { format!(", about {about}") };
    output::line(format!("{system}{about}, rank {rank}, since {}", moment(*since)));
    if let Some(closing) = &task.closed {
        let (decision, at) = (closing.decision, moment(closing.at));
        output::line(format!("closed {at} by {}: {decision}, because {}", closing.by, closing.reason));
    }
    if let Some(detail) = &task.detail {
        output::line("");
        output::line(explained(detail));
    }
    if let Some((one, other)) = task.master_id.zip(task.other) {
        output::line(format!("\nwhat they show and what was decided: passerelle customers why {one} {other}"));
    }
    Ok(Exit::Done)
}

/// Members of an explanation that weigh: thousandths of bits.
const WEIGHTS: [&str; 3] = ["bits", "start", "rarity"];

/// What explains a task, for people: one line for each value, and a table for each list of objects, such as the fields
/// of a comparison with their levels and bits.
fn explained(detail: &str) -> String {
    let Ok(Value::Object(members)) = serde_json::from_str(detail) else { return detail.to_owned() };
    let (mut lines, mut tables) = (Vec::new(), Vec::new());
    explain(&members, &mut lines, &mut tables);
    lines.extend(tables);
    lines.join("\n")
}

/// Adds the members of an object, those of objects within it among them.
fn explain(members: &Map<String, Value>, lines: &mut Vec<String>, tables: &mut Vec<String>) {
    for (name, value) in members {
        match value {
            Value::Object(inner) => explain(inner, lines, tables),
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
                tables.push(format!("\n{name}:\n{}", table_of(items).render()));
            }
            value => lines.push(format!("{name}: {}", plain(name, value))),
        }
    }
}

/// Objects as rows, with a column for each name.
fn table_of(items: &[Value]) -> Table {
    let rows = || items.iter().filter_map(Value::as_object);
    let mut columns: Vec<&str> = Vec::new();
    for column in rows().flat_map(Map::keys) {
        if !columns.contains(&column.as_str()) {
            columns.push(column);
        }
    }
    let mut table = Table::new(&columns);
    for row in rows() {
        table.row(columns.iter().map(|column| row.get(*column).map(|value| plain(column, value)).unwrap_or_default()));
    }
    table
}

/// A value without the marks of JSON where it needs none.
fn plain(name: &str, value: &Value) -> String {
    let weight = || value.as_i64().filter(|_| WEIGHTS.contains(&name)).and_then(|weight| i32::try_from(weight).ok());
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(|item| plain("", item)).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            members.iter().map(|(name, value)| format!("{name} {}", plain(name, value))).collect::<Vec<_>>().join(", ")
        }
        other => weight().map_or_else(|| other.to_string(), |weight| Bits(weight).to_string()),
    }
}

fn no_task(number: u64) -> Failure {
    Failure::usage("cli.unknown", format!("there is no task {number}; `passerelle tasks list` has those that are open"))
}

/// Ends tasks with a decision, and tells what became of each.
async fn end(numbers: &[u64], decision: Decision, arguments: &TasksDecision) -> Result<Exit, Failure> {
    let TasksChoice { listing, .. } = &arguments.choice;
    let filter = narrowed(&arguments.choice);
    if arguments.count {
        let count = store_beside(&listing.place.dir).await?.task_count(&filter).await?;
        if listing.json {
            output::json(&serde_json::json!({ "count": count }));
        } else {
            output::line(counted(count, "open task"));
        }
        return Ok(Exit::Done);
    }
    if !arguments.all && is_narrowed(&arguments.choice) {
        let message = "--code, --system, --customer and --text say what --all means; with numbers, leave them out";
        return Err(Failure::usage("cli.too-many", message));
    }
    let by = arguments.by.clone().map_or_else(user::name, Ok)?;
    let numbers = if arguments.all { chosen(&filter, arguments).await? } else { numbers.to_vec() };
    if numbers.is_empty() {
        output::note("passerelle: no open task is meant by this");
        return Ok(told(&TasksClosed::default(), listing.json));
    }
    let reason = arguments.reason.clone().unwrap_or_default();
    let tenant = listing.tenant.clone();
    let command = Command::CloseTasks { tenant, numbers, decision, reason, by };
    crate::log::install(&quiet_log());
    let answer = carry_out(&listing.place.dir, &command, arguments.patience.0).await?;
    let ended: TasksClosed = serde_json::from_str(&answer)
        .map_err(|error| Failure::bug(format!("the hub's answer cannot be read: {error}")))?;
    let is_nothing = ended.closed.is_empty() && ended.closed_before.is_empty();
    if let ([], Some(number)) = (&ended.refused[..], ended.missing.first().filter(|_| is_nothing)) {
        return Err(no_task(*number));
    }
    if let Some(refused) = ended.refused.first().filter(|_| is_nothing && ended.refused.len() == 1) {
        return Err(Failure::usage("cli.refused", refused.reason.clone()));
    }
    Ok(told(&ended, listing.json))
}

/// Whether a choice leaves anything out.
fn is_narrowed(choice: &TasksChoice) -> bool {
    let TasksChoice { code, customer, text, listing } = choice;
    code.is_some() || customer.is_some() || text.is_some() || listing.system.is_some()
}

/// The numbers of all tasks that a filter lets through; refused when there are more than are meant at once.
async fn chosen(filter: &TaskFilter, arguments: &TasksDecision) -> Result<Vec<u64>, Failure> {
    let listing = &arguments.choice.listing;
    if !is_narrowed(&arguments.choice) {
        let message = "--all needs --code, --system, --customer or --text: it never means every task there is";
        return Err(Failure::usage("cli.too-many", message));
    }
    let store = store_beside(&listing.place.dir).await?;
    let limit = listing.limit.clamp(1, TASKS_CLOSED_MAX);
    let tasks = store.tasks(&TaskFilter { count_max: limit + 1, ..filter.clone() }).await?;
    if tasks.len() > limit {
        let count = store.task_count(filter).await?;
        let message = format!(
            "{count} open tasks are meant, and at most {limit} are ended at once; narrow them, or raise --limit (up to {TASKS_CLOSED_MAX})"
        );
        return Err(Failure::usage("cli.too-many", message));
    }
    Ok(tasks.iter().map(|task| task.number).collect())
}

/// Tells what became of each task.
fn told(ended: &TasksClosed, is_json: bool) -> Exit {
    let TasksClosed { closed, closed_before, missing, refused } = ended;
    let exit = if missing.is_empty() && refused.is_empty() { Exit::Done } else { Exit::Differs };
    if is_json {
        output::json(ended);
        return exit;
    }
    output::line(format!("{} closed", counted(closed.len() as u64, "task")));
    if !closed_before.is_empty() {
        output::line(format!("closed before: {}", listed(closed_before)));
    }
    if !missing.is_empty() {
        output::line(format!("not there, or not any more: {}", listed(missing)));
    }
    for refused in refused {
        output::line(format!("still open: {}", refused.reason));
    }
    exit
}

fn listed(numbers: &[u64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_is_read_by_people() {
        let check = |detail: &str, expected: &str| assert_eq!(explained(detail), expected, "{detail}");
        check("no json", "no json");
        check("[1,2]", "[1,2]");
        check(r#"{"model":7,"keys":["siren","phone"],"none":null}"#, "model: 7\nkeys: siren, phone\nnone: ");
        check(
            r#"{"because":{"bits":8400,"fields":[
                {"field":"name","levels":[{"name":"near"},{"email":"same"}],"bits":5100},
                {"field":"phone","bits":-20}]},"records":[{"system":"crm","key":"7"}]}"#,
            "bits: +8.4\n\nfields:\nfield  levels                 bits\nname   name near, email same  +5.1\n\
             phone                         -0.0\n\nrecords:\nsystem  key\ncrm       7",
        );
    }
}
