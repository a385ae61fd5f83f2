//! What `deploy` ships: it parses, it agrees with itself, and it agrees with the program.
//!
//! What only other programs can judge is judged by them where they are installed; otherwise one line says that it is not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a test that cannot run must be heard")]

#[path = "deploy/broker.rs"]
mod broker;
#[path = "deploy/commands.rs"]
mod commands;
#[path = "deploy/compose.rs"]
mod compose;
#[path = "deploy/kubernetes.rs"]
mod kubernetes;
#[path = "deploy/shipped.rs"]
mod shipped;
#[path = "deploy/watching.rs"]
mod watching;
