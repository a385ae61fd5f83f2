//! Workers of a hub as processes of their own, which can be suspended and woken.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::directory::command;

/// How many lines of its log are kept, the latest.
const LINES_MAX: usize = 20_000;
/// How long a worker may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(120);

type Lines = Arc<Mutex<VecDeque<String>>>;

/// A `passerelle run` in a directory. It is killed when this value goes.
pub struct Worker {
    child: Child,
    lines: Lines,
}

impl Worker {
    /// Starts one with these roles, such as `resolve,deliver`.
    ///
    /// # Errors
    /// When the binary cannot be started.
    pub fn start(directory: &Path, roles: &str) -> io::Result<Self> {
        let mut child = command(directory, &["run", "--role", roles])
            .env("PASSERELLE_LOG", "info,lapin=off")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let lines = Lines::default();
        if let Some(told) = child.stderr.take() {
            let kept = lines.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(told).lines().map_while(Result::ok) {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.push_back(line);
                    if kept.len() > LINES_MAX {
                        kept.pop_front();
                    }
                }
            });
        }
        Ok(Worker { child, lines })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How many lines of its log have all of these parts.
    pub fn told(&self, parts: &[&str]) -> usize {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| parts.iter().all(|part| line.contains(part))).count()
    }

    /// The last lines of its log, for a failure to tell.
    pub fn last_lines(&self, count: usize) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect::<Vec<_>>().join("\n")
    }

    /// Sends it a signal: `STOP` suspends it, `CONT` wakes it.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn signal(&self, signal: &str) -> io::Result<()> {
        let sent = Command::new("kill").args(["-s", signal, &self.id().to_string()]).status()?;
        if sent.success() { Ok(()) } else { Err(io::Error::other(format!("the worker took no {signal}"))) }
    }

    /// Has it end what it has begun, and waits until it has.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop(&mut self) -> io::Result<()> {
        self.signal("TERM")?;
        let begun = Instant::now();
        while self.is_running() {
            if begun.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("a worker does not end:\n{}", self.last_lines(20))));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
