//! The accounting of records: the design's equation, with a visible check.

use maud::{Markup, html};
use store::{Outcomes, RecordOutcome};

use crate::text::number;

const IN_FLIGHT: &str = "in flight";

/// The terms of the equation that are not zero.
fn terms(outcomes: &Outcomes) -> Vec<(&'static str, i64)> {
    RecordOutcome::ALL
        .into_iter()
        .map(|outcome| (outcome.name(), outcomes.get(outcome)))
        .chain([(IN_FLIGHT, outcomes.in_flight)])
        .filter(|(_, count)| *count != 0)
        .collect()
}

/// The style class of a term.
fn class(term: &str) -> &str {
    if term == IN_FLIGHT { "in-flight" } else { term }
}

/// `1 204 read = 12 created + 1 192 unchanged ✓`, as text.
pub(crate) fn equation(outcomes: &Outcomes) -> Markup {
    let terms = terms(outcomes);
    html! {
        span.equation {
            span.read { b { (number(outcomes.read)) } " read" }
            @if terms.is_empty() { " = " span.term { "0" } }
            @for (index, (name, count)) in terms.iter().enumerate() {
                (if index == 0 { " = " } else { " + " })
                span.term.(class(name)) { b { (number(*count)) } " " (name) }
            }
            " " (check(outcomes))
        }
    }
}

/// The sign that says whether the equation holds.
pub(crate) fn check(outcomes: &Outcomes) -> Markup {
    let rest = outcomes.read - outcomes.ended.values().sum::<i64>() - outcomes.in_flight;
    html! {
        @if outcomes.adds_up() {
            span.check.holds title="Every record that was read has exactly one outcome." { "✓" span.spoken { " adds up" } }
        } @else {
            span.check.broken title="Records are missing from this sum, or are counted twice: this is a bug, please report it." {
                "✗ off by " (number(rest))
            }
        }
    }
}

/// The terms as proportions of a bar. It repeats the equation, so it is not spoken.
pub(crate) fn bar(outcomes: &Outcomes) -> Markup {
    let widths = widths(&terms(outcomes));
    html! {
        svg.bar viewBox="0 0 1000 6" preserveAspectRatio="none" aria-hidden="true" {
            rect.rest x="0" y="0" width="1000" height="6" {}
            @for (name, x, width) in &widths {
                rect.(class(name)) x=(x) y="0" width=(width) height="6" {}
            }
        }
    }
}

/// Shares of 1000, each at least wide enough to be seen.
fn widths(terms: &[(&'static str, i64)]) -> Vec<(&'static str, i64, i64)> {
    const SEEN: i64 = 12;
    let sum: i64 = terms.iter().map(|(_, count)| (*count).max(0)).sum();
    if sum == 0 {
        return Vec::new();
    }
    let spread = 1000 - SEEN * i64::try_from(terms.len()).unwrap_or(0);
    let mut x = 0;
    let mut before = 0;
    terms
        .iter()
        .enumerate()
        .map(|(index, (name, count))| {
            before += (*count).max(0);
            let seen = SEEN * (i64::try_from(index).unwrap_or(0) + 1);
            let end = i64::try_from(i128::from(spread) * i128::from(before) / i128::from(sum)).unwrap_or(spread) + seen;
            let share = (*name, x, end - x);
            x = end;
            share
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(read: i64, ended: &[(RecordOutcome, i64)], in_flight: i64) -> Outcomes {
        Outcomes { read, rows: read, ended: ended.iter().copied().collect(), in_flight }
    }

    #[test]
    fn the_equation_shows_what_is_not_zero_and_whether_it_adds_up() {
        let check = |given: Outcomes, expected: &str| {
            let markup = equation(&given).into_string();
            let mut text = String::new();
            let mut inside = false;
            for letter in markup.chars() {
                match letter {
                    '<' => inside = true,
                    '>' => inside = false,
                    other if !inside => text.push(other),
                    _ => {}
                }
            }
            assert_eq!(text.replace('\u{202f}', " "), expected);
        };
        check(outcomes(0, &[], 0), "0 read = 0 ✓ adds up");
        let ended = [(RecordOutcome::Unchanged, 1192), (RecordOutcome::Created, 12), (RecordOutcome::Parked, 0)];
        check(outcomes(1205, &ended, 1), "1 205 read = 12 created + 1 192 unchanged + 1 in flight ✓ adds up");
        check(outcomes(5, &[(RecordOutcome::Rejected, 2)], 0), "5 read = 2 rejected ✗ off by 3");
    }

    #[test]
    fn the_bar_is_whole_and_shows_the_smallest_share() {
        let shares = widths(&[("created", 1), ("unchanged", 1_000_000), ("rejected", 1)]);
        assert_eq!(shares.iter().map(|(_, _, width)| width).sum::<i64>(), 1000);
        assert!(shares.iter().all(|(_, _, width)| *width >= 12));
        assert!(widths(&[]).is_empty());
    }
}
