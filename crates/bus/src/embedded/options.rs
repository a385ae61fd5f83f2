//! What can be set on an embedded bus.

use serde::{Deserialize, Serialize};

/// The limits and habits of an embedded bus. Every field has a default that suits one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddedOptions {
    /// The largest body of one message, in bytes. A larger one is refused with [`TooLarge`](crate::BusError::TooLarge).
    pub message_bytes_max: usize,
    /// The most bytes of messages (bodies, ids and a small overhead each) that may wait to be acknowledged.
    /// Publishing what would pass it fails until consumers have caught up. The file itself is somewhat larger.
    pub bytes_max: u64,
    /// How many bytes of messages, counted in the same way, may wait in one delivery queue before it takes no more:
    /// publishing then fails with [`Full`](crate::BusError::Full), so that a system that is down does not fill the log
    /// for all. A queue below it takes one publish, however large.
    pub queue_bytes_max: u64,
    /// How safe a confirmed message is from a loss of power.
    pub durability: Durability,
    /// The most bytes that one subscription holds in memory ahead of its consumer. One message always fits.
    pub read_ahead_bytes_max: usize,
    /// The most bytes that may wait in memory for their commit; further publishers wait for room.
    pub publish_bytes_max: usize,
    /// The most bytes that one transaction writes, unless a single publish is larger by itself.
    pub transaction_bytes_max: usize,
    /// How long an acknowledgement may stay in memory, in milliseconds, before it is written.
    /// After a crash, messages whose acknowledgement was not written yet come again.
    pub acknowledge_delay_ms_max: u64,
    /// How many acknowledgements may stay in memory before they are written.
    pub acknowledge_count_max: usize,
    /// How many free bytes the file keeps for reuse; what is above is given back to the file system when the log is idle.
    pub free_bytes_max: u64,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        EmbeddedOptions {
            message_bytes_max: 16 << 20,
            bytes_max: 8 << 30,
            queue_bytes_max: 256 << 20,
            durability: Durability::Full,
            read_ahead_bytes_max: 2 << 20,
            publish_bytes_max: 32 << 20,
            transaction_bytes_max: 4 << 20,
            acknowledge_delay_ms_max: 100,
            acknowledge_count_max: 1024,
            free_bytes_max: 64 << 20,
        }
    }
}

/// How safe a confirmed message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Every commit reaches the disk before it is confirmed: a confirmed message survives a loss of power.
    #[default]
    Full,
    /// A commit reaches the operating system before it is confirmed: a confirmed message survives a crash of
    /// Passerelle, but the last ones may be lost with the power. The log itself stays sound.
    Normal,
}
