//! What can be set on a bus on RabbitMQ.

use serde::{Deserialize, Serialize};

/// The limits of a bus on RabbitMQ, beside its address. Every field has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RabbitMqOptions {
    /// The largest body of one message, in bytes. It must not be above the broker's own `max_message_size`.
    pub message_bytes_max: usize,
    /// How long the broker may take to confirm messages, in milliseconds.
    pub confirm_time_ms_max: u64,
    /// How long connecting and any other call may take, in milliseconds.
    pub call_time_ms_max: u64,
    /// After how many seconds of silence the broker is taken for dead.
    pub heartbeat_s: u16,
    /// How many messages of one publish may wait for their confirmation at a time.
    pub unconfirmed_count_max: usize,
    /// How many bytes of one publish may wait for their confirmation at a time. One message always may.
    pub unconfirmed_bytes_max: usize,
    /// How many publishes may run at a time; further ones wait.
    pub publish_count_max: usize,
    /// How many messages the broker sends ahead to a subscription at least, whatever its own prefetch is.
    /// A quorum queue gives unacknowledged messages to the next subscription in order only if that one takes all of
    /// them at once; so this must not be smaller than it was for the subscription before, nor may a prefetch above it.
    pub ahead_count_min: u16,
    /// How often a message may be delivered before it is set aside as dead: a guard against crash loops, far above what
    /// restarts and pauses amount to. Queues that exist keep the limit that they were declared with.
    pub delivery_count_max: u32,
}

impl Default for RabbitMqOptions {
    fn default() -> Self {
        RabbitMqOptions {
            message_bytes_max: 16 << 20,
            confirm_time_ms_max: 30_000,
            call_time_ms_max: 10_000,
            heartbeat_s: 20,
            unconfirmed_count_max: 1000,
            unconfirmed_bytes_max: 8 << 20,
            publish_count_max: 32,
            ahead_count_min: 64,
            delivery_count_max: 100_000,
        }
    }
}
