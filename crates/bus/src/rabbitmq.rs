//! RabbitMQ: for several processes and machines, and for foreign consumers.
//!
//! **Topology.** Every queue is a durable quorum queue under its own name (`passerelle.observed.0`,
//! `passerelle.delivery.crm`), reached through the default exchange. It has a single active consumer, so that its order
//! is kept while a subscription moves between processes. It holds a bounded number of bytes and then refuses
//! (`overflow = reject-publish`), and what is delivered too often, which only a crash loop does, goes at least once to
//! the queue `passerelle.dead`. Public messages go to the topic exchange `passerelle.public`, where anybody may bind.
//! Bounds are set when a queue is made and are the operator's from then on; see [`RabbitMqBus::check`].
//!
//! **Publishing.** Messages are persistent and mandatory, and the broker confirms each. One call has a channel of its
//! own, so that a returned message is never taken for one of another call. Every wait for the broker has a limit.
//! After an error what is published again may stand behind messages that were sent later by others; in one queue, the
//! first copies of one caller's messages keep their order.
//!
//! **A broker that is low on memory or disk** takes nothing from those who publish until it has room again, which
//! consumers make. So publishing has a connection of its own. A publish waits; after
//! [`blocked_time_ms_max`](RabbitMqOptions::blocked_time_ms_max) it says [`Blocked`](BusError::Blocked), and the next
//! one waits again, without sending anything; [`blocked`](Bus::blocked) tells the broker's reason meanwhile.
//!
//! **Consuming.** Acknowledgement is manual. A subscription that lost its connection reports
//! [`Unreachable`](BusError::Unreachable) once; its next [`receive`](Subscription::receive) connects again, and what
//! was not acknowledged comes again. The broker sends up to [`ahead_count_min`](RabbitMqOptions::ahead_count_min)
//! messages ahead, or as many as the prefetch if that is more; memory is bounded by that many messages of the size limit.
//!
//! **Reconnecting** happens on demand, by the next call, and whatever was declared is declared again. What was not
//! confirmed is the caller's to publish again with its own ids. lapin's own recovery is not used: it can leave a confirm
//! waiting for ever. Its logger prints returned messages whole, so a program that logs silences the target `lapin`;
//! to make that rare as well, a queue that is not known yet is looked for before the first message is sent to it.

mod check;
mod fault;
mod link;
mod options;
mod publishing;
mod session;
mod subscription;
mod tls;
mod topology;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use lapin::uri::AMQPUri;

use crate::{Bus, BusError, Message, Queue, Subscription};
use link::Link;
pub use options::{RabbitMqOptions, TlsFiles};
use subscription::{Holder, RabbitMqSubscription};
pub use topology::{ArgumentValue, DEAD_EXCHANGE, Difference, PUBLIC_EXCHANGE, arguments};

/// A bus on a RabbitMQ broker, 3.10 or later. See the [module](self) for what it promises.
pub struct RabbitMqBus {
    link: Arc<Link>,
    /// The latest subscription of each queue in this process.
    holders: Mutex<HashMap<Queue, Arc<Holder>>>,
}

impl RabbitMqBus {
    /// A bus on the broker at this address, as in `amqp://user:password@host:5672/vhost` or `amqps://…`.
    /// It connects when it is first used, within a tokio runtime.
    ///
    /// # Errors
    /// [`BusError::Refused`] when the address cannot be read. The address is not repeated, because it holds a secret.
    pub fn new(url: &str, options: RabbitMqOptions) -> Result<Self, BusError> {
        Self::with_password(url, None, options)
    }

    /// The same with the password apart from the address, as where the address stands in a file and the password must not.
    ///
    /// # Errors
    /// Those of [`new`](RabbitMqBus::new).
    pub fn with_password(url: &str, password: Option<&str>, options: RabbitMqOptions) -> Result<Self, BusError> {
        let mut uri: AMQPUri = url.parse().map_err(|_| {
            let reason = "bus.url is no readable address; write amqp://user:password@host:5672/vhost, or amqps://…";
            BusError::Refused(reason.to_owned())
        })?;
        if let Some(password) = password {
            uri.authority.userinfo.password = password.to_owned();
        }
        // A peer that went away without a word is noticed by its silence.
        uri.query.heartbeat.get_or_insert(options.heartbeat_s);
        Ok(RabbitMqBus { link: Arc::new(Link::new(uri, options)), holders: Mutex::default() })
    }

    fn holder(&self, queue: &Queue) -> Option<Arc<Holder>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner).get(queue).cloned()
    }
}

#[async_trait]
impl Bus for RabbitMqBus {
    async fn declare(&self, queues: &[Queue]) -> Result<(), BusError> {
        self.link.declare(queues).await
    }

    /// This process lets go of what it has of these queues itself.
    async fn remove(&self, queues: &[Queue]) -> Result<Vec<Queue>, BusError> {
        for queue in queues {
            let holder = self.holders.lock().unwrap_or_else(PoisonError::into_inner).remove(queue);
            if let Some(feed) = holder.and_then(|holder| holder.end()) {
                feed.close().await;
            }
        }
        self.link.remove(queues).await
    }

    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
        let limit = self.link.options.message_bytes_max;
        if let Some(large) = messages.iter().find(|message| message.body.len() > limit) {
            return Err(BusError::TooLarge { id: large.id.clone(), size: large.body.len(), limit });
        }
        if messages.is_empty() {
            return Ok(());
        }
        let consuming = self.link.consuming().await?;
        let publishing = self.link.publishing().await?;
        publishing::publish(&publishing, &consuming, &messages).await
    }

    fn blocked(&self) -> Option<String> {
        self.link.blocked()
    }

    fn message_bytes_max(&self) -> usize {
        self.link.options.message_bytes_max
    }

    async fn subscribe(&self, queue: &Queue, prefetch: usize) -> Result<Box<dyn Subscription>, BusError> {
        self.link.consuming().await?.look(queue).await?;
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

    async fn consumers(&self, queue: &Queue) -> Result<Option<u32>, BusError> {
        Ok(Some(self.link.consuming().await?.look(queue).await?.consumers_count))
    }

    /// The time of the oldest message is not known here. Messages on the wire to this process, and those that another
    /// process holds, are not counted.
    async fn depth(&self, queue: &Queue) -> Result<(u64, Option<i64>), BusError> {
        let ready = self.link.consuming().await?.look(queue).await?.ready_count;
        let held = self.holder(queue).map_or(0, |holder| holder.held_count());
        Ok((u64::from(ready) + held as u64, None))
    }
}
