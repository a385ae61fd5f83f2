//! Collects findings while a check walks through a document.

use std::borrow::Cow;
use std::fmt::Write;

use super::{Finding, Severity};

/// The findings so far, and where the check is.
#[derive(Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
    path: String,
}

impl Report {
    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Checks what is inside the field `name`.
    pub(super) fn within(&mut self, name: &str, check: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        check(self);
        self.path.truncate(length);
    }

    /// Checks every item of the list `name`.
    pub(super) fn each<T>(&mut self, name: &str, items: &[T], mut check: impl FnMut(&mut Self, &T)) {
        if items.is_empty() {
            return;
        }
        self.within(name, |report| {
            let length = report.path.len();
            for (index, item) in items.iter().enumerate() {
                // Writing to a string cannot fail.
                let _ = write!(report.path, "[{index}]");
                check(report, item);
                report.path.truncate(length);
            }
        });
    }

    /// Reports a contradiction at the field `name` of where the check is; an empty name means right there.
    pub(super) fn fatal(&mut self, rule: &'static str, name: &str, message: impl Into<Cow<'static, str>>) {
        self.add(Severity::Fatal, rule, name, message.into());
    }

    /// Reports something doubtful at the field `name`.
    pub(super) fn warn(&mut self, rule: &'static str, name: &str, message: impl Into<Cow<'static, str>>) {
        self.add(Severity::Warning, rule, name, message.into());
    }

    /// Warns when a field that should be there is missing.
    pub(super) fn expect<T>(&mut self, rule: &'static str, name: &str, field: Option<&T>, message: &'static str)
    where
        T: ?Sized,
    {
        if field.is_none() {
            self.warn(rule, name, message);
        }
    }

    /// Reports a contradiction when a field that must be there is missing.
    pub(super) fn require<T>(&mut self, rule: &'static str, name: &str, field: Option<&T>, message: &'static str)
    where
        T: ?Sized,
    {
        if field.is_none() {
            self.fatal(rule, name, message);
        }
    }

    pub(super) fn add(&mut self, severity: Severity, rule: &'static str, name: &str, message: Cow<'static, str>) {
        let path = match (self.path.as_str(), name) {
            ("", name) => name.to_owned(),
            (path, "") => path.to_owned(),
            (path, name) => format!("{path}.{name}"),
        };
        self.findings.push(Finding { rule, severity, path, message });
    }
}
