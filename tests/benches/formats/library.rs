//! What the libraries do with the bytes of a file, and nothing more.

use std::hint::black_box;

use quick_xml::events::Event;
use quick_xml::{Reader, Writer};

/// Goes through all events of an XML file.
pub fn read_xml(bytes: &[u8]) {
    let (mut reader, mut buffer) = (Reader::from_reader(bytes), Vec::new());
    while black_box(reader.read_event_into(&mut buffer).unwrap()) != Event::Eof {
        buffer.clear();
    }
}

/// The events of an XML file, to be written again.
pub fn events(bytes: &[u8]) -> Vec<Event<'static>> {
    let (mut reader, mut buffer, mut events) = (Reader::from_reader(bytes), Vec::new(), Vec::new());
    loop {
        match reader.read_event_into(&mut buffer).unwrap().into_owned() {
            Event::Eof => return events,
            event => events.push(event),
        }
        buffer.clear();
    }
}

/// Writes events to memory.
pub fn write_xml(events: &[Event<'static>]) {
    let mut writer = Writer::new(Vec::new());
    events.iter().for_each(|event| writer.write_event(event.borrow()).unwrap());
    black_box(writer.into_inner());
}

/// Goes through all rows of a file separated by tabs, in which quotes mean nothing.
pub fn read_rows(bytes: &[u8]) {
    let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').quoting(false).from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).unwrap() {
        black_box(&record);
    }
}

/// The rows of such a file, to be written again.
pub fn rows(bytes: &[u8]) -> Vec<csv::ByteRecord> {
    let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').quoting(false).from_reader(bytes);
    reader.byte_records().map(Result::unwrap).collect()
}

/// Writes rows to memory.
pub fn write_rows(rows: &[csv::ByteRecord]) {
    let mut writer = csv::WriterBuilder::new().delimiter(b'\t').from_writer(Vec::new());
    rows.iter().for_each(|row| writer.write_byte_record(row).unwrap());
    black_box(writer.into_inner().unwrap());
}
