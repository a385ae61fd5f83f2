//! Arguments of what operators ask and do.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    CustomersJudgements, CustomersLink, CustomersMerge, CustomersNotTheSame, CustomersSet, CustomersSplit,
    CustomersUndo, CustomersUnlink, CustomersUnset, Listing, Place,
};
use crate::configuration::time_span::TimeSpan;

/// Arguments of `parked`.
#[derive(Debug, Args)]
pub struct Parked {
    /// What to do.
    #[command(subcommand)]
    pub action: ParkedAction,
}

/// What to do with what was set aside.
#[derive(Debug, Subcommand)]
pub enum ParkedAction {
    /// List what is set aside, oldest first
    #[command(after_help = "Example:\n  passerelle parked list --system crm")]
    List(Listing),
    /// Show one with everything behind it
    #[command(after_help = "Example:\n  passerelle parked show 12")]
    Show(Numbered),
    /// Try one again, and everything behind it
    #[command(after_help = "Example:\n  passerelle parked retry 12")]
    Retry(Act),
    /// Give one up; what stands behind it goes on
    #[command(after_help = "Example:\n  passerelle parked discard 12")]
    Discard(Act),
}

/// One item of a listing.
#[derive(Clone, Debug, Args)]
pub struct Numbered {
    /// Its number in the listing
    pub number: u64,
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Something to do with one item of a listing.
#[derive(Clone, Debug, Args)]
pub struct Act {
    /// The item.
    #[command(flatten)]
    pub item: Numbered,
    /// How long to wait for the hub
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub patience: TimeSpan,
}

/// Arguments of `rejects`.
#[derive(Debug, Args)]
pub struct Rejects {
    /// What to do.
    #[command(subcommand)]
    pub action: RejectsAction,
}

/// What to do with rejects.
#[derive(Debug, Subcommand)]
pub enum RejectsAction {
    /// List rejects, newest first
    #[command(after_help = "Example:\n  passerelle rejects list --system erp")]
    List(Listing),
    /// Show one with its raw bytes
    #[command(after_help = "Example:\n  passerelle rejects show 3")]
    Show(Numbered),
}

/// Arguments of `waiting`.
#[derive(Debug, Args)]
pub struct Waiting {
    /// What to do.
    #[command(subcommand)]
    pub action: WaitingAction,
}

/// What to do with waiting documents.
#[derive(Debug, Subcommand)]
pub enum WaitingAction {
    /// List waiting documents, oldest first
    #[command(after_help = "Example:\n  passerelle waiting list")]
    List(Listing),
}

/// Arguments of `customers`.
#[derive(Debug, Args)]
pub struct Customers {
    /// What to do.
    #[command(subcommand)]
    pub action: CustomersAction,
}

/// What to do with customers.
#[derive(Debug, Subcommand)]
pub enum CustomersAction {
    /// List customers by master id
    #[command(after_help = "Example:\n  passerelle customers list --text dupont")]
    List(CustomersList),
    /// Show one: the golden document, what every system shows of it, what happened
    #[command(after_help = "Examples:\n  passerelle customers show m42\n  passerelle customers show C-1001")]
    Show(CustomersShow),
    /// Tell why each value of a customer is as it is, and what other rules would change; or why two are or are not one
    #[command(after_help = "\
Examples:
  passerelle customers why m42
  passerelle customers why C-1001 --rules new-rules.toml
  passerelle customers why m42 m77
  passerelle customers why erp/C-1001 crm/17 --all

FILE has [trust] and [survivorship.FIELD] as they stand below [tenants.NAME] in passerelle.toml,
and what it leaves out is as configured; or it is a whole passerelle.toml. Nothing is changed.
With --rules, the exit code is 1 when a value would be another.

Two are customers, or records as SYSTEM/KEY. What their records have shown is held against each
other as the hub does it: levels, and what each weighs in bits. The exit code is 0 when they are one
customer now, 1 when they are two.")]
    Why(CustomersWhy),
    /// Make two customers one
    #[command(after_help = "\
Examples:
  passerelle customers merge m42 m77 --plan
  passerelle customers merge m42 m77 --reason 'one SIRET, they moved'

The first keeps its id, the other's id leads to it from now on. Every system that is fed is told.
`passerelle customers undo` takes it back, with all values and keys.")]
    Merge(CustomersMerge),
    /// Make two customers of one: the records that are named leave it together
    #[command(after_help = "\
Examples:
  passerelle customers split m42 crm/17 billing/9034 --plan
  passerelle customers split m42 crm/17 billing/9034 --reason 'father and son'

They are never put together with those that stay, whatever they show, until somebody decides otherwise.")]
    Split(CustomersSplit),
    /// Take a record away from its customer
    #[command(after_help = "Example:\n  passerelle customers unlink crm/17 --reason 'typed into the wrong account'")]
    Unlink(CustomersUnlink),
    /// Make a record belong to a customer
    #[command(after_help = "Example:\n  passerelle customers link crm/17 m42 --reason 'he signed for both'")]
    Link(CustomersLink),
    /// Keep two customers apart that may look like one; an open question about them is answered by it
    #[command(
        after_help = "Example:\n  passerelle customers not-the-same m42 m77 --reason 'two companies of one group'"
    )]
    NotTheSame(CustomersNotTheSame),
    /// Take a judgement back, a person's or the hub's own
    #[command(after_help = "\
Examples:
  passerelle customers judgements m42
  passerelle customers undo 12 --reason 'they were two after all'

What the hub did by itself does not come back by itself.")]
    Undo(CustomersUndo),
    /// List what was decided about who is who, by people and by the hub, newest first
    #[command(
        after_help = "Examples:\n  passerelle customers judgements\n  passerelle customers judgements m42 --json"
    )]
    Judgements(CustomersJudgements),
    /// Decide what a value of a customer is, whatever its systems say
    #[command(after_help = "\
Examples:
  passerelle customers set m42 legal_name 'Durand SA' --reason 'their letter of 3 May'
  passerelle customers set m42 addresses.main '{\"line1\": \"1 rue A\", \"city\": \"Quimper\"}' --reason 'they moved'
  passerelle customers set m42 phones.office --empty --reason 'the number is a stranger\'s'

It wins whole, over every system and rule, until `passerelle customers unset` takes it back.
Every system that is fed is told. A number is taken as text where the value is text.")]
    Set(CustomersSet),
    /// Take the decision about a value back: its systems decide again
    #[command(after_help = "Example:\n  passerelle customers unset m42 legal_name --reason 'the ERP has it right now'")]
    Unset(CustomersUnset),
}

/// Arguments of `customers list`.
#[derive(Debug, Args)]
pub struct CustomersList {
    /// Only those whose names, numbers or keys contain this text
    #[arg(long)]
    pub text: Option<String>,
    /// The listing.
    #[command(flatten)]
    pub listing: Listing,
}

/// Arguments of `customers show`.
#[derive(Debug, Args)]
pub struct CustomersShow {
    /// The master id, or a name, number or key
    pub key: String,
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// Only this tenant
    #[arg(long)]
    pub tenant: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `customers why`.
#[derive(Debug, Args)]
pub struct CustomersWhy {
    /// The master id, or a name, number or key; with OTHER also a record, as SYSTEM/KEY
    pub key: String,
    /// Tell why it is or is not one with this one
    #[arg(conflicts_with = "rules")]
    pub other: Option<String>,
    /// With OTHER: tell of every pair of their records, those first that resemble each other most, at most 100
    #[arg(long, requires = "other")]
    pub all: bool,
    /// Try these rules out: tell what would be another value, and why
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// Only this tenant
    #[arg(long)]
    pub tenant: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `systems`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Systems {
    /// What to do.
    #[command(subcommand)]
    pub action: Option<SystemsAction>,
    /// The listing.
    #[command(flatten)]
    pub listing: Listing,
}

/// What to do with systems.
#[derive(Debug, Subcommand)]
pub enum SystemsAction {
    /// List systems, streams and targets
    #[command(after_help = "Example:\n  passerelle systems list --json")]
    List(Listing),
    /// Stop delivering to a system; changes wait for it
    #[command(after_help = "Example:\n  passerelle systems pause crm")]
    Pause(SystemAct),
    /// Go on delivering to a system
    #[command(after_help = "Example:\n  passerelle systems resume crm")]
    Resume(SystemAct),
}

/// Something to do with a system.
#[derive(Debug, Args)]
pub struct SystemAct {
    /// The system
    pub system: String,
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// How long to wait for the hub
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub patience: TimeSpan,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `schedules`.
#[derive(Debug, Args)]
pub struct Schedules {
    /// The listing.
    #[command(flatten)]
    pub listing: Listing,
}

/// Arguments of `bus`.
#[derive(Debug, Args)]
pub struct BusArguments {
    /// What to do.
    #[command(subcommand)]
    pub action: BusAction,
}

/// What to do with the bus.
#[derive(Debug, Subcommand)]
pub enum BusAction {
    /// Compare the queues and exchanges of the broker with what the directory needs, and change nothing
    #[command(after_help = "\
Example:
  passerelle bus check --dir hub

It works over AMQP with the hub's own rights. The exit code is 1 when something differs, 2 when the broker does not
let the hub in or not do all that it must, 3 when it is not there.")]
    Check(BusCheck),
    /// Make up for a bus that was lost whole: what was on its way is published and delivered again
    #[command(after_help = "\
Example:
  passerelle bus rebuild --dir hub

Stop every worker first. Then rebuild the bus, and start the workers: they read again what was lost
(from the archives of files, or from the systems) and deliver what nobody knows to have arrived.
It can be done twice.")]
    Rebuild(BusRebuild),
    /// Print the AsyncAPI 3 document of everything that travels on the bus
    #[command(after_help = "Example:\n  passerelle bus asyncapi > asyncapi.json")]
    Asyncapi,
}

/// Arguments of `bus check`.
#[derive(Debug, Args)]
pub struct BusCheck {
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `bus rebuild`.
#[derive(Debug, Args)]
pub struct BusRebuild {
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// How long to wait for the hub
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub patience: TimeSpan,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
