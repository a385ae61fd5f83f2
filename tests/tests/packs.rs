//! The shipped mapping packs, on their own examples and on real files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "packs/examples.rs"]
mod examples;
#[path = "packs/invoices.rs"]
mod invoices;
#[path = "packs/lost.rs"]
mod lost;
#[path = "packs/outline.rs"]
mod outline;
#[path = "packs/statements.rs"]
mod statements;
#[path = "packs/support.rs"]
mod support;
