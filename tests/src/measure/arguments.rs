//! What a benchmark program is told on the command line: numbers by name.

use std::collections::BTreeMap;

/// One number that can be told: its name, its default, and what it is.
pub type Choice = (&'static str, u64, &'static str);

/// The numbers that a program works with.
pub struct Arguments(BTreeMap<&'static str, u64>);

impl Arguments {
    /// Reads `--NAME NUMBER` and `--NAME=NUMBER`; a number alone is the first choice.
    ///
    /// `--help` prints what can be told and ends the process with 0; what cannot be read ends it with 2.
    pub fn read(about: &str, choices: &[Choice]) -> Self {
        match Self::parse(choices, std::env::args().skip(1)) {
            Ok(Some(arguments)) => arguments,
            Ok(None) => {
                super::tell_text(&help(about, choices));
                std::process::exit(0)
            }
            Err(wrong) => {
                super::tell_text(&format!("{wrong}\n\n{}", help(about, choices)));
                std::process::exit(2)
            }
        }
    }

    /// `None` when help was asked for.
    fn parse(choices: &[Choice], words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut numbers: BTreeMap<&'static str, u64> =
            choices.iter().map(|(name, default, _)| (*name, *default)).collect();
        let mut words = words.flat_map(|word| match word.split_once('=') {
            Some((name, value)) => vec![name.to_owned(), value.to_owned()],
            None => vec![word],
        });
        while let Some(word) = words.next() {
            // Cargo tells every benchmark that it is one.
            if word == "--bench" {
                continue;
            }
            if word == "--help" || word == "-h" {
                return Ok(None);
            }
            let (name, value) = match word.strip_prefix("--") {
                Some(name) => (name.to_owned(), words.next().ok_or(format!("--{name} needs a number"))?),
                None => (choices.first().map_or("", |(name, ..)| *name).to_owned(), word),
            };
            let (name, ..) = choices.iter().find(|(known, ..)| *known == name).ok_or(format!("no --{name} here"))?;
            let number = value.replace('_', "").parse().map_err(|_| format!("--{name}: {value} is no number"))?;
            numbers.insert(name, number);
        }
        Ok(Some(Arguments(numbers)))
    }

    /// The number of this name.
    ///
    /// # Panics
    /// When it is none of the choices.
    pub fn get(&self, name: &str) -> u64 {
        *self.0.get(name).unwrap_or_else(|| panic!("{name} is none of the choices"))
    }
}

fn help(about: &str, choices: &[Choice]) -> String {
    let mut text = format!("{about}\n");
    for (name, default, what) in choices {
        text.push_str(&format!("\n  --{name:<20} {what} [{default}]"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_by_name_and_the_first_one_alone() {
        const CHOICES: &[Choice] = &[("customers", 20, "…"), ("rounds", 1, "…")];
        let check = |words: &str, expected: Result<Option<(u64, u64)>, &str>| {
            let words = words.split_whitespace().map(str::to_owned);
            let read = Arguments::parse(CHOICES, words)
                .map(|read| read.map(|read| (read.get("customers"), read.get("rounds"))));
            assert_eq!(read, expected.map_err(str::to_owned));
        };
        check("--bench", Ok(Some((20, 1))));
        check("5_000 --bench", Ok(Some((5_000, 1))));
        check("--rounds=3 --customers 7", Ok(Some((7, 3))));
        check("--rounds 3 --help", Ok(None));
        check("--rounds", Err("--rounds needs a number"));
        check("--turns 3", Err("no --turns here"));
        check("many", Err("--customers: many is no number"));
    }
}
