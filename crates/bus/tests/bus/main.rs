//! The bus as a whole: the conformance suite on each backend, the proof of the suite, and real crashes.

mod broker;
mod conformance;
mod kill;
mod proof;
mod rabbitmq;
