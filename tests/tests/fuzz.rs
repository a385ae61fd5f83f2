//! The corpora of the fuzz targets, replayed: what once was a fault stays mended, and the files still reach what they
//! were written for. `tests/fuzz/run` looks for new ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(clippy::expect_used, reason = "a target stops where it finds a fault")]
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::PathBuf;

use passerelle_tests::workspace;

/// The files of a corpus; `read-…` have something that the target understands.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = workspace().join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn the_corpora_hold() {
    let mut lost = Vec::new();
    for (name, target) in targets::TARGETS {
        let files = corpus(name);
        assert!(files.len() >= 5, "the corpus of {name} has {} files", files.len());
        for file in files {
            let understood = target(&fs::read(&file).unwrap());
            let file_name = file.file_name().unwrap().to_string_lossy();
            if understood == 0 && file_name.starts_with("read-") {
                lost.push(format!("{name}/{file_name}"));
            }
        }
    }
    assert!(lost.is_empty(), "these mean nothing to their target any more: {lost:?}");
}
