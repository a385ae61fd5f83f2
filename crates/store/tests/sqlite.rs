//! The embedded store passes the suite of all stores, and keeps the promises that are its own.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "helpers of tests are tests")]

#[path = "sqlite/accounting.rs"]
mod accounting;
#[path = "sqlite/conformance.rs"]
mod conformance;
#[path = "sqlite/copy.rs"]
mod copy;
#[path = "sqlite/crash.rs"]
mod crash;
#[path = "common/dump.rs"]
mod dump;
#[path = "sqlite/migration.rs"]
mod migration;
#[path = "sqlite/opening.rs"]
mod opening;
#[path = "sqlite/storage.rs"]
mod storage;
