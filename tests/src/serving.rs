//! A hub in a process of its own whose console is looked at.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::directory::command;

/// How long a hub may take until its console is there, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// `passerelle run`, with its console on a free port. It ends when this value goes.
pub struct Serving {
    child: Child,
    /// Host and port of the console.
    pub address: String,
}

impl Serving {
    /// Starts the hub of a directory and waits until its console is there.
    pub fn start(directory: &Path) -> Self {
        let mut child = command(directory, &["run"])
            .env("PASSERELLE_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stderr = child.stderr.take().expect("its standard error");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            // Reads on after nobody listens any more, so that the hub never waits for its reader.
            BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let mut serving = Serving { child, address: String::new() };
        while serving.address.is_empty() {
            let line = lines.recv_timeout(PATIENCE).expect("a hub with a console");
            let found = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
            serving.address = found.unwrap_or_default().to_owned();
        }
        serving
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself, which the test then notices by its own means.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
