//! How well customers are told apart: the clusters of `passerelle match` on a stream of events, held against the truth.
//!
//! The stream is a CSV of events in their order (`source`, `source_id` and what the mapping beside this file reads);
//! the truth is a CSV with `source`, `source_id`, `entity` and `kind`.

pub mod generate;
mod score;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use self::generate::{Made, Recipe, generate};
pub use self::score::{Figures, adjusted_rand_index, figures};

/// What `--help` prints.
pub const HELP: &str = "\
Tells how well customers are told apart.

usage: ./tests/matching STREAM.csv TRUTH.csv [--shuffle SEED | --shuffles N] [--first N] [--mapping FILE]
       ./tests/matching --generate CUSTOMERS [--seed S] [--kind KIND] STREAM.csv TRUTH.csv

  --shuffle SEED   show the events in another order; the events of one record keep theirs. The model is still learned
                   from the first events of the stream as it is, and the clusters are compared with those of that order
  --shuffles N     the same in N orders, one after another, with the seeds 1 to N
  --first N        learn from the first N events (5000)
  --mapping FILE   read the stream by this mapping; its key must be source and source_id
  --generate N     make a stream of N customers and the truth about it, instead of judging one
  --seed S         another stream of the same kind (1)
  --kind KIND      mixed (the default), no-addresses, payroll, wrong-identifiers, one-system

Prints JSON lines: for each order one for companies, people and all, and one about the run.
";

/// What to do.
#[derive(Debug)]
pub struct Options {
    /// The events.
    pub stream: PathBuf,
    /// Who is who.
    pub truth: PathBuf,
    /// Other orders, by their seeds; none for the order of the stream.
    pub shuffles: Vec<u64>,
    /// Make both files, of so many customers, instead of reading them.
    pub generate: Option<usize>,
    /// Which of all streams to make.
    pub seed: u64,
    /// The kind of data to make.
    pub recipe: Recipe,
    /// Learn from so many events.
    pub first: usize,
    /// The mapping of the stream.
    pub mapping: PathBuf,
}

impl Options {
    /// Reads arguments.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut files, mut shuffles, mut first) = (Vec::new(), Vec::new(), 5_000);
        let (mut generate, mut seed, mut recipe) = (None, 1, generate::recipe("mixed")?);
        let mut mapping = crate::workspace().join("tests/src/matching/customer.toml");
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--shuffle" => shuffles = vec![number(&value()?)?],
                "--shuffles" => shuffles = (1..=number(&value()?)?).collect(),
                "--first" => first = count(&value()?)?,
                "--generate" => generate = Some(count(&value()?)?),
                "--seed" => seed = number(&value()?)?,
                "--kind" => recipe = generate::recipe(&value()?)?,
                "--mapping" => mapping = value()?.into(),
                other if other.starts_with('-') => return Err(format!("there is no {other}; see --help")),
                file => files.push(PathBuf::from(file)),
            }
        }
        let [stream, truth] =
            <[PathBuf; 2]>::try_from(files).map_err(|_| "name STREAM.csv and TRUTH.csv; see --help".to_owned())?;
        Ok(Options { stream, truth, shuffles, generate, seed, recipe, first, mapping })
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no whole number"))
}

fn count(text: &str) -> Result<usize, String> {
    number(text).map(|number| usize::try_from(number).unwrap_or(usize::MAX))
}

/// A record: its source and its key there.
pub type RecordName = (String, String);

/// Runs it.
///
/// # Errors
/// What could not be read, written or run.
pub fn run(options: &Options, mut tell: impl FnMut(String)) -> Result<(), String> {
    if let Some(customers) = options.generate {
        let made = generate(customers, options.seed, options.recipe, &options.stream, &options.truth)?;
        let (kind, seed) = (options.recipe.name, options.seed);
        let Made { customers, records, events } = made;
        tell(
            json!({"kind_of_data": kind, "seed": seed, "customers": customers, "records": records, "events": events})
                .to_string(),
        );
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = folder.path();
    let pack = folder.join("mappings/stream");
    std::fs::create_dir_all(&pack).map_err(|error| error.to_string())?;
    std::fs::copy(&options.mapping, pack.join("customer.toml"))
        .map_err(|error| format!("{}: {error}", options.mapping.display()))?;
    let model = folder.join("model.json");
    let first = options.first.to_string();
    let learned = ["match", "learn", "--from", "stream/customer", "--first", &first, "--model"];
    passerelle(folder, &learned, &[&model, &options.stream])?;
    let truth = truth(&options.truth)?;
    let plain = matched(folder, &model, &options.stream)?;
    if options.shuffles.is_empty() {
        return report(options, &truth, plain, &mut tell);
    }
    for seed in &options.shuffles {
        let shuffled = folder.join("shuffled.csv");
        shuffle(&options.stream, &shuffled, *seed)?;
        let (clusters, mut about) = matched(folder, &model, &shuffled)?;
        let index = adjusted_rand_index(&plain.0, &clusters);
        about["shuffle"] = json!(seed);
        about["adjusted_rand_index"] = json!(index);
        about["identical"] = json!(index >= 1.0);
        report(options, &truth, (clusters, about), &mut tell)?;
    }
    Ok(())
}

/// Tells the figures of each kind of customer, and what there is to know of the run.
fn report(
    options: &Options,
    truth: &[(RecordName, String, String)],
    (clusters, mut about): (HashMap<RecordName, u64>, Value),
    tell: &mut impl FnMut(String),
) -> Result<(), String> {
    let mut kinds: BTreeMap<&str, Vec<(u64, &str)>> = BTreeMap::new();
    for (position, (record, entity, kind)) in truth.iter().enumerate() {
        // A record that was not read is a customer of its own.
        let cluster = clusters.get(record).copied().unwrap_or(u64::MAX - position as u64);
        for kind in ["all", kind.as_str()].into_iter().filter(|kind| !kind.is_empty()) {
            kinds.entry(kind).or_default().push((cluster, entity));
        }
    }
    for (kind, records) in kinds {
        let mut line = serde_json::to_value(figures(&records)).map_err(|error| error.to_string())?;
        line["kind"] = json!(kind);
        tell(line.to_string());
    }
    about["first"] = json!(options.first);
    tell(about.to_string());
    Ok(())
}

/// The cluster of each record, and the figures of the run.
fn matched(folder: &Path, model: &Path, stream: &Path) -> Result<(HashMap<RecordName, u64>, Value), String> {
    let path = folder.join("clusters.csv");
    let arguments = ["match", "--from", "stream/customer", "--json", "--model"];
    let told = passerelle(folder, &arguments, &[model, Path::new("--clusters"), &path, stream])?;
    let about: Value = serde_json::from_str(&told).map_err(|error| format!("match --json: {error}"))?;
    let mut clusters = HashMap::new();
    for row in rows(&path)?.1 {
        let (source, key) = row[1].split_once('|').ok_or_else(|| format!("the key {} has one part", &row[1]))?;
        clusters.insert((source.to_owned(), key.to_owned()), number(&row[2])?);
    }
    let told = |name: &str| about[name].clone();
    let names = ["states", "records", "customers", "doubtful", "states_per_second"];
    Ok((clusters, names.iter().map(|name| ((*name).to_owned(), told(name))).collect::<serde_json::Map<_, _>>().into()))
}

/// Runs the program; returns what it wrote.
fn passerelle(folder: &Path, arguments: &[&str], paths: &[&Path]) -> Result<String, String> {
    let binary = crate::process::binary();
    let mut command = Command::new(binary);
    command.args(arguments).args(paths).args(["--dir".as_ref(), folder.as_os_str()]);
    let output = command.output().map_err(|error| format!("{}: {error}", binary.display()))?;
    if output.status.code().is_none_or(|code| code > 1) {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The header and the rows of a CSV file.
fn rows(path: &Path) -> Result<(csv::StringRecord, Vec<csv::StringRecord>), String> {
    let unreadable = |error: csv::Error| format!("{}: {error}", path.display());
    let mut reader = csv::Reader::from_path(path).map_err(unreadable)?;
    let header = reader.headers().map_err(unreadable)?.clone();
    let rows = reader.into_records().collect::<Result<_, _>>().map_err(unreadable)?;
    Ok((header, rows))
}

/// Where a column stands.
fn column(path: &Path, header: &csv::StringRecord, name: &str) -> Result<usize, String> {
    header.iter().position(|column| column == name).ok_or_else(|| format!("{} has no column {name}", path.display()))
}

/// Each record, the entity that it is, and its kind where that is told.
fn truth(path: &Path) -> Result<Vec<(RecordName, String, String)>, String> {
    let (header, rows) = rows(path)?;
    let [source, id, entity] = ["source", "source_id", "entity"].map(|name| column(path, &header, name));
    let (source, id, entity, kind) = (source?, id?, entity?, column(path, &header, "kind").ok());
    let kind = |row: &csv::StringRecord| kind.map_or_else(String::new, |kind| row[kind].to_owned());
    Ok(rows
        .iter()
        .map(|row| ((row[source].to_owned(), row[id].to_owned()), row[entity].to_owned(), kind(row)))
        .collect())
}

/// Writes the events in another order, those of one record among themselves in the same.
fn shuffle(from: &Path, to: &Path, seed: u64) -> Result<(), String> {
    let (header, rows) = rows(from)?;
    let (source, id) = (column(from, &header, "source")?, column(from, &header, "source_id")?);
    let mut events: HashMap<(&str, &str), VecDeque<&csv::StringRecord>> = HashMap::new();
    for row in &rows {
        events.entry((&row[source], &row[id])).or_default().push_back(row);
    }
    let mut order: Vec<&csv::StringRecord> = rows.iter().collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut order);
    let mut writer = csv::Writer::from_path(to).map_err(|error| error.to_string())?;
    writer.write_record(&header).map_err(|error| error.to_string())?;
    for place in order {
        let next = events.get_mut(&(&place[source], &place[id])).and_then(VecDeque::pop_front);
        if let Some(row) = next {
            writer.write_record(row).map_err(|error| error.to_string())?;
        }
    }
    writer.flush().map_err(|error| error.to_string())
}
