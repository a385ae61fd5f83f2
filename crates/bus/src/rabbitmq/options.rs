//! What can be set on a bus on RabbitMQ.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The limits of a bus on RabbitMQ, beside its address. Every field has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RabbitMqOptions {
    /// The largest body of one message, in bytes. It must not be above the broker's own `max_message_size`.
    pub message_bytes_max: usize,
    /// How many bytes may wait in a delivery queue before it takes no more; the broker does not count what a consumer
    /// holds. A queue that exists keeps the bound that it was declared with; a policy of the broker can lower it.
    pub queue_bytes_max: u64,
    /// The same for a queue of observations: reading waits until resolve has caught up.
    pub observed_bytes_max: u64,
    /// How long the broker may take to confirm messages, in milliseconds.
    pub confirm_time_ms_max: u64,
    /// How long a publish waits for a broker that takes no messages from anybody, in milliseconds, before it says so.
    pub blocked_time_ms_max: u64,
    /// How long connecting and any other call may take, in milliseconds; and how long a queue may be without a leader
    /// before publishing to it fails.
    pub call_time_ms_max: u64,
    /// After how many seconds of silence the broker is taken for dead.
    pub heartbeat_s: u16,
    /// How many messages of one publish may wait for their confirmation at a time.
    pub unconfirmed_count_max: usize,
    /// How many bytes of one publish may wait for their confirmation at a time. One message always may.
    /// It is to be much smaller than the bounds of the queues: a full queue that is emptied by a fifth takes messages
    /// again, and what it refused and what it took after that must not be of one window, or their order is lost.
    pub unconfirmed_bytes_max: usize,
    /// How many publishes may run at a time; further ones wait.
    pub publish_count_max: usize,
    /// How many messages the broker sends ahead to a subscription at least, whatever its own prefetch is.
    /// A quorum queue gives unacknowledged messages to the next subscription in order only if that one takes all of
    /// them at once; so this must not be smaller than it was for the subscription before, nor may a prefetch above it.
    pub ahead_count_min: u16,
    /// How often a message may be delivered before it is set aside as dead: a guard against crash loops, far above what
    /// restarts and pauses amount to. A queue that exists keeps the limit that it was declared with.
    pub delivery_count_max: u32,
    /// Whom to trust and who to be on an `amqps` address.
    pub tls: TlsFiles,
}

impl Default for RabbitMqOptions {
    fn default() -> Self {
        RabbitMqOptions {
            message_bytes_max: 16 << 20,
            queue_bytes_max: 256 << 20,
            observed_bytes_max: 1 << 30,
            confirm_time_ms_max: 30_000,
            blocked_time_ms_max: 10_000,
            call_time_ms_max: 10_000,
            heartbeat_s: 20,
            unconfirmed_count_max: 1000,
            unconfirmed_bytes_max: 8 << 20,
            publish_count_max: 32,
            ahead_count_min: 256,
            delivery_count_max: 100_000,
            tls: TlsFiles::default(),
        }
    }
}

/// Files in PEM for an `amqps` address. They are read at every connect, so that a renewed certificate needs no restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsFiles {
    /// The authorities that may have signed the broker's certificate; those of the operating system when left out.
    pub ca_file: Option<PathBuf>,
    /// The hub's own certificate, with those between it and its authority; it goes with `key_file`.
    pub certificate_file: Option<PathBuf>,
    /// The private key of the hub's own certificate.
    pub key_file: Option<PathBuf>,
}
