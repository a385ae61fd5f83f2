//! The HTTP API and the web console: watch the flow, find one object, see what needs somebody.
//!
//! [`serve`] answers on a listener that the caller has bound, from what a [`Console`] is given:
//! the operators' side of the store, the configured systems, and what only a running hub knows ([`Live`]).
//! Nothing here changes anything: no handler writes to the store.
//!
//! Guarantees:
//! - only requests whose `Host` is this machine's loopback name are answered, so that a foreign page cannot
//!   reach the console by rebinding its own name;
//! - no cookie, no inline script or style, no request to anywhere else;
//! - what people type into the search box never appears in an address that a page makes;
//! - every handler is bounded in time, in rows and in concurrent calls by [`Limits`].

mod accounting;
mod api;
mod compare;
mod document;
mod events;
mod flow;
mod guard;
mod inputs;
mod links;
mod metrics;
mod pages;
mod probes;
mod problem;
mod query;
mod rates;
mod server;
mod shared;
mod story;
mod text;

pub use flow::{Flow, SourceFlow, TargetFlow};
pub use inputs::{
    Console, Limits, Live, QueueDepth, Readiness, Shares, StreamView, SubscriptionView, SystemView, WorkerView,
};
pub use metrics::{RecorderError, recorder};
pub use server::serve;
pub use story::{Place, StoryCrosswalk, StoryDocument, StorySource, StoryView};
