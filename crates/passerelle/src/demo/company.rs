//! The processes of the demo: the CRM and the ledger beside, and the hub through its own command line.

use std::ffi::OsStr;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::stage::Stage;

/// How long a process may take to say that it is ready, or to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a state is looked at that nobody tells of.
const LOOK_DELAY: Duration = Duration::from_millis(50);

/// A process of the demo that runs until its standard input closes; it is killed when that does not help,
/// and when this process panics or is stopped.
struct Companion {
    child: Child,
    input: Option<ChildStdin>,
    ready: String,
}

impl Companion {
    async fn start(binary: &Path, arguments: &[&OsStr]) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("{} cannot be started", binary.display()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("a process without an output")?;
        let mut lines = BufReader::new(output).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let Ok(Ok(Some(ready))) = line else {
            let name = arguments.first().map(|name| name.to_string_lossy()).unwrap_or_default();
            bail!("{name} did not start; its own message is above");
        };
        Ok(Companion { child, input, ready })
    }

    async fn stop(mut self) {
        drop(self.input.take());
        if tokio::time::timeout(PATIENCE, self.child.wait()).await.is_err() {
            // It is dropped next, which kills it.
            tracing::warn!("a process of the demo did not end by itself");
        }
    }
}

/// Completes when the process that started this one has gone, or closed our standard input.
///
/// Ctrl-C goes to every process of a terminal; those that others depend on leave the decision to the first one.
pub async fn parent_has_gone() {
    let (gone, told) = tokio::sync::oneshot::channel();
    // A thread of its own: one of the runtime's would keep the process from ending while it reads.
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while std::io::stdin().read(&mut buffer).is_ok_and(|count| count > 0) {}
        let _ = gone.send(());
    });
    let ignore_interrupts = async {
        while tokio::signal::ctrl_c().await.is_ok() {}
        std::future::pending().await
    };
    tokio::select! {
        _ = told => {}
        () = ignore_interrupts => {}
    }
}

/// CRM and ledger, running.
pub struct Company {
    crm: Companion,
    ledger: Companion,
    hub: Cli,
}

impl Company {
    /// Starts the CRM and the ledger, and tells the hub's configuration where the CRM is.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn open(stage: &Stage, seed: u64) -> anyhow::Result<Self> {
        let hub = Cli::new(stage)?;
        let (folder, token) = (stage.path("outside/crm"), stage.token_file());
        let (listen, seed) = (stage.crm_address()?.to_string(), seed.to_string());
        let arguments: [&OsStr; 9] = [
            "demo-crm".as_ref(),
            "--folder".as_ref(),
            folder.as_ref(),
            "--token-file".as_ref(),
            token.as_ref(),
            "--listen".as_ref(),
            listen.as_ref(),
            "--seed".as_ref(),
            seed.as_ref(),
        ];
        let crm = Companion::start(&hub.binary, &arguments).await?;
        let address: SocketAddr = crm.ready.strip_prefix("http://").unwrap_or_default().parse()?;
        stage.point_at_crm(address)?;
        let (inbox, folder) = (stage.path("out/ledger"), stage.path("outside/ledger"));
        let arguments: [&OsStr; 5] =
            ["demo-ledger".as_ref(), "--inbox".as_ref(), inbox.as_ref(), "--folder".as_ref(), folder.as_ref()];
        let ledger = Companion::start(&hub.binary, &arguments).await?;
        Ok(Company { crm, ledger, hub })
    }

    /// The hub's command line.
    pub fn hub(&self) -> &Cli {
        &self.hub
    }

    /// Waits until the ledger has imported everything that it was given.
    ///
    /// # Errors
    /// When it takes too long.
    pub async fn ledger_is_done(&mut self, stage: &Stage) -> anyhow::Result<()> {
        let inbox = stage.path("out/ledger");
        let waits = || -> std::io::Result<bool> {
            let mut names = std::fs::read_dir(&inbox)?.flatten().map(|entry| entry.file_name());
            Ok(names.any(|name| name.to_string_lossy().ends_with(".csv")))
        };
        let begun = tokio::time::Instant::now();
        while waits()? {
            if let Some(status) = self.ledger.child.try_wait()? {
                bail!("the ledger ended with {status}; its own message is above");
            }
            if begun.elapsed() > PATIENCE {
                bail!("the ledger does not take its files from {}", inbox.display());
            }
            tokio::time::sleep(LOOK_DELAY).await;
        }
        Ok(())
    }

    /// Ends both processes.
    pub async fn close(self) {
        tokio::join!(self.crm.stop(), self.ledger.stop());
    }
}

/// The public command line of the hub.
#[derive(Clone)]
pub struct Cli {
    binary: PathBuf,
    directory: PathBuf,
}

impl Cli {
    fn new(stage: &Stage) -> anyhow::Result<Self> {
        let binary = std::env::current_exe().context("this program does not know where it is")?;
        Ok(Cli { binary, directory: stage.directory.clone() })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(&self.directory).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end; exit codes 0 (done) and 1 (done, something was rejected) are both an end.
    async fn output(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.command();
        command.args(arguments);
        let output = command.output().await.with_context(|| format!("{} cannot be started", self.binary.display()))?;
        if !matches!(output.status.code(), Some(0 | 1)) {
            let words = arguments.join(" ");
            let told = String::from_utf8_lossy(&output.stderr);
            bail!("`passerelle {words}` ended with {}:\n{}", output.status, told.trim());
        }
        Ok(output)
    }

    /// Runs a command that prints JSON.
    ///
    /// # Errors
    /// When the command fails, or prints something else.
    pub async fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = self.output(arguments).await?;
        let words = arguments.join(" ");
        serde_json::from_slice(&output.stdout).with_context(|| format!("`passerelle {words}` did not print JSON"))
    }

    /// Runs a command whose success alone counts.
    ///
    /// # Errors
    /// When the command ends with anything but 0.
    pub async fn expect_done(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = self.output(arguments).await?;
        if !output.status.success() {
            let words = arguments.join(" ");
            bail!("`passerelle {words}` ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stdout));
        }
        Ok(())
    }

    /// Starts the hub itself; it stops when [`RunningHub::stop`] asks it to.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self) -> anyhow::Result<RunningHub> {
        let child = self.command().arg("run").spawn();
        let child = child.with_context(|| format!("{} cannot be started", self.binary.display()))?;
        Ok(RunningHub(child))
    }
}

/// `passerelle run`, running.
pub struct RunningHub(Child);

impl RunningHub {
    /// Completes when the hub ends by itself, which it should not.
    pub async fn ended(&mut self) -> anyhow::Error {
        match self.0.wait().await {
            Ok(status) => anyhow::anyhow!("the hub ended with {status}; its own message is above"),
            Err(error) => error.into(),
        }
    }

    /// Asks the hub to end what is under way and to stop.
    pub async fn stop(mut self) {
        if let Some(id) = self.0.id() {
            // A signal needs a program of its own: this house has no unsafe code. Every shell has `kill` built in.
            let asked = Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &id.to_string()]).status().await;
            if asked.is_ok_and(|status| status.success()) {
                let _ = tokio::time::timeout(PATIENCE, self.0.wait()).await;
            }
        }
    }
}
