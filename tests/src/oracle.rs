//! Our verdicts on identifiers, held against those of python-stdnum.
//!
//! Numbers are drawn by seed, so that a difference can be looked at again.
//! A difference is a fault of ours, or has a norm behind it that says why ours is right; those are in
//! [`explained`](self::explained), each with its norm, and are counted apart.

mod explained;
mod family;
mod numbers;
mod shape;
mod stdnum;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use canonical::identifier::{Scheme, check};
use fastrand::Rng;

use family::Family;
use stdnum::Stdnum;

/// How to call the program.
pub const HELP: &str = "\
Holds our verdicts on identifiers against those of python-stdnum.

  identifiers --python PATH [--numbers 100000] [--each-country] [--seed 1]

  --python PATH      a Python that has python-stdnum; tests/oracles/environment prints one
  --numbers N        so many numbers for each scheme
  --each-country     so many for each country of VAT numbers and IBANs, too
  --seed N           what is drawn

Exit codes: 0 the verdicts are equal, 1 they differ, 2 wrong usage, 3 the oracle cannot be asked.
";

/// The fewest valid numbers among a hundred: fewer, and the comparison would say little.
const VALID_PERCENT_MIN: usize = 15;
/// So many differences of each family are shown.
const SHOWN_MAX: usize = 20;

/// What to compare.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// A Python that has python-stdnum.
    pub python: PathBuf,
    /// How many numbers for each scheme.
    pub numbers: usize,
    /// Whether each country of VAT numbers and IBANs has so many.
    pub each_country: bool,
    /// What is drawn.
    pub seed: u64,
}

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { python: PathBuf::new(), numbers: 100_000, each_country: false, seed: 1 };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            if argument == "--each-country" {
                options.each_country = true;
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{argument} is unknown or needs a value"))?;
            let number = || value.parse().map_err(|_| format!("{argument} takes a number, not {value:?}"));
            match argument.as_str() {
                "--python" => options.python = PathBuf::from(&value),
                "--numbers" => options.numbers = number()?,
                "--seed" => options.seed = number()? as u64,
                _ => return Err(format!("{argument} is unknown; see --help")),
            }
        }
        if options.python.as_os_str().is_empty() {
            return Err("--python is missing; tests/oracles/environment prints one".to_owned());
        }
        Ok(options)
    }
}

/// What a comparison of one family of numbers came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was compared, such as `siren` or `vat DE`.
    pub name: String,
    /// How many numbers were compared.
    pub numbers: usize,
    /// How many of them both sides call valid.
    pub valid: usize,
    /// Differences without a norm behind them: number, our verdict, the other's; and families that were hardly compared.
    pub differences: Vec<String>,
    /// Differences by the norm that explains them.
    pub explained: BTreeMap<&'static str, usize>,
}

impl Outcome {
    /// Whether the verdicts are equal, and say something.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }

    /// Lines for a person: the figures, and what differs.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let Self { name, numbers, valid, differences, explained } = self;
        let mut lines = vec![format!("{name:<20} {numbers:>8} {valid:>8} {:>8}", differences.len())];
        lines.extend(explained.iter().map(|(norm, count)| format!("    {count} explained: {norm}")));
        lines.extend(differences.iter().take(SHOWN_MAX).map(|difference| format!("    {difference}")));
        lines
    }

    /// Adds what another family of the same scheme came to.
    fn add(&mut self, other: Self) {
        self.numbers += other.numbers;
        self.valid += other.valid;
        self.differences.extend(other.differences);
        other.explained.into_iter().for_each(|(norm, count)| *self.explained.entry(norm).or_default() += count);
    }

    /// Takes one number's two verdicts; `-` is python-stdnum's for an invalid one.
    fn take(&mut self, scheme: Scheme, number: &str, theirs: &str) {
        self.numbers += 1;
        let ours = check(scheme, number);
        if ours.as_deref().unwrap_or("-") == theirs {
            self.valid += usize::from(ours.is_ok());
            return;
        }
        match ours.as_ref().err().and_then(|error| explained::norm(error, number)) {
            Some(norm) => *self.explained.entry(norm).or_default() += 1,
            None => self.differences.push(format!("{number:?}: {ours:?}, but python-stdnum {theirs:?}")),
        }
    }
}

/// Compares all families, and hands each outcome to `each` as soon as it is there: one for each scheme, or for each country.
/// Gives whether all verdicts are equal.
///
/// # Errors
/// When the oracle cannot be started, or ends early.
pub fn compare(options: &Options, script: &Path, mut each: impl FnMut(&Outcome)) -> io::Result<bool> {
    let mut stdnum = Stdnum::start(&options.python, script)?;
    let families = family::all(&stdnum.structures()?);
    let mut random = Rng::with_seed(options.seed);
    let mut is_equal = true;
    for families in groups(options, &families) {
        let name = if options.each_country { families[0].name.clone() } else { families[0].scheme.to_string() };
        let mut outcome = Outcome { name, ..Outcome::default() };
        let share = options.numbers.div_ceil(families.len());
        for family in families {
            outcome.add(compare_family(&mut stdnum, family, share, &mut random)?);
        }
        is_equal &= outcome.is_equal();
        each(&outcome);
    }
    Ok(is_equal)
}

/// The families that share the numbers of one outcome; those of a scheme stand side by side.
fn groups<'a>(options: &Options, families: &'a [Family]) -> impl Iterator<Item = &'a [Family]> {
    let each_country = options.each_country;
    families.chunk_by(move |one, next| !each_country && one.scheme == next.scheme)
}

fn compare_family(stdnum: &mut Stdnum, family: &Family, count: usize, random: &mut Rng) -> io::Result<Outcome> {
    let drawn = numbers::draw(family, count, random);
    let verdicts = stdnum.verdicts(family.scheme.name(), &drawn)?;
    let mut outcome = Outcome::default();
    drawn.iter().zip(&verdicts).for_each(|(number, theirs)| outcome.take(family.scheme, number, theirs));
    if outcome.valid * 100 < outcome.numbers * VALID_PERCENT_MIN {
        let Outcome { numbers, valid, .. } = outcome;
        outcome.differences.push(format!("{}: {valid} of {numbers} are valid; that compares too little", family.name));
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests;
