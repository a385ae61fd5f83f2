//! What a program shows, held against what a page says it shows.

/// Stands for anything within a line, or, alone on a line, for any number of lines.
const ANYTHING: &str = "…";

/// Whether the program shows what the page says, line by line. Blanks at the ends of lines do not count.
///
/// # Errors
/// The first line that differs.
pub fn matches(expected: &str, shown: &str) -> Result<(), String> {
    let expected: Vec<&str> = expected.lines().map(str::trim_end).collect();
    let shown: Vec<&str> = shown.lines().map(|line| line.trim_end_matches([' ', '\r'])).collect();
    lines_match(&expected, &shown)
}

fn lines_match(expected: &[&str], shown: &[&str]) -> Result<(), String> {
    match (expected.split_first(), shown.split_first()) {
        (None, None) => Ok(()),
        (None, Some((line, _))) => Err(format!("one line too many: {line:?}")),
        (Some((pattern, rest)), _) if pattern.trim() == ANYTHING => {
            let fits = (0..=shown.len()).any(|skipped| lines_match(rest, &shown[skipped..]).is_ok());
            if fits { Ok(()) } else { Err(format!("nothing fits {:?} after {ANYTHING}", rest.first())) }
        }
        (Some((pattern, _)), None) => Err(format!("the line {pattern:?} is missing")),
        (Some((pattern, _)), Some((line, _))) if !line_matches(pattern, line) => {
            Err(format!("{line:?} instead of {pattern:?}"))
        }
        (Some((_, expected)), Some((_, shown))) => lines_match(expected, shown),
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split(ANYTHING);
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[test]
fn lines_are_held_against_patterns() {
    let check =
        |expected: &str, shown: &str, fits: bool| assert_eq!(matches(expected, shown).is_ok(), fits, "{expected}");
    check("a\nb\n", "a\nb\n", true);
    check("a\n", "a\nb\n", false);
    check("a\nb\n", "a\n", false);
    check("m… x…z\n", "m12 x y z\n", true);
    check("m… x\n", "m12 y\n", false);
    check("a…\n", "b\n", false);
    check("…\nz\n", "a\nb\nz\n", true);
    check("…\nz\n", "a\nb\n", false);
    check("a\n…\n", "a\n", true);
    check("a b\n", "a  b\n", false);
}
