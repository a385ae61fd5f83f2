//! The way to the broker: two connections, each made when it is needed and again after it broke.
//!
//! A broker that is low on memory or disk stops reading from those who publish, from the whole of their connection.
//! Acknowledgements are what frees the broker, so they travel on a connection on which nothing is ever published.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use lapin::uri::AMQPUri;

use super::options::RabbitMqOptions;
use super::session::Session;
use super::topology;
use crate::{BusError, Queue};

pub(super) struct Link {
    uri: AMQPUri,
    pub(super) options: RabbitMqOptions,
    publishing: Slot,
    /// For everything but publishing.
    consuming: Slot,
    /// What was declared, to be declared again where a broker comes back without it.
    declared: Mutex<BTreeSet<Queue>>,
}

/// A connection that is there, or not.
#[derive(Default)]
struct Slot {
    /// Held by whoever connects, so that others wait for his connection.
    connecting: tokio::sync::Mutex<()>,
    session: Mutex<Option<Arc<Session>>>,
}

impl Slot {
    fn sound(&self) -> Option<Arc<Session>> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.as_ref().filter(|session| session.is_sound()).cloned()
    }

    fn put(&self, session: Session) -> Arc<Session> {
        let session = Arc::new(session);
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&session));
        session
    }
}

impl Link {
    pub(super) fn new(uri: AMQPUri, options: RabbitMqOptions) -> Self {
        let (publishing, consuming) = (Slot::default(), Slot::default());
        Link { uri, options, publishing, consuming, declared: Mutex::default() }
    }

    /// A connection that changes nothing at the broker.
    pub(super) async fn connect(&self, role: &str) -> Result<Session, BusError> {
        Session::open(self.uri.clone(), role, &self.options).await
    }

    /// The connection to publish on.
    pub(super) async fn publishing(&self) -> Result<Arc<Session>, BusError> {
        if let Some(session) = self.publishing.sound() {
            return Ok(session);
        }
        let _turn = self.publishing.connecting.lock().await;
        match self.publishing.sound() {
            Some(session) => Ok(session),
            None => Ok(self.publishing.put(self.connect("publishing").await?)),
        }
    }

    /// The connection for everything else. Exchanges and queues are as needed when it is made.
    pub(super) async fn consuming(&self) -> Result<Arc<Session>, BusError> {
        if let Some(session) = self.consuming.sound() {
            return Ok(session);
        }
        let _turn = self.consuming.connecting.lock().await;
        if let Some(session) = self.consuming.sound() {
            return Ok(session);
        }
        let session = self.connect("consuming").await?;
        topology::declare_exchanges(&session).await?;
        let declared: Vec<Queue> =
            self.declared.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        topology::declare(&session, &declared).await?;
        Ok(self.consuming.put(session))
    }

    /// Makes sure that queues are there, now and after every new connection.
    pub(super) async fn declare(&self, queues: &[Queue]) -> Result<(), BusError> {
        let session = self.consuming().await?;
        topology::declare(&session, queues).await?;
        session.note_known(queues);
        // A broker that comes back without its mark has lost everything, which must not be covered up.
        let kept = queues.iter().filter(|queue| !matches!(queue, Queue::Mark(_))).cloned();
        self.declared.lock().unwrap_or_else(PoisonError::into_inner).extend(kept);
        Ok(())
    }

    /// Removes queues in which nothing is left; returns those that stay.
    pub(super) async fn remove(&self, queues: &[Queue]) -> Result<Vec<Queue>, BusError> {
        let session = self.consuming().await?;
        let mut kept = Vec::new();
        for queue in queues {
            if !topology::remove(&session, queue).await? {
                kept.push(queue.clone());
                continue;
            }
            self.declared.lock().unwrap_or_else(PoisonError::into_inner).remove(queue);
            session.forget(queue);
        }
        Ok(kept)
    }

    /// Why the broker takes nothing now.
    pub(super) fn blocked(&self) -> Option<String> {
        self.publishing.sound().and_then(|session| session.blocked())
    }
}
