//! One publish: messages go out in order, and every one is confirmed before it counts.

use std::time::Duration;

use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm};

use super::fault::{self, within};
use super::session::{PUBLIC, Session};
use crate::{BusError, Message, Queue, Route};

/// The delivery mode of a message that survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// Publishes messages on a channel that nobody else uses meanwhile.
pub(super) async fn publish(session: &Session, messages: Vec<Message>) -> Result<(), BusError> {
    for queue in queues(&messages) {
        session.ensure_known(queue).await?;
    }
    let (channel, turn) = session.take_turn().await?;
    let outcome = publish_on(session, &channel, messages).await;
    match &outcome {
        Ok(()) => session.give_back(channel),
        // A channel with messages of unknown fate is dropped, and with it whatever still comes.
        Err(BusError::Unreachable(_)) => session.give_up(),
        Err(_) => {}
    }
    drop(turn);
    outcome
}

/// The queues that messages go to, each once for messages in a row.
fn queues(messages: &[Message]) -> Vec<&Queue> {
    let mut queues: Vec<&Queue> = messages
        .iter()
        .filter_map(|message| match &message.route {
            Route::Queue(queue) => Some(queue),
            Route::Public(_) => None,
        })
        .collect();
    queues.dedup();
    queues
}

/// A message on its way, with the queue that it goes to.
type Unconfirmed = (Option<Queue>, PublisherConfirm);

/// Sends messages a window at a time, and waits for the confirms of each window.
async fn publish_on(session: &Session, channel: &Channel, messages: Vec<Message>) -> Result<(), BusError> {
    let options = &session.options;
    let mut unconfirmed: Vec<Unconfirmed> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        if unconfirmed.len() >= options.unconfirmed_count_max.max(1) || bytes >= options.unconfirmed_bytes_max {
            settle(session, std::mem::take(&mut unconfirmed)).await?;
            bytes = 0;
        }
        bytes += message.body.len();
        let queue = match &message.route {
            Route::Queue(queue) => Some(queue.clone()),
            Route::Public(_) => None,
        };
        unconfirmed.push((queue, send(session, channel, message).await?));
    }
    settle(session, unconfirmed).await
}

async fn send(session: &Session, channel: &Channel, message: Message) -> Result<PublisherConfirm, BusError> {
    let (exchange, key, mandatory) = match &message.route {
        Route::Queue(queue) => ("", queue.to_string(), true),
        Route::Public(key) => (PUBLIC, key.to_string(), false),
    };
    let key = fault::short("a routing key", key)?;
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type(ShortString::from(message.content_type))
        .with_message_id(fault::short("the id of a message", message.id)?);
    let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
    let send = channel.basic_publish(exchange.into(), key, options, &message.body, properties);
    within(session.call_time_max(), "publish", send).await
}

/// Waits for the broker's answer to every message.
async fn settle(session: &Session, unconfirmed: Vec<Unconfirmed>) -> Result<(), BusError> {
    let time_max = Duration::from_millis(session.options.confirm_time_ms_max);
    let all = async {
        let mut answers = Vec::with_capacity(unconfirmed.len());
        for (queue, confirm) in unconfirmed {
            answers.push((queue, confirm.await?));
        }
        Ok(answers)
    };
    for (queue, answer) in within(time_max, "have messages confirmed", all).await? {
        match answer {
            Confirmation::Ack(None) => {}
            // Only a mandatory message comes back, and its routing key is the name of the queue that is missing.
            Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => {
                return Err(BusError::Unroutable(returned.delivery.routing_key.to_string()));
            }
            // What a queue refuses by its `overflow = reject-publish` comes back like this.
            Confirmation::Nack(None) => {
                let reason = "RabbitMQ refused a message: its queue is full or has no leader; look at the broker";
                return Err(match queue {
                    Some(queue @ Queue::Delivery(_)) => BusError::Full(queue),
                    _ => BusError::Unreachable(reason.to_owned()),
                });
            }
            Confirmation::NotRequested => {
                return Err(BusError::Unreachable("RabbitMQ does not confirm messages".to_owned()));
            }
        }
    }
    Ok(())
}
