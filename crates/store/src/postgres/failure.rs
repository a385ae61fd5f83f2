//! What can go wrong inside, before it is told to the caller.

use tokio_postgres::error::SqlState;

use crate::StoreError;

/// An error of the server or of the way to it, or one that the code around it found.
#[derive(Debug)]
pub(super) enum Failure {
    Postgres(tokio_postgres::Error),
    Store(StoreError),
    /// A row carries the number of a word that this process does not know yet.
    UnknownWord(i64),
}

impl Failure {
    /// A row or an argument that makes no sense: a bug.
    pub fn internal(what: impl Into<String>) -> Failure {
        Failure::Store(StoreError::Internal(what.into()))
    }

    fn state(&self) -> Option<&SqlState> {
        match self {
            Failure::Postgres(error) => error.code(),
            _ => None,
        }
    }

    /// Whether another transaction came first: nothing was changed, and the same work can be done at once.
    pub fn is_conflict(&self) -> bool {
        let state = self.state();
        matches!(self, Failure::Store(StoreError::Conflict(_)))
            || state.is_some_and(|state| {
                [&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED, &SqlState::LOCK_NOT_AVAILABLE]
                    .contains(&state)
            })
    }

    /// Whether a row is there already.
    pub fn is_duplicate(&self) -> bool {
        self.state() == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// Whether a process of the server crashed, which takes all sessions with it and has the server recover.
    pub fn is_crash(&self) -> bool {
        self.state() == Some(&SqlState::CRASH_SHUTDOWN)
    }

    /// Whether the server says that an argument makes no sense to it.
    pub fn is_wrong_argument(&self) -> bool {
        self.state() == Some(&SqlState::INVALID_PARAMETER_VALUE)
    }

    /// Whether the server has no room for so many locks.
    pub fn is_out_of_locks(&self) -> bool {
        self.state() == Some(&SqlState::OUT_OF_MEMORY)
    }

    /// Whether the connection is gone, so that it is not known whether the last statement was carried out.
    pub fn is_connection_lost(&self) -> bool {
        let Failure::Postgres(error) = self else { return false };
        match error.code() {
            // 57P01 to 57P03: the server ends the session; 08: the connection.
            Some(state) => state.code().starts_with("57P") || state.code().starts_with("08"),
            // What the server did not say; a wrong argument says so.
            None => error.is_closed() || is_of_connection(error),
        }
    }

    /// The error for the caller, naming the database.
    pub fn at(self, place: &str) -> StoreError {
        let is_conflict = self.is_conflict();
        let is_lost = self.is_connection_lost();
        let error = match self {
            Failure::Store(error) => return error,
            Failure::UnknownWord(id) => {
                return StoreError::Internal(format!("{place}: a row carries the word {id}, which is not there"));
            }
            Failure::Postgres(error) => error,
        };
        let reason = reason(&error);
        if is_conflict {
            return StoreError::Conflict(format!("{place}: {reason}"));
        }
        let Some(state) = error.code() else {
            return if is_lost {
                StoreError::Unreachable(format!(
                    "{place} does not answer ({reason}); is the server running, and does a firewall let us through?"
                ))
            } else {
                StoreError::Internal(format!("{place}: {reason}"))
            };
        };
        of_state(state, place.to_owned(), reason)
    }
}

/// What a code of the server means for people.
fn of_state(state: &SqlState, place: String, reason: String) -> StoreError {
    let unreachable = |what: &str| StoreError::Unreachable(format!("{place} {what} ({reason})"));
    let refused = |what: &str| StoreError::Refused(format!("{place} {what} ({reason})"));
    match state.code() {
        "28P01" | "28000" => refused("does not let us in; correct the user or the password in the store's address"),
        "3D000" => refused("is not there; create the database, or correct its name in the store's address"),
        "53300" => {
            unreachable("has no connection left; raise max_connections there, or lower the store's connections_max")
        }
        "57014" => unreachable("stopped a statement that took too long; it is tried again"),
        "53200" => unreachable("is out of memory or of locks; raise max_locks_per_transaction there"),
        "25006" => StoreError::Storage { place, reason: format!("it is read-only ({reason}): use the primary server") },
        "42501" => refused("does not let the user do what a hub must; grant the right that is missing"),
        "53100" => StoreError::Storage { place, reason: format!("the server's disk is full ({reason})") },
        "58030" => StoreError::Storage { place, reason: format!("the server cannot write ({reason})") },
        "3F000" | "42P01" => unreachable("has no store, or lost it; start the hub once, it makes the store"),
        // Errors inside the server: a disk that is quite full keeps it from writing its own files, and has no code then.
        code if code.starts_with("XX") => {
            StoreError::Storage { place, reason: format!("the server failed ({reason}); look at its log and its disk") }
        }
        // Sessions that the server ends, connections that break, and a server that has no means just now.
        code if ["08", "57", "53", "25"].contains(&&code[..2]) => unreachable("cannot serve us now"),
        code => StoreError::Internal(format!("{place}: {reason} ({code})")),
    }
}

/// What the server said, without the details: those quote values of rows.
pub(super) fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(deeper) = source {
        reason.push_str(": ");
        reason.push_str(&deeper.to_string());
        source = deeper.source();
    }
    reason
}

/// Whether the way to the server failed, and not one of our arguments or a row.
fn is_of_connection(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(deeper) = source {
        if deeper.is::<std::io::Error>() {
            return true;
        }
        source = deeper.source();
    }
    error.to_string().starts_with("timeout")
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Failure {
        Failure::Postgres(error)
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
