//! Everything in flight, behind one contract: an embedded durable log for one process, RabbitMQ for many.
//!
//! The bus moves opaque bodies (CloudEvents, structured JSON, one or a batch) and promises three things:
//! what was published is durable, what was not acknowledged comes again, and one queue keeps its order.
//! It never decides what a message means, and nothing is ever rejected to it:
//! a consumer parks in the store and acknowledges.

mod contract;
pub mod embedded;
pub mod rabbitmq;
pub mod testkit;

pub use contract::{Bus, BusError, Delivered, Message, Queue, Receipt, Route, Subscription};
