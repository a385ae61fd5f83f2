//! The shape of a number: what is drawn, what is computed, what stands there as it is.

use fastrand::Rng;

use canonical::identifier::{Scheme, check};

/// A shape's completions are tried up to this number.
const ATTEMPTS_MAX: usize = 3000;

/// One place of a number, or two.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Slot {
    /// One of these characters.
    OneOf(Vec<u8>),
    /// One of these characters, chosen so that the number is valid.
    Check(&'static [u8]),
    /// One of the two check digits of ISO 7064 MOD 97-10.
    Pair,
    /// Two digits of a month; some countries add 20, 40, 50 or 70.
    Month,
    /// Two digits of a day.
    Day,
}

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ALL: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// How a number is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape(Vec<Slot>);

impl Shape {
    /// Small letters stand for what is drawn: `n` a digit, `a` a letter, `c` one of both, `k` a check digit, `l` a check
    /// letter, `p` a digit of the pair of ISO 7064, `m` a month, `d` a day; `[XYZ]` is one of three.
    /// Everything else stands for itself.
    pub(super) fn parse(text: &str) -> Self {
        let mut slots = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, tail @ ..] = rest {
            rest = tail;
            slots.push(match first {
                b'n' => Slot::OneOf(DIGITS.to_vec()),
                b'a' => Slot::OneOf(LETTERS.to_vec()),
                b'c' => Slot::OneOf(ALL.to_vec()),
                b'k' => Slot::Check(DIGITS),
                b'l' => Slot::Check(LETTERS),
                b'p' => Slot::Pair,
                b'm' => Slot::Month,
                b'd' => Slot::Day,
                b'[' => {
                    let end = rest.iter().position(|byte| *byte == b']').unwrap_or(rest.len());
                    let (choices, tail) = rest.split_at(end);
                    rest = tail.get(1..).unwrap_or_default();
                    Slot::OneOf(choices.to_vec())
                }
                other => Slot::OneOf(vec![*other]),
            });
        }
        Self(slots)
    }

    /// The shape of an IBAN of a country whose account number has this structure, such as `5!n5!n11!c2!n`.
    pub(super) fn of_iban(country: &str, structure: &str) -> Self {
        let mut text = format!("{country}pp");
        for run in structure.split_inclusive(['n', 'a', 'c']) {
            let (kind, length) = (&run[run.len() - 1..], run[..run.len() - 1].trim_end_matches('!'));
            text += &kind.repeat(length.parse().unwrap_or_default());
        }
        Self::parse(&text)
    }

    /// A number of this shape with whatever check digits come.
    pub(super) fn arbitrary(&self, random: &mut Rng) -> Vec<u8> {
        let mut number = Vec::new();
        for slot in &self.0 {
            match slot {
                Slot::OneOf(choices) => number.push(choices[random.usize(..choices.len())]),
                Slot::Check(choices) => number.push(choices[random.usize(..choices.len())]),
                Slot::Pair => number.push(DIGITS[random.usize(..10)]),
                Slot::Month => {
                    let shift = if random.u8(..4) == 0 { [20, 40, 50, 70][random.usize(..4)] } else { 0 };
                    two_digits(&mut number, random.u8(1..=12) + shift);
                }
                Slot::Day => two_digits(&mut number, random.u8(1..=31)),
            }
        }
        number
    }

    /// A number of this shape that is valid, where one of its completions is.
    pub(super) fn valid(&self, scheme: Scheme, random: &mut Rng) -> Vec<u8> {
        let mut number = self.arbitrary(random);
        let checks = self.checks();
        for _ in 0..ATTEMPTS_MAX {
            self.set_pair(&mut number);
            let is_valid = std::str::from_utf8(&number).is_ok_and(|text| check(scheme, text).is_ok());
            if is_valid || !count_on(&mut number, &checks) {
                break;
            }
        }
        number
    }

    /// The places of the check digits and letters, each with its choices.
    fn checks(&self) -> Vec<(usize, &'static [u8])> {
        let mut place = 0;
        let mut checks = Vec::new();
        for slot in &self.0 {
            if let Slot::Check(choices) = slot {
                checks.push((place, *choices));
            }
            place += if matches!(slot, Slot::Month | Slot::Day) { 2 } else { 1 };
        }
        checks
    }

    /// Computes the check digits of ISO 7064 MOD 97-10 over what follows them and what stands before them.
    fn set_pair(&self, number: &mut [u8]) {
        let Some(place) = self.0.iter().position(|slot| *slot == Slot::Pair) else { return };
        let others = number[place + 2..].iter().chain(&number[..place]);
        let rest = others.chain(b"00").fold(0_u32, |rest, byte| match byte {
            b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
            _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
        });
        let mut pair = Vec::new();
        two_digits(&mut pair, (98 - rest) as u8);
        number[place..place + 2].copy_from_slice(&pair);
    }
}

fn two_digits(number: &mut Vec<u8>, value: u8) {
    number.extend([b'0' + value / 10, b'0' + value % 10]);
}

/// Goes on to the next completion, like a counter; `false` when there is nothing to choose.
fn count_on(number: &mut [u8], checks: &[(usize, &'static [u8])]) -> bool {
    for (place, choices) in checks {
        let next = choices.iter().position(|choice| *choice == number[*place]).map_or(0, |found| found + 1);
        number[*place] = choices[next % choices.len()];
        if next < choices.len() {
            return true;
        }
    }
    !checks.is_empty()
}
