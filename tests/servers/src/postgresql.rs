//! PostgreSQL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::place::Place;
use crate::ports::free_port;
use crate::process::{PATIENCE, Process, accepts, poll};
use crate::tell_missing;

/// Where Debian's packages put one folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Everybody comes in but one user, who must show a password: for tests of wrong ones.
const DOOR: &str =
    "host all guarded 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n";

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Transactions are rolled back, connections ended, everything written.
    Fast,
    /// At once, without writing anything: the next start recovers.
    Immediate,
}

/// A server of its own. It is killed when this value goes.
///
/// The superuser is `hub` and needs no password. A user `guarded`, once created, must show his.
pub struct PostgreSql {
    process: Option<Process>,
    programs: PathBuf,
    port: u16,
    settings: Vec<String>,
    place: Place,
}

/// The programs of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.filter_map(|entry| Some((number(&entry.path())?, entry.path().join("bin"))));
    newest.filter(|(_, programs)| programs.join("initdb").exists()).max().map(|(_, programs)| programs)
}

/// Runs a program to its end and returns what it printed; panics with what it said when it fails.
fn run(what: &str, mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl PostgreSql {
    /// Starts a server with its default settings; `None`, said in one loud line, without PostgreSQL.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_new() -> Option<Self> {
        Self::start_new_with(&[])
    }

    /// The same with settings of its own, such as `fsync=off`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_new_with(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            tell_missing(&format!("{VERSIONS}/*/bin/initdb"), "postgresql");
            return None;
        };
        let place = Place::new("postgres");
        let mut command = place.command(programs.join("initdb"));
        command.arg("-D").arg(place.path("data"));
        command.args(["-U", "hub", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
        run("initdb", command);
        place.file("data/pg_hba.conf", DOOR);
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut server = PostgreSql { process: None, programs, port: free_port(), settings, place };
        server.start();
        Some(server)
    }

    /// Its port, the same for its whole life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its databases; `postgres` is always there.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://hub@127.0.0.1:{}/{database}", self.port)
    }

    /// The process id of the server, while it runs.
    pub fn process(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Starts a server that is down, on its old port and folder, and waits until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&mut self) {
        if self.process.is_some() {
            return;
        }
        // After `kill -9` the server's children need a moment to notice; until then it refuses to start.
        let came = poll(PATIENCE, || {
            let mut process = self.spawn();
            let answered = poll(PATIENCE, || process.has_ended() || self.answers());
            let is_up = answered && !process.has_ended();
            self.process = Some(process).filter(|_| is_up);
            is_up
        });
        let log = fs::read_to_string(self.place.path("server.log")).unwrap_or_default();
        assert!(came, "PostgreSQL does not start; its log:\n{log}");
    }

    fn spawn(&self) -> Process {
        let mut command = self.place.command(self.programs.join("postgres"));
        command.arg("-D").arg(self.place.path("data")).args(["-p", &self.port.to_string()]);
        let sockets = format!("unix_socket_directories={}", self.place.text(""));
        let own = ["listen_addresses=127.0.0.1", sockets.as_str()];
        for setting in own.into_iter().chain(self.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        Process::start("PostgreSQL", command, self.place.path("server.log"), "QUIT")
    }

    /// Whether it takes questions; it accepts connections while it still recovers.
    fn answers(&self) -> bool {
        if !accepts(self.port) {
            return false;
        }
        let mut command = self.place.command(self.programs.join("pg_isready"));
        command.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        command.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// Stops the server, if it runs.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self, how: Stop) {
        let signal = match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        };
        self.process.take().into_iter().for_each(|process| process.stop(signal));
    }

    /// Stops the server and starts it again.
    ///
    /// # Panics
    /// When it does not end or does not start.
    pub fn restart(&mut self, how: Stop) {
        self.stop(how);
        self.start();
    }

    /// `kill -9` for the server; its children end by themselves.
    pub fn kill(&mut self) {
        self.process.take().into_iter().for_each(Process::kill);
    }

    /// Executes SQL in a database with `psql`, and returns the rows of answers: values parted by `|`, one row a line.
    ///
    /// # Panics
    /// When a statement fails, or the server is down.
    pub fn execute(&self, database: &str, sql: &str) -> String {
        let mut command = self.place.command(self.programs.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database), "-c", sql]);
        run("psql", command)
    }

    /// Creates a database and returns its URL.
    ///
    /// # Panics
    /// When there is one of that name, or the server is down.
    pub fn create_database(&self, name: &str) -> String {
        self.execute("postgres", &format!("CREATE DATABASE \"{name}\""));
        self.url(name)
    }
}
