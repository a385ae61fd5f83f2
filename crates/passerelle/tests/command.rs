//! The real binary, as people and scripts use it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "command/beside.rs"]
mod beside;
#[path = "command/broker.rs"]
mod broker;
#[path = "command/convert.rs"]
mod convert;
#[path = "command/directory.rs"]
mod directory;
#[path = "command/errors_page.rs"]
mod errors_page;
#[path = "command/first_steps.rs"]
mod first_steps;
#[path = "command/ingest.rs"]
mod ingest;
#[path = "command/trouble.rs"]
mod trouble;
