//! The tutorial, executed step by step as it is written, so that it can never rot; and the unit that `deploy` ships.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a test that cannot run must be heard")]

#[path = "tutorial/page.rs"]
mod page;
#[path = "tutorial/pattern.rs"]
mod pattern;
#[path = "tutorial/unit.rs"]
mod unit;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use page::{Block, blocks};
use passerelle_tests::process::binary;
use passerelle_tests::workspace;

/// A reader at a shell: where they are, and what they have seen last.
struct Reader {
    folder: PathBuf,
    shown: String,
}

impl Reader {
    /// Types a block into a shell, which stays where the block before has left it.
    fn types(&mut self, line: usize, script: &str, exit: i32) {
        let place = self.folder.join(".place");
        let whole = format!("set -eu\ncd \"$(cat '{0}')\"\ntrap 'pwd >\"{0}\"' EXIT\n{script}", place.display());
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1\n{whole}")])
            .env_clear()
            .env("PATH", path_with_binary())
            .env("HOME", &self.folder)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        self.shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(exit), "line {line}: {script}\nshows:\n{}", self.shown);
    }

    fn saves(&self, file: &str, content: &str) {
        let place = std::fs::read_to_string(self.folder.join(".place")).unwrap();
        let path = Path::new(place.trim_end()).join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn sees(&self, line: usize, expected: &str) {
        if let Err(difference) = pattern::matches(expected, &self.shown) {
            panic!(
                "line {line}: {difference}\n--- the page says ---\n{expected}\n--- the program shows ---\n{}",
                self.shown
            );
        }
    }
}

/// The tester's `PATH` with the binary in front.
fn path_with_binary() -> OsString {
    let own = binary().parent().unwrap().to_path_buf();
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&others))).unwrap()
}

#[test]
fn every_block_does_what_the_page_says() {
    let text = std::fs::read_to_string(workspace().join("docs/tutorial.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut reader = Reader { folder: folder.path().to_owned(), shown: String::new() };
    std::fs::write(folder.path().join(".place"), folder.path().to_str().unwrap()).unwrap();
    let blocks = blocks(&text);
    for (line, block) in &blocks {
        match block {
            Block::Types { script, exit } => reader.types(*line, script, *exit),
            Block::Saves { file, content } => reader.saves(file, content),
            Block::Sees(expected) => reader.sees(*line, expected),
        }
    }
    let typed = blocks.iter().filter(|(_, block)| matches!(block, Block::Types { .. })).count();
    let seen = blocks.iter().filter(|(_, block)| matches!(block, Block::Sees(_))).count();
    assert!(typed >= 10 && seen >= 8, "the page has lost its blocks: {typed} typed, {seen} seen");
}
