//! A server's process, which never outlives the test process.
//!
//! Beside each server runs a guard: a shell that reads its standard input, whose other end only the test process has.
//! When the test process ends, in whatever way, the guard reads the end and kills the server's process group.
//! (`PR_SET_PDEATHSIG` would not do: it follows the thread that started the server, which in tests ends early, and it
//! is not inherited by what the server starts.)

use std::fs::{self, File};
use std::io;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to start or to end, on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// How often a state is looked at that nobody tells of.
const LOOK_DELAY: Duration = Duration::from_millis(20);
/// How much of a log is shown.
const LOG_LINES: usize = 20;

/// What a server's guard does: killing a group takes a minus sign before its number.
const GUARD: &str = r#"read -r _ || kill -s "$1" -- "-$2""#;

/// Starts a guard: a shell with a script that notices the end of its input when the test process has gone.
pub(crate) fn guard(script: &str, arguments: &[&str]) -> io::Result<Child> {
    let mut shell = Command::new("sh");
    // A group of its own keeps the guard alive when somebody interrupts the tests at a terminal.
    shell.args(["-c", script, "guard"]).args(arguments).process_group(0);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Waits for a fact; returns whether it came in time.
pub(crate) fn poll(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() > patience {
            return false;
        }
        std::thread::sleep(LOOK_DELAY);
    }
    true
}

/// Whether somebody listens on a port of the loopback.
pub(crate) fn accepts(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// A server that runs in a process group of its own. It is killed when this value goes.
pub(crate) struct Process {
    name: String,
    child: Child,
    guard: Child,
    log: PathBuf,
    has_ended: bool,
}

impl Process {
    /// Starts a server whose output goes to a log; `last` is what its guard sends it when the test process has gone.
    pub(crate) fn start(name: impl Into<String>, mut command: Command, log: PathBuf, last: &str) -> Self {
        let name = name.into();
        let output = File::options().create(true).append(true).open(&log).expect("a log");
        let errors = output.try_clone().expect("the same log");
        let spawned = command.process_group(0).stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        match guard(GUARD, &[last, &child.id().to_string()]) {
            Ok(guard) => Process { name, child, guard, log, has_ended: false },
            Err(error) => {
                let _ = child.kill();
                panic!("the guard of {name} cannot be started: {error}");
            }
        }
    }

    /// The process id of the server, which is also the number of its group.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the server has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        if !self.has_ended && self.child.try_wait().is_ok_and(|status| status.is_some()) {
            self.clear();
        }
        self.has_ended
    }

    /// Ends what is left of the group and the guard, as soon as the server has ended: later, the number of the group
    /// may be somebody else's.
    fn clear(&mut self) {
        send("KILL", &format!("-{}", self.child.id()));
        let _ = self.child.wait();
        // Not by closing its input, which it would take for our own end.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        self.has_ended = true;
    }

    /// Sends a signal to the server alone.
    pub(crate) fn signal(&self, signal: &str) {
        send(signal, &self.id().to_string());
    }

    /// Waits for a fact about the server; panics with the end of its log when it ends or takes too long.
    pub(crate) fn wait_until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let mut ended = false;
        let came = poll(PATIENCE, || {
            ended = self.has_ended();
            ended || holds()
        });
        assert!(came && !ended, "{} {what}; its log ends with:\n{}", self.name, end_of(&self.log));
    }

    /// Asks the server to end, waits until it has, and kills it when it takes too long.
    pub(crate) fn stop(mut self, signal: &str) {
        self.signal(signal);
        let ended = poll(PATIENCE, || self.has_ended());
        assert!(ended, "{} does not end; its log ends with:\n{}", self.name, end_of(&self.log));
    }

    /// `kill -9` for the server and everything that it started in its group.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_ended {
            self.clear();
        }
    }
}

/// Sends a signal to a process or, after a minus sign, to a group; one that has gone is nobody's concern.
fn send(signal: &str, to: &str) {
    let _ = Command::new("kill").args(["-s", signal, "--", to]).stderr(Stdio::null()).status();
}

/// The last lines of a log.
fn end_of(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
