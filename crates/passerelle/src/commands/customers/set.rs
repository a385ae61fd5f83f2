//! `passerelle customers set` and `unset`: deciding what single values of a customer are.

use canonical::entity::Entity;
use jiff::Timestamp;
use serde_json::Value;
use store::{Command, Decision, Overridden, OverrideAsked, TaskClosing};

use super::super::collect::quiet_log;
use super::tenant;
use crate::cli::{CustomersSet, CustomersUnset, Overriding};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::session::{carry_out, store_beside};
use crate::user;

/// Decides what a unit says.
///
/// # Errors
/// When the customer is nobody or several, or the hub does not take the value.
pub async fn set(arguments: &CustomersSet) -> Result<Exit, Failure> {
    let CustomersSet { customer, unit, value, overriding, .. } = arguments;
    // Without a text it is to be empty.
    let value = value.as_deref().map_or(Value::Null, |text| read(unit, text));
    decide(customer, unit, Some(value), overriding).await
}

/// Takes back what was decided about a unit.
///
/// # Errors
/// When the customer is nobody or several, or nothing was decided about the unit.
pub async fn unset(arguments: &CustomersUnset) -> Result<Exit, Failure> {
    decide(&arguments.customer, &arguments.unit, None, &arguments.overriding).await
}

/// JSON, or else text. Numbers of customers are text that looks like JSON.
fn read(unit: &str, text: &str) -> Value {
    let as_text = || Value::String(text.to_owned());
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) if !is_taken(unit, &value) => as_text(),
        Ok(value) => value,
        Err(_) => as_text(),
    }
}

/// Whether the unit may say this.
fn is_taken(unit: &str, value: &Value) -> bool {
    let now = Timestamp::now();
    master::Override::new(now).set(&Entity::Customer, unit, value.clone(), now).is_ok()
}

/// Has the hub carry it out, and tells what came of it.
async fn decide(customer: &str, unit: &str, value: Option<Value>, overriding: &Overriding) -> Result<Exit, Failure> {
    let Overriding { reason, by, place, tenant, patience, json } = overriding;
    let store = store_beside(&place.dir).await?;
    let tenant = tenant::meant(&*store, tenant.as_deref()).await?;
    let meant = tenant::customer(&*store, &tenant, customer).await?;
    let closing = TaskClosing {
        decision: Decision::Acknowledged,
        reason: reason.clone(),
        by: by.clone().map_or_else(user::name, Ok)?,
        at: Timestamp::now(),
    };
    closing.check().map_err(|error| Failure::usage("cli.refused", error))?;
    let TaskClosing { by, reason, .. } = closing;
    let is_set = value.is_some();
    let unit = unit.to_owned();
    let asked = OverrideAsked { tenant, master_id: meant.master_id(), unit, value, by, reason };
    // The hub takes the directory's lock where none runs beside.
    drop((meant, store));
    crate::log::install(&quiet_log());
    let answer = carry_out(&place.dir, &Command::Override(asked.clone()), patience.0).await?;
    let overridden: Overridden = serde_json::from_str(&answer)
        .map_err(|error| Failure::bug(format!("the hub's answer cannot be read: {error}")))?;
    if *json {
        output::json(&overridden);
    } else {
        tell(&overridden, &asked.unit, is_set);
    }
    Ok(Exit::Done)
}

fn tell(overridden: &Overridden, unit: &str, is_set: bool) {
    let Overridden { master_id: id, version, is_changed, units } = overridden;
    let done = if is_set { "is decided" } else { "is up to its systems again" };
    let came = if *is_changed { "now has" } else { "says the same and keeps" };
    output::line(format!("{unit} {done}; {id} {came} version {version}"));
    if !units.is_empty() {
        output::line(format!("decided are {}", units.join(", ")));
    }
    if is_set {
        output::note(format!("passerelle: `passerelle customers unset {id} {unit} --reason …` takes it back"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_json_or_else_text() {
        let check = |unit: &str, text: &str, expected: Value| assert_eq!(read(unit, text), expected, "{unit} {text}");
        check("legal_name", "Durand SA", json!("Durand SA"));
        check("legal_name", "\"Durand SA\"", json!("Durand SA"));
        check("legal_name", "1664", json!("1664"));
        check("legal_name", "null", Value::Null);
        check("identifiers.siren", "552100554", json!("552100554"));
        check("addresses.main", "{\"city\": \"Brest\"}", json!({"city": "Brest"}));
        check("extensions.rank", "7", json!(7));
        check("extensions.rank", "007", json!("007"));
    }
}
