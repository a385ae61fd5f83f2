//! What the writer has to do.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::options::EmbeddedOptions;
use super::queue::QueueLog;
use crate::{BusError, Queue};

/// Answers a caller who waits.
pub(super) type Reply = oneshot::Sender<Result<(), BusError>>;

/// A message on its way to a queue that exists.
pub(super) struct Outgoing {
    pub(super) log: Arc<QueueLog>,
    pub(super) id: String,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

/// One call of `publish`.
pub(super) struct Publish {
    pub(super) messages: Vec<Outgoing>,
    pub(super) bytes: u64,
    /// Room in memory, given back when the messages are in the file.
    pub(super) room: OwnedSemaphorePermit,
    pub(super) reply: Reply,
}

/// What others ask of the writer, in order.
pub(super) enum Command {
    Publish(Publish),
    Declare(Vec<Queue>, Reply),
    Remove(Vec<Queue>, oneshot::Sender<Result<Vec<Queue>, BusError>>),
    Close(Reply),
}

/// What the writer does next. Each of the first two takes along the acknowledgements that are there.
pub(super) enum Work {
    /// These share one transaction.
    Publish(Vec<Publish>),
    /// Acknowledgements have waited long enough.
    Flush,
    Declare(Vec<Queue>, Reply),
    Remove(Vec<Queue>, oneshot::Sender<Result<Vec<Queue>, BusError>>),
    /// There is nothing to do: free space may be given back, one step at a time.
    Tidy,
    /// The end; whoever asked for it waits for the answer.
    Close(Option<Reply>),
}

/// Commands and the need to write acknowledgements, awaited by the one writer.
pub(super) struct Inbox {
    transaction_bytes_max: u64,
    acknowledge_count_max: usize,
    acknowledge_delay: Duration,
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    commands: VecDeque<Command>,
    acknowledged_count: usize,
    flush_at: Option<Instant>,
    is_closed: bool,
}

impl Inbox {
    pub(super) fn new(options: &EmbeddedOptions) -> Self {
        Inbox {
            transaction_bytes_max: options.transaction_bytes_max as u64,
            acknowledge_count_max: options.acknowledge_count_max.max(1),
            acknowledge_delay: Duration::from_millis(options.acknowledge_delay_ms_max),
            state: Mutex::default(),
            filled: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a command; `false` when nobody will carry it out any more.
    pub(super) fn push(&self, command: Command) -> bool {
        let mut state = self.state();
        if state.is_closed {
            return false;
        }
        state.commands.push_back(command);
        self.filled.notify_one();
        true
    }

    /// Says that so many more acknowledgements are to be written within the delay, or sooner if they are many.
    pub(super) fn acknowledged(&self, count: usize) {
        if count == 0 {
            return;
        }
        let mut state = self.state();
        state.acknowledged_count += count;
        let is_first = state.flush_at.is_none();
        if is_first {
            state.flush_at = Some(Instant::now() + self.acknowledge_delay);
        }
        if is_first || state.acknowledged_count >= self.acknowledge_count_max {
            self.filled.notify_one();
        }
    }

    /// Says that acknowledgements could not be written and shall be tried again after a while.
    pub(super) fn flush_later(&self, delay: Duration) {
        self.state().flush_at = Some(Instant::now() + delay);
    }

    /// Lets nothing more in. The writer still does what is there, then ends.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.filled.notify_one();
    }

    /// Throws away what nobody will carry out, so that its callers learn it.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.commands.clear();
    }

    /// Waits for the next work. With `is_untidy`, having nothing to do is work as well.
    pub(super) fn next(&self, is_untidy: bool) -> Work {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            match state.commands.pop_front() {
                Some(Command::Publish(first)) => {
                    state.acknowledged_count = 0;
                    state.flush_at = None;
                    return Work::Publish(self.group(&mut state, first));
                }
                Some(Command::Declare(queues, reply)) => return Work::Declare(queues, reply),
                Some(Command::Remove(queues, reply)) => return Work::Remove(queues, reply),
                Some(Command::Close(reply)) => return Work::Close(Some(reply)),
                None => {}
            }
            let due = state.flush_at.map(|at| at.saturating_duration_since(now));
            if due.is_some_and(|due| due.is_zero()) || state.acknowledged_count >= self.acknowledge_count_max {
                state.acknowledged_count = 0;
                state.flush_at = None;
                return Work::Flush;
            }
            if state.is_closed {
                return Work::Close(None);
            }
            if is_untidy {
                return Work::Tidy;
            }
            state = match due {
                Some(due) => self.filled.wait_timeout(state, due).unwrap_or_else(PoisonError::into_inner).0,
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Gathers the publishes that wait already, up to the size of one transaction. Nobody waits for more to come.
    fn group(&self, state: &mut State, first: Publish) -> Vec<Publish> {
        let mut bytes = first.bytes;
        let mut group = vec![first];
        while let Some(Command::Publish(next)) = state.commands.front() {
            bytes += next.bytes;
            if bytes > self.transaction_bytes_max {
                break;
            }
            match state.commands.pop_front() {
                Some(Command::Publish(next)) => group.push(next),
                _ => break,
            }
        }
        group
    }
}
