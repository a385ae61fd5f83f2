//! The private servers do what a fault test asks of them, and end with the process that started them.

// All of this is test code, which clippy sees only for functions marked as tests.
#![allow(clippy::unwrap_used)]

mod amqp;
mod guarded;
mod postgresql;
mod rabbitmq;

use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long something may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whether somebody listens on a port of the loopback.
fn accepts(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Waits for a fact.
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "after {PATIENCE:?} still not: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process runs; one that is dead and not yet collected by its parent does not.
fn runs(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = status.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).map(str::to_owned);
    state.is_some_and(|state| state != "Z" && state != "X")
}
