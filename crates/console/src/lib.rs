//! The HTTP API and the web console: watch the flow, find one object, see what needs somebody.
//!
//! [`serve`] answers on a listener that the caller has bound, from what a [`Console`] is given:
//! the operators' side of the store, the configured systems, and what only a running hub knows ([`Live`]).
//! Nothing here decides or changes anything: the handlers that end tasks and judge who is who leave a command for the hub.
//!
//! Guarantees:
//! - only requests whose `Host` is this machine's loopback name are answered, so that a foreign page cannot
//!   reach the console by rebinding its own name;
//! - what changes something is taken as JSON and from no page of another site;
//! - no cookie, no inline script or style, no request to anywhere else;
//! - what people type into the search box never appears in an address that a page makes;
//! - every handler is bounded in time, in rows and in concurrent calls by [`Limits`].

mod accounting;
mod answer;
mod api;
mod compare;
mod customers;
mod document;
mod events;
mod flow;
mod guard;
mod inputs;
mod judgements;
mod links;
mod meant;
mod metrics;
mod pages;
mod pair;
mod probes;
mod problem;
mod provenance;
mod query;
mod rates;
mod server;
mod shared;
mod story;
mod tasks;
mod text;

pub use flow::{Flow, SourceFlow, TargetFlow};
pub use inputs::{
    Console, Limits, Live, QueueDepth, Readiness, Shares, StreamView, SubscriptionView, SystemView, WorkerView,
};
pub use judgements::JudgementView;
pub use meant::{Meant, NotMeant, record_name};
pub use metrics::{RecorderError, recorder};
pub use pair::{PairCause, PairError, PairOfRecords, PairSide, PairView, Yardstick};
pub use provenance::{Sources, Why};
pub use server::serve;
pub use story::{Place, StoryCrosswalk, StoryDocument, StorySource, StoryView};
