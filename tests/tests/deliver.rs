//! Deliver, with systems that are down, refuse, do not know, hang, crash around and answer something else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "deliver/outcomes.rs"]
mod outcomes;
#[path = "scripts/mod.rs"]
mod scripts;
