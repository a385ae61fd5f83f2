//! The real binary, as people and scripts use it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "command/beside.rs"]
mod beside;
#[path = "command/broker.rs"]
mod broker;
#[path = "command/convert.rs"]
mod convert;
#[path = "command/database.rs"]
mod database;
#[path = "command/directory.rs"]
mod directory;
#[path = "command/errors_page.rs"]
mod errors_page;
#[path = "command/first_steps.rs"]
mod first_steps;
#[path = "command/ingest.rs"]
mod ingest;
#[path = "command/mappings.rs"]
mod mappings;
#[path = "command/overrides.rs"]
mod overrides;
#[path = "command/running.rs"]
mod running;
#[path = "command/store_copy.rs"]
mod store_copy;
#[path = "command/trouble.rs"]
mod trouble;
#[path = "command/who_is_who.rs"]
mod who_is_who;
#[path = "command/why.rs"]
mod why;
