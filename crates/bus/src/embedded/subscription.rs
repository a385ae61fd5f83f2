//! One consumer of one queue of an embedded bus.

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;

use super::queue::QueueLog;
use super::{Shared, fault};
use crate::{BusError, Delivered, Receipt, Subscription};

/// A subscription. When it is dropped, what it was given and did not acknowledge waits for the next one.
pub(super) struct EmbeddedSubscription {
    pub(super) shared: Arc<Shared>,
    pub(super) log: Arc<QueueLog>,
    pub(super) epoch: u64,
}

impl EmbeddedSubscription {
    /// Takes what is there, and has more read when there is room for it.
    fn hand_out(&self, count_max: usize) -> Result<Vec<Delivered>, BusError> {
        if self.shared.is_closed() {
            return Err(fault::closed());
        }
        let mut state = self.log.state();
        let messages = state.hand_out(self.epoch, count_max)?;
        let plan = state.plan_fetch();
        drop(state);
        if let Some(plan) = plan {
            self.shared.fetch(&self.log, plan);
        }
        Ok(messages)
    }
}

#[async_trait]
impl Subscription for EmbeddedSubscription {
    async fn receive(&mut self, count_max: usize) -> Result<Vec<Delivered>, BusError> {
        loop {
            // Listening starts before looking, so that nothing that happens in between is missed.
            let mut changed = pin!(self.log.changed.notified());
            changed.as_mut().enable();
            let messages = self.hand_out(count_max)?;
            if !messages.is_empty() {
                return Ok(messages);
            }
            changed.await;
        }
    }

    async fn acknowledge(&mut self, receipts: &[Receipt]) -> Result<(), BusError> {
        if self.shared.is_closed() {
            return Err(fault::closed());
        }
        let count = self.log.state().acknowledge(self.epoch, receipts)?;
        self.shared.inbox.acknowledged(count);
        Ok(())
    }
}

impl Drop for EmbeddedSubscription {
    fn drop(&mut self) {
        self.log.state().release(self.epoch);
    }
}
