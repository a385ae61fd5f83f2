//! Memory stays flat in the size of the input.
//!
//! `PASSERELLE_LARGE_MB` sets the size of the XML file (6; `./tests/long` takes 1,024).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "the figure must be heard")]

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use passerelle_tests::process::binary;
use passerelle_tests::workspace;

/// What a hub or a conversion may use, whatever the size of its input.
const MEMORY_MAX: u64 = 150 << 20;

/// A statement with as many entries as fit, made from the entries of the pack's own example.
fn write_statement(path: &Path, bytes: u64) -> u64 {
    let example = workspace().join("mappings/camt/examples/payment.xml");
    let example = std::fs::read_to_string(example).unwrap();
    let first = example.find("<Ntry>").unwrap();
    let last = example.rfind("</Ntry>").unwrap() + "</Ntry>".len();
    let end = example[first..].find("</Ntry>").unwrap() + first + "</Ntry>".len();
    let entry = &example[first..end];
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    file.write_all(&example.as_bytes()[..first]).unwrap();
    let (mut written, mut entries) = (0, 0);
    while written < bytes {
        file.write_all(entry.as_bytes()).unwrap();
        written += entry.len() as u64;
        entries += 1;
    }
    file.write_all(&example.as_bytes()[last..]).unwrap();
    entries
}

/// The most memory that a process used so far, in bytes; `None` once it has ended.
fn memory_peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[test]
fn a_large_statement_is_read_in_little_memory() {
    let megabytes = std::env::var("PASSERELLE_LARGE_MB").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("statement.xml");
    let entries = write_statement(&path, megabytes << 20);
    let mut child = Command::new(binary())
        .args(["convert", "--from", "camt/payment"])
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut documents, mut peak) = (0, 0);
    for line in BufReader::new(child.stdout.take().unwrap()).split(b'\n') {
        line.unwrap();
        documents += 1;
        if documents % 1_000 == 0 {
            peak = peak.max(memory_peak(child.id()).unwrap_or_default());
        }
    }
    child.wait().unwrap();
    eprintln!("large: {megabytes} MB of XML, {documents} documents, {} MB of memory", peak >> 20);
    assert_eq!(documents, entries);
    assert!(peak > 0 && peak < MEMORY_MAX, "{} MB of memory for {megabytes} MB of XML", peak >> 20);
}
