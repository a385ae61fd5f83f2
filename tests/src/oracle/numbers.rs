//! Numbers of a family: valid ones, and each of them damaged in the ways in which numbers are damaged.

use fastrand::Rng;

use super::family::Family;

/// What people and forms put between the characters of every number.
const BLANKS: &[char] = &[' ', '\u{a0}', '\u{202f}'];

/// Draws so many numbers: in turns a valid one, the same with one character wrong, with two neighbours exchanged, written
/// with separators, with one character missing, and one whose check digits are drawn, too.
pub(super) fn draw(family: &Family, count: usize, random: &mut Rng) -> Vec<String> {
    let mut numbers = Vec::with_capacity(count + 6);
    while numbers.len() < count {
        let shape = &family.shapes[random.usize(..family.shapes.len())];
        let valid = shape.valid(family.scheme, random);
        let from = family.prefix_length.min(valid.len() - 1);
        let arbitrary = shape.arbitrary(random);
        let damaged = [wrong(&valid, from, random), transposed(&valid, from, random), short(&valid, from, random)];
        numbers.push(formatted(&valid, family, random));
        numbers.extend(damaged.into_iter().chain([arbitrary, valid]).map(text));
    }
    numbers.truncate(count);
    numbers
}

/// What is drawn is ASCII.
fn text(number: Vec<u8>) -> String {
    number.into_iter().map(char::from).collect()
}

/// Another digit in the place of one, or another letter.
fn wrong(number: &[u8], from: usize, random: &mut Rng) -> Vec<u8> {
    let mut number = number.to_vec();
    let place = random.usize(from..number.len());
    number[place] = match number[place] {
        digit @ b'0'..=b'9' => b'0' + (digit - b'0' + random.u8(1..10)) % 10,
        letter @ b'A'..=b'Z' => b'A' + (letter - b'A' + random.u8(1..26)) % 26,
        other => other,
    };
    number
}

/// Two neighbours that differ, exchanged.
fn transposed(number: &[u8], from: usize, random: &mut Rng) -> Vec<u8> {
    let mut number = number.to_vec();
    let places = from..number.len() - 1;
    let differing: Vec<_> = places.filter(|place| number[*place] != number[place + 1]).collect();
    if let Some(place) = random.choice(&differing) {
        number.swap(*place, place + 1);
    }
    number
}

/// One character less.
fn short(number: &[u8], from: usize, random: &mut Rng) -> Vec<u8> {
    let mut number = number.to_vec();
    // Most often the last one is cut off.
    let place = if random.bool() { number.len() - 1 } else { random.usize(from..number.len()) };
    number.remove(place);
    number
}

/// In groups of three or four with separators between them, at times in small letters, at times with blanks around.
fn formatted(number: &[u8], family: &Family, random: &mut Rng) -> String {
    let separators: Vec<char> = BLANKS.iter().copied().chain(family.separators.chars()).collect();
    let (size, separator) = (random.usize(3..=4), separators[random.usize(..separators.len())]);
    let is_small = random.u8(..4) == 0;
    let (prefix, rest) = number.split_at(family.prefix_length.min(number.len()));
    let groups = rest.chunks(size).map(|group| group.iter().copied().map(char::from).collect::<String>());
    let mut formatted = text(prefix.to_vec());
    for (place, group) in groups.enumerate() {
        if place > 0 || random.bool() && !prefix.is_empty() {
            formatted.push(separator);
        }
        formatted += &group;
    }
    if is_small {
        formatted.make_ascii_lowercase();
    }
    if random.u8(..4) == 0 { format!(" {formatted} ") } else { formatted }
}
