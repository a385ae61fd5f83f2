//! The real binary, started, watched and killed from outside.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::directory::command;

/// The `passerelle` binary: the one that `PASSERELLE_BINARY` names, else built in the profile of the tests.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("PASSERELLE_BINARY") {
            return PathBuf::from(path);
        }
        let test = std::env::current_exe().expect("the path of this test");
        let directory = test.parent().and_then(Path::parent).expect("the target directory");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "passerelle"]).current_dir(super::workspace());
        if directory.file_name().is_some_and(|name| name == "release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo").success(), "the binary does not build");
        directory.join("passerelle")
    })
}

/// A hub in a process of its own, whose stages are heard.
pub struct Running {
    child: Child,
    stages: Receiver<String>,
}

impl Running {
    /// Starts `passerelle run` in a directory.
    pub fn start(directory: &Path) -> Self {
        let mut child = command(directory, &["run"])
            .env("PASSERELLE_LOG", "error,passerelle::stage=trace")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stderr = child.stderr.take().expect("its standard error");
        let (sender, stages) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let stage = line.split_once("stage=\"").and_then(|(_, rest)| rest.split('"').next());
                let told = stage.map_or_else(|| format!("log: {line}"), str::to_owned);
                if sender.send(told).is_err() {
                    return;
                }
            }
        });
        Running { child, stages }
    }

    /// Waits until a stage ended that many times; returns whether it did within the time.
    pub fn wait_for(&self, stage: &str, count: usize, patience: Duration) -> bool {
        let mut left = count;
        while left > 0 {
            match self.stages.recv_timeout(patience) {
                Ok(told) if told == stage => left -= 1,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }

    /// `kill -9`, at once. Returns the stages that the process still told after those that were waited for.
    pub fn kill(mut self) -> Vec<String> {
        // The process may have ended by itself, which the test then notices by its own means.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.stages.iter().collect()
    }
}

impl Drop for Running {
    /// A test that fails leaves no hub behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
