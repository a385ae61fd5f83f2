//! Why a file could not be read.

use std::fmt::Display;
use std::io;

use connector::Fault;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file itself is at fault: it becomes one reject and goes to the reject folder.
    #[error("{reason}")]
    Refused {
        /// A stable, searchable code, such as `file.binary`.
        code: &'static str,
        /// One sentence for people: what is wrong and what to do.
        reason: String,
    },
    /// The file system is at fault: the same call can succeed later.
    #[error("cannot read: {0}")]
    Io(#[from] io::Error),
}

impl Problem {
    /// A file that is at fault.
    pub fn refused(code: &'static str, reason: impl Into<String>) -> Self {
        Problem::Refused { code, reason: reason.into() }
    }

    /// Tells a damaged compressed file, whose reader answers with an error of its own, from a file system at fault.
    pub(crate) fn of_compressed(self, compressed: bool) -> Self {
        match self {
            Problem::Io(error) if compressed && is_damage(&error) => Problem::refused(
                "file.damaged",
                format!("the compressed file is damaged or cut off ({error}); ask for it again"),
            ),
            other => other,
        }
    }

    /// Says which file of a drop is at fault, where it is not the first.
    #[must_use]
    pub fn in_file(self, name: &str) -> Self {
        match self {
            Problem::Refused { code, reason } => Problem::Refused { code, reason: format!("{name}: {reason}") },
            other => other,
        }
    }

    /// The fault that a connector returns for a file system at fault.
    pub(crate) fn fault(place: &dyn Display, error: &io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Fault::halt(format!(
                "{place}: permission denied; give the hub's user the right to read, rename and remove here"
            )),
            _ => Fault::retry(format!("{place}: {error}")),
        }
    }
}

fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof)
        || (error.kind() == io::ErrorKind::Other && error.raw_os_error().is_none())
}
