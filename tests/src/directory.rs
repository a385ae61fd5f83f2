//! A user's directory in a temporary folder, and the binary in it.

use std::fmt::Write as _;
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

/// A system that reads and writes files, as its own file in a user's directory describes it.
pub struct System<'t> {
    /// Its name.
    pub name: &'t str,
    /// The kind of its connector.
    pub kind: &'t str,
    /// What is read from it.
    pub streams: &'t [Stream<'t>],
    /// What it is fed.
    pub subscriptions: &'t [Subscription<'t>],
}

/// A stream of a [`System`]. Its files count as settled at once.
pub struct Stream<'t> {
    /// Its name.
    pub name: &'t str,
    /// Which files it reads, as FOLDER/PATTERN in the user's directory.
    pub files: &'t str,
    /// Its mapping.
    pub mapping: &'t str,
    /// `full` or `delta`.
    pub export: &'t str,
    /// How often it is read.
    pub every: &'t str,
    /// More lines of TOML for the connector.
    pub settings: &'t str,
}

/// What a [`System`] is fed: CSV files `ENTITY-BATCH.csv`.
pub struct Subscription<'t> {
    /// The kind of document.
    pub entity: &'t str,
    /// The folder of the files in the user's directory.
    pub folder: &'t str,
    /// Its mapping.
    pub mapping: &'t str,
}

impl System<'_> {
    /// The text of its file.
    fn describe(&self) -> String {
        let mut text = format!("tenant = \"acme\"\n\n[connector]\nkind = \"{}\"\n", self.kind);
        if !self.subscriptions.is_empty() {
            // Small and soon, so that a test sees several calls and does not wait for them.
            text.push_str("[connector.gather]\nchanges_max = 200\nage_ms_max = 20\n");
        }
        for stream @ Stream { name, settings, .. } in self.streams {
            let (folder, pattern) = stream.place();
            let place = format!("folder = \"{folder}\"\nfiles = \"{pattern}\"\nsettle_ms = 0");
            writeln!(text, "[connector.streams.{name}]\n{place}\n{settings}").expect("a text");
        }
        for Subscription { entity, folder, .. } in self.subscriptions {
            let file = format!("folder = \"{folder}\"\nfile = \"{entity}-{{batch}}.csv\"");
            writeln!(text, "[connector.targets.{entity}]\n{file}").expect("a text");
        }
        for Stream { name, mapping, export, every, .. } in self.streams {
            let what = format!("mapping = \"{mapping}\"\nexport = \"{export}\"\nevery = \"{every}\"");
            writeln!(text, "\n[streams.{name}]\n{what}").expect("a text");
        }
        for Subscription { entity, mapping, .. } in self.subscriptions {
            writeln!(text, "\n[subscriptions.{entity}]\nmapping = \"{mapping}\"").expect("a text");
        }
        text
    }
}

impl<'t> Stream<'t> {
    /// The folder and the pattern of its files.
    fn place(&self) -> (&'t str, &'t str) {
        self.files.rsplit_once('/').expect("FOLDER/PATTERN")
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

    /// A directory with these files, in a folder in which it stays when this value goes.
    pub fn kept_in(parent: &Path, files: &[(&str, &str)]) -> Self {
        let mut folder = tempfile::Builder::new().prefix("hub-").tempdir_in(parent).expect("a directory");
        folder.disable_cleanup(true);
        let directory = Directory { folder };
        for (path, content) in files {
            directory.write(path, content);
        }
        directory
    }

    /// A directory with these systems, whose folders are there and empty, and with these mappings, as (name, content).
    pub fn of(systems: &[System<'_>], mappings: &[(&str, &str)]) -> Self {
        let directory = Directory::new(&[("passerelle.toml", "")]);
        for system in systems {
            directory.write(&format!("systems/{}.toml", system.name), system.describe());
            let read = system.streams.iter().map(|stream| stream.place().0);
            for folder in read.chain(system.subscriptions.iter().map(|subscription| subscription.folder)) {
                std::fs::create_dir_all(directory.path(folder)).expect("a folder");
            }
        }
        for (name, content) in mappings {
            directory.write(&format!("mappings/{name}.toml"), content);
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
