//! What a broker must have, and how what it has differs from that.
//!
//! AMQP has no word for "show me this queue", and the hub asks for no right to manage the broker.
//! But a broker refuses to declare a queue that exists with other arguments, and says which argument differs and what it
//! is. So a queue is declared on a channel of its own with what is needed; each argument that the broker names is
//! replaced by the broker's own, until the declaration is accepted: then all that differs is known, and nothing changed.
//!
//! What a queue *is* (its kind, its order, what becomes of messages that it cannot take or deliver) must be as needed.
//! Its *bounds* may differ: they belong to the operator, who may have set them before, or since, for a reason.

use std::fmt;

use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};

use super::fault::{self, within};
use super::options::RabbitMqOptions;
use super::session::Session;
use crate::{BusError, Queue};

/// Where public messages go: a durable topic exchange that anybody may bind a queue to.
pub const PUBLIC_EXCHANGE: &str = "passerelle.public";

/// Where queues send what was delivered too often; the queue of the same name is bound to it.
pub const DEAD_EXCHANGE: &str = "passerelle.dead";

/// The exchanges, and the kind of each.
const EXCHANGES: [(&str, ExchangeKind); 2] =
    [(PUBLIC_EXCHANGE, ExchangeKind::Topic), (DEAD_EXCHANGE, ExchangeKind::Fanout)];

/// Arguments that may differ from what is needed.
const BOUNDS: [&str; 2] = ["x-max-length-bytes", "x-delivery-limit"];

/// The value of an argument of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgumentValue {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

impl fmt::Display for ArgumentValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArgumentValue::Text(text) => formatter.write_str(text),
            ArgumentValue::Number(number) => number.fmt(formatter),
            ArgumentValue::Flag(flag) => flag.fmt(formatter),
        }
    }
}

/// What a queue is, beside durable, by the names that RabbitMQ gives its arguments.
pub fn arguments(queue: &Queue, options: &RabbitMqOptions) -> Vec<(String, ArgumentValue)> {
    let text = |text: &str| ArgumentValue::Text(text.to_owned());
    let bytes = |bytes: u64| ArgumentValue::Number(i64::try_from(bytes).unwrap_or(i64::MAX));
    let bytes_max = match queue {
        Queue::Observed(_) => options.observed_bytes_max,
        Queue::Delivery(_) => options.queue_bytes_max,
        // What arrives in the one was refused elsewhere, and is never refused again; nothing arrives in the other.
        Queue::Dead | Queue::Mark(_) => return vec![("x-queue-type".to_owned(), text("quorum"))],
    };
    let arguments = [
        ("x-queue-type", text("quorum")),
        ("x-single-active-consumer", ArgumentValue::Flag(true)),
        ("x-overflow", text("reject-publish")),
        ("x-max-length-bytes", bytes(bytes_max.max(1))),
        ("x-delivery-limit", ArgumentValue::Number(options.delivery_count_max.into())),
        ("x-dead-letter-exchange", text(DEAD_EXCHANGE)),
        ("x-dead-letter-strategy", text("at-least-once")),
    ];
    arguments.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Something that the broker lacks or has in another form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A queue or exchange that is not there. A hub makes it when it starts.
    Missing {
        /// What, with its name.
        what: String,
    },
    /// An argument of a queue or exchange.
    Argument {
        /// What has it, with its name.
        what: String,
        /// Its name.
        name: String,
        /// What the broker has; nothing where it has none.
        found: Option<String>,
        /// What is needed; nothing where none is.
        needed: Option<String>,
        /// Whether it is a bound, with which the hub works all the same.
        is_bound: bool,
    },
    /// A queue that another connection keeps for itself, or that differs in more than arguments.
    Other {
        /// What, with its name.
        what: String,
        /// What the broker says.
        reason: String,
    },
}

impl Difference {
    /// Whether a hub works all the same: it makes what is missing, and keeps to the bounds that are there.
    pub fn is_tolerable(&self) -> bool {
        matches!(self, Difference::Missing { .. } | Difference::Argument { is_bound: true, .. })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Missing { what } => write!(formatter, "{what} is not there; a hub makes it when it starts"),
            Difference::Argument { what, name, found, needed, is_bound } => {
                let none = || "nothing".to_owned();
                let (found, needed) = (found.clone().unwrap_or_else(none), needed.clone().unwrap_or_else(none));
                let effect = if *is_bound { "the hub keeps to it" } else { "the hub does not start with it" };
                write!(formatter, "{what} has {name} {found}, and {needed} is configured; {effect}")
            }
            Difference::Other { what, reason } => write!(formatter, "{what} is of another form: {reason}"),
        }
    }
}

/// Makes sure of the exchanges and of where dead messages go.
pub(super) async fn declare_exchanges(session: &Session) -> Result<(), BusError> {
    let channel = session.channel().await?;
    let time_max = session.call_time_max();
    for (name, kind) in EXCHANGES {
        let declare = channel.exchange_declare(name.into(), kind, durable_exchange(), FieldTable::default());
        within(time_max, &format!("declare the exchange {name}"), declare).await?;
    }
    declare(session, &[Queue::Dead]).await?;
    let name = || DEAD_EXCHANGE.into();
    let bind = channel.queue_bind(name(), name(), "".into(), QueueBindOptions::default(), FieldTable::default());
    within(time_max, "bind the queue passerelle.dead", bind).await
}

/// Makes sure that queues exist in the form that is needed; bounds may differ.
pub(super) async fn declare(session: &Session, queues: &[Queue]) -> Result<(), BusError> {
    for queue in queues {
        for difference in fit(session, queue).await? {
            if !difference.is_tolerable() {
                return Err(BusError::Topology(format!(
                    "a queue in another form: {difference}; remove the queue when it is empty, or use another virtual \
                     host (passerelle bus check tells all that differs)"
                )));
            }
            tracing::warn!(%difference, "a queue of the broker keeps its own bound");
        }
    }
    Ok(())
}

/// Removes a queue that holds nothing and that nobody consumes; returns whether it is gone.
///
/// A quorum queue is not removed by the broker on condition, so it is looked at first.
pub(super) async fn remove(session: &Session, queue: &Queue) -> Result<bool, BusError> {
    match session.look(queue).await {
        Ok(look) if look.ready_count > 0 || look.consumers_count > 0 => return Ok(false),
        Ok(_) => {}
        Err(BusError::Unroutable(_)) => return Ok(true),
        Err(error) => return Err(error),
    }
    let channel = session.channel().await?;
    let name = fault::short("the name of a queue", queue.to_string())?;
    let delete = channel.queue_delete(name, QueueDeleteOptions::default());
    within(session.call_time_max(), &format!("remove the queue {queue}"), delete).await?;
    Ok(true)
}

/// Everything in which the broker differs from what these queues and the exchanges need. Nothing is made or changed.
pub(super) async fn compare(session: &Session, queues: &[Queue]) -> Result<Vec<Difference>, BusError> {
    let mut differences = Vec::new();
    for (name, kind) in EXCHANGES {
        differences.extend(compare_exchange(session, name, kind).await?);
    }
    for queue in std::iter::once(&Queue::Dead).chain(queues) {
        match session.look(queue).await {
            Ok(_) => differences.extend(fit(session, queue).await?),
            Err(BusError::Unroutable(_)) => {
                differences.push(Difference::Missing { what: format!("the queue {queue}") });
            }
            Err(BusError::Topology(reason)) => {
                differences.push(Difference::Other { what: format!("the queue {queue}"), reason });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(differences)
}

async fn compare_exchange(session: &Session, name: &str, kind: ExchangeKind) -> Result<Option<Difference>, BusError> {
    let what = format!("the exchange {name}");
    // Each question has a channel of its own, because an answer of no closes it.
    for passive in [true, false] {
        let channel = session.channel().await?;
        let options = ExchangeDeclareOptions { passive, ..durable_exchange() };
        let declare = channel.exchange_declare(name.into(), kind.clone(), options, FieldTable::default());
        let asked = async {
            Ok(match declare.await {
                Err(error) if fault::is_missing(&error) => Some(Difference::Missing { what: what.clone() }),
                Err(error) => match fault::mismatch(&error) {
                    Some(told) => Some(Mismatch::read(&told).difference(&what, &told)),
                    None => return Err(error),
                },
                Ok(_) => None,
            })
        };
        let difference = within(session.call_time_max(), &format!("look at {what}"), asked).await?;
        if difference.is_some() {
            return Ok(difference);
        }
    }
    Ok(None)
}

/// Declares a queue; returns in which arguments the one that exists differs.
async fn fit(session: &Session, queue: &Queue) -> Result<Vec<Difference>, BusError> {
    let what = format!("the queue {queue}");
    let mut arguments = arguments(queue, &session.options);
    let mut differences: Vec<Difference> = Vec::new();
    // Every round names another argument; there are not more of them than RabbitMQ knows.
    for _ in 0..2 * arguments.len() + 8 {
        let channel = session.channel().await?;
        let name = fault::short("the name of a queue", queue.to_string())?;
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declare = channel.queue_declare(name, options, table(&arguments));
        let asked = async {
            match declare.await {
                Err(error) => fault::mismatch(&error).map(Some).ok_or(error),
                Ok(_) => Ok(None),
            }
        };
        let Some(told) = within(session.call_time_max(), &format!("declare {what}"), asked).await? else {
            return Ok(differences);
        };
        let mismatch = Mismatch::read(&told);
        let is_new = !differences
            .iter()
            .any(|known| matches!(known, Difference::Argument { name, .. } if Some(name) == mismatch.name.as_ref()));
        if is_new {
            differences.push(mismatch.difference(&what, &told));
        }
        if !is_new || !mismatch.adopt(&mut arguments) {
            return Ok(differences);
        }
    }
    Ok(differences)
}

fn durable_exchange() -> ExchangeDeclareOptions {
    ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() }
}

fn table(arguments: &[(String, ArgumentValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        let value = match value {
            ArgumentValue::Text(text) => AMQPValue::LongString(text.as_str().into()),
            ArgumentValue::Number(number) => AMQPValue::LongLongInt(*number),
            ArgumentValue::Flag(flag) => AMQPValue::Boolean(*flag),
        };
        table.insert(name.as_str().into(), value);
    }
    table
}

/// What a broker says of an argument, as in "inequivalent arg 'x-overflow' for queue 'q' in vhost '/': received the value
/// 'reject-publish' of type 'longstr' but current is none".
struct Mismatch {
    name: Option<String>,
    received: Option<ArgumentValue>,
    current: Option<ArgumentValue>,
}

impl Mismatch {
    fn read(told: &str) -> Self {
        let name = between(told, "inequivalent arg '", "'").map(str::to_owned);
        let (received, current) = told.rsplit_once(" but current is ").unwrap_or((told, ""));
        let received = received.rsplit_once(": received ").map_or("", |(_, received)| received);
        Mismatch { name, received: value(received), current: value(current) }
    }

    fn difference(&self, what: &str, told: &str) -> Difference {
        match &self.name {
            Some(name) => Difference::Argument {
                what: what.to_owned(),
                name: name.clone(),
                found: self.current.as_ref().map(ToString::to_string),
                needed: self.received.as_ref().map(ToString::to_string),
                is_bound: BOUNDS.contains(&name.as_str()),
            },
            None => Difference::Other { what: what.to_owned(), reason: told.to_owned() },
        }
    }

    /// Takes the broker's value; returns whether asking again can tell more.
    fn adopt(&self, arguments: &mut Vec<(String, ArgumentValue)>) -> bool {
        // A queue of another kind has other arguments altogether, and what is no argument cannot be adopted.
        let Some(name) = self.name.as_ref().filter(|name| name.starts_with("x-") && *name != "x-queue-type") else {
            return false;
        };
        arguments.retain(|(other, _)| other != name);
        arguments.extend(self.current.clone().map(|value| (name.clone(), value)));
        true
    }
}

/// `the value 'X' of type 'T'`, `'X'`, or `none`.
fn value(text: &str) -> Option<ArgumentValue> {
    let inner = between(text, "'", "'")?;
    Some(match between(text, "of type '", "'") {
        Some("bool" | "boolean") => ArgumentValue::Flag(inner == "true"),
        Some("longstr") | None => ArgumentValue::Text(inner.to_owned()),
        Some(_) => inner.parse().map_or_else(|_| ArgumentValue::Text(inner.to_owned()), ArgumentValue::Number),
    })
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_broker_says_of_an_argument_is_understood() {
        let check = |told: &str, expected: &str| {
            assert_eq!(Mismatch::read(told).difference("the queue q", told).to_string(), expected);
        };
        check(
            "PRECONDITION_FAILED - inequivalent arg 'x-max-length-bytes' for queue 'q' in vhost '/': received the value \
             '5' of type 'signedint' but current is none",
            "the queue q has x-max-length-bytes nothing, and 5 is configured; the hub keeps to it",
        );
        check(
            "PRECONDITION_FAILED - inequivalent arg 'x-overflow' for queue 'q' in vhost '/': received none but current is \
             the value 'drop-head' of type 'longstr'",
            "the queue q has x-overflow drop-head, and nothing is configured; the hub does not start with it",
        );
        check(
            "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is \
             'false'",
            "the queue q has durable false, and true is configured; the hub does not start with it",
        );
        check("PRECONDITION_FAILED - a riddle", "the queue q is of another form: PRECONDITION_FAILED - a riddle");
    }

    #[test]
    fn a_value_of_the_broker_is_adopted_in_its_own_type() {
        let check = |current: &str, expected: Option<ArgumentValue>| {
            let told =
                format!("inequivalent arg 'x-a' for queue 'q' in vhost '/': received none but current is {current}");
            let mut arguments = vec![("x-a".to_owned(), ArgumentValue::Flag(true))];
            assert!(Mismatch::read(&told).adopt(&mut arguments), "{current}");
            assert_eq!(arguments.pop().map(|(_, value)| value), expected, "{current}");
        };
        check("none", None);
        check("the value 'true' of type 'bool'", Some(ArgumentValue::Flag(true)));
        check("the value '7' of type 'long'", Some(ArgumentValue::Number(7)));
        check("the value 'x' of type 'longstr'", Some(ArgumentValue::Text("x".to_owned())));
        let mut arguments = Vec::new();
        let other_kind = "inequivalent arg 'x-queue-type' for queue 'q': received the value 'quorum' of type 'longstr' but current is none";
        assert!(!Mismatch::read(other_kind).adopt(&mut arguments), "a queue of another kind is no near miss");
    }
}
