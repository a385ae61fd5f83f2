//! What is wrong in the user's directory: all of it at once, each with its place, a stable code and a suggestion.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::json;

use super::source::SourceText;

/// The kinds of findings; each has a section in `docs/errors.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The directory or a file in it is not there or cannot be read.
    Unreadable,
    /// The file is not TOML.
    Syntax,
    /// A field that there is not.
    UnknownField,
    /// A field that must be there.
    MissingField,
    /// A value of another type.
    WrongType,
    /// A value that is not among the allowed ones.
    BadValue,
    /// A connector that there is not.
    UnknownKind,
    /// A name that cannot be one.
    Name,
    /// A stream that the connector does not read.
    UnknownStream,
    /// A stream that the hub does nothing with.
    UnusedStream,
    /// An entity that the connector does not write.
    UnknownTarget,
    /// An entity that the system is not fed.
    UnusedTarget,
    /// A mapping that there is not.
    UnknownMapping,
    /// A mapping for something else.
    UnfitMapping,
    /// A mapping or table file that is wrong.
    BadMapping,
    /// A schedule that cannot be understood.
    Schedule,
    /// A system that there is not.
    UnknownSystem,
    /// A tenant without a system.
    UnknownTenant,
    /// A field that documents do not have.
    UnknownDocumentField,
    /// A secret that is not where the configuration says.
    MissingSecret,
    /// A file that is not where the configuration says, or holds something else.
    MissingFile,
    /// Something that does nothing.
    Idle,
}

impl Code {
    /// The public name.
    pub fn name(self) -> &'static str {
        match self {
            Code::Unreadable => "config.unreadable",
            Code::Syntax => "config.syntax",
            Code::UnknownField => "config.unknown-field",
            Code::MissingField => "config.missing-field",
            Code::WrongType => "config.wrong-type",
            Code::BadValue => "config.bad-value",
            Code::UnknownKind => "config.unknown-kind",
            Code::Name => "config.name",
            Code::UnknownStream => "config.unknown-stream",
            Code::UnusedStream => "config.unused-stream",
            Code::UnknownTarget => "config.unknown-target",
            Code::UnusedTarget => "config.unused-target",
            Code::UnknownMapping => "config.unknown-mapping",
            Code::UnfitMapping => "config.unfit-mapping",
            Code::BadMapping => "config.bad-mapping",
            Code::Schedule => "config.schedule",
            Code::UnknownSystem => "config.unknown-system",
            Code::UnknownTenant => "config.unknown-tenant",
            Code::UnknownDocumentField => "config.unknown-document-field",
            Code::MissingSecret => "config.missing-secret",
            Code::MissingFile => "config.missing-file",
            Code::Idle => "config.idle",
        }
    }
}

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file, at these bytes.
    File(Arc<SourceText>, Range<usize>),
    /// In an environment variable.
    Environment(String),
    /// A file or folder as a whole.
    Path(PathBuf),
}

/// Whether a finding keeps the hub from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not; somebody should still look.
    Warning,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub code: Code,
    /// Whether it keeps the hub from starting.
    pub severity: Severity,
    /// Where it stands.
    pub place: Place,
    /// What is wrong and what would be right.
    pub message: String,
    /// The word that was probably meant.
    pub suggestion: Option<String>,
}

impl Finding {
    /// A finding that keeps the hub from starting.
    pub fn error(code: Code, place: Place, message: impl Into<String>) -> Self {
        Finding { code, severity: Severity::Error, place, message: message.into(), suggestion: None }
    }

    /// A finding that does not keep the hub from starting.
    pub fn warning(code: Code, place: Place, message: impl Into<String>) -> Self {
        Finding { severity: Severity::Warning, ..Self::error(code, place, message) }
    }

    /// Adds the candidate that `word` was probably meant to be, if one is near enough.
    #[must_use]
    pub fn suggesting<'c>(mut self, word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Self {
        self.suggestion = nearest(word, candidates).map(str::to_owned);
        self
    }

    /// Adds a suggestion that was found elsewhere.
    #[must_use]
    pub fn with_suggestion(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    /// The finding with the lines that it is about and a caret below them, ready to be printed.
    pub fn render(&self) -> String {
        let mut text = self.to_string();
        if let Place::File(source, span) = &self.place
            && !source.text.is_empty()
        {
            text.push('\n');
            text.push_str(&snippet(source, span));
        }
        text
    }

    /// The finding for machines.
    pub fn to_json(&self) -> serde_json::Value {
        let (file, line, column) = match &self.place {
            Place::File(source, span) => {
                let (line, column) = position(&source.text, span.start);
                (source.name.clone(), Some(line), Some(column))
            }
            Place::Environment(name) => (name.clone(), None, None),
            Place::Path(path) => (path.display().to_string(), None, None),
        };
        json!({
            "code": self.code.name(),
            "severity": match self.severity { Severity::Error => "error", Severity::Warning => "warning" },
            "file": file,
            "line": line,
            "column": column,
            "message": self.message,
            "suggestion": self.suggestion,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(source, span) => {
                let (line, column) = position(&source.text, span.start);
                write!(formatter, "{}:{line}:{column}: ", source.name)?;
            }
            Place::Environment(name) => write!(formatter, "{name} (environment): ")?,
            Place::Path(path) => write!(formatter, "{}: ", path.display())?,
        }
        if self.severity == Severity::Warning {
            formatter.write_str("warning: ")?;
        }
        formatter.write_str(&self.message)?;
        if let Some(word) = &self.suggestion {
            write!(formatter, "; did you mean \"{word}\"?")?;
        }
        write!(formatter, " [{}]", self.code.name())
    }
}

/// The line and the column, in characters, of a byte; both counted from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// The line that is meant, with a caret; only the first line of what spans several.
fn snippet(source: &SourceText, span: &Range<usize>) -> String {
    let start = span.start.min(source.text.len());
    let line_end = source.text.get(start..).and_then(|rest| rest.find('\n')).map_or(source.text.len(), |at| start + at);
    let span = start..span.end.clamp(start, line_end.max(start));
    let group = Group::with_level(Level::ERROR)
        .element(Snippet::source(source.text.as_str()).annotation(AnnotationKind::Primary.span(span)));
    Renderer::plain().render(&[group])
}

/// The candidate that `word` was probably meant to be, if one is near enough.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let lower = word.to_lowercase();
    let distance_max = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_and_the_source_below_it() {
        let source =
            Arc::new(SourceText { name: "systems/sage.toml".into(), text: "a = 1\n  delimitr = \";\"\n".into() });
        let finding = Finding::error(Code::UnknownField, Place::File(source, 8..16), "unknown field \"delimitr\"")
            .suggesting("delimitr", ["folder", "delimiter"]);
        let rendered = finding.render();
        let mut lines = rendered.lines();
        assert_eq!(
            lines.next(),
            Some(
                "systems/sage.toml:2:3: unknown field \"delimitr\"; did you mean \"delimiter\"? [config.unknown-field]"
            )
        );
        let rest: Vec<_> = lines.collect();
        assert!(rest.iter().any(|line| line.contains("delimitr = \";\"")), "{rendered}");
        assert!(rest.iter().any(|line| line.contains("^^^^^^^^") && !line.contains("^^^^^^^^^")), "{rendered}");
    }

    #[test]
    fn a_word_far_from_all_candidates_has_no_suggestion() {
        assert_eq!(nearest("folder", ["files", "delimiter"]), None);
        assert_eq!(nearest("Folder", ["folder"]), Some("folder"));
    }
}
