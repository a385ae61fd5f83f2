//! One connection to the broker, and the channels that publishes take turns on.

use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use lapin::options::{ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::fault::{self, within};
use super::options::RabbitMqOptions;
use super::tls;
use crate::{BusError, Queue};

/// A connection and what is known on it.
pub(super) struct Session {
    pub(super) options: RabbitMqOptions,
    connection: Connection,
    /// Channels in confirm mode that no publish uses now.
    idle: Mutex<Vec<Channel>>,
    turns: Semaphore,
    /// Queues that were seen on this connection.
    known: Mutex<HashSet<Queue>>,
    is_broken: AtomicBool,
    /// Why the broker takes nothing from this connection now.
    blocked: Arc<watch::Sender<Option<String>>>,
    /// Since when the queues of foreign consumers have refused every public message.
    public_refused_since: Mutex<Option<Instant>>,
}

/// How much a queue holds, as far as a broker tells those who publish.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Messages that are with no consumer.
    pub(super) ready_count: u32,
    /// Consumers, those of other processes included.
    pub(super) consumers_count: u32,
    /// Whether anything is there: a message, or a consumer that may hold some. A queue without a leader tells neither.
    pub(super) is_led: bool,
}

impl Session {
    /// Connects. `role` tells the operator of the broker what the connection is for.
    pub(super) async fn open(uri: AMQPUri, role: &str, options: &RabbitMqOptions) -> Result<Self, BusError> {
        let time_max = Duration::from_millis(options.call_time_ms_max);
        let properties = ConnectionProperties::default().with_connection_name(format!("passerelle {role}").into());
        let connecting = tokio::time::timeout(time_max, tls::connect(uri, properties, &options.tls));
        let connected = connecting.await.map_err(|_| fault::silent(time_max, "connect"))?;
        let connection = connected?.map_err(|error| fault::broker("connect", &error))?;
        let blocked = Arc::new(watch::Sender::new(None));
        tokio::spawn(listen(connection.events_listener(), Arc::clone(&blocked)));
        Ok(Session {
            options: options.clone(),
            connection,
            idle: Mutex::default(),
            turns: Semaphore::new(options.publish_count_max.clamp(1, Semaphore::MAX_PERMITS)),
            known: Mutex::default(),
            is_broken: AtomicBool::new(false),
            blocked,
            public_refused_since: Mutex::default(),
        })
    }

    /// Whether calls on it can succeed.
    pub(super) fn is_sound(&self) -> bool {
        self.connection.status().connected() && !self.is_broken.load(Ordering::Acquire)
    }

    /// Has the next call connect anew, because the broker does not answer on this connection.
    /// Subscriptions stay on it until they notice themselves.
    pub(super) fn give_up(&self) {
        self.is_broken.store(true, Ordering::Release);
    }

    /// Why the broker takes nothing from this connection now.
    pub(super) fn blocked(&self) -> Option<String> {
        self.blocked.borrow().clone()
    }

    pub(super) fn call_time_max(&self) -> Duration {
        Duration::from_millis(self.options.call_time_ms_max)
    }

    /// Waits for the broker, but not for ever. While the broker takes nothing from anybody, it is not silent: that is
    /// waited for by its own measure, and starts the other one anew.
    ///
    /// # Errors
    /// [`BusError::Blocked`], or [`BusError::Unreachable`] when the broker is silent.
    pub(super) async fn patiently<Answer>(
        &self,
        time_max: Duration,
        doing: &str,
        call: impl Future<Output = Result<Answer, BusError>>,
    ) -> Result<Answer, BusError> {
        let mut call = pin!(call);
        let mut blocked = self.blocked.subscribe();
        loop {
            let reason = blocked.borrow_and_update().clone();
            let blocked_time_max = Duration::from_millis(self.options.blocked_time_ms_max);
            let limit = if reason.is_some() { blocked_time_max } else { time_max };
            tokio::select! {
                biased;
                answer = &mut call => return answer,
                // The sender is part of this very value, so it cannot be gone.
                _ = blocked.changed() => {}
                () = tokio::time::sleep(limit) => {
                    return Err(reason.map_or_else(|| fault::silent(time_max, doing), BusError::Blocked));
                }
            }
        }
    }

    /// Waits until the broker takes messages.
    ///
    /// # Errors
    /// [`BusError::Blocked`] when it does not in time.
    pub(super) async fn unblocked(&self) -> Result<(), BusError> {
        let mut blocked = self.blocked.subscribe();
        let freed = async {
            // The sender is part of this very value, so it cannot be gone.
            let _ = blocked.wait_for(Option::is_none).await;
            Ok(())
        };
        self.patiently(self.call_time_max(), "publish", freed).await
    }

    /// A new channel.
    pub(super) async fn channel(&self) -> Result<Channel, BusError> {
        within(self.call_time_max(), "open a channel", self.connection.create_channel()).await
    }

    /// Waits for one of the publishes that may run at a time.
    pub(super) async fn take_turn(&self) -> Result<SemaphorePermit<'_>, BusError> {
        self.turns.acquire().await.map_err(|error| BusError::Unreachable(error.to_string()))
    }

    /// A channel in confirm mode for one publish alone.
    pub(super) async fn confirming_channel(&self) -> Result<Channel, BusError> {
        let idle = self.idle().pop();
        match idle.filter(|channel| channel.status().connected()) {
            Some(channel) => Ok(channel),
            None => self.fresh_channel().await,
        }
    }

    /// A channel in confirm mode that no message was sent on yet.
    pub(super) async fn fresh_channel(&self) -> Result<Channel, BusError> {
        let opening = async {
            let channel = self.connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok(channel)
        };
        let opening = async { opening.await.map_err(|error| fault::broker("ask for confirms", &error)) };
        self.patiently(self.call_time_max(), "ask for confirms", opening).await
    }

    /// Leaves a channel, on which nothing waits any more, to the next publish.
    pub(super) fn give_back(&self, channel: Channel) {
        self.idle().push(channel);
    }

    /// Closes a channel. One that is closed already is as good.
    pub(super) async fn close(&self, channel: &Channel) {
        let _ = within(self.call_time_max(), "close a channel", channel.close(200, "OK".into())).await;
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, HashSet<Queue>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that queues are there.
    pub(super) fn note_known(&self, queues: &[Queue]) {
        self.known().extend(queues.iter().cloned());
    }

    /// Forgets a queue that was removed.
    pub(super) fn forget(&self, queue: &Queue) {
        self.known().remove(queue);
    }

    /// Makes sure that a queue is there before something is sent to it.
    pub(super) async fn ensure_known(&self, queue: &Queue) -> Result<(), BusError> {
        if !self.known().contains(queue) {
            self.look(queue).await?;
            self.note_known(std::slice::from_ref(queue));
        }
        Ok(())
    }

    /// Looks at a queue.
    ///
    /// # Errors
    /// [`BusError::Unroutable`] when it is not there.
    pub(super) async fn look(&self, queue: &Queue) -> Result<Look, BusError> {
        // Asking for what is not there closes the channel, so it is one for this question only.
        let channel = self.channel().await?;
        let name = fault::short("the name of a queue", queue.to_string())?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let ask = async {
            match channel.queue_declare(name, passive, FieldTable::default()).await {
                Err(error) if fault::is_missing(&error) => Ok(None),
                other => other.map(Some),
            }
        };
        match within(self.call_time_max(), &format!("look at the queue {queue}"), ask).await? {
            Some(found) => {
                let ready_count = found.message_count();
                let consumers_count = found.consumer_count();
                Ok(Look { ready_count, consumers_count, is_led: ready_count > 0 || consumers_count > 0 })
            }
            None => Err(BusError::Unroutable(queue.to_string())),
        }
    }

    /// Notes how public messages fare; returns for how long every one of them has been refused.
    pub(super) fn note_public(&self, is_refused: bool) -> Duration {
        let mut since = self.public_refused_since.lock().unwrap_or_else(PoisonError::into_inner);
        if is_refused {
            return since.get_or_insert_with(Instant::now).elapsed();
        }
        *since = None;
        Duration::ZERO
    }
}

/// Notes what the broker says about a connection as a whole, until the connection ends.
async fn listen(events: impl futures::Stream<Item = Event> + Send, blocked: Arc<watch::Sender<Option<String>>>) {
    let mut events = pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Event::ConnectionBlocked(reason) => {
                tracing::warn!(reason, "RabbitMQ takes no messages now; what is published waits");
                blocked.send_replace(Some(format!("RabbitMQ blocks those who publish: {reason}")));
            }
            Event::ConnectionUnblocked => {
                tracing::info!("RabbitMQ takes messages again");
                blocked.send_replace(None);
            }
            _ => {}
        }
    }
}
