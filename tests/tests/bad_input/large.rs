//! One line of 100 MB: told in one line, and never held in memory.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Stdio;

use passerelle_tests::directory::{Directory, command};

use crate::hub::{directory, fed};

/// How long the line is.
const LINE_BYTES: usize = 100 << 20;

/// The most memory that a command may ever have used, in KiB. The file alone is half of it.
const MEMORY_KIB_MAX: u64 = 200 << 10;

/// Writes a good row, the long line, and another good row.
fn write_file(path: &Path) {
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    file.write_all(b"NO;NAME;CITY;CREDIT\n1;Martin;Rennes;1,00\n2;").unwrap();
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..LINE_BYTES / chunk.len() {
        file.write_all(&chunk).unwrap();
    }
    file.write_all(b"\n3;Dubois;Brest;1,00\n").unwrap();
    file.flush().unwrap();
}

/// Runs a command to its end; fails when it ever used too much memory, or ends with another code. Gives what it printed.
#[track_caller]
fn with_bounded_memory(directory: &Directory, arguments: &[&str], code: i32) -> (String, String) {
    let mut child = command(directory.root(), arguments);
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let watcher = std::thread::spawn(move || highest_memory(pid));
    let output = child.wait_with_output().unwrap();
    let highest = watcher.join().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    assert!(highest > 0, "the memory of the command was never seen");
    assert!(highest < MEMORY_KIB_MAX, "{arguments:?} used {highest} KiB");
    (out, err)
}

/// The highest `VmHWM` that was seen until the process ended. The kernel keeps the peak, so only what is used for the
/// first time in the last two milliseconds escapes.
fn highest_memory(pid: u32) -> u64 {
    let mut highest = 0;
    while let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) {
        let Some(line) = status.lines().find(|line| line.starts_with("VmHWM:")) else { return highest };
        let figure = line.split_whitespace().nth(1).and_then(|figure| figure.parse().ok()).unwrap_or(0);
        highest = highest.max(figure);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    highest
}

#[test]
fn a_line_of_100_mb_is_one_reject_and_takes_no_memory() {
    let directory = directory();
    write_file(&directory.path("in/erp/customers-1.csv"));
    with_bounded_memory(&directory, &["run", "--once"], 1);
    assert_eq!(fed(&directory), ["Dubois", "Martin"]);
    let listed = directory.run(&["rejects", "list", "--json"]).with(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!((&listed[0]["code"], &listed[0]["line"]), (&"csv.record-too-long".into(), &3.into()));
    let archived = directory.files("in/erp/archive");
    assert_eq!(archived.len(), 1);
    assert!(std::fs::metadata(&archived[0]).unwrap().len() > LINE_BYTES as u64, "the file is kept whole");
}

#[test]
fn a_line_of_100_mb_is_told_by_ingest_and_convert() {
    let directory = directory();
    write_file(&directory.path("customers-1.csv"));
    let parts = ["customers-1.csv:3", "record_bytes_max", "[csv.record-too-long]"];
    let told = |err: &str| err.lines().any(|line| parts.iter().all(|part| line.contains(part)) && line.len() < 500);
    let (_, err) = with_bounded_memory(&directory, &["ingest", "erp", "customers-1.csv"], 1);
    assert!(told(&err), "{err}");
    let arguments = ["convert", "--from", "erp/customer", "--no-unmapped", "customers-1.csv"];
    let (out, err) = with_bounded_memory(&directory, &arguments, 1);
    assert!(told(&err), "{err}");
    assert_eq!(out.lines().count(), 2);
}
