//! The pipeline: collect, map, resolve, relay, deliver; schedules and supervision.
//!
//! [`Hub::start`] is given everything that the binary read from the user's directory, a store and a bus.
//! Each stage is a task of its own that takes from one place and gives to the next; what stands between them is durable,
//! so that any of them can be killed at any time:
//!
//! - a checkpoint moves only after the bus confirmed (`collect`);
//! - an observation is acknowledged only after the transaction that resolved it (`resolve`);
//! - an outbox row is forgotten only after the bus confirmed its messages (`relay`);
//! - a call to a system is durable before it is made, and looked up when its outcome is not known (`deliver`).

mod alarm;
mod backoff;
mod change;
mod collect;
mod command;
mod context;
mod dead;
mod deliver;
mod demand;
mod fault;
mod filter;
mod lease;
mod models;
mod observation;
mod open;
mod outage;
mod partitions;
mod quiet;
mod reading;
mod rebuild;
mod references;
mod relay;
mod resolve;
mod schedule;
mod settings;
mod stage;
mod supervise;
mod tasks;
mod timetable;
mod workers;

pub use collect::Progress;
pub use fault::HubError;
pub use filter::Filter;
pub use open::stream_context;
pub use quiet::Pending;
pub use rebuild::{Rebuilt, rebuild};
pub use schedule::{Schedule, ScheduleError};
pub use settings::{Limits, Missing, Settings, Stream, Subscription, Surplus, System};
pub use supervise::{Hub, Mode, NextRuns, Role};
pub use timetable::StreamName;
pub use workers::{Status, WorkerStatus};
