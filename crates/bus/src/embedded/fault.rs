//! What goes wrong with the file, in words that say what to do.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::BusError;

/// Turns an error of SQLite into one that names the directory, what was being done, and the remedy.
pub(super) fn storage(directory: &Path, doing: &str, error: &rusqlite::Error) -> BusError {
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full; free some space, and it goes on by itself".to_owned(),
        Some(ErrorCode::SystemIoFailure) => {
            format!("the disk reports an error ({error}); look at the disk and its space, then try again")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => format!(
            "the file is damaged ({error}); stop the hub, move the directory away, run `passerelle bus rebuild`, which \
             makes up for what was on its way, and start the hub again"
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            format!("{error}; the hub's user needs to read and write this directory")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds the file open; close it, then try again".to_owned()
        }
        _ => error.to_string(),
    };
    BusError::Storage(format!("in {} cannot {doing}: {remedy}", directory.display()))
}

/// The same for an error of the file system.
pub(super) fn file(directory: &Path, doing: &str, error: &std::io::Error) -> BusError {
    BusError::Storage(format!("in {} cannot {doing}: {error}", directory.display()))
}

/// What everything answers after the bus was closed.
pub(super) fn closed() -> BusError {
    BusError::Ended("the embedded bus was closed".to_owned())
}
