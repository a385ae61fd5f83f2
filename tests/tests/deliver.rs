//! Deliver, with systems that are down, refuse, do not know, hang, crash around and answer something else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "deliver/full_queue.rs"]
mod full_queue;
#[path = "deliver/keys.rs"]
mod keys;
#[path = "deliver/outcomes.rs"]
mod outcomes;
#[path = "deliver/parking.rs"]
mod parking;
#[path = "deliver/simulation.rs"]
mod simulation;
