//! The steps between which the hub may be killed, told at trace level under the target `passerelle::stage`.
//!
//! They tell an operator where a message stands, and the kill tests when to strike.

/// A step that just ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    CollectRead,
    CollectPublished,
    CollectSaved,
    ResolveBegun,
    ResolveCommitted,
    RelayPublished,
    RelayDone,
    DeliverAttempting,
    DeliverApplied,
    DeliverFinished,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::CollectRead => "collect.read",
            Stage::CollectPublished => "collect.published",
            Stage::CollectSaved => "collect.saved",
            Stage::ResolveBegun => "resolve.begun",
            Stage::ResolveCommitted => "resolve.committed",
            Stage::RelayPublished => "relay.published",
            Stage::RelayDone => "relay.done",
            Stage::DeliverAttempting => "deliver.attempting",
            Stage::DeliverApplied => "deliver.applied",
            Stage::DeliverFinished => "deliver.finished",
        }
    }

    /// Tells that the step ended.
    pub fn ended(self) {
        tracing::trace!(target: "passerelle::stage", stage = self.name());
    }
}
