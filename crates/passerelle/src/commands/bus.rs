//! `passerelle bus`: the broker as an operator and as a foreign consumer see it.

mod rebuild;

use ::bus::rabbitmq::Difference;
use serde_json::json;

use crate::asyncapi;
use crate::cli::{BusAction, BusCheck};
use crate::failure::{Exit, Failure};
use crate::output::{self, counted};
use crate::session;

/// Looks at the broker, rebuilds a bus that was lost, or prints the document for foreign consumers.
///
/// # Errors
/// When the directory has errors, or the broker cannot be asked.
pub async fn bus(action: &BusAction) -> Result<Exit, Failure> {
    match action {
        BusAction::Check(arguments) => check(arguments).await,
        BusAction::Rebuild(arguments) => rebuild::rebuild(arguments).await,
        BusAction::Asyncapi => {
            output::raw(asyncapi::text().as_bytes());
            Ok(Exit::Done)
        }
    }
}

async fn check(arguments: &BusCheck) -> Result<Exit, Failure> {
    let configuration = session::configuration(&arguments.place.dir)?;
    let queues = configuration.settings().queues();
    let Some(broker) = configuration.broker()? else {
        if arguments.json {
            output::json(&json!([]));
        } else {
            output::line("the bus is embedded (no url in [bus]): there is no broker to compare");
        }
        return Ok(Exit::Done);
    };
    let differences = broker.check(&queues).await?;
    if arguments.json {
        output::json(&differences.iter().map(view).collect::<Vec<_>>());
    } else {
        differences.iter().for_each(|difference| output::line(difference.to_string()));
        if differences.is_empty() {
            let count = counted(queues.len(), "queue");
            output::line(format!("the broker has all {count} of the directory, and the exchanges, as needed"));
        }
    }
    Ok(if differences.is_empty() { Exit::Done } else { Exit::Differs })
}

/// A difference for machines.
fn view(difference: &Difference) -> serde_json::Value {
    let text = difference.to_string();
    let starts = difference.is_tolerable();
    match difference {
        Difference::Missing { what } => json!({ "what": what, "missing": true, "hub_starts": starts, "text": text }),
        Difference::Argument { what, name, found, needed, .. } => {
            json!({ "what": what, "argument": name, "found": found, "needed": needed, "hub_starts": starts, "text": text })
        }
        Difference::Other { what, reason } => {
            json!({ "what": what, "reason": reason, "hub_starts": starts, "text": text })
        }
    }
}
