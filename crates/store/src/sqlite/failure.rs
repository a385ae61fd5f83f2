//! What can go wrong inside, before it is told to the caller.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::StoreError;

/// An error of SQLite, or one that the code around it found.
#[derive(Debug)]
pub(super) enum Failure {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl Failure {
    /// A row or an argument that makes no sense: a bug.
    pub fn internal(what: impl Into<String>) -> Failure {
        Failure::Store(StoreError::Internal(what.into()))
    }

    /// The error for the caller, naming the file.
    pub fn at(self, place: &Path) -> StoreError {
        let error = match self {
            Failure::Store(error) => return error,
            Failure::Sqlite(error) => error,
        };
        let place = place.display().to_string();
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
                StoreError::Unreachable(format!("{place} is held by another process ({reason}); try again"))
            }
            Some(ErrorCode::OutOfMemory) => StoreError::Unreachable(format!("{place}: {reason}")),
            Some(
                ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied,
            ) => StoreError::Storage { place, reason },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Internal(format!(
                "{place} is damaged or not a store of Passerelle ({reason}); keep a copy of it and restore a backup"
            )),
            _ => StoreError::Internal(format!("{place}: {reason}")),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        Failure::Sqlite(error)
    }
}

impl From<rusqlite::types::FromSqlError> for Failure {
    fn from(error: rusqlite::types::FromSqlError) -> Failure {
        Failure::internal(format!("a column has the wrong type: {error}"))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Store(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        // The message of serde_json can quote a value; its class and place are enough.
        Failure::internal(format!("JSON in a row cannot be read ({:?}, column {})", error.classify(), error.column()))
    }
}
