//! What goes wrong with a broker, in words that say what to do.

use std::future::Future;
use std::time::Duration;

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::types::ShortString;

use super::tls;
use crate::BusError;

/// Waits for the broker, but not for ever.
pub(super) async fn within<Answer>(
    time_max: Duration,
    doing: &str,
    call: impl Future<Output = lapin::Result<Answer>>,
) -> Result<Answer, BusError> {
    match tokio::time::timeout(time_max, call).await {
        Ok(answer) => answer.map_err(|error| broker(doing, &error)),
        Err(_) => Err(silent(time_max, doing)),
    }
}

/// The broker did not answer in time.
pub(super) fn silent(time_max: Duration, doing: &str) -> BusError {
    BusError::Unreachable(format!("RabbitMQ did not answer within {} ms (cannot {doing})", time_max.as_millis()))
}

/// Turns an error of the broker or of the way to it into ours.
pub(super) fn broker(doing: &str, error: &lapin::Error) -> BusError {
    let told = told(error);
    match error.kind() {
        ErrorKind::ProtocolError(protocol) => match protocol.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
                BusError::Refused(format!("RabbitMQ, cannot {doing}: {told}; {}", access_remedy(&told)))
            }
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => BusError::Refused(format!(
                "RabbitMQ, cannot {doing}: {told}; make the virtual host of bus.url with rabbitmqctl add_vhost, and \
                 let the user in with rabbitmqctl set_permissions"
            )),
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED | AMQPSoftError::RESOURCELOCKED) => {
                BusError::Topology(format!("refused to {doing}: {told}; see passerelle bus check"))
            }
            _ => BusError::Unreachable(format!("RabbitMQ, cannot {doing}: {told}")),
        },
        ErrorKind::IOError(io) => match tls::refusal(io) {
            Some(refusal) => BusError::Refused(refusal),
            None => BusError::Unreachable(format!("RabbitMQ, cannot {doing}: {told}")),
        },
        _ => BusError::Unreachable(format!("RabbitMQ, cannot {doing}: {told}")),
    }
}

/// The broker's own words, without those of the protocol around them.
fn told(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => error.get_message().to_string(),
        ErrorKind::IOError(error) => error.to_string(),
        _ => error.to_string(),
    }
}

fn access_remedy(told: &str) -> &'static str {
    if told.contains("Login") || told.contains("login") {
        "look at the user and the password of bus.url"
    } else {
        "the hub's user needs configure, write and read on passerelle.* and write on amq.default \
         (deploy/rabbitmq/definitions.json)"
    }
}

/// Whether the broker says that something is not there.
pub(super) fn is_missing(error: &lapin::Error) -> bool {
    matches!(soft(error), Some(AMQPSoftError::NOTFOUND))
}

/// Whether the broker has something in another form; its words say which argument differs.
pub(super) fn mismatch(error: &lapin::Error) -> Option<String> {
    matches!(soft(error), Some(AMQPSoftError::PRECONDITIONFAILED)).then(|| told(error))
}

fn soft(error: &lapin::Error) -> Option<&AMQPSoftError> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => match error.kind() {
            AMQPErrorKind::Soft(soft) => Some(soft),
            AMQPErrorKind::Hard(_) => None,
        },
        _ => None,
    }
}

/// A text of at most 255 bytes, as AMQP 0-9-1 wants names, keys and ids.
pub(super) fn short(what: &str, text: String) -> Result<ShortString, BusError> {
    let size = text.len();
    ShortString::try_new(text)
        .map_err(|_| BusError::Topology(format!("room for 255 bytes in {what}; this one has {size}")))
}
