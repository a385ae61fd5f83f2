//! What goes wrong where people type, and where programs convert.

use fastrand::Rng;

use super::draw::odds;

/// One slip of the pen: a letter exchanged, left out, doubled, put in, or swapped with its neighbour.
pub(super) fn slip(rng: &mut Rng, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 2 {
        return text.to_owned();
    }
    let at = rng.usize(..letters.len());
    let is_digit = letters[at].is_ascii_digit();
    let other = if is_digit { rng.digit(10) } else { rng.lowercase() };
    match rng.u32(..10) {
        0..=2 => letters[at] = other,
        3..=5 => drop(letters.remove(at)),
        6 => letters.insert(at, letters[at]),
        7 => letters.insert(at, other),
        _ => letters.swap(at, if at == 0 { 1 } else { at - 1 }),
    }
    letters.into_iter().collect()
}

/// Letters without their accents, as old programs keep them; `umlauts` are written with an `e`.
pub(super) fn without_accents(text: &str, umlauts: bool) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        let with_e = match letter {
            'ä' => "ae",
            'ö' => "oe",
            'ü' => "ue",
            'Ä' => "Ae",
            'Ö' => "Oe",
            'Ü' => "Ue",
            'ß' => "ss",
            _ => "",
        };
        if !with_e.is_empty() && (umlauts || letter == 'ß') {
            plain.push_str(with_e);
            continue;
        }
        plain.push(base(letter));
    }
    plain
}

/// The letter under an accent.
fn base(letter: char) -> char {
    let upper = letter.is_uppercase();
    let lower = letter.to_lowercase().next().unwrap_or(letter);
    let found = match lower {
        'à' | 'á' | 'â' | 'ä' | 'ã' | 'å' => 'a',
        'ç' => 'c',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ì' | 'í' | 'î' | 'ï' | 'ı' => 'i',
        'ñ' => 'n',
        'ò' | 'ó' | 'ô' | 'ö' => 'o',
        'ş' => 's',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        'ÿ' => 'y',
        'º' => 'o',
        _ => return letter,
    };
    if upper { found.to_ascii_uppercase() } else { found }
}

/// UTF-8 that a program took for Windows-1252 (ISO/IEC 8859-1 here), once.
pub(super) fn misread(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

/// Cut off where the field of an old program ends.
pub(super) fn cut(text: &str, letters: usize) -> String {
    text.chars().take(letters).collect::<String>().trim_end().to_owned()
}

/// A text as it is typed, with a slip in so many of ten thousand, and now and then two.
pub(super) fn typed(rng: &mut Rng, text: &str, slips: u32) -> String {
    if text.is_empty() || !odds(rng, slips) {
        return text.to_owned();
    }
    let once = slip(rng, text);
    if odds(rng, 1_200) { slip(rng, &once) } else { once }
}

/// A word of a street in one of its short forms, where it has one.
pub(super) fn shortened(rng: &mut Rng, street: &str, short_forms: &[(String, String)]) -> String {
    let fitting: Vec<&(String, String)> =
        short_forms.iter().filter(|(long, _)| street.contains(long.as_str())).collect();
    if fitting.is_empty() {
        return street.to_owned();
    }
    let (long, short) = fitting[rng.usize(..fitting.len())];
    street.replacen(long.as_str(), short, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_lose_accents() {
        assert_eq!(without_accents("Müller Straße É", false), "Muller Strasse E");
        assert_eq!(without_accents("Müller", true), "Mueller");
        assert_eq!(misread("é"), "Ã©");
        assert_eq!(cut("Société Générale", 8), "Société");
    }

    #[test]
    fn a_slip_changes_little() {
        let mut rng = Rng::with_seed(3);
        for _ in 0..1_000 {
            let slipped = slip(&mut rng, "Durand");
            assert!((5..=7).contains(&slipped.len()), "{slipped}");
        }
    }
}
