//! The one thread that writes: publishes that come together share a transaction and one wait for the disk.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, TransactionBehavior, params};

use super::Shared;
use super::fault;
use super::inbox::{Publish, Work};
use super::queue::{Acknowledged, QueueLog, Stored, message_bytes};
use super::schema::{DirectoryLock, Ledger, POSITION_END, QUEUE_NUMBER_END, key};
use crate::{BusError, Queue};

/// How long acknowledgements wait after they could not be written, unless a publish takes them along sooner.
const FLUSH_RETRY_DELAY: Duration = Duration::from_secs(1);

/// How many pages one step of giving back space moves; a publish waits for one step at most.
const TIDY_PAGES: u32 = 256;

/// The writer and everything that only it changes.
pub(super) struct Writer {
    connection: Connection,
    shared: Arc<Shared>,
    /// By the number of the queue.
    logs: Vec<Arc<QueueLog>>,
    ledgers: Vec<Ledger>,
    /// The numbers of queues that were removed while the bus was open. A number is never given again.
    removed: HashSet<u32>,
    /// Whether there may be free space to give back.
    is_untidy: bool,
    /// Whether space was given back that the file shows only after the next checkpoint.
    is_shorter: bool,
    /// Keeps other processes out; closed when the writer has ended, after the last transaction.
    _lock: DirectoryLock,
}

/// Tells everybody that the writer is gone, however it went.
struct Farewell(Arc<Shared>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A queue with acknowledgements to write.
type Flushing = (Arc<QueueLog>, Acknowledged);

impl Writer {
    pub(super) fn new(
        connection: Connection,
        lock: DirectoryLock,
        shared: Arc<Shared>,
        queues: Vec<(Arc<QueueLog>, Ledger)>,
    ) -> Self {
        let (logs, ledgers) = queues.into_iter().unzip();
        let removed = HashSet::new();
        Writer { connection, shared, logs, ledgers, removed, is_untidy: true, is_shorter: false, _lock: lock }
    }

    /// Works until the bus is closed.
    pub(super) fn run(mut self) {
        let farewell = Farewell(Arc::clone(&self.shared));
        loop {
            match self.shared.inbox.next(self.is_untidy) {
                Work::Publish(publishes) => self.write(publishes),
                Work::Flush => self.write(Vec::new()),
                Work::Declare(queues, reply) => {
                    let outcome = self.declare(queues);
                    // A caller who has stopped waiting wants no answer.
                    let _ = reply.send(outcome);
                }
                Work::Remove(queues, reply) => {
                    let outcome = self.remove(queues);
                    // A caller who has stopped waiting wants no answer.
                    let _ = reply.send(outcome);
                }
                Work::Tidy => self.tidy(),
                Work::Close(reply) => {
                    self.write(Vec::new());
                    let outcome = self.checkpoint();
                    drop(farewell);
                    drop(self);
                    if let Some(reply) = reply {
                        let _ = reply.send(outcome);
                    }
                    return;
                }
            }
        }
    }

    /// Writes publishes and every acknowledgement that is there in one transaction, then tells who waits for it.
    fn write(&mut self, publishes: Vec<Publish>) {
        let flushing: Vec<Flushing> = self
            .logs
            .iter()
            .filter_map(|log| log.state().start_flush().map(|acknowledged| (Arc::clone(log), acknowledged)))
            .collect();
        if publishes.is_empty() && flushing.is_empty() {
            return;
        }
        let mut ledgers = self.ledgers.clone();
        let outcome = self.transact(&publishes, &flushing, &mut ledgers);
        flushing.iter().for_each(|(log, _)| log.state().end_flush(outcome.is_ok()));
        match outcome {
            Ok(refusals) => {
                self.is_untidy |= !flushing.is_empty();
                self.settle(publishes, refusals, ledgers);
            }
            Err(error) => {
                self.shared.inbox.flush_later(FLUSH_RETRY_DELAY);
                let fault = || fault::storage(&self.shared.directory, "write messages", &error);
                tracing::warn!(error = %fault(), "the embedded bus could not write");
                for publish in publishes {
                    let _ = publish.reply.send(Err(fault()));
                }
            }
        }
    }

    /// One transaction. Returns for each publish why it was refused, if it was.
    fn transact(
        &mut self,
        publishes: &[Publish],
        flushing: &[Flushing],
        ledgers: &mut [Ledger],
    ) -> rusqlite::Result<Vec<Option<BusError>>> {
        let published_ms = now_ms();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            // Deleting comes first: its pages are then there for what is inserted.
            let mut delete = transaction.prepare_cached("DELETE FROM message WHERE key BETWEEN ?1 AND ?2")?;
            for (log, acknowledged) in flushing {
                for (start, end) in acknowledged.ranges.iter() {
                    delete.execute(params![key(log.number, start), key(log.number, end)])?;
                }
                let ledger = &mut ledgers[log.number as usize];
                ledger.message_count -= acknowledged.ranges.count();
                ledger.byte_count -= acknowledged.bytes;
            }
        }
        let mut byte_count: u64 = ledgers.iter().map(|ledger| ledger.byte_count).sum();
        let mut refusals = Vec::with_capacity(publishes.len());
        for publish in publishes {
            let gone = publish.messages.iter().find(|message| self.removed.contains(&message.log.number));
            let gone = gone.map(|message| BusError::Unroutable(message.log.queue.to_string()));
            let refusal = gone.or_else(|| self.shared.full(publish, ledgers));
            let refusal = refusal.or_else(|| self.shared.refuse(byte_count, publish.bytes));
            if refusal.is_none() {
                byte_count += publish.bytes;
                insert(&transaction, publish, published_ms, ledgers)?;
            }
            refusals.push(refusal);
        }
        {
            let mut update = transaction.prepare_cached(
                "UPDATE queue SET next_position = ?2, message_count = ?3, byte_count = ?4 WHERE number = ?1",
            )?;
            for (number, (ledger, before)) in ledgers.iter().zip(&self.ledgers).enumerate() {
                if ledger != before {
                    update.execute(params![number, ledger.next_position, ledger.message_count, ledger.byte_count])?;
                }
            }
        }
        transaction.commit()?;
        Ok(refusals)
    }

    /// Makes what was committed known: to the subscriptions, then to the publishers.
    fn settle(&mut self, publishes: Vec<Publish>, refusals: Vec<Option<BusError>>, ledgers: Vec<Ledger>) {
        let before = std::mem::replace(&mut self.ledgers, ledgers);
        let mut positions: Vec<u64> = before.iter().map(|ledger| ledger.next_position).collect();
        for (publish, refusal) in publishes.into_iter().zip(refusals) {
            let Publish { messages, room, reply, .. } = publish;
            if let Some(refusal) = refusal {
                let _ = reply.send(Err(refusal));
                continue;
            }
            for message in messages {
                let position = &mut positions[message.log.number as usize];
                message.log.state().published(Stored {
                    position: *position,
                    id: message.id,
                    content_type: message.content_type.into(),
                    body: message.body,
                });
                *position += 1;
            }
            drop(room);
            let _ = reply.send(Ok(()));
        }
        for (log, (ledger, before)) in self.logs.iter().zip(self.ledgers.iter().zip(&before)) {
            if ledger.next_position != before.next_position {
                log.changed.notify_waiters();
            }
        }
    }

    /// Adds the queues that are not there yet.
    fn declare(&mut self, queues: Vec<Queue>) -> Result<(), BusError> {
        let mut new: Vec<Queue> = Vec::new();
        for queue in queues {
            if self.shared.log(&queue).is_none() && !new.contains(&queue) {
                new.push(queue);
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let first = u32::try_from(self.logs.len()).unwrap_or(QUEUE_NUMBER_END);
        if new.len() > (QUEUE_NUMBER_END - first) as usize {
            return Err(BusError::Topology(format!("room for {QUEUE_NUMBER_END} queues and no more")));
        }
        let numbered: Vec<(u32, Queue)> = (first..).zip(new).collect();
        self.add(&numbered).map_err(|error| fault::storage(&self.shared.directory, "declare queues", &error))?;
        let mut logs = self.shared.logs.write().unwrap_or_else(PoisonError::into_inner);
        for (number, queue) in numbered {
            let log = Arc::new(QueueLog::new(queue.clone(), number, Ledger::EMPTY));
            self.logs.push(Arc::clone(&log));
            self.ledgers.push(Ledger::EMPTY);
            logs.insert(queue, log);
        }
        Ok(())
    }

    /// Removes the queues that are empty; returns the others.
    fn remove(&mut self, queues: Vec<Queue>) -> Result<Vec<Queue>, BusError> {
        // What is acknowledged does not keep a queue.
        self.write(Vec::new());
        let mut kept = Vec::new();
        for queue in queues {
            let Some(log) = self.shared.log(&queue) else { continue };
            if self.ledgers[log.number as usize].message_count > 0 {
                kept.push(queue);
                continue;
            }
            self.take_name(log.number)
                .map_err(|error| fault::storage(&self.shared.directory, "remove a queue", &error))?;
            self.removed.insert(log.number);
            self.shared.logs.write().unwrap_or_else(PoisonError::into_inner).remove(&queue);
            log.state().end();
            log.changed.notify_waiters();
        }
        Ok(kept)
    }

    /// Takes the name away from a queue. Its row stays, because numbers have no holes: under a name that no mark has.
    fn take_name(&mut self, number: u32) -> rusqlite::Result<()> {
        let name = Queue::Mark(format!("removed.{number}").into()).to_string();
        self.connection.execute("UPDATE queue SET name = ?2 WHERE number = ?1", params![number, name]).map(drop)
    }

    fn add(&mut self, numbered: &[(u32, Queue)]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (number, queue) in numbered {
            transaction.execute(
                "INSERT INTO queue (number, name, next_position, message_count, byte_count) VALUES (?1, ?2, ?3, 0, 0)",
                params![number, queue.to_string(), Ledger::EMPTY.next_position],
            )?;
        }
        transaction.commit()
    }

    /// Gives one step of free space back to the file system, if there is more than the file may keep.
    fn tidy(&mut self) {
        match self.give_back() {
            Ok(is_more) => self.is_untidy = is_more,
            Err(error) => {
                // The pages stay free for reuse; the next deletion tries again.
                tracing::debug!(%error, "the embedded bus could not give back free space");
                self.is_untidy = false;
            }
        }
    }

    fn give_back(&mut self) -> rusqlite::Result<bool> {
        let number = |pragma| self.connection.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
        let free_bytes = number("freelist_count")? * number("page_size")?;
        if free_bytes > self.shared.options.free_bytes_max {
            self.run_to_end(&format!("PRAGMA incremental_vacuum({TIDY_PAGES})"))?;
            self.is_shorter = true;
            return Ok(true);
        }
        if std::mem::take(&mut self.is_shorter) {
            self.run_to_end("PRAGMA wal_checkpoint(PASSIVE)")?;
        }
        Ok(false)
    }

    /// Runs a statement whose every row is a step of its work, so that all of them must be asked for.
    fn run_to_end(&self, statement: &str) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(statement)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }

    /// Copies the write-ahead log into the file, so that a stopped bus is one file.
    fn checkpoint(&self) -> Result<(), BusError> {
        self.run_to_end("PRAGMA wal_checkpoint(TRUNCATE)")
            .map_err(|error| fault::storage(&self.shared.directory, "close its file", &error))
    }
}

/// Inserts the messages of one publish at the ends of their queues.
fn insert(
    connection: &Connection,
    publish: &Publish,
    published_ms: i64,
    ledgers: &mut [Ledger],
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO message (key, published_ms, id, content_type, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for message in &publish.messages {
        let ledger = &mut ledgers[message.log.number as usize];
        if ledger.next_position >= POSITION_END {
            let reason = format!("{} has had as many messages as a log can number", message.log.queue);
            return Err(rusqlite::Error::ToSqlConversionFailure(reason.into()));
        }
        let key = key(message.log.number, ledger.next_position);
        insert.execute(params![key, published_ms, message.id, message.content_type, message.body])?;
        ledger.next_position += 1;
        ledger.message_count += 1;
        ledger.byte_count += message_bytes(&message.id, message.content_type, &message.body) as u64;
    }
    Ok(())
}

/// The time in milliseconds since 1970; 0 on a machine whose clock is set before that.
fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
