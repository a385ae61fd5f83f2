//! When a line counts: conditions on a field of the document, or on a place of the record.

use crate::cursor::{Context, Cursor};
use crate::place::Place;

/// A demand that a line makes before it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub subject: Subject,
    pub test: Test,
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A field of the document, by its number in the program's table of variables. It is known both ways.
    Field(usize),
    /// A place of the record. It is known only while reading.
    Place(Place),
}

/// What is asked of a text. Where there is nothing, the text is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    /// It is one of these.
    Is(Vec<Box<str>>),
    /// It is none of these.
    IsNot(Vec<Box<str>>),
    /// It starts with one of these.
    Starts(Vec<Box<str>>),
    /// It starts with none of these.
    StartsNot(Vec<Box<str>>),
    /// It is not what another field of the document says, by its number; what is not known is not the same.
    Differs(usize),
    /// It is what another field of the document says.
    Same(usize),
}

impl Test {
    pub(crate) fn is_met(&self, text: &str) -> bool {
        let among = |texts: &[Box<str>]| texts.iter().any(|wanted| **wanted == *text);
        let starts = |texts: &[Box<str>]| texts.iter().any(|wanted| text.starts_with(&**wanted));
        match self {
            Test::Is(texts) => among(texts),
            Test::IsNot(texts) => !among(texts),
            Test::Starts(texts) => starts(texts),
            Test::StartsNot(texts) => !starts(texts),
            // Another field is known to the whole condition only.
            Test::Differs(_) | Test::Same(_) => true,
        }
    }

    fn negated(&self) -> Self {
        match self.clone() {
            Test::Is(texts) => Test::IsNot(texts),
            Test::IsNot(texts) => Test::Is(texts),
            Test::Starts(texts) => Test::StartsNot(texts),
            Test::StartsNot(texts) => Test::Starts(texts),
            Test::Differs(field) => Test::Same(field),
            Test::Same(field) => Test::Differs(field),
        }
    }

    /// Whether certainly no text meets both.
    fn excludes(&self, other: &Test) -> bool {
        match (self, other) {
            (Test::Differs(_) | Test::Same(_), _) | (_, Test::Differs(_) | Test::Same(_)) => *self == other.negated(),
            (Test::Is(texts), test) | (test, Test::Is(texts)) => texts.iter().all(|text| !test.is_met(text)),
            (one, other) => *one == other.negated(),
        }
    }
}

impl Condition {
    /// What holds exactly where this one does not.
    pub(crate) fn negated(&self) -> Self {
        Condition { subject: self.subject.clone(), test: self.test.negated() }
    }

    fn holds(&self, context: &Context<'_>, cursor: Cursor<'_>) -> bool {
        match &self.subject {
            Subject::Field(_) => self.holds_for(&context.variables),
            Subject::Place(place) => {
                let text = context.raw(place, cursor).ok().flatten();
                self.test.is_met(text.as_deref().unwrap_or_default().trim())
            }
        }
    }

    /// Whether it holds for a document, given by the values of its variables. A place is no matter of the document.
    fn holds_for(&self, variables: &[Option<String>]) -> bool {
        match &self.subject {
            Subject::Field(number) => {
                let text = |number: usize| variables.get(number).and_then(Option::as_deref);
                let is_same = |other: usize| text(*number).is_some() && text(*number) == text(other);
                match self.test {
                    Test::Differs(other) => !is_same(other),
                    Test::Same(other) => is_same(other),
                    _ => self.test.is_met(text(*number).unwrap_or_default()),
                }
            }
            Subject::Place(_) => true,
        }
    }
}

/// All demands of a line; a line without any counts always.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Conditions(pub Vec<Condition>);

impl Conditions {
    /// Whether there is any.
    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it only compares fields with each other: where one is not known, that stops nothing.
    pub(crate) fn only_compares(&self) -> bool {
        self.0.iter().all(|condition| matches!(condition.test, Test::Differs(_)))
    }

    /// Whether the line counts at a position of the record.
    #[inline]
    pub(crate) fn hold(&self, context: &Context<'_>, cursor: Cursor<'_>) -> bool {
        self.0.iter().all(|condition| condition.holds(context, cursor))
    }

    /// Whether the line counts for a document, given by the values of its variables.
    #[inline]
    pub(crate) fn hold_for(&self, variables: &[Option<String>]) -> bool {
        self.0.iter().all(|condition| condition.holds_for(variables))
    }

    /// The places of the record that the demands look at.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        self.0.iter().filter_map(|condition| match &condition.subject {
            Subject::Place(place) => Some(place),
            Subject::Field(_) => None,
        })
    }

    /// Whether certainly never both lines count.
    pub(crate) fn exclude(&self, other: &Conditions) -> bool {
        let pairs = self.0.iter().flat_map(|one| other.0.iter().map(move |two| (one, two)));
        pairs.into_iter().any(|(one, two)| one.subject == two.subject && one.test.excludes(&two.test))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[&str]) -> Vec<Box<str>> {
        words.iter().map(|word| (*word).into()).collect()
    }

    #[test]
    fn a_test_is_met_or_its_negation_is() {
        let check = |test: Test, text: &str, expected: bool| {
            assert_eq!(test.is_met(text), expected, "{test:?} {text}");
            assert_eq!(test.negated().is_met(text), !expected, "not {test:?} {text}");
        };
        check(Test::Is(texts(&["A", "B"])), "B", true);
        check(Test::Is(texts(&["A", ""])), "", true);
        check(Test::IsNot(texts(&["A"])), "B", true);
        check(Test::Starts(texts(&["411", "401"])), "4010", true);
        check(Test::Starts(texts(&["411"])), "512", false);
        check(Test::StartsNot(texts(&["411"])), "411X", false);
    }

    #[test]
    fn tests_that_never_meet_are_told() {
        let check = |one: Test, other: Test, expected: bool| {
            assert_eq!(one.excludes(&other), expected, "{one:?} {other:?}");
            assert_eq!(other.excludes(&one), expected, "{other:?} {one:?}");
        };
        check(Test::Is(texts(&["A"])), Test::Is(texts(&["B", "C"])), true);
        check(Test::Is(texts(&["A", "B"])), Test::Is(texts(&["B"])), false);
        check(Test::Is(texts(&["A"])), Test::IsNot(texts(&["A", "B"])), true);
        check(Test::Starts(texts(&["4"])), Test::Is(texts(&["512"])), true);
        check(Test::Starts(texts(&["4"])), Test::StartsNot(texts(&["4"])), true);
        check(Test::IsNot(texts(&["A"])), Test::IsNot(texts(&["B"])), false);
    }
}
