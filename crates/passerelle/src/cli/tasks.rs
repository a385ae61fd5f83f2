//! Arguments of the queue of stewards and operators.

use clap::{Args, Subcommand, ValueEnum};
use master::MasterId;
use store::{Decision, TaskPlace};

use super::{Listing, Numbered};
use crate::configuration::time_span::TimeSpan;

/// Arguments of `tasks`.
#[derive(Debug, Args)]
pub struct Tasks {
    /// What to do.
    #[command(subcommand)]
    pub action: TasksAction,
}

/// What to do with tasks.
#[derive(Debug, Subcommand)]
pub enum TasksAction {
    /// List open tasks, those that are worth most first, or those that somebody has closed
    #[command(after_help = "\
Examples:
  passerelle tasks list
  passerelle tasks list --code match --customer m42
  passerelle tasks list --closed --json

The rank of a question of matching is in thousandths of bits; of equal ranks the oldest comes first.")]
    List(TasksList),
    /// Show one: the question, what explains it, how it ended
    #[command(after_help = "Example:\n  passerelle tasks show 12")]
    Show(Numbered),
    /// End tasks that were read and have nothing to decide
    #[command(after_help = "\
Examples:
  passerelle tasks close 12 13 --reason 'the bank has sent a corrected statement'
  passerelle tasks close --all --code control.balance --system bank --count
  passerelle tasks close --all --code control.balance --system bank --reason 'tests of the bank'

What a delivery left parked stays parked: see `passerelle parked`.")]
    Close(TasksClose),
    /// Decide tasks that ask whether two customers are one
    #[command(after_help = "\
Examples:
  passerelle tasks decide 12 same --reason 'one SIRET, they moved'
  passerelle tasks decide 14 15 16 not-the-same --reason 'father and son'
  passerelle tasks decide --all --customer m42 not-the-same --reason 'a shared switchboard'")]
    Decide(TasksDecide),
}

/// What of the queue is meant.
#[derive(Clone, Debug, Args)]
pub struct TasksChoice {
    /// Only this code, such as control.balance, or this family of codes, such as control
    #[arg(long)]
    pub code: Option<String>,
    /// Only those about this customer
    #[arg(long, value_name = "MASTER")]
    pub customer: Option<MasterId>,
    /// Only those whose code, question or explanation contains this text
    #[arg(long)]
    pub text: Option<String>,
    /// The listing.
    #[command(flatten)]
    pub listing: Listing,
}

/// Arguments of `tasks list`.
#[derive(Debug, Args)]
pub struct TasksList {
    /// What is listed.
    #[command(flatten)]
    pub choice: TasksChoice,
    /// List those that somebody has closed, the latest first
    #[arg(long)]
    pub closed: bool,
    /// Go on after this place of the list, which the page before names
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    pub after: Option<TaskPlace>,
}

/// Who decides what for which tasks.
#[derive(Debug, Args)]
pub struct TasksDecision {
    /// All that the filter lets through, at most --limit, instead of numbers
    #[arg(long)]
    pub all: bool,
    /// With --all: tell how many there are, and change nothing
    #[arg(long, requires = "all")]
    pub count: bool,
    /// Why; it is kept with the decision
    #[arg(long, value_name = "TEXT", required_unless_present = "count")]
    pub reason: Option<String>,
    /// Who decides; the user of this machine when left out
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// What --all means.
    #[command(flatten)]
    pub choice: TasksChoice,
    /// How long to wait for the hub
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub patience: TimeSpan,
}

/// Arguments of `tasks close`.
#[derive(Debug, Args)]
pub struct TasksClose {
    /// The numbers of the tasks
    #[arg(value_name = "NUMBER", required_unless_present = "all", conflicts_with = "all")]
    pub numbers: Vec<u64>,
    /// The decision.
    #[command(flatten)]
    pub decision: TasksDecision,
}

/// Arguments of `tasks decide`.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub struct TasksDecide {
    /// The numbers of the tasks
    #[arg(value_name = "NUMBER", required_unless_present = "all", conflicts_with = "all")]
    pub numbers: Vec<u64>,
    /// What they are
    #[arg(value_name = "DECISION", required = true)]
    pub answer: PairAnswer,
    /// The decision.
    #[command(flatten)]
    pub decision: TasksDecision,
}

/// What two customers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PairAnswer {
    /// They are one
    Same,
    /// They are not one
    NotTheSame,
}

impl From<PairAnswer> for Decision {
    fn from(answer: PairAnswer) -> Decision {
        match answer {
            PairAnswer::Same => Decision::Same,
            PairAnswer::NotTheSame => Decision::NotTheSame,
        }
    }
}
