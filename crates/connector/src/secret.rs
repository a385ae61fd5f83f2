//! Secrets by reference: configuration names where a secret is, never the secret.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fault;

/// Where a secret is: `{ env = "CRM_TOKEN" }` or `{ file = "secrets/crm" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretReference {
    /// The name of an environment variable.
    Env(String),
    /// A file, relative to the user's directory; one trailing line end is not part of the secret.
    File(PathBuf),
}

impl SecretReference {
    /// Reads the secret.
    ///
    /// # Errors
    /// [`Fault::Halt`] names the variable or file that is missing, never its content.
    pub fn resolve(&self, directory: &Path) -> Result<Secret, Fault> {
        let text = match self {
            SecretReference::Env(name) => std::env::var(name).map_err(|_| {
                Fault::halt(format!("the environment variable {name} is not set; it must hold the secret"))
            })?,
            SecretReference::File(path) => {
                let path = directory.join(path);
                std::fs::read_to_string(&path)
                    .map_err(|error| Fault::halt(format!("{}: cannot read the secret: {error}", path.display())))?
            }
        };
        let trimmed = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        Ok(Secret(trimmed.to_owned()))
    }
}

/// A secret that no formatter prints.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}
