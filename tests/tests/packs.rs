//! The shipped mapping packs, on their own examples and on real files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "what real files come to is worth a look")]

#[path = "packs/cfonb.rs"]
mod cfonb;
#[path = "packs/cii.rs"]
mod cii;
#[path = "packs/examples.rs"]
mod examples;
#[path = "packs/fec.rs"]
mod fec;
#[path = "packs/invoices.rs"]
mod invoices;
#[path = "packs/lost.rs"]
mod lost;
#[path = "packs/orders.rs"]
mod orders;
#[path = "packs/outline.rs"]
mod outline;
#[path = "packs/products.rs"]
mod products;
#[path = "packs/statements.rs"]
mod statements;
#[path = "packs/support.rs"]
mod support;
#[path = "packs/systems.rs"]
mod systems;
