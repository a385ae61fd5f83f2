//! The commands and their arguments; the help texts are the published reference (`docs/cli.md`).

mod judge;
mod mapping;
mod matching;
mod operator;
mod overrides;
mod store;
mod tasks;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use judge::*;
pub use mapping::*;
pub use matching::*;
pub use operator::*;
pub use overrides::*;
pub use store::*;
pub use tasks::*;

use crate::configuration::time_span::TimeSpan;

/// An integration hub: connects the applications of a company through one customer master.
#[derive(Debug, Parser)]
#[command(name = "passerelle", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "\
Start with:
  passerelle init hub && cd hub
  passerelle check
  passerelle run --once

Exit codes: 0 done; 1 done, but something was rejected or differs; 2 wrong usage or configuration;
3 a needed service is unreachable; 70 a bug.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a whole small company on this machine
    #[command(after_help = "Examples:\n  passerelle demo --once\n  passerelle demo --dir company")]
    Demo(crate::demo::DemoArgs),
    /// The demo's CRM, a process of its own
    #[command(hide = true)]
    DemoCrm(crate::demo::CrmArgs),
    /// The demo's ledger, a process of its own
    #[command(hide = true)]
    DemoLedger(crate::demo::LedgerArgs),
    /// Make a commented user's directory that runs
    #[command(after_help = "Example:\n  passerelle init hub")]
    Init(Init),
    /// Hold a user's directory against the reference, offline: everything that is wrong, with place and suggestion
    #[command(after_help = "Example:\n  passerelle check hub")]
    Check(Check),
    /// Run the hub until SIGTERM or Ctrl-C
    #[command(
        after_help = "Examples:\n  passerelle run hub\n  passerelle run hub --once\n  passerelle run hub --role resolve,deliver"
    )]
    Run(Run),
    /// Import one file now, with a progress bar and the accounting, and wait until everything is delivered
    #[command(
        after_help = "Examples:\n  passerelle ingest erp ~/customers.csv\n  passerelle ingest erp ~/customers.csv --again"
    )]
    Ingest(Ingest),
    /// Read the streams of a system now, and wait until everything is delivered
    #[command(after_help = "Examples:\n  passerelle collect crm\n  passerelle collect crm customers")]
    Collect(Collect),
    /// Turn a file into canonical JSON lines, or into another format; no hub is needed
    #[command(after_help = "\
Examples:
  passerelle convert --from ubl-2.1/invoice invoice.xml
  passerelle convert --from sage-100/customer --to crm/customer customers.csv
  passerelle convert --from ubl-2.1/invoice --to erp/customer invoices/*.xml
  passerelle convert --from sage-100/entry --to fec/entry entries.csv
  passerelle convert --stream erp/customers customers.csv

Both mappings must be for one entity; or the first embeds documents of the second's, such as the
buyers of invoices, which are then written, each once.
Findings, rejects and `unmapped:` places go to standard error; the exit code is 1 when there is any
reject, fatal finding or total that the records do not come to, and with --strict when there is any
unmapped place. Files may have any size: records are written as they are read, at most 1000 of them
are held.")]
    Convert(Convert),
    /// Rehearse matching: which records of some files are one customer, as the master would say; no hub is needed
    #[command(after_help = "\
Examples:
  passerelle match --from erp/customer --clusters clusters.csv customers.csv
  passerelle match --stream crm/contacts --report report.html contacts-1.csv contacts-2.csv
  passerelle match learn --from erp/customer --model model-1.json customers.csv

Records are taken one after another, as a hub would; a record that comes again is a new state of it.
Nothing is written anywhere but to the files that are named.")]
    Match(Box<MatchArguments>),
    /// Tell everything that happened to an invoice number, customer, file or message id
    #[command(after_help = "Examples:\n  passerelle trace FA-2026-0042\n  passerelle trace customers-1.csv --json")]
    Trace(Trace),
    /// List, show, retry or discard what was set aside
    #[command(after_help = "Examples:\n  passerelle parked list\n  passerelle parked retry 12")]
    Parked(Parked),
    /// List, show, close or decide the questions for stewards and operators
    #[command(
        after_help = "Examples:\n  passerelle tasks list\n  passerelle tasks decide 12 same --reason 'one SIRET'"
    )]
    Tasks(Tasks),
    /// List or show the records that could not be read or mapped
    #[command(after_help = "Examples:\n  passerelle rejects list --system erp\n  passerelle rejects show 3")]
    Rejects(Rejects),
    /// List the documents whose customer is not known yet
    #[command(after_help = "Example:\n  passerelle waiting list")]
    Waiting(Waiting),
    /// List, show or explain customers of the master, and decide who is who
    #[command(
        after_help = "Examples:\n  passerelle customers list --text dupont\n  passerelle customers show m42\n  passerelle customers why m42 m77"
    )]
    Customers(Customers),
    /// Tell in a few lines how the hub stands: its workers and what each does, the bus, what is on its way, what needs
    /// somebody
    #[command(after_help = "Examples:\n  passerelle status --dir hub\n  passerelle status --json")]
    Status(Status),
    /// Show every system: streams, targets, queues; pause or resume deliveries
    #[command(after_help = "Examples:\n  passerelle systems\n  passerelle systems pause crm")]
    Systems(Systems),
    /// Show when each stream was read and is read next
    #[command(after_help = "Example:\n  passerelle schedules")]
    Schedules(Schedules),
    /// List the connectors, or print the reference of one
    #[command(after_help = "Examples:\n  passerelle connectors\n  passerelle connectors csv-drop")]
    Connectors(Connectors),
    /// Look at the broker, rebuild a bus that was lost, or print the document for foreign consumers
    #[command(
        after_help = "Examples:\n  passerelle bus check --dir hub\n  passerelle bus rebuild --dir hub\n  passerelle bus asyncapi"
    )]
    Bus(BusArguments),
    /// Copy a store from one engine to the other
    #[command(
        after_help = "Example:\n  passerelle store copy hub postgres://passerelle@db.example/passerelle --to-password env:DB_PASSWORD"
    )]
    Store(StoreArguments),
    /// List, show, check and test mappings, or draft one from a sample file
    #[command(
        after_help = "Examples:\n  passerelle mapping list\n  passerelle mapping infer customers.csv --entity customer\n  passerelle mapping test erp"
    )]
    Mapping(MappingArguments),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  passerelle completions bash > /etc/bash_completion.d/passerelle")]
    Completions(Completions),
}

/// Where the user's directory is.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The user's directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

/// What a listing is narrowed to, and its form.
#[derive(Clone, Debug, Args)]
pub struct Listing {
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// Only this tenant
    #[arg(long)]
    pub tenant: Option<String>,
    /// Only this system
    #[arg(long)]
    pub system: Option<String>,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub limit: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The directory to make; it must be empty or not exist
    pub dir: PathBuf,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The user's directory
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The user's directory
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// What this process does of the hub's work; several processes on one store and one bus share it
    #[arg(long, value_enum, value_delimiter = ',', conflicts_with = "once", default_value = "all")]
    pub role: Vec<Role>,
    /// Read every stream once, wait until everything is delivered, print the accounting, and end
    #[arg(long)]
    pub once: bool,
    /// With --once: print the accounting as JSON
    #[arg(long, requires = "once")]
    pub json: bool,
    /// With --once: give up when nothing has moved for this long
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub patience: TimeSpan,
}

/// What a process does of a hub's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Everything
    All,
    /// Reads the streams of systems
    Collect,
    /// Decides who is who, publishes changes, takes care of commands and alarms
    Resolve,
    /// Delivers to systems
    Deliver,
}

impl Role {
    /// What these words come to, as the hub takes it.
    pub fn roles(words: &[Role]) -> Vec<hub::Role> {
        let of = |word: &Role| match word {
            Role::All => hub::Role::ALL.to_vec(),
            Role::Collect => vec![hub::Role::Collect],
            Role::Resolve => vec![hub::Role::Resolve],
            Role::Deliver => vec![hub::Role::Deliver],
        };
        let mut roles: Vec<hub::Role> = words.iter().flat_map(of).collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }
}

/// How long a command waits.
#[derive(Clone, Copy, Debug, Args)]
pub struct WaitingLimits {
    /// Give up when nothing has moved for this long
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub patience: TimeSpan,
    /// Give up after this long, whatever moves, and tell what is still on its way; the hub goes on with it
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<TimeSpan>,
}

/// Arguments of `ingest`.
#[derive(Debug, Args)]
pub struct Ingest {
    /// The system that the file comes from
    pub system: String,
    /// The file; it is copied, and stays where it is
    pub file: PathBuf,
    /// The stream, where the system has several
    #[arg(long)]
    pub stream: Option<String>,
    /// Read the file although the same content was read before
    #[arg(long)]
    pub again: bool,
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// How long it is waited until everything is delivered, parked or waiting.
    #[command(flatten)]
    pub waiting: WaitingLimits,
    /// Print the accounting as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `collect`.
#[derive(Debug, Args)]
pub struct Collect {
    /// The system
    pub system: String,
    /// The stream; all streams of the system when left out
    pub stream: Option<String>,
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// How long it is waited until everything is delivered, parked or waiting.
    #[command(flatten)]
    pub waiting: WaitingLimits,
    /// Print the accounting as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `convert`.
#[derive(Debug, Args)]
pub struct Convert {
    /// The mapping that reads the files
    #[arg(long, value_name = "PACK/ENTITY", required_unless_present = "stream")]
    pub from: Option<String>,
    /// Read the files as this stream of the user's directory would: by its mapping, encoding, header and the rest
    #[arg(long, value_name = "SYSTEM/STREAM", conflicts_with_all = ["from", "encoding", "delimiter", "quote"])]
    pub stream: Option<String>,
    /// The mapping that writes them again; canonical JSON lines when left out
    #[arg(long, value_name = "PACK/ENTITY")]
    pub to: Option<String>,
    /// The files, also compressed with gzip or zip
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The encoding of the files, such as windows-1252; what the file or its pack says when left out, else utf-8
    #[arg(long)]
    pub encoding: Option<String>,
    /// CSV: the character between two values; told from the first lines when left out
    #[arg(long)]
    pub delimiter: Option<char>,
    /// CSV: the character around values, or nothing; what the pack says when left out, else "
    #[arg(long)]
    pub quote: Option<String>,
    /// The encoding of what is written; what the pack of --to says when left out, else utf-8
    #[arg(long, value_name = "ENCODING", requires = "to")]
    pub to_encoding: Option<String>,
    /// CSV: the character between two values that are written; what the pack of --to says when left out, else a comma
    #[arg(long, value_name = "DELIMITER", requires = "to")]
    pub to_delimiter: Option<char>,
    /// The user's directory, whose own mappings go before the shipped ones
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Do not list the places that the mapping does not read
    #[arg(long)]
    pub no_unmapped: bool,
    /// Take places that the mapping does not read for a failure: the exit code is 1
    #[arg(long, conflicts_with = "no_unmapped")]
    pub strict: bool,
}

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub struct Trace {
    /// An invoice number, a customer's name, number or key, a file's name, a drop number, or a message id
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

/// Arguments of `connectors`.
#[derive(Debug, Args)]
pub struct Connectors {
    /// The kind to print the reference of
    pub kind: Option<String>,
    /// Print JSON: the list, or the JSON Schema of the kind
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

#[cfg(test)]
mod tests;
