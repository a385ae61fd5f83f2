//! `passerelle parked`: what was set aside, and what becomes of it.

use serde_json::json;
use store::{Command, ParkedStage, ParkedStatus};

use super::collect::quiet_log;
use super::listings::filter;
use crate::cli::{Act, Listing, Numbered, ParkedAction};
use crate::failure::{Exit, Failure};
use crate::output::{self, Table, moment};
use crate::session::{carry_out, store_beside};

/// Lists, shows, retries or discards.
///
/// # Errors
/// When there is no store, no such item, or the hub cannot do it.
pub async fn parked(action: &ParkedAction) -> Result<Exit, Failure> {
    match action {
        ParkedAction::List(listing) => list(listing).await,
        ParkedAction::Show(numbered) => show(numbered).await,
        ParkedAction::Retry(act) => tell(act, &Command::RetryParked { number: act.item.number }).await,
        ParkedAction::Discard(act) => tell(act, &Command::DiscardParked { number: act.item.number }).await,
    }
}

async fn list(listing: &Listing) -> Result<Exit, Failure> {
    let parked = store_beside(&listing.place.dir).await?.parked(&filter(listing)).await?;
    if listing.json {
        output::json(&parked);
        return Ok(Exit::Done);
    }
    table(&parked).print("nothing is parked");
    Ok(Exit::Done)
}

fn table(parked: &[ParkedStatus]) -> Table {
    let mut table = Table::new(&["number", "since", "stage", "system", "document", "master", "code", "reason"]);
    for message in parked {
        let stage = match message.stage {
            ParkedStage::Observed => "before resolve",
            ParkedStage::Delivery => "before delivery",
        };
        table.row([
            message.number.to_string(),
            moment(message.since),
            stage.to_owned(),
            message.system.to_string(),
            message.entity.to_string(),
            message.master_id.map(|id| id.to_string()).unwrap_or_default(),
            message.code.clone(),
            message.reason.clone().unwrap_or_else(|| "stands behind another".to_owned()),
        ]);
    }
    table
}

async fn show(numbered: &Numbered) -> Result<Exit, Failure> {
    let behind = store_beside(&numbered.place.dir).await?.parked_behind(numbered.number).await?;
    let Some(first) = behind.first() else {
        return Err(Failure::usage("cli.unknown", format!("nothing is parked under number {}", numbered.number)));
    };
    // An event that is no JSON is shown as the text that it is.
    let event: serde_json::Value =
        serde_json::from_slice(&first.event).unwrap_or_else(|_| json!(String::from_utf8_lossy(&first.event)));
    if numbered.json {
        output::json(&json!({ "parked": first, "behind": &behind[1..], "event": event }));
        return Ok(Exit::Done);
    }
    output::line(table(&behind).render());
    output::line("");
    output::json(&event);
    Ok(Exit::Done)
}

async fn tell(act: &Act, command: &Command) -> Result<Exit, Failure> {
    crate::log::install(&quiet_log());
    let answer = carry_out(&act.item.place.dir, command, act.patience.0).await?;
    if act.item.json {
        output::json(&json!({ "answer": answer }))
    } else {
        output::line(answer)
    }
    Ok(Exit::Done)
}
