//! The bus as a whole: the conformance suite on each backend, the proof of the suite, and real crashes.

// All of this is test code, which clippy sees only for functions marked as tests.
#![allow(clippy::unwrap_used)]

mod broker;
mod conformance;
mod kill;
mod proof;
mod rabbitmq;
