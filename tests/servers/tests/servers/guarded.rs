//! No server outlives the process that started it.
//!
//! This test binary starts itself once more as such a process, which starts servers, tells their process ids and ports,
//! and waits; then it is killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use test_servers::{PostgreSql, RabbitMq};

use crate::{accepts, runs, until};

/// Set for the second process.
const ROLE: &str = "PASSERELLE_TEST_SERVERS_ARE_STARTED_HERE";
/// Before the line that tells what was started; the test harness prints around it.
const TOLD: &str = "started: ";

/// Not a test by itself: what the second process does.
#[test]
fn start_servers_and_wait_to_be_killed() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let (Some(broker), Some(server)) = (RabbitMq::one(), PostgreSql::start_new()) else { return };
    let processes = broker.processes().into_iter().chain(server.process());
    let processes: Vec<_> = processes.map(|process| process.to_string()).collect();
    println!("\n{TOLD}{} / {} {}", processes.join(" "), broker.port(0), server.port());
    std::thread::park();
}

/// What the second process has started.
#[derive(Default)]
struct Started {
    processes: Vec<u32>,
    ports: Vec<u16>,
}

/// Starts the second process; returns it with what it told, which is nothing without the programs.
fn second_process() -> (Child, Started) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "guarded::start_servers_and_wait_to_be_killed", "--nocapture"]).env(ROLE, "1");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told = lines.filter_map(|line| line.strip_prefix(TOLD).map(str::to_owned)).next();
    let started = told.map(|told| {
        let (processes, ports) = told.split_once(" / ").unwrap();
        let processes = processes.split(' ').map(|number| number.parse().unwrap()).collect();
        Started { processes, ports: ports.split(' ').map(|number| number.parse().unwrap()).collect() }
    });
    (child, started.unwrap_or_default())
}

#[test]
fn servers_end_when_the_process_that_started_them_is_killed() {
    if std::env::var_os(ROLE).is_some() {
        return;
    }
    let (mut child, Started { processes, ports }) = second_process();
    assert!(processes.iter().all(|process| runs(*process)) && ports.iter().all(|port| accepts(*port)));
    child.kill().unwrap();
    child.wait().unwrap();
    until("no process is left", || !processes.iter().any(|process| runs(*process)));
    until("no port is left", || !ports.iter().any(|port| accepts(*port)));
}
