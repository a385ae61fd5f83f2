//! What goes wrong with a broker, in words that say what to do.

use std::future::Future;
use std::time::Duration;

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::ShortString;

use crate::BusError;

/// Waits for the broker, but not for ever.
pub(super) async fn within<Answer>(
    time_max: Duration,
    doing: &str,
    call: impl Future<Output = lapin::Result<Answer>>,
) -> Result<Answer, BusError> {
    match tokio::time::timeout(time_max, call).await {
        Ok(answer) => answer.map_err(|error| broker(doing, &error)),
        Err(_) => Err(BusError::Unreachable(format!(
            "RabbitMQ did not answer within {} ms (cannot {doing})",
            time_max.as_millis()
        ))),
    }
}

/// Turns an error of the broker or of the way to it into ours.
pub(super) fn broker(doing: &str, error: &lapin::Error) -> BusError {
    match soft(error) {
        Some(AMQPSoftError::PRECONDITIONFAILED | AMQPSoftError::ACCESSREFUSED | AMQPSoftError::RESOURCELOCKED) => {
            BusError::Topology(format!("refused to {doing}: {error}; look at its queues, exchanges and permissions"))
        }
        _ => BusError::Unreachable(format!("RabbitMQ, cannot {doing}: {error}")),
    }
}

/// Whether the broker says that something is not there.
pub(super) fn is_missing(error: &lapin::Error) -> bool {
    matches!(soft(error), Some(AMQPSoftError::NOTFOUND))
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
