//! What is in memory of one queue: the window of its subscription, and acknowledgements on their way to the file.
//!
//! Positions tell everything apart. Below `cursor` a message was taken into the window or is gone;
//! from `cursor` up to `next_position` it waits in the file; above that there is nothing yet.
//! All of this is plain state under one lock that nobody holds while reading, writing or waiting.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::ranges::Ranges;
use super::schema::Ledger;
use crate::{BusError, Delivered, Queue, Receipt};

/// What a message costs beside its text, counted against every limit in bytes.
const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// The bytes that a message counts for.
pub(super) fn message_bytes(id: &str, content_type: &str, body: &[u8]) -> usize {
    id.len() + content_type.len() + body.len() + MESSAGE_OVERHEAD_BYTES
}

/// A message that is in the file.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) position: u64,
    pub(super) id: String,
    pub(super) content_type: Cow<'static, str>,
    pub(super) body: Vec<u8>,
}

impl Stored {
    fn bytes(&self) -> usize {
        message_bytes(&self.id, &self.content_type, &self.body)
    }
}

/// One queue, shared by publishers, the writer, the reader and the subscription.
pub(super) struct QueueLog {
    pub(super) queue: Queue,
    pub(super) number: u32,
    /// Wakes a waiting subscription: something came, something was acknowledged, or it has ended.
    pub(super) changed: Notify,
    state: Mutex<QueueState>,
}

impl QueueLog {
    pub(super) fn new(queue: Queue, number: u32, ledger: Ledger) -> Self {
        QueueLog { queue, number, changed: Notify::new(), state: Mutex::new(QueueState::new(ledger)) }
    }

    /// The state. A panic elsewhere cannot leave it half-changed in a way that matters: every method settles at once.
    pub(super) fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Acknowledged messages that are still in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Acknowledged {
    pub(super) ranges: Ranges,
    pub(super) bytes: u64,
}

/// What the reader shall read.
#[derive(Debug)]
pub(super) struct FetchPlan {
    epoch: u64,
    pub(super) from: u64,
    /// The position after the last that was in the file when this was planned.
    pub(super) until: u64,
    pub(super) count_max: usize,
    pub(super) bytes_max: usize,
    /// Messages that are acknowledged and perhaps still in the file. It is taken before the reader looks:
    /// what left it earlier was deleted earlier, so nothing acknowledged is ever seen again.
    pub(super) skip: Ranges,
}

/// What one subscription has in hand.
#[derive(Debug)]
struct Window {
    prefetch: usize,
    read_ahead_bytes_max: usize,
    cursor: u64,
    ahead: VecDeque<Stored>,
    ahead_bytes: usize,
    /// Bytes by position of what was handed out and is not acknowledged.
    in_flight: BTreeMap<u64, u64>,
    /// The position after the last that was handed out.
    handed_end: u64,
    is_fetching: bool,
    fault: Option<BusError>,
}

impl Window {
    fn has_room(&self) -> bool {
        self.ahead.is_empty() || (self.ahead.len() < self.prefetch && self.ahead_bytes < self.read_ahead_bytes_max)
    }

    fn push(&mut self, message: Stored) {
        self.ahead_bytes += message.bytes();
        self.ahead.push_back(message);
    }
}

/// The state of one queue.
#[derive(Debug)]
pub(super) struct QueueState {
    next_position: u64,
    /// Messages in the file that are not acknowledged.
    message_count: u64,
    /// Positions below it may have been handed out by an earlier subscription or process.
    seen_end: u64,
    acknowledged: Acknowledged,
    /// Acknowledgements in the transaction that is running.
    flushing: Acknowledged,
    /// Which subscription is the current one; it counts up with each.
    epoch: u64,
    window: Option<Window>,
}

impl QueueState {
    fn new(ledger: Ledger) -> Self {
        QueueState {
            next_position: ledger.next_position,
            message_count: ledger.message_count,
            // What an earlier process handed out is not written down: everything it left may have been.
            seen_end: ledger.next_position,
            acknowledged: Acknowledged::default(),
            flushing: Acknowledged::default(),
            epoch: 0,
            window: None,
        }
    }

    /// Begins a subscription, ends the one before, and returns the epoch of the new one.
    pub(super) fn take_over(&mut self, prefetch: usize, read_ahead_bytes_max: usize) -> u64 {
        self.release(self.epoch);
        self.epoch += 1;
        // A queue in which everything is acknowledged needs no look into the file.
        let cursor = if self.message_count == 0 { self.next_position } else { 0 };
        self.window = Some(Window {
            prefetch: prefetch.max(1),
            read_ahead_bytes_max,
            cursor,
            ahead: VecDeque::new(),
            ahead_bytes: 0,
            in_flight: BTreeMap::new(),
            handed_end: 0,
            is_fetching: false,
            fault: None,
        });
        self.epoch
    }

    /// Ends a subscription, if it is still the current one. What it holds will come again from the file.
    pub(super) fn release(&mut self, epoch: u64) {
        if epoch == self.epoch
            && let Some(window) = self.window.take()
        {
            self.seen_end = self.seen_end.max(window.handed_end);
        }
    }

    /// Ends whatever subscription there is, for good.
    pub(super) fn end(&mut self) {
        self.release(self.epoch);
        self.epoch += 1;
    }

    /// Takes up to `count_max` messages for the consumer; none when it has to wait.
    pub(super) fn hand_out(&mut self, epoch: u64, count_max: usize) -> Result<Vec<Delivered>, BusError> {
        let seen_end = self.seen_end;
        let window = self.current(epoch)?;
        if let Some(fault) = window.fault.take() {
            return Err(fault);
        }
        let allowed = window.prefetch.saturating_sub(window.in_flight.len());
        let count = count_max.max(1).min(allowed).min(window.ahead.len());
        let mut messages = Vec::with_capacity(count);
        for stored in window.ahead.drain(..count) {
            let bytes = stored.bytes();
            window.ahead_bytes -= bytes;
            window.in_flight.insert(stored.position, bytes as u64);
            window.handed_end = stored.position + 1;
            messages.push(Delivered {
                receipt: Receipt(stored.position),
                id: stored.id,
                content_type: stored.content_type.into_owned(),
                body: stored.body,
                redelivered: stored.position < seen_end,
                died_in: None,
            });
        }
        Ok(messages)
    }

    /// Notes acknowledgements and returns how many were new. A receipt that is not in flight is ignored.
    pub(super) fn acknowledge(&mut self, epoch: u64, receipts: &[Receipt]) -> Result<usize, BusError> {
        self.current(epoch)?;
        let Some(window) = &mut self.window else { return Ok(0) };
        let mut count = 0;
        for Receipt(position) in receipts {
            if let Some(bytes) = window.in_flight.remove(position) {
                self.acknowledged.ranges.insert(*position);
                self.acknowledged.bytes += bytes;
                self.message_count -= 1;
                count += 1;
            }
        }
        Ok(count)
    }

    fn current(&mut self, epoch: u64) -> Result<&mut Window, BusError> {
        match &mut self.window {
            Some(window) if epoch == self.epoch => Ok(window),
            _ => Err(BusError::Ended("a newer subscription of the same queue took over".to_owned())),
        }
    }

    /// Notes a message that is now in the file. A subscription that has read everything before it gets it at once,
    /// without the detour through the file.
    pub(super) fn published(&mut self, message: Stored) {
        self.next_position = message.position + 1;
        self.message_count += 1;
        if let Some(window) = &mut self.window
            && window.cursor == message.position
            && window.has_room()
        {
            window.cursor = message.position + 1;
            window.push(message);
        }
    }

    /// Plans the next reading when the window has half its room and the file has more; one at a time.
    pub(super) fn plan_fetch(&mut self) -> Option<FetchPlan> {
        let window = self.window.as_mut()?;
        let is_low = window.ahead.len() <= window.prefetch / 2 && window.ahead_bytes <= window.read_ahead_bytes_max / 2;
        if window.is_fetching || !is_low || window.cursor >= self.next_position {
            return None;
        }
        window.is_fetching = true;
        let mut skip = Ranges::default();
        if window.cursor < self.seen_end {
            skip = self.acknowledged.ranges.clone();
            skip.extend(&self.flushing.ranges);
        }
        Some(FetchPlan {
            epoch: self.epoch,
            from: window.cursor,
            until: self.next_position,
            count_max: window.prefetch - window.ahead.len(),
            bytes_max: window.read_ahead_bytes_max.saturating_sub(window.ahead_bytes),
            skip,
        })
    }

    /// Takes what was read. `is_complete` says that nothing was left below the end of the plan.
    pub(super) fn fetched(&mut self, plan: &FetchPlan, messages: Vec<Stored>, is_complete: bool) {
        let Ok(window) = self.current(plan.epoch) else { return };
        window.is_fetching = false;
        if is_complete {
            window.cursor = plan.until;
        } else if let Some(last) = messages.last() {
            window.cursor = last.position + 1;
        }
        messages.into_iter().for_each(|message| window.push(message));
    }

    /// Tells the subscription that reading failed; its next attempt reads again.
    pub(super) fn fetch_failed(&mut self, plan: &FetchPlan, fault: BusError) {
        if let Ok(window) = self.current(plan.epoch) {
            window.is_fetching = false;
            window.fault = Some(fault);
        }
    }

    /// Takes the acknowledgements that the transaction now running shall write, if there are any.
    pub(super) fn start_flush(&mut self) -> Option<Acknowledged> {
        if self.acknowledged.ranges.is_empty() {
            return None;
        }
        self.flushing = std::mem::take(&mut self.acknowledged);
        Some(self.flushing.clone())
    }

    /// Ends what [`start_flush`](Self::start_flush) began; what was not written is kept for the next time.
    pub(super) fn end_flush(&mut self, is_written: bool) {
        let flushing = std::mem::take(&mut self.flushing);
        if !is_written {
            self.acknowledged.ranges.extend(&flushing.ranges);
            self.acknowledged.bytes += flushing.bytes;
        }
    }

    /// How many messages wait, and which positions of the file do not count any more.
    pub(super) fn depth(&self) -> (u64, Ranges) {
        let mut skip = self.acknowledged.ranges.clone();
        skip.extend(&self.flushing.ranges);
        (self.message_count, skip)
    }
}

#[cfg(test)]
mod tests;
