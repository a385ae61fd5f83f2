//! The independent checker: it passes what is right, fails what is wrong, and passes a whole hub that nothing disturbs.

// All of this is test code, which clippy sees only for functions marked as tests.
#![allow(clippy::unwrap_used)]

#[path = "checker/hub.rs"]
mod hub;
#[path = "checker/planted.rs"]
mod planted;
#[path = "checker/portal.rs"]
mod portal;
