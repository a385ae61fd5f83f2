//! Holding the columns of a file against those that the mapping needs, before anything of it is given out.

use canonical::record::Columns;
use connector::NeededColumn;
use files::Problem;

use crate::header::{Located, place};

/// At most so many columns are named in a message, of those that lack and of those that are there.
const NAMED_MAX: usize = 20;

/// A name of a column is shown up to so many characters.
const NAME_CHARACTERS_MAX: usize = 60;

/// Refuses a file without a column that is needed: none of its rows could be read, and one message says it better than
/// as many rejects as there are rows.
///
/// # Errors
/// All that lacks at once.
pub(crate) fn check(needed: &[NeededColumn], header: &Located) -> Result<(), Problem> {
    let columns = &header.columns;
    let is_there = |need: &&NeededColumn| need.any_of.iter().any(|name| columns.position(name).is_some());
    let mut lacking: Vec<&NeededColumn> = needed.iter().filter(|need| !is_there(need)).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let has_some = lacking.len() < needed.len();
    // One column may serve several fields.
    let mut told: Vec<&NeededColumn> = Vec::with_capacity(lacking.len());
    lacking.retain(|need| {
        let is_new = !told.iter().any(|other| other.any_of == need.any_of);
        if is_new {
            told.push(need);
        }
        is_new
    });
    let lacks = list(lacking.iter().map(|need| describe(need, columns)));
    let place = place(header.line);
    let remedy = match (header.configured, has_some) {
        (true, _) => "correct columns in the configuration, or the mapping",
        (false, true) => "correct the export, or the mapping, in which optional = true lets a column be absent",
        // What stands there may be somebody's data, and so is not shown.
        (false, false) => {
            "none of the columns that the mapping reads is there: if the file has no header, say columns = [\"…\"]; \
             else correct the export or the mapping"
        }
    };
    let found = match has_some || header.configured {
        true => format!("; there are {}", list(columns.names().map(quoted))),
        false => String::new(),
    };
    let reason = format!("{place}: there is no column {lacks}{found}; {remedy}");
    Err(Problem::refused("csv.column-missing", reason))
}

/// What lacks, what for, and what may be meant.
fn describe(need: &NeededColumn, columns: &Columns) -> String {
    let names = need.any_of.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(" or ");
    match need.any_of.iter().find_map(|name| nearest(name, columns)) {
        Some(near) => format!("{names} for {} (did you mean {}?)", need.field, quoted(near)),
        None => format!("{names} for {}", need.field),
    }
}

/// The column that was probably meant, if one is near enough.
fn nearest<'c>(name: &str, columns: &'c Columns) -> Option<&'c str> {
    let lower = name.to_lowercase();
    let distance_max = (name.chars().count() / 3).max(1);
    columns
        .names()
        // What is much longer is not near, however long it takes to find that out.
        .filter(|column| !column.is_empty() && column.len() <= name.len() * 4 + 4)
        .map(|column| (strsim::damerau_levenshtein(&lower, &column.to_lowercase()), column))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, column)| column)
}

fn quoted(name: &str) -> String {
    let mut shown = String::from("\"");
    shown.extend(
        name.chars().take(NAME_CHARACTERS_MAX).map(|character| if character.is_control() { ' ' } else { character }),
    );
    shown.push_str(if name.chars().nth(NAME_CHARACTERS_MAX).is_some() { "…\"" } else { "\"" });
    shown
}

fn list(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let shown = names.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
