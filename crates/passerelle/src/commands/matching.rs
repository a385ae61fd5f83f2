//! `passerelle match`: which records of some files are one customer, as the master would say; no hub is needed.

mod kept;
mod report;
mod summary;

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use canonical::document::{Customer, Document};
use canonical::record::Place;
use connector::Item;
use mapping::Mapping;
use master::matching::{Bits, Evidence, LearnOptions, MatchOptions, Matcher, Model, Thresholds};

use self::summary::Summary;
use super::collect::quiet_log;
use super::convert::reader::{self, Dialect, FileReader, Manner};
use super::mappings;
use crate::cli::{MatchAction, MatchArguments, MatchInput, MatchLearn};
use crate::failure::{Exit, Failure};
use crate::output::{self, counted};

/// Rehearses matching, or learns a model.
///
/// # Errors
/// Files or a model that cannot be read, or output that cannot be written.
pub async fn matching(arguments: &MatchArguments) -> Result<Exit, Failure> {
    crate::log::install(&quiet_log());
    match &arguments.action {
        Some(MatchAction::Learn(arguments)) => match (&arguments.hub, &arguments.model) {
            (Some(hub), _) => kept::learn(hub, arguments).await,
            (None, Some(model)) => learn(arguments, model).await,
            (None, None) => Err(Failure::usage("cli.file", "--model says where the model is written")),
        },
        Some(MatchAction::Models(arguments)) => kept::list(arguments).await,
        None => rehearse(arguments).await,
    }
}

/// A customer of a file.
struct Shown {
    /// The system's name and its key.
    source: Arc<str>,
    key: String,
    customer: Box<Customer>,
}

impl Shown {
    /// Tells the record apart from all others. No key has a line break in front of it.
    fn name(&self) -> String {
        format!("{}\n{}", self.source, self.key)
    }
}

async fn rehearse(arguments: &MatchArguments) -> Result<Exit, Failure> {
    if arguments.review_bits > arguments.link_bits {
        let message = "--review-bits is above --link-bits; what is doubtful lies below what is linked";
        return Err(Failure::usage("cli.thresholds", message));
    }
    let given = arguments.model.as_deref().map(read_model).transpose()?;
    let mut input = Input::open(&arguments.input)?;
    let mut head = Vec::new();
    let model = match given {
        Some(model) => model,
        None if arguments.learn_from == 0 => Model::shipped(),
        None => {
            while head.len() < arguments.learn_from
                && let Some(shown) = input.next().await?
            {
                head.push(shown);
            }
            Model::learn(1, &evidence(&head), LearnOptions::default())
        }
    };
    let thresholds = Thresholds {
        link: Bits::whole(arguments.link_bits),
        review: Bits::whole(arguments.review_bits),
        ..Thresholds::default()
    };
    let mut matcher = Matcher::new(Arc::new(model), MatchOptions { thresholds, ..MatchOptions::default() });
    let mut summary = Summary::new();
    for shown in head {
        summary.show(&mut matcher, &shown);
    }
    while let Some(shown) = input.next().await? {
        summary.show(&mut matcher, &shown);
    }
    summary.end(&matcher, input.rejected);
    if let Some(path) = &arguments.clusters {
        write_clusters(path, &matcher).map_err(|error| Failure::file("cannot be written", path, &error))?;
    }
    if let Some(path) = &arguments.report {
        let page = report::page(&matcher, &summary);
        std::fs::write(path, page).map_err(|error| Failure::file("cannot be written", path, &error))?;
    }
    if arguments.json {
        output::json(&summary)
    } else {
        summary.print()
    }
    Ok(if input.rejected > 0 { Exit::Differs } else { Exit::Done })
}

async fn learn(arguments: &MatchLearn, path: &Path) -> Result<Exit, Failure> {
    let cannot = |error: std::io::Error| Failure::file("cannot be written", path, &error);
    let mut input = Input::open(&arguments.input)?;
    let mut shown = Vec::new();
    while shown.len() < arguments.first.unwrap_or(usize::MAX)
        && let Some(next) = input.next().await?
    {
        shown.push(next);
    }
    let model = Model::learn(arguments.number, &evidence(&shown), LearnOptions::default());
    let text = serde_json::to_string_pretty(&model).map_err(|error| Failure::bug(error.to_string()))?;
    // A model never changes: another one is another file.
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(cannot)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)?;
    output::line(format!(
        "model {} from {} and {}: {}",
        model.number,
        counted(model.records, "record"),
        counted(model.pairs, "pair"),
        path.display()
    ));
    Ok(if input.rejected > 0 { Exit::Differs } else { Exit::Done })
}

fn read_model(path: &Path) -> Result<Model, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file("cannot be read", path, &error))?;
    serde_json::from_str(&text).map_err(|error| {
        let message = format!("{}: this is no model: {error}; `passerelle match learn` writes one", path.display());
        Failure::usage("cli.model", message)
    })
}

/// What each record has shown, states of one record together.
fn evidence(shown: &[Shown]) -> Vec<Evidence> {
    let mut records: std::collections::BTreeMap<String, Evidence> = std::collections::BTreeMap::new();
    for shown in shown {
        records.entry(shown.name()).or_default().add(&shown.customer);
    }
    records.into_values().collect()
}

/// One line for each record, in the order in which they were first shown.
fn write_clusters(path: &Path, matcher: &Matcher) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "source,key,cluster")?;
    for record in matcher.records() {
        let (source, key) = matcher.name(record).and_then(|name| name.split_once('\n')).unwrap_or_default();
        writeln!(out, "{},{},{}", quoted(source), quoted(key), matcher.cluster(record).unwrap_or_default())?;
    }
    out.into_inner()?.sync_all()
}

/// A value of a CSV file (RFC 4180).
fn quoted(value: &str) -> String {
    if value.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

/// The customers of all files, one after another.
struct Input<'a> {
    files: std::slice::Iter<'a, std::path::PathBuf>,
    mapping: Arc<Mapping>,
    reader: mapping::Reader,
    manner: Manner,
    source: Arc<str>,
    open: Option<(String, FileReader)>,
    items: std::vec::IntoIter<Item>,
    rejected: u64,
}

impl<'a> Input<'a> {
    fn open(input: &'a MatchInput) -> Result<Self, Failure> {
        let packs = mappings::packs(&input.dir);
        let (mapping, manner, source) = match &input.stream {
            Some(stream) => {
                let (mapping, manner) = reader::as_stream(&input.dir, stream)?;
                (mapping, manner, stream.split('/').next().unwrap_or_default())
            }
            None => {
                let name = input.from.as_deref().unwrap_or_default();
                let dialect = Dialect {
                    encoding: input.encoding.clone(),
                    delimiter: input.delimiter,
                    ..Dialect::of_pack(&packs, name)?
                };
                let manner = Manner::Told(dialect);
                (mappings::compile(&packs, name)?, manner, name.split('/').next().unwrap_or_default())
            }
        };
        if *mapping.entity() != canonical::entity::Entity::Customer {
            let message =
                format!("\"{}\" is a mapping for \"{}\"; customers are matched", mapping.name(), mapping.entity());
            return Err(Failure::usage("config.unfit-mapping", message));
        }
        for file in &input.files {
            reader::require_file(file)?;
        }
        Ok(Input {
            files: input.files.iter(),
            reader: mapping.reader(),
            mapping,
            manner,
            source: source.into(),
            open: None,
            items: Vec::new().into_iter(),
            rejected: 0,
        })
    }

    async fn next(&mut self) -> Result<Option<Shown>, Failure> {
        loop {
            while let Some(item) = self.items.next() {
                if let Some(shown) = self.shown(&item) {
                    return Ok(Some(shown));
                }
            }
            let batch = match &mut self.open {
                Some((_, reader)) => reader.next().await?,
                None => None,
            };
            if let Some(items) = batch {
                self.items = items.into_iter();
                continue;
            }
            let Some(path) = self.files.next() else { return Ok(None) };
            let reader = FileReader::open(path, &self.mapping, &self.manner).await?;
            self.open = Some((path.display().to_string(), reader));
        }
    }

    fn shown(&mut self, item: &Item) -> Option<Shown> {
        match item {
            Item::Reject(reject) => self.tell(&reject.place, &reject.reason, reject.code),
            Item::Record(record) if !self.reader.selects(&record.body) => return None,
            Item::Record(record) => match self.reader.read(&record.body) {
                Ok(reading) => {
                    if let Document::Customer(customer) = reading.document {
                        return Some(Shown { source: self.source.clone(), key: reading.key, customer });
                    }
                }
                Err(errors) => {
                    errors.iter().for_each(|error| self.tell(&record.place, &error.to_string(), error.code));
                }
            },
        }
        self.rejected += 1;
        None
    }

    /// Tells of a reject as `convert` does, with the file as the user named it.
    fn tell(&self, place: &Place, reason: &str, code: &str) {
        let file = self.open.as_ref().map(|(file, _)| file.as_str().into());
        let place = Place { file, ..place.clone() };
        output::note(format!("{place}: rejected: {reason} [{code}]"));
    }
}
