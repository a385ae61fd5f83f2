//! Private servers for tests: RabbitMQ (one node, or a cluster of three) and PostgreSQL, from Debian's packages,
//! and a TCP proxy with faults.
//!
//! Every server has free ports and a temporary folder of its own, and touches nothing of the machine's own servers.
//! When the tests run as root, it runs as the unprivileged user that its package brings.
//! It is stopped by its process id, and ends with the test process in whatever way that ends: in order, by a panic, or
//! by `kill -9` (see `process`).
//! Ports and folders stay the same from the first start to the last, so that a client needs one URL.
//!
//! A server whose programs are missing is `None`, said in one loud line that begins with `NOT RUN`.
//!
//! The calls of the servers block: in asynchronous code they belong into `spawn_blocking`.
//! What a server does not do within its time is a panic with the end of the server's log.

mod certificates;
mod place;
mod ports;
mod postgresql;
mod process;
mod proxy;
mod rabbitmq;

pub use certificates::{Certificates, Identity};
pub use ports::free_port;
pub use postgresql::{PostgreSql, Stop};
pub use proxy::{Counts, Proxy};
pub use rabbitmq::{QueueStatus, RabbitMq};

/// Says that a server cannot be started here.
fn tell_missing(program: &str, package: &str) {
    #[expect(clippy::print_stderr, reason = "a test that cannot run must be heard")]
    {
        eprintln!("NOT RUN: {program} is missing; install Debian's package {package} to test with it");
    }
}
