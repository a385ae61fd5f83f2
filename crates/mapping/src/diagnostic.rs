//! What is wrong in a mapping file, all of it at once, each with its place and a suggestion.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Whether a finding stops the mapping from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The mapping works; somebody should still look.
    Warning,
    /// The mapping cannot be used.
    Error,
}

/// A finding in a mapping file or a table file.
///
/// It displays as `customer.toml:14:3: unknown field "legal_nmae"; did you mean "legal_name"?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file's name, as it was given.
    pub file: Arc<str>,
    /// The bytes of the file that are meant.
    pub span: Range<usize>,
    /// The line of the first byte, counted from 1.
    pub line: usize,
    /// The character of the first byte in its line, counted from 1.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
    /// The word that was probably meant.
    pub suggestion: Option<String>,
    /// Whether it stops the mapping from being used.
    pub severity: Severity,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.suggestion {
            Some(word) => write!(formatter, "; did you mean \"{word}\"?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// Gathers the findings of one file.
pub(crate) struct Reporter<'t> {
    file: Arc<str>,
    text: &'t str,
    found: Vec<Diagnostic>,
}

impl<'t> Reporter<'t> {
    pub(crate) fn new(file_name: &str, text: &'t str) -> Self {
        Reporter { file: file_name.into(), text, found: Vec::new() }
    }

    /// Reports an error.
    pub(crate) fn error(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.push(span, message.into(), None, Severity::Error);
    }

    /// Reports something that works and deserves a look.
    pub(crate) fn warning(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.push(span, message.into(), None, Severity::Warning);
    }

    /// Reports a word that is none of the candidates, with the nearest one as a suggestion.
    pub(crate) fn unknown<'c>(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        word: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) {
        let suggestion = nearest(word, candidates).map(str::to_owned);
        self.push(span, message.into(), suggestion, Severity::Error);
    }

    fn push(&mut self, span: Range<usize>, message: String, suggestion: Option<String>, severity: Severity) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.found.push(Diagnostic { file: Arc::clone(&self.file), span, line, column, message, suggestion, severity });
    }

    /// Whether something inside these bytes was reported already, so that what follows from it need not be.
    pub(crate) fn has_found(&self, span: &Range<usize>) -> bool {
        self.found.iter().any(|finding| span.start <= finding.span.start && finding.span.end <= span.end)
    }

    /// How many errors there are so far.
    pub(crate) fn errors(&self) -> usize {
        self.found.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// The findings in the order of the file.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|finding| finding.span.start);
        self.found
    }
}

/// The candidate that `word` was probably meant to be, if one is near enough.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
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
