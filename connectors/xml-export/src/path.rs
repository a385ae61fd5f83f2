//! Which element is meant: the small part of XPath that can be decided on the way down.

use std::collections::BTreeMap;
use std::sync::Arc;

use canonical::record::Name;
use connector::Fault;

/// The namespaces that a prefix stands for.
pub(crate) type Namespaces = BTreeMap<String, Vec<String>>;

/// An element or attribute, by the names from the root, or from anywhere, down to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    text: String,
    from_root: bool,
    steps: Vec<Step>,
    pub attribute: Option<Step>,
    /// The name of the element is meant, not its text.
    pub names: bool,
}

/// A name in any of some namespaces, or in any namespace at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    local: Arc<str>,
    namespaces: Option<Vec<Arc<str>>>,
}

impl Step {
    fn parse(text: &str, attribute: bool, namespaces: &Namespaces) -> Result<Self, Fault> {
        let (prefix, local) = text.split_once(':').unwrap_or(("", text));
        let named =
            !local.is_empty() && !local.contains(|other: char| "*[](){}@:|".contains(other) || other.is_whitespace());
        if !named {
            let reason = format!("\"{text}\" is no step of a path: use names, prefixes and a last @attribute only");
            return Err(Fault::halt(reason));
        }
        let uris = match (prefix, namespaces.get(prefix)) {
            ("*", _) => None,
            // An attribute without prefix is in no namespace, whatever the default is.
            ("", None) => Some(vec!["".into()]),
            ("", _) if attribute => Some(vec!["".into()]),
            (_, Some(uris)) => Some(uris.iter().map(|uri| uri.as_str().into()).collect()),
            (_, None) => {
                return Err(Fault::halt(format!(
                    "the prefix \"{prefix}\" stands for no namespace; add it to namespaces"
                )));
            }
        };
        Ok(Step { local: local.into(), namespaces: uris })
    }

    pub fn fits(&self, name: &Name) -> bool {
        self.local == name.local && self.namespaces.as_ref().is_none_or(|uris| uris.contains(&name.namespace))
    }
}

impl Path {
    /// Parses `/a/b/c`, `//b/c`, and either with a last `/@attribute` or `/name()`. A path without a leading slash starts at the root.
    pub fn parse(text: &str, namespaces: &Namespaces) -> Result<Self, Fault> {
        let text = text.trim();
        let (from_root, rest) = match text.strip_prefix("//") {
            Some(rest) => (false, rest),
            None => (true, text.strip_prefix('/').unwrap_or(text)),
        };
        let mut parts: Vec<&str> = rest.split('/').collect();
        let names = parts.pop_if(|last| *last == "name()").is_some();
        let attribute = match parts.last().and_then(|last| last.strip_prefix('@')) {
            Some(name) => {
                parts.pop();
                Some(Step::parse(name, true, namespaces)?)
            }
            None => None,
        };
        let steps = parts.iter().map(|part| Step::parse(part, false, namespaces)).collect::<Result<Vec<_>, _>>()?;
        Ok(Path { text: text.to_owned(), from_root, steps, attribute, names })
    }

    /// Whether the innermost of these open elements, the outermost first, is meant.
    pub fn fits(&self, open: &[Name]) -> bool {
        let Some(above) = open.len().checked_sub(self.steps.len()) else { return false };
        (above == 0 || !self.from_root)
            && self.steps.iter().zip(&open[above..]).rev().all(|(step, name)| step.fits(name))
    }

    /// Whether elements below this root can be meant.
    pub fn allows_root(&self, root: &Name) -> bool {
        !self.from_root || self.steps.first().is_none_or(|step| step.fits(root))
    }

    /// How many steps at the end lie below the element that this path has in common with the path of a record.
    /// A value is forgotten when that element ends.
    pub fn steps_below_common(&self, record: &Path) -> usize {
        let both = self.from_root && record.from_root;
        let common = self.steps.iter().zip(&record.steps).take_while(|(left, right)| both && left == right).count();
        self.steps.len().saturating_sub(common.max(1))
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}
