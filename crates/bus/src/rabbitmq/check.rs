//! Whether a broker has what a hub needs: asked before one starts, or while one runs.

use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeleteOptions};
use lapin::{BasicProperties, Confirmation};

use super::RabbitMqBus;
use super::fault::{self, within};
use super::session::Session;
use super::topology::{self, Difference};
use crate::{BusError, Queue};

/// A queue that there never is. A broker looks at rights before it looks for a queue.
const NOBODY: &str = "passerelle.check";

impl RabbitMqBus {
    /// Everything in which the broker differs from what the hub and these queues need, with their bounds.
    /// Nothing is made, changed or taken. It needs no right that the hub does not need.
    ///
    /// What it cannot see over AMQP: arguments that RabbitMQ does not compare (3.10, for quorum queues: `x-delivery-limit` and
    /// `x-single-active-consumer`), policies, queues that nobody needs any more, and whether the queue of dead messages
    /// is bound to its exchange, which every hub makes sure of when it connects.
    ///
    /// # Errors
    /// [`BusError::Unreachable`] when the broker is not there; [`BusError::Refused`] when it does not let the hub in, or
    /// not do all that it must.
    pub async fn check(&self, queues: &[Queue]) -> Result<Vec<Difference>, BusError> {
        let session = self.link.connect("check").await?;
        configure_right(&session).await?;
        read_right(&session).await?;
        write_right(&session).await?;
        topology::compare(&session, queues).await
    }
}

async fn configure_right(session: &Session) -> Result<(), BusError> {
    let channel = session.channel().await?;
    let delete = channel.queue_delete(NOBODY.into(), QueueDeleteOptions::default());
    within(session.call_time_max(), "make queues", delete).await.map(drop)
}

async fn read_right(session: &Session) -> Result<(), BusError> {
    let channel = session.channel().await?;
    let get = async {
        match channel.basic_get(NOBODY.into(), BasicGetOptions::default()).await {
            Err(error) if fault::is_missing(&error) => Ok(()),
            other => other.map(drop),
        }
    };
    within(session.call_time_max(), "read queues", get).await
}

async fn write_right(session: &Session) -> Result<(), BusError> {
    let channel = session.fresh_channel().await?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let publish = async {
        let sent = channel.basic_publish("".into(), NOBODY.into(), options, b"", BasicProperties::default()).await?;
        sent.await
    };
    match within(session.call_time_max(), "publish to queues", publish).await? {
        Confirmation::NotRequested => Err(BusError::Unreachable("RabbitMQ does not confirm messages".to_owned())),
        _ => Ok(()),
    }
}
