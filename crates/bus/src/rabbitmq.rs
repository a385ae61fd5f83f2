//! RabbitMQ: for several processes and machines, and for foreign consumers.
//!
//! **Topology.** Every queue is a durable quorum queue under its own name (`passerelle.observed.0`,
//! `passerelle.delivery.crm`), reached through the default exchange. It has a single active consumer, so that its order
//! is kept while a subscription moves between processes. It takes no more than the broker can hold
//! (`overflow = reject-publish`), and what is delivered too often, which only a crash loop does, goes at least once to
//! the queue `passerelle.dead`. Public messages go to the topic exchange `passerelle.public`, where anybody may bind.
//!
//! **Publishing.** Messages are persistent and mandatory, and the broker confirms each. One call has a channel of its
//! own, so that a returned message is never taken for one of another call. Every wait for the broker has a limit.
//!
//! **Consuming.** Acknowledgement is manual. A subscription that lost its connection reports
//! [`Unreachable`](BusError::Unreachable) once; its next [`receive`](Subscription::receive) connects again, and what
//! was not acknowledged comes again. The broker sends up to [`ahead_count_min`](RabbitMqOptions::ahead_count_min)
//! messages ahead, or as many as the prefetch if that is more; memory is bounded by that many messages of the size limit.
//!
//! **Reconnecting** happens on demand, by the next call. lapin's own recovery is not used: it can leave a confirm
//! waiting for ever. Its logger prints returned messages whole, so a program that logs keeps `lapin` at errors;
//! to make that rare as well, a queue that is not known yet is looked for before the first message is sent to it.

mod fault;
mod options;
mod publishing;
mod session;
mod subscription;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use lapin::uri::AMQPUri;

use crate::{Bus, BusError, Message, Queue, Subscription};
pub use options::RabbitMqOptions;
use session::Session;
use subscription::{Holder, RabbitMqSubscription};

/// A bus on a RabbitMQ broker, 3.10 or later. See the [module](self) for what it promises.
pub struct RabbitMqBus {
    link: Arc<Link>,
    /// The latest subscription of each queue in this process.
    holders: Mutex<HashMap<Queue, Arc<Holder>>>,
}

/// The way to the broker: a session, made when it is needed and again after it broke.
struct Link {
    uri: AMQPUri,
    options: RabbitMqOptions,
    session: tokio::sync::Mutex<Option<Arc<Session>>>,
}

impl Link {
    /// The session, connecting first when there is none or the last one broke.
    async fn session(&self) -> Result<Arc<Session>, BusError> {
        let mut current = self.session.lock().await;
        if let Some(session) = current.as_ref().filter(|session| session.is_sound()) {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(Session::open(self.uri.clone(), &self.options).await?);
        *current = Some(Arc::clone(&session));
        Ok(session)
    }
}

impl RabbitMqBus {
    /// A bus on the broker at this address, as in `amqp://user:password@host:5672/vhost` or `amqps://…`.
    /// It connects when it is first used, within a tokio runtime; `amqps` needs rustls' provider to be installed.
    ///
    /// # Errors
    /// [`BusError::Topology`] when the address cannot be read. The address is not repeated, because it holds a secret.
    pub fn new(url: &str, options: RabbitMqOptions) -> Result<Self, BusError> {
        let mut uri: AMQPUri = url.parse().map_err(|_| {
            BusError::Topology("no readable address (bus.url); write amqp://user:password@host:5672/vhost".to_owned())
        })?;
        // A peer that went away without a word is noticed by its silence.
        uri.query.heartbeat.get_or_insert(options.heartbeat_s);
        let link = Link { uri, options, session: tokio::sync::Mutex::new(None) };
        Ok(RabbitMqBus { link: Arc::new(link), holders: Mutex::default() })
    }

    fn holder(&self, queue: &Queue) -> Option<Arc<Holder>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner).get(queue).cloned()
    }
}

#[async_trait]
impl Bus for RabbitMqBus {
    async fn declare(&self, queues: &[Queue]) -> Result<(), BusError> {
        self.link.session().await?.declare(queues).await
    }

    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
        let limit = self.link.options.message_bytes_max;
        if let Some(large) = messages.iter().find(|message| message.body.len() > limit) {
            return Err(BusError::TooLarge { id: large.id.clone(), size: large.body.len(), limit });
        }
        if messages.is_empty() {
            return Ok(());
        }
        publishing::publish(self.link.session().await?.as_ref(), messages).await
    }

    fn message_bytes_max(&self) -> usize {
        self.link.options.message_bytes_max
    }

    async fn subscribe(&self, queue: &Queue, prefetch: usize) -> Result<Box<dyn Subscription>, BusError> {
        let session = self.link.session().await?;
        session.ready_count(queue).await?;
        let holder = Arc::new(Holder::default());
        let before = {
            let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
            holders.insert(queue.clone(), Arc::clone(&holder))
        };
        if let Some(feed) = before.and_then(|before| before.end()) {
            // The broker takes back what the old subscription held before the new one becomes active.
            feed.close().await;
        }
        let subscription = RabbitMqSubscription::new(Arc::clone(&self.link), queue.clone(), prefetch, holder);
        subscription.open().await?;
        Ok(Box::new(subscription))
    }

    /// The time of the oldest message is not known here. Messages on the wire to this process, and those that another
    /// process holds, are not counted.
    async fn depth(&self, queue: &Queue) -> Result<(u64, Option<i64>), BusError> {
        let ready = self.link.session().await?.ready_count(queue).await?;
        let held = self.holder(queue).map_or(0, |holder| holder.held_count());
        Ok((u64::from(ready) + held as u64, None))
    }
}
