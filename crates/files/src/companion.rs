//! A second file that belongs to the first one of a drop: its lines, where the first has the headers.

use connector::Fault;

/// How the name of the second file follows from that of the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Companion {
    /// The patterns of the first file, each in two parts: what stands before its `*`, and behind it. A name without a
    /// `*` is whole in the first part.
    firsts: Vec<(String, Option<String>)>,
    second: (String, Option<String>),
}

fn parts(pattern: &str) -> (String, Option<String>) {
    match pattern.split_once('*') {
        Some((before, behind)) => (before.to_owned(), Some(behind.to_owned())),
        None => (pattern.to_owned(), None),
    }
}

/// What the `*` of a pattern stands for in a name; blank where it has none. Upper and lower case are the same.
fn stands_for<'n>(pattern: &(String, Option<String>), name: &'n str) -> Option<&'n str> {
    let (before, behind) = pattern;
    let Some(behind) = behind else { return name.eq_ignore_ascii_case(before).then_some("") };
    let end = name.len().checked_sub(behind.len()).filter(|end| *end >= before.len())?;
    let fits = name.get(..before.len())?.eq_ignore_ascii_case(before) && name.get(end..)?.eq_ignore_ascii_case(behind);
    if fits { name.get(before.len()..end) } else { None }
}

impl Companion {
    /// Checks the patterns of the first file and that of the second.
    ///
    /// # Errors
    /// [`Fault::Halt`] when the second name does not follow from the first.
    pub fn new(firsts: &[String], second: &str) -> Result<Self, Fault> {
        let stars = |pattern: &str| pattern.matches('*').count();
        let usable = |pattern: &&str| !pattern.is_empty() && !pattern.contains(['?', '/']) && stars(pattern) <= 1;
        let all: Vec<&str> = firsts.iter().map(String::as_str).chain([second]).collect();
        if !all.iter().all(usable) || firsts.iter().any(|first| stars(first) != stars(second)) || firsts.is_empty() {
            return Err(Fault::halt(format!(
                "files and join.file = \"{second}\" must be patterns with one * each, which stands for the same in both \
                 names, or names without any"
            )));
        }
        Ok(Companion { firsts: firsts.iter().map(|first| parts(first)).collect(), second: parts(second) })
    }

    /// The name of the second file that belongs to a first one.
    pub fn of(&self, name: &str) -> Option<String> {
        let text = self.firsts.iter().find_map(|first| stands_for(first, name))?;
        Some(match &self.second {
            (before, Some(behind)) => format!("{before}{text}{behind}"),
            (name, None) => name.clone(),
        })
    }

    /// Whether a file of this name is a second one.
    pub fn is_second(&self, name: &str) -> bool {
        stands_for(&self.second, name).is_some()
    }

    /// The names of which one makes a drop with a file of this name: that of the second file, or those that a first one
    /// may have, in the order of the patterns. Empty for a name that is neither.
    pub fn partners(&self, name: &str) -> Vec<String> {
        let Some(text) = stands_for(&self.second, name) else { return self.of(name).into_iter().collect() };
        let named = |(before, behind): &(String, Option<String>)| match behind {
            Some(behind) => format!("{before}{text}{behind}"),
            None => before.clone(),
        };
        self.firsts.iter().map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_name_follows_from_the_first() {
        let check = |firsts: &[&str], second: &str, name: &str, expected: Option<&str>| {
            let firsts: Vec<String> = firsts.iter().map(|first| (*first).to_owned()).collect();
            let found = Companion::new(&firsts, second).unwrap().of(name);
            assert_eq!(found.as_deref(), expected, "{name}");
        };
        check(&["inv-*.csv"], "lines-*.csv", "inv-2026-01.csv", Some("lines-2026-01.csv"));
        check(&["inv-*.csv"], "lines-*.csv", "INV-2026-01.CSV", Some("lines-2026-01.csv"));
        check(&["a*.csv", "b*.csv"], "*.txt", "b7.csv", Some("7.txt"));
        check(&["F_DOC.csv"], "F_LINES.csv", "f_doc.csv", Some("F_LINES.csv"));
        check(&["inv-*.csv"], "lines-*.csv", "é.csv", None);
        check(&["aa*aa"], "*", "aaa", None);
    }

    #[test]
    fn each_file_of_a_drop_names_the_other() {
        let check = |firsts: &[&str], second: &str, name: &str, expected: &[&str]| {
            let firsts: Vec<String> = firsts.iter().map(|first| (*first).to_owned()).collect();
            assert_eq!(Companion::new(&firsts, second).unwrap().partners(name), expected, "{name}");
        };
        check(&["inv-*.csv"], "lines-*.csv", "inv-1.csv", &["lines-1.csv"]);
        check(&["inv-*.csv", "bill-*.txt"], "lines-*.csv", "LINES-1.csv", &["inv-1.csv", "bill-1.txt"]);
        check(&["F_DOC.csv"], "F_LINES.csv", "F_LINES.csv", &["F_DOC.csv"]);
        check(&["inv-*.csv"], "lines-*.csv", "other.csv", &[]);
    }

    #[test]
    fn patterns_that_do_not_go_together_are_told() {
        for (first, second) in [("*.csv", "lines.csv"), ("a*b*", "c*d*"), ("a?", "b"), ("a", "")] {
            assert!(Companion::new(&[first.to_owned()], second).is_err(), "{first} {second}");
        }
    }
}
