//! `passerelle store`: a whole store goes to another place.

mod end;
mod in_flight;

use serde_json::json;
use store::copy::{Copied, copy as copy_store};

use self::end::End;
use crate::cli::{StoreAction, StoreCopy};
use crate::failure::{Exit, Failure};
use crate::output::{self, Table, counted};
use crate::progress::CopyBar;

/// Copies a store.
///
/// # Errors
/// When the source cannot be read as one state, something is on its way, or the target is not empty or cannot be written.
pub async fn store(action: &StoreAction) -> Result<Exit, Failure> {
    match action {
        StoreAction::Copy(arguments) => copy(arguments).await,
    }
}

async fn copy(arguments: &StoreCopy) -> Result<Exit, Failure> {
    crate::log::install(&super::collect::quiet_log());
    let from = End::parse(&arguments.from, arguments.from_password.as_ref(), "--from-password")?;
    let to = End::parse(&arguments.to, arguments.to_password.as_ref(), "--to-password")?;
    // Held until the end, so that nothing comes onto the bus meanwhile.
    let _bus = if arguments.keep_bus { None } else { in_flight::require_none(&from).await? };
    let (source, target) = (from.place.for_copy(), to.place.for_copy());
    let bar = CopyBar::new();
    let copied = copy_store(&source, &target, &mut |progress| bar.tell(progress)).await;
    bar.finish();
    let copied = copied?;
    let names = (source.name()?, target.name()?);
    if arguments.json {
        output::json(&json!({ "from": names.0, "to": names.1, "rows": rows(&copied), "tables": copied }));
    } else {
        print(&copied, &names.0, &names.1);
        output::note("now tell the hub of its new store, in [store] of passerelle.toml, before it runs again");
    }
    Ok(Exit::Done)
}

fn rows(copied: &[Copied]) -> u64 {
    copied.iter().map(|table| table.counted).sum()
}

fn print(copied: &[Copied], from: &str, to: &str) {
    let mut table = Table::new(&["table", "read", "counted"]);
    for one in copied {
        table.row([one.table.to_owned(), one.read.to_string(), one.counted.to_string()]);
    }
    table.print("no table");
    let (all, tables) = (counted(rows(copied), "row"), counted(copied.len(), "table"));
    output::line(format!("copied {all} of {tables} from {from} to {to}; the counts agree"));
}
