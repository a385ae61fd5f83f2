//! The one thread that reads. It sleeps until a subscription has room and the file has more: nobody polls the disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::fault;
use super::queue::{FetchPlan, QueueLog, Stored, message_bytes};
use super::ranges::Ranges;
use super::schema::{POSITION_END, key, position};
use crate::BusError;

/// What the reader is asked for.
pub(super) enum ReadRequest {
    /// More messages for a subscription.
    Fetch(Arc<QueueLog>, FetchPlan),
    /// When the oldest message that counts was published.
    Oldest(Arc<QueueLog>, Ranges, oneshot::Sender<Result<Option<i64>, BusError>>),
    /// Nothing more.
    Stop,
}

/// Answers requests until it is told to stop.
pub(super) fn run(connection: &Connection, directory: &Path, requests: &Receiver<ReadRequest>) {
    while let Ok(request) = requests.recv() {
        match request {
            ReadRequest::Fetch(log, plan) => {
                match fetch(connection, &log, &plan) {
                    Ok((messages, is_complete)) => log.state().fetched(&plan, messages, is_complete),
                    Err(error) => {
                        log.state().fetch_failed(&plan, fault::storage(directory, "read messages", &error));
                    }
                }
                log.changed.notify_waiters();
            }
            ReadRequest::Oldest(log, skip, reply) => {
                let oldest = oldest(connection, &log, &skip)
                    .map_err(|error| fault::storage(directory, "look for its oldest message", &error));
                // A caller who has stopped waiting wants no answer.
                let _ = reply.send(oldest);
            }
            ReadRequest::Stop => return,
        }
    }
}

/// Reads messages in order within the limits of a plan, at least one if there is any.
/// Also says whether all positions of the plan were seen.
fn fetch(connection: &Connection, log: &QueueLog, plan: &FetchPlan) -> rusqlite::Result<(Vec<Stored>, bool)> {
    let mut statement = connection
        .prepare_cached("SELECT key, id, content_type, body FROM message WHERE key >= ?1 AND key < ?2 ORDER BY key")?;
    let mut rows = statement.query(params![key(log.number, plan.from), key(log.number, plan.until)])?;
    let mut messages = Vec::new();
    let mut bytes = 0;
    while messages.is_empty() || (messages.len() < plan.count_max && bytes < plan.bytes_max) {
        let Some(row) = rows.next()? else { return Ok((messages, true)) };
        let position = position(row.get(0)?);
        if plan.skip.contains(position) {
            continue;
        }
        let (id, content_type, body) = (row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, Vec<u8>>(3)?);
        bytes += message_bytes(&id, &content_type, &body);
        messages.push(Stored { position, id, content_type: content_type.into(), body });
    }
    Ok((messages, false))
}

/// When the first message that is not acknowledged was published.
fn oldest(connection: &Connection, log: &QueueLog, skip: &Ranges) -> rusqlite::Result<Option<i64>> {
    let mut statement =
        connection.prepare_cached("SELECT key, published_ms FROM message WHERE key BETWEEN ?1 AND ?2 ORDER BY key")?;
    let mut rows = statement.query(params![key(log.number, 0), key(log.number, POSITION_END - 1)])?;
    while let Some(row) = rows.next()? {
        if !skip.contains(position(row.get(0)?)) {
            return row.get(1).map(Some);
        }
    }
    Ok(None)
}
