//! What is only on the bus: it is made up for when the bus is lost, and is resolved before its partitions change.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "rebuild/lost.rs"]
mod lost;
#[path = "rebuild/partitions.rs"]
mod partitions;
#[path = "rebuild/scripted.rs"]
mod scripted;
#[path = "rebuild/site.rs"]
mod site;
