//! `passerelle mapping` and its arguments.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Place;

/// Arguments of `mapping`.
#[derive(Debug, Args)]
pub struct MappingArguments {
    /// What to do.
    #[command(subcommand)]
    pub action: MappingAction,
}

/// What to do with mappings.
#[derive(Debug, Subcommand)]
pub enum MappingAction {
    /// List the mappings that there are
    #[command(after_help = "Example:\n  passerelle mapping list")]
    List(MappingList),
    /// Print a mapping as a table to sign off: field, place, what happens on the way, and a value of an example
    #[command(after_help = "Example:\n  passerelle mapping show ubl-2.1/invoice")]
    Show(MappingShow),
    /// Copy a shipped pack into the user's directory, to change it: mappings, tables, examples, and a system to begin with
    #[command(after_help = "Example:\n  passerelle mapping copy sage-100 --dir hub")]
    Copy(MappingCopy),
    /// Compile mapping files, offline
    #[command(after_help = "Example:\n  passerelle mapping check mappings/erp/customer.toml")]
    Check(MappingCheck),
    /// Hold mappings against their examples and both laws, and tell what they never touch
    #[command(after_help = "\
Examples:
  passerelle mapping test
  passerelle mapping test erp
  passerelle mapping test ubl-2.1/invoice --documents 1000 --json

An example is a file ENTITY.EXT or ENTITY-WORD.EXT in the folder examples/ of the pack. What it must give stands beside
it in a file of the same name that ends with .json, or with .expected.json where the example itself is JSON; --update
writes it. examples/stream.toml holds the settings with which the connector reads the examples, where it needs any.
The exit code is 1 when an example gives something else, or a law does not hold.")]
    Test(MappingTest),
    /// Draft a mapping from a sample file: encoding, columns, styles of numbers and dates, and probable fields
    #[command(after_help = "\
Examples:
  passerelle mapping infer customers.csv --entity customer > mappings/erp/customer.toml
  passerelle mapping infer invoices.csv --entity invoice --delimiter ';'

The draft compiles as it is. Every line tells how sure the guess is; what is not sure enough is a comment.
The settings of a stream that reads the file stand in comments at its head.")]
    Infer(MappingInfer),
}

/// Arguments of `mapping copy`.
#[derive(Debug, Args)]
pub struct MappingCopy {
    /// The pack
    #[arg(value_name = "PACK")]
    pub pack: String,
    /// The place.
    #[command(flatten)]
    pub place: Place,
}

/// Arguments of `mapping list`.
#[derive(Debug, Args)]
pub struct MappingList {
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `mapping show`.
#[derive(Debug, Args)]
pub struct MappingShow {
    /// The mapping
    #[arg(value_name = "PACK/ENTITY")]
    pub name: String,
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `mapping check`.
#[derive(Debug, Args)]
pub struct MappingCheck {
    /// The mapping files; named tables are looked for in the pack of the same folder
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `mapping test`.
#[derive(Debug, Args)]
pub struct MappingTest {
    /// The packs or mappings; the user's own when left out, and all shipped ones where there are none
    #[arg(value_name = "PACK[/ENTITY]")]
    pub names: Vec<String>,
    /// How many documents are made up for each mapping
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub documents: u64,
    /// Write what the examples give as what they must give; look at the difference before you commit it
    #[arg(long)]
    pub update: bool,
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// Print JSON, with everything that is never touched
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `mapping infer`.
#[derive(Debug, Args)]
pub struct MappingInfer {
    /// A sample: delimited text with some hundred rows
    #[arg(value_name = "SAMPLE")]
    pub file: PathBuf,
    /// What its records are
    #[arg(long, value_enum)]
    pub entity: InferredEntity,
    /// The encoding of the file; guessed when left out
    #[arg(long)]
    pub encoding: Option<String>,
    /// The character between two values; guessed when left out
    #[arg(long)]
    pub delimiter: Option<char>,
    /// The line of the header, counted from 1; guessed when left out
    #[arg(long, value_name = "LINE")]
    pub header: Option<usize>,
}

/// The entities that a mapping can be drafted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InferredEntity {
    /// Customers
    Customer,
    /// Invoices
    Invoice,
    /// Payments
    Payment,
}
