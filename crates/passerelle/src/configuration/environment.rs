//! The environment goes before `passerelle.toml`.

use std::collections::BTreeMap;

use config::{Config, Environment};
use serde_json::Value;

use super::finding::{Code, Finding, Place};
use super::source::{Segment, TomlSource};

/// What every variable begins with.
pub const PREFIX: &str = "PASSERELLE";

/// What stands between two steps of a path.
const SEPARATOR: &str = "__";

/// The variables that concern the configuration.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of this process. A value that is not Unicode is left out and reported.
    pub fn of_process(findings: &mut Vec<Finding>) -> Self {
        let mut variables = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if !name.to_uppercase().starts_with(&format!("{PREFIX}{SEPARATOR}")) {
                continue;
            }
            match value.into_string() {
                Ok(value) => {
                    variables.insert(name, value);
                }
                Err(_) => {
                    findings.push(Finding::error(Code::BadValue, Place::Environment(name), "the value is not Unicode"))
                }
            }
        }
        Variables(variables)
    }

    /// These.
    #[cfg(test)]
    pub fn new(variables: &[(&str, &str)]) -> Self {
        Variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The variable that sets a path, or something inside it.
    fn of_path(&self, path: &[Segment]) -> Option<&str> {
        let mut wanted = PREFIX.to_owned();
        for segment in path {
            match segment {
                Segment::Field(name) => wanted.push_str(&format!("{SEPARATOR}{}", name.to_uppercase())),
                Segment::Item(_) => break,
            }
        }
        let names = || self.0.keys().map(String::as_str);
        names().find(|name| name.to_uppercase() == wanted).or_else(|| {
            names().find(|name| {
                let name = name.to_uppercase();
                name.starts_with(&wanted) || wanted.starts_with(&name)
            })
        })
    }

    /// The place of a path: the variable that sets it, else its place in the file, else the file's beginning.
    pub fn place(&self, file: &TomlSource, path: &[Segment], part: super::source::Part) -> Place {
        if !file.contains(path)
            && let Some(name) = self.of_path(path)
        {
            return Place::Environment(name.to_owned());
        }
        file.place(path, part).unwrap_or_else(|| Place::File(file.source.clone(), 0..0))
    }

    /// The file's value with the variables laid over it.
    pub fn over(&self, file: &TomlSource, findings: &mut Vec<Finding>) -> Value {
        if self.0.is_empty() {
            return file.value.clone();
        }
        let environment = Environment::with_prefix(PREFIX)
            .prefix_separator(SEPARATOR)
            .separator(SEPARATOR)
            .try_parsing(true)
            .source(Some(self.0.clone().into_iter().collect()));
        let layered = Config::try_from(&file.value)
            .and_then(|below| Config::builder().add_source(below).add_source(environment).build())
            .and_then(Config::try_deserialize::<Value>);
        layered.unwrap_or_else(|error| {
            let place = Place::Environment(format!("{PREFIX}{SEPARATOR}…"));
            findings.push(Finding::error(Code::BadValue, place, format!("cannot be laid over the file: {error}")));
            file.value.clone()
        })
    }
}
