//! A user's directory in a folder of its own, and the binary in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What a command left behind.
pub struct Ended {
    /// The exit code.
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
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// A command of the binary, with nothing of the tester's own environment.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_passerelle"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PASSERELLE") {
            command.env_remove(name);
        }
    }
    command.env("PASSERELLE__CONSOLE__LISTEN", "127.0.0.1:0");
    command.env_remove("RUST_BACKTRACE");
    command
}

/// Runs a command to its end, with what was set on it.
pub fn end(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a command to its end.
pub fn passerelle(arguments: &[&str]) -> Ended {
    end(command(arguments))
}

/// One line that says what is wrong, with its code and without the password.
#[track_caller]
pub fn told(ended: Ended, exit: i32, code: &str, part: &str) {
    let ended = ended.with(exit);
    let lines: Vec<&str> = ended.err.lines().collect();
    assert_eq!(lines.len(), 1, "{}", ended.err);
    let said = lines[0].contains(part) && lines[0].ends_with(&format!("[{code}]")) && !lines[0].contains("sesame");
    assert!(said, "{part}: {}", lines[0]);
}

/// A user's directory as `init` makes it, without the example file.
pub struct Directory {
    folder: TempDir,
}

impl Directory {
    /// Makes one.
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let directory = Directory { folder };
        passerelle(&["init", directory.path("hub").to_str().unwrap()]).with(0);
        std::fs::remove_file(directory.path("hub/in/erp/customers-example.csv")).unwrap();
        directory
    }

    /// A path; `hub` is the user's directory.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The user's directory.
    pub fn hub(&self) -> String {
        self.path("hub").display().to_string()
    }

    /// Writes a file beside the user's directory, or inside it.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Replaces text in a file.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "{path} has no {from}");
        std::fs::write(self.path(path), text.replace(from, to)).unwrap();
    }

    /// Runs a command that takes `--dir`.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let hub = self.hub();
        let mut all = arguments.to_vec();
        all.extend(["--dir", &hub]);
        passerelle(&all)
    }

    /// Everything that was written for the CRM, in the order of the files.
    pub fn written(&self) -> String {
        let folder = self.path("hub/out/crm");
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }
}

/// Customers of the ERP as a file: number, name, town.
pub fn customers(rows: &[(&str, &str, &str)]) -> String {
    let mut text = "NO;NAME;SIRET;STREET;ZIP;CITY;COUNTRY;CREDIT;BLOCKED\n".to_owned();
    for (number, name, city) in rows {
        text.push_str(&format!("{number};{name};;1 rue du Port;29000;{city};FR;1 000,00;0\n"));
    }
    text
}

/// The accounting of one stream in a JSON accounting: outcome by name, zeros left out.
#[track_caller]
pub fn ended(accounting: &Value, system: &str) -> Vec<(String, i64)> {
    let streams = accounting["streams"].as_array().unwrap();
    let stream = streams.iter().find(|stream| stream["system"] == system).unwrap_or_else(|| panic!("{accounting}"));
    assert_eq!(stream["adds_up"], true, "{accounting}");
    let ended = stream["ended"].as_object().unwrap();
    let counts = ended.iter().map(|(name, count)| (name.clone(), count.as_i64().unwrap()));
    counts.filter(|(_, count)| *count != 0).collect()
}

/// Whether a path is there.
pub fn exists(path: &Path) -> bool {
    path.exists()
}
