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
    /// What an element on the way must hold.
    pub condition: Option<Condition>,
}

/// A demand on an element of a path: the text at a path below it is one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// So many steps lead to the element.
    pub step: usize,
    steps: Vec<Step>,
    values: Vec<Box<str>>,
}

impl Condition {
    /// Parses `child/grandchild='value'|'other'`.
    fn parse(text: &str, step: usize, namespaces: &Namespaces) -> Result<Self, Fault> {
        let value = |quoted: &str| -> Option<Box<str>> {
            let quoted = quoted.trim();
            let inside = quoted.strip_prefix('\'')?.strip_suffix('\'')?;
            (!inside.contains('\'')).then(|| inside.into())
        };
        let parts = text.split_once('=').and_then(|(path, values)| {
            let values: Option<Vec<Box<str>>> = values.split('|').map(value).collect();
            Some((path, values?))
        });
        let Some((path, values)) = parts else {
            let reason = format!("\"[{text}]\" is no condition; write [child='value'] or [child='value'|'other']");
            return Err(Fault::halt(reason));
        };
        Ok(Condition { step, steps: Step::relative(path, namespaces)?, values })
    }

    /// Whether what is meant is the innermost of the elements that are open below the one that is tested.
    pub fn fits(&self, below: &[Name]) -> bool {
        below.len() == self.steps.len() && self.steps.iter().zip(below).rev().all(|(step, name)| step.fits(name))
    }

    /// Whether the text, trimmed, is what is asked for.
    pub fn is_met(&self, text: Option<&str>) -> bool {
        text.is_some_and(|text| self.values.iter().any(|value| **value == *text))
    }
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

    /// Parses the steps from an element down to another one: `a/b`.
    pub fn relative(text: &str, namespaces: &Namespaces) -> Result<Vec<Self>, Fault> {
        text.trim().trim_start_matches("./").split('/').map(|part| Step::parse(part, false, namespaces)).collect()
    }

    pub fn fits(&self, name: &Name) -> bool {
        self.local == name.local && self.namespaces.as_ref().is_none_or(|uris| uris.contains(&name.namespace))
    }
}

impl Path {
    /// Parses `/a/b/c`, `//b/c`, and either with a last `/@attribute` or `/name()` and with one condition behind a step,
    /// `//b[d='1']/c`. A path without a leading slash starts at the root.
    pub fn parse(text: &str, namespaces: &Namespaces) -> Result<Self, Fault> {
        let Some((before, rest)) = text.split_once('[') else { return Path::unconditional(text, namespaces) };
        let Some((inside, behind)) = rest.split_once(']') else {
            return Err(Fault::halt(format!("\"{text}\" is no path: a ] is missing")));
        };
        let mut path = Path::unconditional(&format!("{before}{behind}"), namespaces)?;
        let step = before.trim().trim_start_matches('/').split('/').count();
        path.condition = Some(Condition::parse(inside, step, namespaces)?);
        path.text = text.trim().to_owned();
        Ok(path)
    }

    fn unconditional(text: &str, namespaces: &Namespaces) -> Result<Self, Fault> {
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
        Ok(Path { text: text.to_owned(), from_root, steps, attribute, names, condition: None })
    }

    /// Whether the innermost of these open elements, the outermost first, is meant.
    pub fn fits(&self, open: &[Name]) -> bool {
        self.fits_until(self.steps.len(), open)
    }

    /// Whether the element that the first steps lead to is the innermost of these open ones.
    pub fn fits_until(&self, steps: usize, open: &[Name]) -> bool {
        let steps = &self.steps[..steps.min(self.steps.len())];
        let Some(above) = open.len().checked_sub(steps.len()) else { return false };
        (above == 0 || !self.from_root) && steps.iter().zip(&open[above..]).rev().all(|(step, name)| step.fits(name))
    }

    /// How many steps lie below the element that the condition is about.
    pub fn steps_below_condition(&self) -> usize {
        self.condition.as_ref().map_or(0, |condition| self.steps.len().saturating_sub(condition.step))
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
