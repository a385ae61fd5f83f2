//! The store on PostgreSQL passes the suite of all stores, and keeps the promises that are its own.
//!
//! The tests start a server of their own from the system's programs, on a free port and in a temporary folder; it ends
//! with this process, however that ends. Where the programs are missing, one line says so and nothing is tested.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "helpers of tests are tests")]

#[path = "postgres/circumstances.rs"]
mod circumstances;
#[path = "postgres/conformance.rs"]
mod conformance;
#[path = "postgres/copy.rs"]
mod copy;
#[path = "common/dump.rs"]
mod dump;
#[path = "postgres/lost.rs"]
mod lost;
#[path = "postgres/matching.rs"]
mod matching;
#[path = "postgres/parallel.rs"]
mod parallel;
#[path = "postgres/proxy.rs"]
mod proxy;
#[path = "postgres/server.rs"]
mod server;
#[path = "postgres/speed.rs"]
mod speed;
#[path = "postgres/tasks.rs"]
mod tasks;
