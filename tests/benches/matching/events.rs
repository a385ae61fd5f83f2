//! The events that are resolved: rows of a stream, read by the mapping of `./tests/matching` as it reads them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use canonical::document::Customer;
use canonical::record::{Body, Columns, Rows};
use csv::{Reader, StringRecord};
use mapping::Mapping;
use passerelle_tests::workspace;

/// A state of a record.
pub struct Event {
    /// Tells the record apart from all others.
    pub name: String,
    /// What it shows.
    pub customer: Customer,
}

/// Reads events one after another, so that memory holds what the matcher keeps and nothing else.
pub struct Events {
    rows: Reader<File>,
    columns: Arc<Columns>,
    row: StringRecord,
    reader: mapping::Reader,
}

impl Events {
    /// Opens a stream.
    pub fn open(path: &Path) -> Self {
        let file = workspace().join("tests/src/matching/customer.toml");
        let text = std::fs::read_to_string(file).unwrap();
        let mapping = Arc::new(Mapping::compile("customer.toml", &text, &()).unwrap());
        let mut rows = Reader::from_path(path).unwrap();
        let columns = Columns::new(rows.headers().unwrap().iter()).unwrap();
        Events { rows, columns, row: StringRecord::new(), reader: mapping.reader() }
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        while self.rows.read_record(&mut self.row).unwrap() {
            let mut row = Rows::with_capacity(Arc::clone(&self.columns), self.row.as_slice().len(), 1);
            assert!(row.push(self.row.iter()));
            let body = Body::Rows(row);
            // What the mapping refuses, a hub would refuse too.
            let name = self.reader.key(&body).ok().map(std::borrow::Cow::into_owned);
            if let (Some(name), Ok(customer)) = (name, self.reader.read_as::<Customer>(&body)) {
                return Some(Event { name, customer });
            }
        }
        None
    }
}
