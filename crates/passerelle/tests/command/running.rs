//! A hub in a process of its own, whose log is heard.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::directory::{Directory, command};

/// The longest that anything here may take, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A hub in a process of its own.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    address: String,
}

impl Running {
    /// Starts one, and waits until its console listens.
    pub fn start(directory: &Directory) -> Self {
        Self::start_with(directory, &[])
    }

    /// The same with variables over the directory's configuration.
    pub fn start_with(directory: &Directory, variables: &[(&str, &str)]) -> Self {
        let mut command = command(&["run", &directory.hub()]);
        let mut child = command.envs(variables.iter().copied()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let err = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || err.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut running = Running { child, lines, address: String::new() };
        let line = running.line_with("http://");
        running.address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap().to_owned();
        running
    }

    /// Waits for a line of its log, and passes over those before.
    pub fn line_with(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line with {part}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    /// What its console answers.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// What its console answers to JSON that a program posts.
    pub fn post(&self, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (address, bytes) = (&self.address, body.len());
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {bytes}\r\n\
             Connection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The lines that it says within a time, until one has this part.
    pub fn lines_until(&self, part: &str, patience: Duration) -> Result<Vec<String>, Vec<String>> {
        let until = Instant::now() + patience;
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(part) => return Ok(lines),
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(lines),
            }
        }
    }

    /// Sends a signal and waits for the end.
    pub fn stop(mut self, signal: &str) -> i32 {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(asked.elapsed() < PATIENCE, "the hub has not stopped");
            std::thread::yield_now();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless a test has failed before it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a fact holds.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE * 2, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
