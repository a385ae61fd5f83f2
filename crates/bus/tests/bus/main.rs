//! The bus as a whole: the conformance suite on each backend, the proof of the suite, real crashes, and everything that a
//! broker and the way to it can do to a hub.

// All of this is test code, which clippy sees only for functions marked as tests.
#![allow(clippy::unwrap_used)]

mod blocked;
mod broker;
mod checked;
mod conformance;
mod cuts;
mod encrypted;
mod foreign;
mod kill;
mod proof;
mod rabbitmq;
mod refusals;
