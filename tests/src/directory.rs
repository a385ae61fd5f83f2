//! A user's directory in a temporary folder, and the binary in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::binary;

/// What a command left behind.
pub struct Ended {
    /// The exit code; absent when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ended {
    /// Fails unless the exit code is this one.
    #[track_caller]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n--- out ---\n{}\n--- err ---\n{}", self.out, self.err);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// Fails unless standard error has one line with all these parts.
    #[track_caller]
    pub fn tells(self, parts: &[&str]) -> Self {
        let told = self.err.lines().any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(told, "no line with {parts:?}\n--- out ---\n{}\n--- err ---\n{}", self.out, self.err);
        self
    }
}

/// A command of the binary in a folder, with nothing of the tester's own environment and a free port for the console.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PASSERELLE") {
            command.env_remove(name);
        }
    }
    command.env("PASSERELLE__CONSOLE__LISTEN", "127.0.0.1:0");
    command.env_remove("RUST_BACKTRACE");
    command
}

/// Runs a command in a folder to its end.
pub fn passerelle(folder: &Path, arguments: &[&str]) -> Ended {
    let output = command(folder, arguments).output().expect("the binary runs");
    Ended {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A user's directory; it goes when this value goes.
pub struct Directory {
    folder: TempDir,
}

impl Directory {
    /// A directory with these files, as (path, content).
    pub fn new(files: &[(&str, &str)]) -> Self {
        let directory = Directory { folder: tempfile::tempdir().expect("a temporary directory") };
        for (path, content) in files {
            directory.write(path, content);
        }
        directory
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A path in it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Writes a file, as a careful system does: under another name first.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        let folder = path.parent().expect("a path in a folder");
        std::fs::create_dir_all(folder).expect("a folder");
        let unfinished = folder.join("unfinished.tmp");
        std::fs::write(&unfinished, content).expect("a file");
        std::fs::rename(unfinished, path).expect("a file");
    }

    /// Runs a command in it.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        passerelle(self.root(), arguments)
    }

    /// The files of a folder in it, in order of their names; none when the folder is not there.
    pub fn files(&self, folder: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path(folder)).into_iter().flatten();
        let mut files: Vec<PathBuf> =
            entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()).collect();
        files.sort();
        files
    }

    /// The values of one column in all CSV files of a folder, in order of the files' names.
    pub fn column(&self, folder: &str, column: &str) -> Vec<String> {
        let mut values = Vec::new();
        for path in self.files(folder) {
            let mut reader = csv::Reader::from_path(&path).expect("a CSV file");
            let headers = reader.headers().expect("a header").clone();
            let at = headers.iter().position(|name| name == column).expect("the column");
            values.extend(reader.records().map(|row| row.expect("a whole row")[at].to_owned()));
        }
        values
    }
}
