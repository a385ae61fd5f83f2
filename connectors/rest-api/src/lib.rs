//! REST APIs: reads collections page by page, creates and updates resources.
//!
//! [`RestApi`] is both the configuration of `kind = "rest-api"` and the connector.
//! `docs/connectors/rest-api.md` shows whole examples; the doc comments of the fields are the reference.
//!
//! The way through the crate: `source` and `target` decide what to ask for and what an answer means, `walk` goes
//! through the pages of a collection, and `client` is the only place that touches the network: authentication, pace, retries,
//! redirects and limits are its business alone.

mod authentication;
mod checkpoint;
mod client;
mod configuration;
mod document;
mod link;
mod lookup;
mod mark;
mod open;
mod pace;
mod paging;
mod resource;
mod source;
mod target;
mod template;
mod walk;

pub use configuration::{
    Authentication, CredentialsIn, Lookup, Method, Paging, QueryValue, Remove, RestApi, Since, Stream, TargetResource,
    Write,
};

#[cfg(test)]
mod tests;
