//! `passerelle rejects`, `waiting`: what needs somebody.

use serde_json::json;
use store::{Filter, RejectStatus};

use crate::cli::{Listing, Numbered, RejectsAction, WaitingAction};
use crate::failure::{Exit, Failure};
use crate::output::{self, Table, moment};
use crate::session::store_beside;

/// What a listing is narrowed to, as the store takes it.
pub fn filter(listing: &Listing) -> Filter {
    Filter {
        tenant: listing.tenant.clone(),
        system: listing.system.clone(),
        count_max: listing.limit.max(1),
        ..Filter::default()
    }
}

/// Lists or shows rejects.
///
/// # Errors
/// When there is no store, or no such reject.
pub async fn rejects(action: &RejectsAction) -> Result<Exit, Failure> {
    match action {
        RejectsAction::List(listing) => {
            let rejects = store_beside(&listing.place.dir).await?.rejects(&filter(listing)).await?;
            if listing.json {
                output::json(&rejects);
                return Ok(Exit::Done);
            }
            let mut table = Table::new(&["number", "system", "stream", "drop", "place", "key", "code", "reason"]);
            for reject in rejects {
                table.row([
                    reject.number.to_string(),
                    reject.stream.system.to_string(),
                    reject.stream.stream.to_string(),
                    reject.drop.to_string(),
                    place(&reject),
                    reject.key.clone().unwrap_or_default(),
                    reject.code.clone(),
                    reject.reason,
                ]);
            }
            table.print("no rejects");
            Ok(Exit::Done)
        }
        RejectsAction::Show(numbered) => show_reject(numbered).await,
    }
}

async fn show_reject(numbered: &Numbered) -> Result<Exit, Failure> {
    let store = store_beside(&numbered.place.dir).await?;
    // The newest come first, so the one that is wanted is the first after the number above it.
    let filter = Filter { after: numbered.number.checked_add(1), count_max: 1, ..Filter::default() };
    let found = store.rejects(&filter).await?.into_iter().find(|reject| reject.number == numbered.number);
    let Some(reject) = found else {
        return Err(Failure::usage("cli.unknown", format!("there is no reject {}", numbered.number)));
    };
    let raw = String::from_utf8_lossy(&reject.raw);
    if numbered.json {
        let mut value = serde_json::to_value(&reject).unwrap_or_default();
        value["raw"] = json!(raw);
        output::json(&value);
        return Ok(Exit::Done);
    }
    let RejectStatus { number, stream, drop, code, reason, .. } = &reject;
    output::line(format!("reject {number}: {reason} [{code}]"));
    output::line(format!("{}/{}, drop {drop}, {}", stream.system, stream.stream, place(&reject)));
    if let Some(key) = &reject.key {
        output::line(format!("key {key}"));
    }
    output::line("");
    output::line(raw);
    Ok(Exit::Done)
}

/// Where a reject was found.
pub fn place(reject: &RejectStatus) -> String {
    match (&reject.file, reject.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        (None, Some(line)) => format!("line {line}"),
        (None, None) => String::new(),
    }
}

/// Lists waiting documents.
///
/// # Errors
/// When there is no store.
pub async fn waiting(action: &WaitingAction) -> Result<Exit, Failure> {
    let WaitingAction::List(listing) = action;
    let waiting = store_beside(&listing.place.dir).await?.waiting(&filter(listing)).await?;
    if listing.json {
        output::json(&waiting);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["number", "since", "system", "document", "key", "needs customer"]);
    for document in waiting {
        table.row([
            document.number.to_string(),
            moment(document.since),
            document.system.to_string(),
            document.entity.to_string(),
            document.key,
            format!("{} of {}", document.needs_key, document.needs_system),
        ]);
    }
    table.print("nothing waits");
    Ok(Exit::Done)
}
