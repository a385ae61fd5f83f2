//! One publish: messages go out in order, a window at a time, and every one is confirmed before it counts.
//!
//! **A refused message** (a nack) has three reasons that look alike: its queue is full, its queue has no leader for the
//! moment, or, on RabbitMQ 3.10, the first message of this *channel* met a queue without a leader, after which every
//! later one is refused as well, also when there is a leader again. So a channel is never used after a refusal.
//! What was refused, with everything of this window behind it for the same queue, goes out again on a new channel.
//! A queue that was seen to be led, and then refuses the first messages of a new channel, is full. One that is not
//! led is waited for.
//!
//! **A public message that nobody listens to** costs as much as one for a queue, and a hub has one for each change.
//! So each publish asks first: the first message of a routing key is mandatory, and when it comes back, the others of
//! that key stay at home. What is published later asks again; so whoever binds a queue hears of every change that is
//! committed after that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::time::Instant;

use super::fault;
use super::session::Session;
use super::topology::PUBLIC_EXCHANGE;
use crate::{BusError, Message, Queue, Route};

/// The delivery mode of a message that survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// How long a queue without a leader is left alone before it is tried again.
const TRY_DELAY: Duration = Duration::from_millis(100);

/// For how long messages are kept for foreign consumers whose queues refuse all of them. After that they are dropped, as
/// they would be if nobody listened, until one is taken again: a foreign consumer must not stop the hub.
const PUBLIC_PATIENCE: Duration = Duration::from_secs(5);

/// Publishes messages; `consuming` is the connection on which queues are looked at.
pub(super) async fn publish(publishing: &Session, consuming: &Session, messages: &[Message]) -> Result<(), BusError> {
    for queue in queues(messages) {
        consuming.ensure_known(queue).await?;
    }
    publishing.unblocked().await?;
    let turn = publishing.take_turn().await?;
    let channel = Some(publishing.confirming_channel().await?);
    let mut lane = Lane { session: publishing, channel, audience: Audience::default() };
    let (count_max, bytes_max) = (publishing.options.unconfirmed_count_max, publishing.options.unconfirmed_bytes_max);
    let mut rest = messages;
    while !rest.is_empty() {
        let (window, later) = lane.audience.window(rest, count_max, bytes_max);
        lane.deliver(consuming, window).await?;
        rest = later;
    }
    lane.end();
    drop(turn);
    Ok(())
}

/// The queues that messages go to, each once for messages in a row.
fn queues(messages: &[Message]) -> Vec<&Queue> {
    let mut queues: Vec<&Queue> = messages.iter().filter_map(|message| queue_of(&message.route)).collect();
    queues.dedup();
    queues
}

fn queue_of(route: &Route) -> Option<&Queue> {
    match route {
        Route::Queue(queue) => Some(queue),
        Route::Public(_) => None,
    }
}

/// Which routing keys of public messages lead to a queue, as far as one publish has asked.
#[derive(Default)]
struct Audience(BTreeMap<Arc<str>, bool>);

impl Audience {
    /// The messages that may be on their way at a time, at least one if there is any to send, and what comes after them.
    /// What nobody listens to is left out. A message that asks is the last of its window, so that its answer is known
    /// before anything behind it goes out, and order is kept between routing keys.
    fn window<'m>(
        &self,
        messages: &'m [Message],
        count_max: usize,
        bytes_max: usize,
    ) -> (Vec<&'m Message>, &'m [Message]) {
        let (mut window, mut bytes) = (Vec::new(), 0);
        for (index, message) in messages.iter().enumerate() {
            let is_heard = self.hears(&message.route);
            if is_heard == Some(false) {
                continue;
            }
            if !window.is_empty() && (window.len() >= count_max || bytes >= bytes_max) {
                return (window, &messages[index..]);
            }
            bytes += message.body.len();
            window.push(message);
            if is_heard.is_none() {
                return (window, &messages[index + 1..]);
            }
        }
        (window, &[])
    }

    /// Whether messages of a route arrive anywhere; `None` when that is not known yet.
    fn hears(&self, route: &Route) -> Option<bool> {
        match route {
            Route::Queue(_) => Some(true),
            Route::Public(key) => self.0.get(key).copied(),
        }
    }

    /// Notes what became of a message that was sent.
    fn note(&mut self, route: &Route, is_heard: bool) {
        if let Route::Public(key) = route {
            self.0.insert(Arc::clone(key), is_heard);
        }
    }
}

/// The channel of one publish. It is dropped, and with it whatever still comes, after anything but success.
struct Lane<'s> {
    session: &'s Session,
    channel: Option<Channel>,
    audience: Audience,
}

impl Lane<'_> {
    /// Leaves the channel to the next publish.
    fn end(self) {
        if let Some(channel) = self.channel {
            self.session.give_back(channel);
        }
    }

    /// Sends the messages of a window until all of them are taken.
    async fn deliver(&mut self, consuming: &Session, window: Vec<&Message>) -> Result<(), BusError> {
        let mut open = self.exchange(window).await?;
        let mut refusals = Refusals { led: Vec::new(), begun: Instant::now() };
        while !open.is_empty() {
            refusals.judge(self.session, consuming, &mut open).await?;
            open = self.exchange(open).await?;
        }
        Ok(())
    }

    /// Sends messages and waits for the broker's answer to every one; returns those that are to be sent again.
    async fn exchange<'m>(&mut self, messages: Vec<&'m Message>) -> Result<Vec<&'m Message>, BusError> {
        if messages.is_empty() {
            return Ok(messages);
        }
        let channel = match self.channel.take() {
            Some(channel) => channel,
            None => self.session.fresh_channel().await?,
        };
        let answered = async {
            let mut confirms = Vec::with_capacity(messages.len());
            for message in &messages {
                let is_mandatory =
                    self.audience.hears(&message.route) != Some(true) || queue_of(&message.route).is_some();
                confirms.push(send(&channel, message, is_mandatory).await?);
            }
            let mut answers = Vec::with_capacity(confirms.len());
            for confirm in confirms {
                answers.push(confirm.await.map_err(|error| fault::broker("have messages confirmed", &error))?);
            }
            Ok(answers)
        };
        let time_max = Duration::from_millis(self.session.options.confirm_time_ms_max);
        let answers = match self.session.patiently(time_max, "have messages confirmed", answered).await {
            Err(error @ BusError::Unreachable(_)) => {
                self.session.give_up();
                return Err(error);
            }
            answers => answers?,
        };
        let is_public = messages.iter().any(|message| queue_of(&message.route).is_none());
        let again = refused(messages, answers, &mut self.audience)?;
        if is_public && again.iter().all(|message| queue_of(&message.route).is_some()) {
            self.session.note_public(false);
        }
        if again.is_empty() {
            self.channel = Some(channel);
        }
        Ok(again)
    }
}

async fn send(channel: &Channel, message: &Message, mandatory: bool) -> Result<lapin::PublisherConfirm, BusError> {
    let (exchange, key) = match &message.route {
        Route::Queue(queue) => ("", queue.to_string()),
        Route::Public(key) => (PUBLIC_EXCHANGE, key.to_string()),
    };
    let key = fault::short("a routing key", key)?;
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type(ShortString::from(message.content_type))
        .with_message_id(fault::short("the id of a message", message.id.clone())?);
    let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
    let sent = channel.basic_publish(exchange.into(), key, options, &message.body, properties).await;
    sent.map_err(|error| fault::broker("publish", &error))
}

/// The messages that were refused, each with all that follow it to the same place, so that their order stays.
fn refused<'m>(
    messages: Vec<&'m Message>,
    answers: Vec<Confirmation>,
    audience: &mut Audience,
) -> Result<Vec<&'m Message>, BusError> {
    let mut again: Vec<&Message> = Vec::new();
    for (message, answer) in messages.into_iter().zip(answers) {
        match answer {
            Confirmation::Ack(None) if !again.iter().any(|refused| refused.route == message.route) => {
                audience.note(&message.route, true);
            }
            Confirmation::Ack(None) | Confirmation::Nack(None) => again.push(message),
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) if queue_of(&message.route).is_none() => {
                audience.note(&message.route, false);
            }
            // Only a mandatory message comes back, and its routing key is the name of the queue that is missing.
            Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => {
                return Err(BusError::Unroutable(returned.delivery.routing_key.to_string()));
            }
            Confirmation::NotRequested => {
                return Err(BusError::Unreachable("RabbitMQ does not confirm messages".to_owned()));
            }
        }
    }
    Ok(again)
}

/// What was refused in one window so far.
struct Refusals {
    /// Queues that were seen to be led after they had refused a message.
    led: Vec<Queue>,
    begun: Instant,
}

impl Refusals {
    /// Decides about every place that refused messages: whether to try it again, now or a little later, to drop what is
    /// for it, or to give up.
    async fn judge(
        &mut self,
        publishing: &Session,
        consuming: &Session,
        open: &mut Vec<&Message>,
    ) -> Result<(), BusError> {
        let routes: Vec<&Route> = open.iter().map(|message| &message.route).collect();
        let mut pauses = false;
        for queue in queues_of(&routes) {
            let is_led = consuming.look(queue).await?.is_led;
            if is_led && self.led.contains(queue) {
                return Err(BusError::Full(queue.clone()));
            }
            if is_led {
                self.led.push(queue.clone());
            } else if self.begun.elapsed() > publishing.call_time_max() {
                return Err(BusError::Unreachable(format!(
                    "RabbitMQ refuses messages for the queue {queue}, which has no leader; look at the nodes of the broker"
                )));
            } else {
                pauses = true;
            }
        }
        if routes.len() > queue_messages(&routes) {
            if publishing.note_public(true) > PUBLIC_PATIENCE {
                drop_public(open);
            } else {
                pauses = true;
            }
        }
        if pauses {
            tokio::time::sleep(TRY_DELAY).await;
        }
        Ok(())
    }
}

fn queue_messages(routes: &[&Route]) -> usize {
    routes.iter().filter(|route| queue_of(route).is_some()).count()
}

/// Each queue once.
fn queues_of<'r>(routes: &[&'r Route]) -> Vec<&'r Queue> {
    let mut queues: Vec<&Queue> = routes.iter().filter_map(|route| queue_of(route)).collect();
    queues.sort_unstable();
    queues.dedup();
    queues
}

/// Gives up on messages that nobody needs to have.
fn drop_public(open: &mut Vec<&Message>) {
    let before = open.len();
    open.retain(|message| queue_of(&message.route).is_some());
    let dropped = before - open.len();
    tracing::warn!(dropped, exchange = PUBLIC_EXCHANGE, "queues of foreign consumers refuse public messages");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(route: &Route, id: &str) -> Message {
        Message { route: route.clone(), id: id.to_owned(), content_type: "text/plain", body: Vec::new() }
    }

    #[test]
    fn what_follows_a_refused_message_to_the_same_place_is_sent_again_with_it() {
        let (here, there) = (Route::Queue(Queue::Observed(0)), Route::Queue(Queue::Observed(1)));
        let check = |answers: &[(&Route, bool)], expected: &[&str]| {
            let messages: Vec<Message> =
                answers.iter().enumerate().map(|(number, (route, _))| message(route, &number.to_string())).collect();
            let told = |(_, taken): &(&Route, bool)| {
                if *taken { Confirmation::Ack(None) } else { Confirmation::Nack(None) }
            };
            let told: Vec<_> = answers.iter().map(told).collect();
            let again = refused(messages.iter().collect(), told, &mut Audience::default()).unwrap();
            assert_eq!(again.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), expected, "{answers:?}");
        };
        check(&[(&here, true), (&there, true)], &[]);
        check(&[(&here, true), (&here, false), (&there, true), (&here, true)], &["1", "3"]);
        check(&[(&here, false), (&there, false), (&there, true), (&here, false)], &["0", "1", "2", "3"]);
    }

    #[test]
    fn what_nobody_listens_to_stays_at_home_and_the_first_of_a_key_asks() {
        let queue = Route::Queue(Queue::Observed(0));
        let audience = Audience(BTreeMap::from([("heard".into(), true), ("unheard".into(), false)]));
        let check = |keys: &[&str], expected: &[&str], left: usize| {
            let route = |key: &str| if key == "queue" { queue.clone() } else { Route::Public(key.into()) };
            let messages: Vec<Message> = keys.iter().map(|key| message(&route(key), key)).collect();
            let (window, later) = audience.window(&messages, 3, usize::MAX);
            let window: Vec<&str> = window.iter().map(|message| message.id.as_str()).collect();
            assert_eq!((window.as_slice(), later.len()), (expected, left), "{keys:?}");
        };
        check(&["queue", "heard", "heard", "heard"], &["queue", "heard", "heard"], 1);
        check(&["unheard", "queue", "unheard"], &["queue"], 0);
        check(&["unheard", "unheard"], &[], 0);
        check(&["heard", "unknown", "unknown"], &["heard", "unknown"], 1);
    }
}
