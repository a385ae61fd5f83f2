//! The embedded bus: a durable log in one SQLite file, for one process on one machine.
//!
//! **Publishing.** One thread writes. Calls of [`publish`](Bus::publish) that wait together share one transaction and
//! one wait for the disk, so many publishers are about as fast as one that publishes batches.
//! One call is one transaction: after an error none of its messages is in the log.
//!
//! **Consuming.** A message is written once and deleted once; nothing is written when it is handed out.
//! A subscription that keeps up gets messages straight from their publisher after the commit;
//! one that has fallen behind has them read ahead from the file, within its prefetch and a limit in bytes.
//! Nobody polls: publishers wake subscribers.
//!
//! **Acknowledging** happens in memory, as ranges of positions, and is written with the next publish or after a short
//! delay ([`acknowledge_delay_ms_max`](EmbeddedOptions::acknowledge_delay_ms_max)) by deleting those ranges.
//! After a crash, messages whose acknowledgement was not written yet come again: delivery is at least once.
//! What was in the log when it was opened is marked as redelivered, because it may have been handed out before.
//!
//! **Space.** Deleted messages leave free pages, which the next messages use first: a log that is consumed as fast as it
//! is filled does not grow. When the writer is idle, free pages above
//! [`free_bytes_max`](EmbeddedOptions::free_bytes_max) are given back to the file system in small steps.
//!
//! **A full disk** loses nothing: publishing fails with [`Storage`](BusError::Storage) and none of its messages is there,
//! acknowledgements wait in memory, and both go on by themselves when there is space again.
//! Acknowledgements that could not be written until the end are lost, and their messages come again.
//!
//! **Public routes** have no listeners here, because no other process can read the log: those messages are checked
//! for their size and dropped.

mod fault;
mod inbox;
mod options;
mod queue;
mod ranges;
mod reader;
mod schema;
mod subscription;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::{Semaphore, oneshot};

use crate::{Bus, BusError, Message, Queue, Route, Subscription};
use inbox::{Command, Inbox, Outgoing, Publish};
pub use options::{Durability, EmbeddedOptions};
use queue::{FetchPlan, QueueLog, message_bytes};
use reader::ReadRequest;
use schema::{Ledger, OpenFile};
use subscription::EmbeddedSubscription;
use writer::Writer;

/// A bus in a directory of this machine. See the [module](self) for what it promises.
///
/// Dropping it, or [closing](EmbeddedBus::close) it, writes the acknowledgements that are still in memory.
pub struct EmbeddedBus {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the bus, its threads and its subscriptions have in common.
struct Shared {
    directory: PathBuf,
    options: EmbeddedOptions,
    logs: RwLock<HashMap<Queue, Arc<QueueLog>>>,
    inbox: Inbox,
    reads: mpsc::Sender<ReadRequest>,
    publish_room: Arc<Semaphore>,
    is_closed: AtomicBool,
}

impl Shared {
    fn log(&self, queue: &Queue) -> Option<Arc<QueueLog>> {
        self.logs.read().unwrap_or_else(PoisonError::into_inner).get(queue).cloned()
    }

    fn existing(&self, queue: &Queue) -> Result<Arc<QueueLog>, BusError> {
        if self.is_closed() {
            return Err(fault::closed());
        }
        self.log(queue).ok_or_else(|| BusError::Unroutable(queue.to_string()))
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Has messages read for a subscription. A reader that is gone has closed the bus, which wakes the subscription.
    fn fetch(&self, log: &Arc<QueueLog>, plan: FetchPlan) {
        let _ = self.reads.send(ReadRequest::Fetch(Arc::clone(log), plan));
    }

    /// Which delivery queue takes no more, of those that a publish goes to.
    fn full(&self, publish: &Publish, ledgers: &[Ledger]) -> Option<BusError> {
        let is_full = |log: &QueueLog| ledgers[log.number as usize].byte_count >= self.options.queue_bytes_max.max(1);
        let mut deliveries = publish.messages.iter().filter(|message| matches!(message.log.queue, Queue::Delivery(_)));
        deliveries.find(|message| is_full(&message.log)).map(|message| BusError::Full(message.log.queue.clone()))
    }

    /// Why so many more bytes do not fit, if they do not.
    fn refuse(&self, byte_count: u64, more: u64) -> Option<BusError> {
        let limit = self.options.bytes_max;
        (byte_count + more > limit).then(|| {
            BusError::Storage(format!(
                "in {} is full: {byte_count} bytes wait to be consumed and {more} more would pass the limit of {limit} \
                 (bus.bytes_max); look for a system that is down or paused, or raise the limit",
                self.directory.display()
            ))
        })
    }

    /// Ends everything that waits.
    fn end(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.inbox.abandon();
        self.publish_room.close();
        let _ = self.reads.send(ReadRequest::Stop);
        for log in self.logs.read().unwrap_or_else(PoisonError::into_inner).values() {
            log.changed.notify_waiters();
        }
    }
}

impl EmbeddedBus {
    /// Opens the log of a directory, making both when they are not there. It blocks for the time of a few disk accesses.
    ///
    /// # Errors
    /// [`BusError::Storage`] when another process (or another bus of this one) has the directory, when the log was
    /// written by a newer version, when the file is damaged or not ours, or when the directory cannot be written.
    pub fn open(directory: impl AsRef<Path>, options: EmbeddedOptions) -> Result<Self, BusError> {
        let directory = directory.as_ref();
        let file = schema::open(directory, options.durability)?;
        Self::start(directory, file, options)
    }

    /// Starts the threads over an open file.
    fn start(directory: &Path, file: OpenFile, options: EmbeddedOptions) -> Result<Self, BusError> {
        let queues: Vec<_> = (0..)
            .zip(file.queues)
            .map(|(number, (queue, ledger))| (Arc::new(QueueLog::new(queue, number, ledger)), ledger))
            .collect();
        let (reads, requests) = mpsc::channel();
        let publish_room = options.publish_bytes_max.clamp(1, u32::MAX as usize).min(Semaphore::MAX_PERMITS);
        let shared = Arc::new(Shared {
            directory: directory.to_path_buf(),
            logs: RwLock::new(queues.iter().map(|(log, _)| (log.queue.clone(), Arc::clone(log))).collect()),
            inbox: Inbox::new(&options),
            reads,
            publish_room: Arc::new(Semaphore::new(publish_room)),
            options,
            is_closed: AtomicBool::new(false),
        });
        let failed = |error| fault::file(directory, "start its threads", &error);
        let (reading, place) = (file.reading, directory.to_path_buf());
        let reader = spawn("bus-reader", move || reader::run(&reading, &place, &requests)).map_err(failed)?;
        let writer = Writer::new(file.writing, file.lock, Arc::clone(&shared), queues);
        let writer = spawn("bus-writer", move || writer.run()).map_err(failed)?;
        Ok(EmbeddedBus { threads: Mutex::new(vec![writer, reader]), shared })
    }

    /// Writes what is still in memory and closes the file. Everything that waits, and every later call, gets
    /// [`BusError::Ended`].
    ///
    /// # Errors
    /// [`BusError::Storage`] when the last acknowledgements could not be written; their messages come again.
    pub async fn close(&self) -> Result<(), BusError> {
        self.ask(Command::Close).await
    }

    /// Leaves a command for the writer and waits for the answer.
    async fn ask(&self, command: impl FnOnce(inbox::Reply) -> Command) -> Result<(), BusError> {
        let (reply, answer) = oneshot::channel();
        if !self.shared.inbox.push(command(reply)) {
            return Err(fault::closed());
        }
        answer.await.unwrap_or_else(|_| Err(fault::closed()))
    }

    /// Finds the queue of every message that has one, and drops the public ones.
    fn route(&self, messages: Vec<Message>) -> Result<Vec<Outgoing>, BusError> {
        let limit = self.shared.options.message_bytes_max;
        if let Some(large) = messages.iter().find(|message| message.body.len() > limit) {
            return Err(BusError::TooLarge { id: large.id.clone(), size: large.body.len(), limit });
        }
        let mut outgoing: Vec<Outgoing> = Vec::with_capacity(messages.len());
        for Message { route, id, content_type, body } in messages {
            let Route::Queue(queue) = route else { continue };
            // Messages of one call mostly go to one queue.
            let log = match outgoing.last() {
                Some(before) if before.log.queue == queue => Arc::clone(&before.log),
                _ => self.shared.existing(&queue)?,
            };
            outgoing.push(Outgoing { log, id, content_type, body });
        }
        Ok(outgoing)
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

#[async_trait]
impl Bus for EmbeddedBus {
    async fn declare(&self, queues: &[Queue]) -> Result<(), BusError> {
        let queues = queues.to_vec();
        self.ask(|reply| Command::Declare(queues, reply)).await
    }

    async fn remove(&self, queues: &[Queue]) -> Result<Vec<Queue>, BusError> {
        let (reply, answer) = oneshot::channel();
        if !self.shared.inbox.push(Command::Remove(queues.to_vec(), reply)) {
            return Err(fault::closed());
        }
        answer.await.unwrap_or_else(|_| Err(fault::closed()))
    }

    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
        let messages = self.route(messages)?;
        if messages.is_empty() {
            return Ok(());
        }
        let bytes: usize =
            messages.iter().map(|message| message_bytes(&message.id, message.content_type, &message.body)).sum();
        let permits = bytes.min(self.shared.options.publish_bytes_max.max(1));
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.shared.publish_room);
        let room = room.acquire_many_owned(permits).await.map_err(|_| fault::closed())?;
        self.ask(|reply| Command::Publish(Publish { messages, bytes: bytes as u64, room, reply })).await
    }

    async fn subscribe(&self, queue: &Queue, prefetch: usize) -> Result<Box<dyn Subscription>, BusError> {
        let log = self.shared.existing(queue)?;
        let epoch = log.state().take_over(prefetch, self.shared.options.read_ahead_bytes_max);
        // The subscription before this one may be waiting; it learns that it has ended.
        log.changed.notify_waiters();
        Ok(Box::new(EmbeddedSubscription { shared: Arc::clone(&self.shared), log, epoch }))
    }

    async fn close(&self) -> Result<(), BusError> {
        EmbeddedBus::close(self).await
    }

    fn message_bytes_max(&self) -> usize {
        self.shared.options.message_bytes_max
    }

    /// No other process can listen here.
    fn carries_public(&self) -> bool {
        false
    }

    async fn depth(&self, queue: &Queue) -> Result<(u64, Option<i64>), BusError> {
        let log = self.shared.existing(queue)?;
        let (count, skip) = log.state().depth();
        if count == 0 {
            return Ok((0, None));
        }
        let (reply, answer) = oneshot::channel();
        let request = ReadRequest::Oldest(log, skip, reply);
        self.shared.reads.send(request).map_err(|_| fault::closed())?;
        let oldest = answer.await.unwrap_or_else(|_| Err(fault::closed()))?;
        Ok((count, oldest))
    }
}

impl Drop for EmbeddedBus {
    fn drop(&mut self) {
        self.shared.inbox.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A thread that panicked has said so already; the log is sound, because SQLite rolls back what it left.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
