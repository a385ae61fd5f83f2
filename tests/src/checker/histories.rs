//! What the sources showed: for each record all its states, in order.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{CUSTOMER_KEY, KINDS, Kind, PARTS_MAX};

/// The hash of a state: the values of a part, in the order of its fields.
pub(super) type State = u64;

/// The state of a part whose values are these.
pub(super) fn state<'v>(values: impl Iterator<Item = &'v str>) -> State {
    let mut hasher = blake3::Hasher::new();
    for value in values {
        hasher.update(&(value.len() as u64).to_le_bytes());
        hasher.update(value.as_bytes());
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// One record of all sources together.
#[derive(Default)]
pub(super) struct History {
    /// For each part, its states in the order in which they were shown. The first one is the empty state: a subscriber
    /// may hear of a record before every owner has shown his part.
    pub(super) states: [Vec<State>; PARTS_MAX],
    /// The number of its customer, for documents.
    pub(super) customer: Option<u32>,
}

/// The records of one entity, numbered in the order of their appearance.
#[derive(Default)]
pub(super) struct Records {
    numbers: HashMap<Box<str>, u32>,
    pub(super) histories: Vec<History>,
}

impl Records {
    /// The number of a record.
    pub(super) fn find(&self, identity: &str) -> Option<u32> {
        self.numbers.get(identity).copied()
    }

    /// The identity of each record by its number.
    pub(super) fn identities(&self) -> Vec<&str> {
        let mut identities = vec![""; self.histories.len()];
        for (identity, number) in &self.numbers {
            identities[*number as usize] = identity;
        }
        identities
    }

    fn enter(&mut self, kind: &Kind, identity: &str) -> u32 {
        if let Some(number) = self.find(identity) {
            return number;
        }
        let number = u32::try_from(self.histories.len()).expect("fewer records than numbers");
        self.numbers.insert(identity.into(), number);
        let mut history = History::default();
        for (states, part) in history.states.iter_mut().zip(kind.parts) {
            states.push(state(part.fields.iter().map(|_| "")));
        }
        self.histories.push(history);
        number
    }
}

/// What all sources showed.
#[derive(Default)]
pub(super) struct Histories {
    /// Rows of all files.
    pub(super) read: u64,
    /// By the position of the entity in [`KINDS`].
    pub(super) records: [Records; KINDS.len()],
    /// Which customer a system's key is, as (system, key).
    customer_keys: HashMap<(&'static str, Box<str>), u32>,
}

/// The files of a folder in the order of their names, which is the order in which they were dropped.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut files: Vec<PathBuf> = paths.collect::<io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
    files.sort();
    Ok(files)
}

fn broken(path: &Path, what: &str) -> io::Error {
    io::Error::other(format!("{}: {what}", path.display()))
}

impl Histories {
    /// Reads the files of all sources: `SYSTEM/*.csv` in a folder.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let mut histories = Histories::default();
        for (kind_number, kind) in KINDS.iter().enumerate() {
            for (part_number, part) in kind.parts.iter().enumerate() {
                for path in files(&folder.join(part.system))? {
                    histories.read_file(kind_number, part_number, &path)?;
                }
            }
        }
        Ok(histories)
    }

    fn read_file(&mut self, kind_number: usize, part_number: usize, path: &Path) -> io::Result<()> {
        let kind = &KINDS[kind_number];
        let part = &kind.parts[part_number];
        let mut reader = csv::Reader::from_path(path)?;
        let headers = reader.headers()?.clone();
        let at = |name: &str| {
            let found = headers.iter().position(|header| header == name);
            found.ok_or_else(|| broken(path, &format!("no column {name}")))
        };
        let identity = at(kind.identity)?;
        let fields: Vec<usize> = part.fields.iter().map(|field| at(field)).collect::<io::Result<_>>()?;
        let link = kind.customer.as_ref().map(|link| Ok::<_, io::Error>((link.system, at(link.field)?))).transpose()?;
        let key = if kind.customer.is_none() { Some(at(CUSTOMER_KEY)?) } else { None };
        let mut row = csv::StringRecord::new();
        while reader.read_record(&mut row)? {
            self.read += 1;
            let records = &mut self.records[kind_number];
            let number = records.enter(kind, &row[identity]);
            let history = &mut records.histories[number as usize];
            let states = &mut history.states[part_number];
            let shown = state(fields.iter().map(|at| &row[*at]));
            if states.last() != Some(&shown) {
                states.push(shown);
            }
            if let Some((system, at)) = link {
                let customer = self.customer_keys.get(&(system, row[at].into())).copied();
                history.customer = Some(customer.ok_or_else(|| broken(path, "a customer that nobody showed"))?);
            }
            if let Some(key) = key {
                self.customer_keys.insert((part.system, row[key].into()), number);
            }
        }
        Ok(())
    }
}
