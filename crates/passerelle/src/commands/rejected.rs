//! What a run has rejected, told on standard error: each reject in a line, up to a limit.

use store::{Filter, RejectStatus, Store};

use super::listings::place;
use crate::failure::Failure;
use crate::output::{self, counted};
use crate::session::everything;

/// At most this many are told one by one; a missing column alone rejects every row of a file.
const LINES_MAX: usize = 20;

/// The number of the newest reject; what a run rejects comes after it.
///
/// # Errors
/// When the store cannot be read.
pub async fn newest(store: &dyn Store) -> Result<u64, Failure> {
    let filter = Filter { count_max: 1, ..Filter::default() };
    Ok(store.rejects(&filter).await?.first().map_or(0, |reject| reject.number))
}

/// Tells what was rejected after the reject of this number, oldest first, each with its stream.
///
/// # Errors
/// When the store cannot be read.
pub async fn tell_since(store: &dyn Store, number: u64) -> Result<(), Failure> {
    let rejects = store.rejects(&everything()).await?;
    let new: Vec<&RejectStatus> = rejects.iter().filter(|reject| reject.number > number).rev().collect();
    tell(&new, |reject| format!("{}/{}: ", reject.stream.system, reject.stream.stream));
    Ok(())
}

/// Tells of rejects in this order, each with a prefix of its own.
pub fn tell(rejects: &[&RejectStatus], prefix: impl Fn(&RejectStatus) -> String) {
    for reject in rejects.iter().take(LINES_MAX) {
        output::note(format!("{}{}: {} [{}]", prefix(reject), place(reject), reject.reason, reject.code));
    }
    if rejects.len() > LINES_MAX {
        let left = counted(rejects.len() - LINES_MAX, "more reject");
        output::note(format!("and {left}; `passerelle rejects list --limit {}` shows all", rejects.len()));
    }
}
