//! The demo on the real binary, and what its company must show when something changes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "demo/changes.rs"]
mod changes;
#[path = "demo/company.rs"]
mod company;
#[path = "demo/whole.rs"]
mod whole;
