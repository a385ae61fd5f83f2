//! One process of the hub: started, asked to stop, killed, suspended, and started again when it ends by itself.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::directory::command;

use super::run::Run;

/// How long a worker may take to end when it is asked to: what a service manager or an orchestrator grants.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// How long a worker that ended by itself is left alone before it is started again.
const RESTART_DELAY: Duration = Duration::from_millis(500);

/// What the guard of a worker does when this process has gone, in whatever way.
const GUARD: &str = r#"read -r _ || kill -s KILL "$1""#;

/// The number of SIGTERM.
const TERMINATE: i32 = 15;

/// The exit code that says that a service is unreachable: whoever watches over a worker starts it again then.
const UNREACHABLE: i32 = 3;

/// A worker, running or not.
pub(super) struct Worker {
    /// What it is called in what people read.
    pub name: String,
    home: PathBuf,
    roles: &'static str,
    environment: Vec<(&'static str, String)>,
    /// Where its console is.
    pub console: u16,
    /// Everything that it tells on standard error, over all its lives.
    pub log: PathBuf,
    process: Option<Process>,
    /// Before this time it is not started again after it ended by itself.
    rests_until: Duration,
    /// Whether it was told that it meets no broker or store since it last ran.
    is_told: bool,
}

struct Process {
    child: Child,
    guard: Child,
}

/// How a worker is set up.
pub(super) struct Setup<'s> {
    pub number: usize,
    pub home: &'s Path,
    pub logs: &'s Path,
    pub roles: &'static str,
    /// The URL of the node of the broker that it uses.
    pub broker: String,
    pub console: u16,
}

impl Worker {
    /// A worker that does not run yet.
    pub fn new(setup: &Setup<'_>) -> Self {
        let Setup { number, home, logs, roles, broker, console } = setup;
        let environment = vec![
            ("PASSERELLE__BUS__URL", broker.clone()),
            ("PASSERELLE__CONSOLE__LISTEN", format!("127.0.0.1:{console}")),
        ];
        let (name, log) = (format!("worker {number}"), logs.join(format!("worker-{number}.log")));
        Worker {
            name,
            home: home.to_path_buf(),
            roles,
            environment,
            console: *console,
            log,
            process: None,
            rests_until: Duration::ZERO,
            is_told: false,
        }
    }

    /// Starts it, if it does not run.
    pub fn start(&mut self) {
        if self.process.is_some() {
            return;
        }
        let mut log = File::options().create(true).append(true).open(&self.log).expect("a log");
        writeln!(log, "--- started").expect("a log");
        let mut passerelle = command(&self.home, &["run", "--role", self.roles]);
        passerelle.envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())));
        let mut child = passerelle.stdout(Stdio::null()).stderr(log).spawn().expect("the binary runs");
        match guard(child.id()) {
            Ok(guard) => self.process = Some(Process { child, guard }),
            Err(error) => {
                let _ = child.kill();
                panic!("the guard of {} cannot be started: {error}", self.name);
            }
        }
    }

    /// `kill -9`, if it runs.
    pub fn kill(&mut self) {
        let Some(Process { mut child, guard }) = self.process.take() else { return };
        let _ = child.kill();
        let _ = child.wait();
        dismiss(guard);
    }

    /// Asks it to stop, if it runs, and waits for it; tells when it takes too long, or ends as it should not.
    pub fn stop(&mut self, run: &Run) {
        self.signal("TERM");
        let begun = run.elapsed();
        while run.elapsed() - begun < STOP_PATIENCE {
            match self.ended() {
                // Before it hears signals, at its very start, it ends by them: nothing was under way yet.
                Some(status) if status.signal() == Some(TERMINATE) => return,
                Some(status) => return self.judge(status, run),
                None if self.process.is_none() => return,
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        run.find(format!("{} does not stop within {} s of SIGTERM", self.name, STOP_PATIENCE.as_secs()));
        self.kill();
    }

    /// Notes that what kept it from starting is over: it is told again when it comes back.
    pub fn forget(&mut self) {
        self.is_told = false;
    }

    /// Sends it a signal, if it runs.
    pub fn signal(&self, signal: &str) {
        if let Some(process) = &self.process {
            let _ = Command::new("kill").args(["-s", signal, &process.child.id().to_string()]).status();
        }
    }

    /// Whether it ended by itself since it was looked at last, and how.
    fn ended(&mut self) -> Option<ExitStatus> {
        let process = self.process.as_mut()?;
        let status = process.child.try_wait().ok().flatten()?;
        self.process.take().into_iter().for_each(|process| dismiss(process.guard));
        Some(status)
    }

    /// Starts it again when it ended by itself, as a service manager does.
    pub fn keep(&mut self, run: &Run) {
        if let Some(status) = self.ended() {
            self.judge(status, run);
            self.rests_until = run.elapsed() + RESTART_DELAY;
        }
        if self.process.is_none() && run.elapsed() >= self.rests_until {
            self.start();
        }
    }

    /// A worker ends when it was asked to, or when it meets no broker or store at its start; everything else is a bug.
    fn judge(&mut self, status: ExitStatus, run: &Run) {
        match (status.code(), status.signal()) {
            (Some(0), _) => {}
            (Some(UNREACHABLE), _) => {
                if !std::mem::replace(&mut self.is_told, true) {
                    run.tell(format!(
                        "{} meets no broker or store at its start, and is started until it does",
                        self.name
                    ));
                }
            }
            (code, signal) => run.find(format!(
                "{} ended by itself with exit code {code:?}, signal {signal:?}; see {}",
                self.name,
                self.log.display()
            )),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a guard: its standard input ends when this process has gone, and then it kills the worker.
fn guard(process: u32) -> io::Result<Child> {
    let mut shell = Command::new("sh");
    // A group of its own keeps the guard alive when somebody interrupts the run at a terminal.
    shell.args(["-c", GUARD, "guard", &process.to_string()]).process_group(0);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Ends a guard whose worker has ended; not by closing its input, which it would take for our own end.
fn dismiss(mut guard: Child) {
    let _ = guard.kill();
    let _ = guard.wait();
}
