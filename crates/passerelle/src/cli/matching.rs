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
    #[command(after_help = "Example:\n  passerelle match learn --from erp/customer --model model-1.json customers.csv")]
    Learn(MatchLearn),
}

/// Arguments of `match learn`.
#[derive(Debug, Args)]
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
    #[arg(long, value_name = "MODEL.json")]
    pub model: PathBuf,
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
