//! What asks a person: the queue of stewards and operators, ranked, and how each question ended.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use master::MasterId;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::StoreError;
use super::operate::Filter;

/// The longest question that is kept, in characters; what is longer is cut off, and ends with `…`.
pub const QUESTION_CHARS_MAX: usize = 2_000;

/// The longest detail of a task that is kept, in bytes. A longer one is left out and the question stays: no explanation
/// is worth a transaction that fails.
pub const DETAIL_BYTES_MAX: usize = 64 << 10;

/// The longest reason that a person gives for a decision, in characters.
pub const REASON_CHARS_MAX: usize = 1_000;

/// The longest name of who decided, in characters.
pub const NAME_CHARS_MAX: usize = 128;

/// At most this many tasks are closed by one command.
pub const TASKS_CLOSED_MAX: usize = 1_000;

/// A question for a steward or an operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTask {
    /// Equal questions have equal subjects: of one subject at most one task is open. Writing it again updates all of the
    /// open one but its number and since when it is asked. At most [`KEY_BYTES_MAX`](super::KEY_BYTES_MAX) bytes.
    pub subject: String,
    /// A stable code, such as `delivery.unknown`.
    pub code: String,
    /// One sentence for people, at most [`QUESTION_CHARS_MAX`] characters.
    pub question: String,
    /// The system concerned.
    pub system: Arc<str>,
    /// The master concerned.
    pub master_id: Option<MasterId>,
    /// The second master concerned, of a question about a pair.
    pub other: Option<MasterId>,
    /// The value of deciding: a higher one is asked first; thousandths of bits for questions of matching, else 0.
    pub rank: i64,
    /// What explains the question to machines, as JSON; at most [`DETAIL_BYTES_MAX`] bytes, a longer one is left out.
    pub detail: Option<String>,
    /// Whether it is asked once more when somebody has answered it.
    pub reopen: Reopen,
    /// Now.
    pub at: Timestamp,
}

/// Whether a question is asked once more that somebody has answered. A question that ended because what it asked about
/// is no more has left nothing behind, and is always asked once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reopen {
    /// When its detail is another one than at the answer: there is something new to judge.
    #[default]
    OnNewDetail,
    /// Always: it happened again.
    Always,
    /// Never, for as long as the answer is kept.
    Never,
}

/// What a person makes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It was read, and nothing follows here.
    Acknowledged,
    /// The two masters are one.
    Same,
    /// The two masters are not one.
    NotTheSame,
}

impl Decision {
    /// All of them.
    pub const ALL: [Decision; 3] = [Decision::Acknowledged, Decision::Same, Decision::NotTheSame];

    /// The word for people and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Decision::Acknowledged => "acknowledged",
            Decision::Same => "same",
            Decision::NotTheSame => "not-the-same",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// How a person ended a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskClosing {
    /// The decision.
    pub decision: Decision,
    /// Why, in the person's own words; personal data may be in it. At most [`REASON_CHARS_MAX`] characters.
    pub reason: String,
    /// Who. At most [`NAME_CHARS_MAX`] characters.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl TaskClosing {
    /// Refuses what nobody could read later.
    ///
    /// # Errors
    ///
    /// One sentence that says what is missing or too long.
    pub fn check(&self) -> Result<(), String> {
        for (what, text, chars_max) in
            [("a reason", &self.reason, REASON_CHARS_MAX), ("the name of who decides", &self.by, NAME_CHARS_MAX)]
        {
            if text.trim().is_empty() {
                return Err(format!("{what} is missing; it is kept with the decision"));
            }
            if text.chars().count() > chars_max {
                return Err(format!("{what} has more than {chars_max} characters; shorten it"));
            }
        }
        Ok(())
    }
}

/// A question as stewards and operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskStatus {
    /// Its number.
    pub number: u64,
    /// The tenant.
    pub tenant: Arc<str>,
    /// A stable code.
    pub code: String,
    /// What tells equal questions.
    pub subject: String,
    /// The question.
    pub question: String,
    /// The system concerned.
    pub system: Arc<str>,
    /// The master concerned.
    pub master_id: Option<MasterId>,
    /// The second master concerned.
    pub other: Option<MasterId>,
    /// The value of deciding; a higher one is asked first.
    pub rank: i64,
    /// Since when.
    pub since: Timestamp,
    /// How somebody ended it; `None` while it is open.
    pub closed: Option<TaskClosing>,
    /// What explains it, as JSON; listings leave it out.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_json")]
    pub detail: Option<String>,
}

/// Text that is JSON goes as it is, and other text as a text.
fn as_json<S: Serializer>(detail: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = detail.as_deref().unwrap_or("null");
    match serde_json::from_str::<&RawValue>(text) {
        Ok(json) => json.serialize(serializer),
        Err(_) => text.serialize(serializer),
    }
}

impl TaskStatus {
    /// Its place in the order of its listing.
    pub fn place(&self) -> TaskPlace {
        let order = self.closed.as_ref().map_or(self.rank, |closing| crate::value::nanoseconds(closing.at));
        TaskPlace { order, number: self.number }
    }
}

/// A place in the order of a listing of tasks; written as `ORDER:NUMBER`. It stays what it is when the task there goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskPlace {
    /// The rank of an open task; of a closed one, when it was closed, in nanoseconds since 1970.
    pub order: i64,
    /// The number of the task.
    pub number: u64,
}

/// A text that is no place in a listing of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a place in a list of tasks is two whole numbers, such as 8400:12")]
pub struct NotATaskPlace;

impl FromStr for TaskPlace {
    type Err = NotATaskPlace;

    fn from_str(text: &str) -> Result<Self, NotATaskPlace> {
        let (order, number) = text.split_once(':').ok_or(NotATaskPlace)?;
        let order = order.parse().map_err(|_| NotATaskPlace)?;
        let number = number.parse().map_err(|_| NotATaskPlace)?;
        Ok(TaskPlace { order, number })
    }
}

impl fmt::Display for TaskPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.order, self.number)
    }
}

/// What a listing of tasks is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only this tenant.
    pub tenant: Option<String>,
    /// Only this system.
    pub system: Option<String>,
    /// Only this code, such as `control.balance`; or all of a family, such as `control`.
    pub code: Option<String>,
    /// Only those about this master, as the first or the second.
    pub customer: Option<MasterId>,
    /// Only those whose code, question or detail contains this text.
    pub text: Option<String>,
    /// Whether those are listed that somebody has closed, instead of the open ones.
    pub is_closed: bool,
    /// Only what comes after this place in the order of the listing.
    pub after: Option<TaskPlace>,
    /// At most this many; 0 means 100.
    pub count_max: usize,
}

impl TaskFilter {
    /// What it shares with all listings.
    pub(crate) fn shared(&self) -> Filter {
        Filter {
            tenant: self.tenant.clone(),
            system: self.system.clone(),
            customer: self.customer,
            text: self.text.clone(),
            count_max: self.count_max,
            ..Filter::default()
        }
    }
}

impl From<Filter> for TaskFilter {
    /// Of what all listings share; the place in the listing is left out, because tasks have another order.
    fn from(filter: Filter) -> Self {
        let Filter { tenant, system, customer, text, count_max, .. } = filter;
        TaskFilter { tenant, system, customer, text, count_max, ..TaskFilter::default() }
    }
}

/// The answer to [`Command::CloseTasks`](super::operate::Command::CloseTasks), as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TasksClosed {
    /// The numbers of those that were closed by this.
    pub closed: Vec<u64>,
    /// The numbers of those that somebody had closed before.
    pub closed_before: Vec<u64>,
    /// The numbers of those that are not there, or not any more.
    pub missing: Vec<u64>,
    /// Those that cannot be closed this way, and stay open.
    pub refused: Vec<TaskRefused>,
}

/// A task that cannot be closed this way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRefused {
    /// Its number.
    pub number: u64,
    /// Why, and what to do instead.
    pub reason: String,
}

/// What the queue of stewards and operators needs. Tasks are written by the transactions that give rise to them, as
/// [`NewTask`]; they end with what they ask about, or here.
#[async_trait]
pub trait TaskStore: Send + Sync {
    /// Open tasks, the highest rank first and of equal ones the oldest; or closed ones, the latest first. Without their
    /// details; at most [`TaskFilter::count_max`].
    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<TaskStatus>, StoreError>;

    /// How many tasks a filter lets through, whatever its limit and place.
    async fn task_count(&self, filter: &TaskFilter) -> Result<u64, StoreError>;

    /// These tasks, open or closed, with their details, in the given order; those that are not there are passed over, and
    /// with a tenant also those of others.
    async fn tasks_numbered(&self, tenant: Option<&str>, numbers: &[u64]) -> Result<Vec<TaskStatus>, StoreError>;

    /// Notes in one transaction how somebody ended these tasks. Those that are closed already, not there, or of another
    /// tenant than a given one, are passed over. Returns the numbers of those that it closed, in the given order.
    async fn close_tasks(
        &self,
        tenant: Option<&str>,
        numbers: &[u64],
        closing: &TaskClosing,
    ) -> Result<Vec<u64>, StoreError>;

    /// Forgets tasks of all tenants that were closed before a moment, oldest first, at most so many; returns how many.
    /// A question whose answer is forgotten may be asked once more.
    async fn forget_closed_tasks(&self, before: Timestamp, count_max: usize) -> Result<u64, StoreError>;
}

/// The question as it is kept: bounded.
pub(crate) fn kept_question(question: &str) -> std::borrow::Cow<'_, str> {
    match question.char_indices().nth(QUESTION_CHARS_MAX) {
        None => question.into(),
        Some(_) => question.chars().take(QUESTION_CHARS_MAX - 1).chain(['…']).collect::<String>().into(),
    }
}

/// The detail as it is kept: whole, or not at all.
pub(crate) fn kept_detail(task: &NewTask) -> Option<&str> {
    let detail = task.detail.as_deref()?;
    if detail.len() > DETAIL_BYTES_MAX {
        tracing::warn!(code = task.code, bytes = detail.len(), "the detail of a task is too long, and is left out");
        return None;
    }
    Some(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for place in [(8_400, 12), (-1, 1), (i64::MIN, u64::MAX)] {
            let place = TaskPlace { order: place.0, number: place.1 };
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for text in ["", "12", "1:", ":1", "1:-1", "a:b", "1:2:3"] {
            assert_eq!(text.parse::<TaskPlace>(), Err(NotATaskPlace), "{text}");
        }
    }

    #[test]
    fn questions_and_details_are_bounded() {
        let check = |chars: usize, expected: usize| {
            let kept = kept_question(&"é".repeat(chars)).into_owned();
            assert_eq!((kept.chars().count(), kept.ends_with('…')), (expected, chars > QUESTION_CHARS_MAX), "{chars}");
        };
        check(0, 0);
        check(QUESTION_CHARS_MAX, QUESTION_CHARS_MAX);
        check(QUESTION_CHARS_MAX + 1, QUESTION_CHARS_MAX);
        let detail = |bytes: usize| NewTask { detail: Some("x".repeat(bytes)), ..NewTask::default() };
        assert!(kept_detail(&detail(DETAIL_BYTES_MAX)).is_some());
        assert_eq!(kept_detail(&detail(DETAIL_BYTES_MAX + 1)), None);
    }

    #[test]
    fn a_closing_says_who_and_why() {
        let check = |reason: &str, by: &str, expected: bool| {
            let (reason, by) = (reason.to_owned(), by.to_owned());
            let closing = TaskClosing { decision: Decision::Acknowledged, reason, by, at: Timestamp::UNIX_EPOCH };
            assert_eq!(closing.check().is_ok(), expected, "{closing:?}");
        };
        check("the bank corrected it", "anna", true);
        check(" ", "anna", false);
        check("why", "", false);
        check(&"é".repeat(REASON_CHARS_MAX), &"n".repeat(NAME_CHARS_MAX), true);
        check(&"é".repeat(REASON_CHARS_MAX + 1), "anna", false);
        check("why", &"n".repeat(NAME_CHARS_MAX + 1), false);
    }

    #[test]
    fn a_detail_is_json_in_json() {
        let check = |detail: Option<&str>, expected: serde_json::Value| {
            let task = TaskStatus {
                number: 1,
                tenant: "acme".into(),
                code: "c".to_owned(),
                subject: "s".to_owned(),
                question: "q".to_owned(),
                system: "erp".into(),
                master_id: None,
                other: None,
                rank: 0,
                since: Timestamp::UNIX_EPOCH,
                closed: None,
                detail: detail.map(str::to_owned),
            };
            let json = serde_json::to_value(&task).unwrap_or_default();
            assert_eq!(json.get("detail").cloned().unwrap_or_default(), expected);
        };
        check(None, serde_json::Value::Null);
        check(Some("{\"bits\":1200}"), serde_json::json!({"bits": 1200}));
        check(Some("{half"), "{half".into());
    }
}
