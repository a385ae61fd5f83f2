//! `passerelle match` and its arguments.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Arguments of `match`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct MatchArguments {
    /// What else to do.
    #[command(subcommand)]
    pub action: Option<MatchAction>,
    /// What is matched.
    #[command(flatten)]
    pub input: MatchInput,
    /// Weigh by this model; learned from the first records when left out
    #[arg(long, value_name = "MODEL.json")]
    pub model: Option<PathBuf>,
    /// Without a model: learn from so many records; 0 takes the shipped weights
    #[arg(long, value_name = "N", default_value_t = 5_000, conflicts_with = "model")]
    pub learn_from: usize,
    /// Two groups of records are one customer when their best pair has so many bits
    #[arg(long, value_name = "BITS", default_value_t = 0, allow_hyphen_values = true)]
    pub link_bits: i32,
    /// From here on to --link-bits a pair is doubtful
    #[arg(long, value_name = "BITS", default_value_t = -4, allow_hyphen_values = true)]
    pub review_bits: i32,
    /// Write which record is which customer: a CSV with source, key, cluster
    #[arg(long, value_name = "OUT.csv")]
    pub clusters: Option<PathBuf>,
    /// Write a page for people to look at
    #[arg(long, value_name = "OUT.html")]
    pub report: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What else to do.
#[derive(Debug, Subcommand)]
pub enum MatchAction {
    /// Learn how much each piece of evidence weighs from records alone; nobody has to say which are one
    #[command(after_help = "\
Examples:
  passerelle match learn --from erp/customer --model model-1.json customers.csv
  passerelle match learn --hub hub
  passerelle match learn --hub hub --tenant acme --sample 500000 --json

From files, the model is written to a file, for rehearsals. With --hub it is learned from all that
the records of a hub's customers have shown, and is in force at once, also in a hub that runs:
whatever is compared from then on is compared by it. Nothing is taken apart or put together by that
alone: a customer is looked at again when one of its records shows something new. A model never
changes and is never deleted; each has the next number.")]
    Learn(MatchLearn),
    /// List the models of a hub, the one in force first
    #[command(after_help = "Example:\n  passerelle match models --hub hub")]
    Models(MatchModels),
}

/// Arguments of `match learn`.
#[derive(Debug, Args)]
// A hub's store needs no files, and no mapping to read them.
#[command(
    mut_arg("from", |from| from.required_unless_present("hub")),
    mut_arg("files", |files| files.required(false).required_unless_present("hub"))
)]
pub struct MatchLearn {
    /// What is learned from.
    #[command(flatten)]
    pub input: MatchInput,
    /// Learn from so many records at most; all when left out
    #[arg(long, value_name = "N")]
    pub first: Option<usize>,
    /// The number of the model: each has another
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub number: u32,
    /// Where the model is written; it must not be there yet
    #[arg(long, value_name = "MODEL.json", required_unless_present = "hub")]
    pub model: Option<PathBuf>,
    /// Learn from the store of this user's directory instead of files, and put the model in force there
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["from", "stream", "files", "encoding", "delimiter", "dir", "first", "number", "model"]
    )]
    pub hub: Option<PathBuf>,
    /// With --hub: of which tenant; needed only where there are several
    #[arg(long, requires = "hub")]
    pub tenant: Option<String>,
    /// With --hub: learn from so many records, drawn at random where there are more
    #[arg(long, value_name = "N", default_value_t = 200_000, requires = "hub", value_parser = sample)]
    pub sample: usize,
    /// With --hub: what the draw depends on; the same seed draws the same records
    #[arg(long, value_name = "N", default_value_t = 1, requires = "hub")]
    pub seed: u64,
    /// With --hub: print JSON
    #[arg(long, requires = "hub")]
    pub json: bool,
}

/// More records than this are not held in memory.
const SAMPLE_MAX: usize = 2_000_000;

fn sample(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 2..=SAMPLE_MAX) => Ok(count),
        _ => Err(format!("a number from 2 to {SAMPLE_MAX} is needed")),
    }
}

/// Arguments of `match models`.
#[derive(Debug, Args)]
pub struct MatchModels {
    /// The user's directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub hub: PathBuf,
    /// Of which tenant; needed only where there are several
    #[arg(long)]
    pub tenant: Option<String>,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub limit: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Files of customers.
#[derive(Debug, Args)]
pub struct MatchInput {
    /// The mapping that reads the files
    #[arg(long, value_name = "PACK/ENTITY", required_unless_present = "stream")]
    pub from: Option<String>,
    /// Read the files as this stream of the user's directory would
    #[arg(long, value_name = "SYSTEM/STREAM", conflicts_with_all = ["from", "encoding", "delimiter"])]
    pub stream: Option<String>,
    /// The files; later ones may show records of earlier ones again
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The encoding of the files; utf-8 when left out
    #[arg(long)]
    pub encoding: Option<String>,
    /// CSV: the character between two values; told from the first lines when left out
    #[arg(long)]
    pub delimiter: Option<char>,
    /// The user's directory, whose own mappings go before the shipped ones
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}
