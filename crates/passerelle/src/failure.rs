//! How a command ends: exit codes, and errors with a code that `docs/errors.md` explains.

use std::fmt;
use std::process::ExitCode;

use bus::BusError;
use connector::Fault;
use hub::HubError;
use store::StoreError;
use store::copy::CopyError;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Done, but something was rejected or differs.
    Differs,
    /// Wrong usage or configuration.
    Usage,
    /// A needed service is unreachable.
    Unreachable,
    /// A bug.
    Bug,
}

impl Exit {
    /// The exit code of the process.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Differs => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::Bug => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// A command that could not be carried out.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// A stable code.
    pub code: &'static str,
    /// One line: what, where, and what to do. Empty when everything was said already.
    pub message: String,
}

impl Failure {
    /// Something that the user must say differently.
    pub fn usage(code: &'static str, message: impl Into<String>) -> Self {
        Failure { exit: Exit::Usage, code, message: message.into() }
    }

    /// Something that is not there now.
    pub fn unreachable(code: &'static str, message: impl Into<String>) -> Self {
        Failure { exit: Exit::Unreachable, code, message: message.into() }
    }

    /// Something that should never happen.
    pub fn bug(message: impl Into<String>) -> Self {
        Failure { exit: Exit::Bug, code: "cli.bug", message: message.into() }
    }

    /// Findings that were printed already.
    pub fn told() -> Self {
        Failure { exit: Exit::Usage, code: "cli.configuration", message: String::new() }
    }

    /// A file or folder that cannot be used.
    pub fn file(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Failure::usage("cli.file", format!("{}: {what}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { code, message, .. } = self;
        write!(formatter, "{message} [{code}]")
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (exit, code) = match &error {
            StoreError::Unreachable(_) => (Exit::Unreachable, "store.unreachable"),
            StoreError::Refused(_) => (Exit::Usage, "store.refused"),
            StoreError::Conflict(_) => (Exit::Unreachable, "store.conflict"),
            StoreError::Fenced(_) => (Exit::Unreachable, "store.fenced"),
            StoreError::Newer { .. } => (Exit::Usage, "store.newer"),
            StoreError::InUse { .. } => (Exit::Usage, "store.in-use"),
            StoreError::Storage { .. } => (Exit::Unreachable, "store.storage"),
            StoreError::Internal(_) => (Exit::Bug, "store.internal"),
        };
        Failure { exit, code, message: error.to_string() }
    }
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        let (exit, code) = match error {
            CopyError::Store(error) => return error.into(),
            CopyError::InUse { .. } => (Exit::Usage, "store.in-use"),
            CopyError::SamePlace { .. } => (Exit::Usage, "store.same-place"),
            CopyError::NotEmpty { .. } => (Exit::Usage, "store.not-empty"),
            CopyError::Differs { .. } => (Exit::Bug, "store.differs"),
        };
        Failure { exit, code, message: error.to_string() }
    }
}

impl From<BusError> for Failure {
    fn from(error: BusError) -> Self {
        let (exit, code) = match &error {
            BusError::Unreachable(_) => (Exit::Unreachable, "bus.unreachable"),
            BusError::Blocked(_) => (Exit::Unreachable, "bus.blocked"),
            BusError::Refused(_) => (Exit::Usage, "bus.refused"),
            BusError::Unroutable(_) => (Exit::Bug, "bus.unroutable"),
            BusError::Topology(_) => (Exit::Usage, "bus.topology"),
            BusError::TooLarge { .. } => (Exit::Usage, "bus.too-large"),
            BusError::Full(_) => (Exit::Unreachable, "bus.full"),
            BusError::Ended(_) => (Exit::Bug, "bus.ended"),
            BusError::Storage(_) => (Exit::Unreachable, "bus.storage"),
        };
        Failure { exit, code, message: error.to_string() }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Retry { reason, .. } => Failure::unreachable("system.unreachable", reason),
            Fault::Halt { reason } => Failure::usage("system.halted", reason),
        }
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        match error {
            HubError::Store(error) => error.into(),
            HubError::Bus(error) => error.into(),
            HubError::System(fault) => fault.into(),
            HubError::Configuration(error) => Failure::usage("config.bad-value", error.to_string()),
            HubError::OtherBus(_) => Failure::usage("bus.other", error.to_string()),
            HubError::Unknown(message) => Failure::usage("cli.unknown", message),
            HubError::Damaged(_) => Failure::bug(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_is_not_what_was_read_is_a_bug() {
        let differs = CopyError::Differs { table: "sources", expected: 3, read: 3, counted: 2 };
        let failure = Failure::from(differs);
        assert_eq!((failure.exit, failure.code), (Exit::Bug, "store.differs"));
        assert!(failure.message.contains("of 3 rows of sources, 3 were read and 2 arrived"), "{failure}");
    }
}
