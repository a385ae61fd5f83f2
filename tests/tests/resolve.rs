//! Collect and resolve, with what waits, what comes twice, what is only an echo, and what was published and not saved.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "resolve/derived.rs"]
mod derived;
#[path = "resolve/echoes.rs"]
mod echoes;
#[path = "resolve/interrupted.rs"]
mod interrupted;
#[path = "resolve/parked.rs"]
mod parked;
#[path = "resolve/too_large.rs"]
mod too_large;
#[path = "resolve/unresolvable.rs"]
mod unresolvable;
#[path = "resolve/waiting.rs"]
mod waiting;
