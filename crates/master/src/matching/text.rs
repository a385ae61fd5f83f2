//! Text as it is compared: one alphabet, one case, words, and how far two of them are apart.

use deunicode::deunicode_char;

/// So many characters of a value are looked at; what is longer is no name and no address.
pub(super) const CHARACTERS_MAX: usize = 256;

/// So many letters come of a value at most: a character of another alphabet can be a whole sentence in ours.
const LETTERS_MAX: usize = 4 * CHARACTERS_MAX;

/// So many words of a value are looked at.
pub(super) const WORDS_MAX: usize = 16;

/// Words that names of companies and streets have or lack without meaning anything by it.
const FILLERS: &[&str] = &[
    "and", "da", "das", "de", "del", "della", "den", "der", "des", "di", "die", "do", "dos", "du", "e", "el", "en",
    "et", "la", "las", "le", "les", "los", "of", "the", "und", "van", "von", "y",
];

static PACKED_FILLERS: [u128; FILLERS.len()] = packed_words(FILLERS);

/// Whether a word says nothing by itself.
pub(super) fn is_filler(word: &str) -> bool {
    is_among(word, &PACKED_FILLERS)
}

/// So many letters of a word fit into one number.
const PACKED_MAX: usize = size_of::<u128>();

/// A sorted list of short words as numbers, in the same order: names are held against it word by word, for each pair of
/// records, and numbers are compared at once.
pub(super) const fn packed_words<const N: usize>(words: &[&str]) -> [u128; N] {
    assert!(words.len() == N, "every word is packed");
    let mut numbers = [0; N];
    let mut place = 0;
    while place < N {
        let word = words[place].as_bytes();
        assert!(word.len() <= PACKED_MAX, "the word is too long to be packed");
        let mut letter = 0;
        while letter < PACKED_MAX {
            numbers[place] = numbers[place] << 8 | if letter < word.len() { word[letter] as u128 } else { 0 };
            letter += 1;
        }
        place += 1;
    }
    numbers
}

/// Whether a word is one of a list that [`packed_words`] made.
pub(super) fn is_among(word: &str, packed: &[u128]) -> bool {
    let mut letters = [0; PACKED_MAX];
    let Some(start) = letters.get_mut(..word.len()) else { return false };
    start.copy_from_slice(word.as_bytes());
    packed.binary_search(&u128::from_be_bytes(letters)).is_ok()
}

/// Lower case letters and digits of ASCII; whatever else parts words is one blank, a point, or an ampersand.
///
/// Letters of other alphabets are transliterated; pictures and signs are left out.
pub(super) fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len().min(CHARACTERS_MAX));
    for character in text.chars().take(CHARACTERS_MAX) {
        if character.is_ascii_alphanumeric() {
            folded.push(character.to_ascii_lowercase());
        } else if matches!(character, '.' | '@') {
            folded.push(character);
        } else if character.is_alphanumeric() {
            let letters = deunicode_char(character).unwrap_or_default();
            // Signs that stand for letters without a sound are left out: `Кузьмин` is `kuzmin`.
            let heard = letters.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == ' ');
            folded.extend(heard.map(|letter| letter.to_ascii_lowercase()));
        } else if !is_mark(character) && !folded.ends_with(' ') {
            folded.push(' ');
        }
        if folded.len() >= LETTERS_MAX {
            folded.truncate(LETTERS_MAX);
            break;
        }
    }
    folded
}

/// Accents that are written as characters of their own, and what joins pictures.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}')
}

/// The words of a text. Letters that points alone part are one word: `S.A.R.L.` is `sarl`.
pub(super) fn words(text: &str) -> Vec<String> {
    let folded = folded(text);
    let mut words: Vec<String> = Vec::new();
    for run in folded.split([' ', '@']) {
        let parts = || run.split('.').filter(|part| !part.is_empty());
        if parts().count() > 1 && parts().all(|part| part.len() <= 2) {
            words.push(parts().collect());
        } else {
            words.extend(parts().map(str::to_owned));
        }
        if words.len() >= WORDS_MAX {
            words.truncate(WORDS_MAX);
            break;
        }
    }
    words
}

/// Letters and digits of a text, without anything between them.
pub(super) fn squeezed(text: &str) -> String {
    let mut squeezed = folded(text);
    squeezed.retain(|character| character.is_ascii_alphanumeric());
    squeezed
}

/// The digits of a text.
pub(super) fn digits(text: &str) -> String {
    text.chars().take(CHARACTERS_MAX).filter(char::is_ascii_digit).collect()
}

/// The longest text whose distance is told.
const MEASURED_MAX: usize = 63;

/// How many letters have to be put in, left out, exchanged, or swapped with their neighbour to make one text of the other
/// (optimal string alignment); `None` when they are more than `limit`.
pub(super) fn distance(one: &str, other: &str, limit: usize) -> Option<usize> {
    if one == other {
        return Some(0);
    }
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len().abs_diff(other.len()) > limit {
        return None;
    }
    let (one, other) = (&one[..one.len().min(MEASURED_MAX)], &other[..other.len().min(MEASURED_MAX)]);
    let (one, other) = without_shared_ends(one, other);
    // A slip brings in one letter at most, and takes away one: most texts that have nothing in common are told by that.
    if (letters(one) ^ letters(other)).count_ones() as usize > 2 * limit {
        return None;
    }
    aligned(one, other, limit)
}

/// Which letters there are, one bit each; two of them may have the same bit.
fn letters(text: &[u8]) -> u32 {
    text.iter().fold(0, |letters, letter| letters | 1 << (letter & 31))
}

/// Two texts without what both begin and end with: no slip needs it.
fn without_shared_ends<'a>(one: &'a [u8], other: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let shared = |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| pairs.take_while(|(one, other)| one == other).count();
    let first = shared(&mut one.iter().zip(other));
    let (one, other) = (&one[first..], &other[first..]);
    let last = shared(&mut one.iter().rev().zip(other.iter().rev()));
    (&one[..one.len() - last], &other[..other.len() - last])
}

/// The distance by rows of a table, of which only what lies within `limit` of the diagonal is filled: a cell further off
/// is more than `limit` by itself.
fn aligned(one: &[u8], other: &[u8], limit: usize) -> Option<usize> {
    if one.is_empty() || other.is_empty() {
        return Some(one.len().max(other.len())).filter(|distance| *distance <= limit);
    }
    let far = u8::try_from(limit).unwrap_or(u8::MAX - 2) + 1;
    let mut rows = [[far; MEASURED_MAX + 2]; 3];
    for (column, cell) in (0..far).zip(&mut rows[1][..=other.len()]) {
        *cell = column;
    }
    for (row, letter) in (1_u8..).zip(one) {
        let at = usize::from(row);
        let [before, last, now] = &mut rows;
        let (first, end) = (at.saturating_sub(limit).max(1), (at + limit).min(other.len()));
        now[first - 1] = if first == 1 { row.min(far) } else { far };
        let mut least = now[first - 1];
        for column in first..=end {
            let exchanged = last[column - 1] + u8::from(*letter != other[column - 1]);
            let mut cell = exchanged.min(last[column] + 1).min(now[column - 1] + 1);
            if at > 1 && column > 1 && *letter == other[column - 2] && one[at - 2] == other[column - 1] {
                cell = cell.min(before[column - 2] + 1);
            }
            now[column] = cell.min(far);
            least = least.min(cell);
        }
        if usize::from(least) > limit {
            return None;
        }
        // The next row looks one cell further to the right than this one has filled.
        now[end + 1] = far;
        rows.rotate_left(1);
    }
    let distance = usize::from(rows[1][other.len()]);
    (distance <= limit).then_some(distance)
}

/// Whether two texts have the same digits. Who numbers things means different ones: `Garage 1` and `Garage 2`.
pub(super) fn has_same_digits(one: &str, other: &str) -> bool {
    let digits = |text| str::bytes(text).filter(u8::is_ascii_digit);
    digits(one).eq(digits(other))
}

/// Whether two texts differ by a slip of the pen at most: none in up to 3 letters, one in up to 7, two in more. A digit
/// is never a slip.
pub(super) fn is_near(one: &str, other: &str) -> bool {
    let limit = match one.len().max(other.len()) {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    distance(one, other, limit).is_some() && has_same_digits(one, other)
}

/// How a word sounds, in at most 6 letters: what French, German and English spell in several ways is one.
pub(super) fn sound(word: &str) -> String {
    let mut sound = String::with_capacity(6);
    let mut letters = word.bytes().peekable();
    while let Some(letter) = letters.next() {
        let heard = match letter {
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y' => sound.is_empty().then_some('a'),
            b'h' => sound.is_empty().then_some('h'),
            b'w' => sound.is_empty().then_some('f'),
            b'p' if letters.peek() == Some(&b'h') => {
                letters.next();
                Some('f')
            }
            b'c' | b'k' | b'q' | b'g' | b'j' => Some('k'),
            b's' | b'z' | b'x' => Some('s'),
            b'd' | b't' => Some('t'),
            b'b' | b'p' => Some('p'),
            b'v' | b'f' => Some('f'),
            b'm' | b'n' => Some('n'),
            other => Some(char::from(other)),
        };
        if let Some(heard) = heard.filter(|heard| !sound.ends_with(*heard)) {
            sound.push(heard);
        }
        if sound.len() >= 6 {
            break;
        }
    }
    sound
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(words(text), expected, "{text}");
    }

    #[test]
    fn words_are_of_one_alphabet() {
        check("Établissements  Robin S.A.R.L.", &["etablissements", "robin", "sarl"]);
        check("Müller & Söhne GmbH & Co. KG", &["muller", "sohne", "gmbh", "co", "kg"]);
        check("Straße 12-14", &["strasse", "12", "14"]);
        check("e\u{301}te\u{301}", &["ete"]);
        check("Παπαδόπουλος", &["papadopoulos"]);
        check("Иванов", &["ivanov"]);
        check("北京", &["bei", "jing"]);
        check("😀 🚀", &[]);
        check("a.b.c d.ef ghi.jk", &["abc", "def", "ghi", "jk"]);
        check("", &[]);
        assert!(!words("محمد").is_empty());
        assert_eq!(words(&"x ".repeat(1_000_000)).len(), WORDS_MAX);
        assert!(folded(&"é".repeat(1_000_000)).len() <= CHARACTERS_MAX);
    }

    #[test]
    fn fillers_are_sorted() {
        assert!(FILLERS.is_sorted());
        assert!(is_filler("des") && !is_filler("robin") && !is_filler("") && !is_filler("d"));
        assert!(FILLERS.iter().all(|filler| is_filler(filler)) && !is_filler(&"des".repeat(10)));
    }

    #[test]
    fn distances_count_slips() {
        for (one, other, limit, expected) in [
            ("durand", "durand", 0, Some(0)),
            ("durand", "durnad", 1, Some(1)),
            ("durand", "duran", 1, Some(1)),
            ("durand", "dxrandy", 2, Some(2)),
            ("durand", "dupont", 2, None),
            ("durand", "martin", 2, None),
            ("", "ab", 2, Some(2)),
            ("ab", "", 1, None),
            ("ca", "abc", 3, Some(3)),
        ] {
            assert_eq!(distance(one, other, limit), expected, "{one} {other}");
            assert_eq!(distance(other, one, limit), expected, "{other} {one}");
        }
        assert!(is_near("etablissements", "etablisement") && !is_near("sas", "sa") && is_near("", ""));
        assert!(!is_near("durand95", "durand96") && is_near("durand95", "duran95"));
        let long = "x".repeat(300);
        assert!(is_near(&long, &format!("{long}y")));
    }

    /// The same by the whole table, without a band and without leaving anything out.
    fn plain_distance(one: &[u8], other: &[u8]) -> usize {
        let mut table = vec![vec![0; other.len() + 1]; one.len() + 1];
        for row in 0..=one.len() {
            for column in 0..=other.len() {
                if row == 0 || column == 0 {
                    table[row][column] = row + column;
                    continue;
                }
                let differs = usize::from(one[row - 1] != other[column - 1]);
                let mut cell = table[row - 1][column - 1] + differs;
                cell = cell.min(table[row - 1][column] + 1).min(table[row][column - 1] + 1);
                if row > 1 && column > 1 && one[row - 1] == other[column - 2] && one[row - 2] == other[column - 1] {
                    cell = cell.min(table[row - 2][column - 2] + 1);
                }
                table[row][column] = cell;
            }
        }
        table[one.len()][other.len()]
    }

    proptest! {
        /// Few letters, so that they meet and cross in every way.
        #[test]
        fn distances_are_those_of_the_whole_table(one in "[abc]{0,9}", other in "[abc]{0,9}", limit in 0_usize..5) {
            let plain = plain_distance(one.as_bytes(), other.as_bytes());
            prop_assert_eq!(distance(&one, &other, limit), Some(plain).filter(|plain| *plain <= limit));
        }

        #[test]
        fn slips_in_long_texts_are_counted(text in "[ab]{55,63}", place in 0_usize..50, letters in "[abc]{0,3}") {
            let slipped = format!("{}{letters}{}", &text[..place], &text[place + 2..]);
            let slipped = &slipped[..slipped.len().min(MEASURED_MAX)];
            let plain = plain_distance(text.as_bytes(), slipped.as_bytes());
            prop_assert_eq!(distance(&text, slipped, 2), Some(plain).filter(|plain| *plain <= 2));
        }
    }

    #[test]
    fn one_sound_has_several_spellings() {
        for (one, other) in
            [("schmidt", "schmitt"), ("philippe", "filipe"), ("meyer", "maier"), ("lefevre", "lefebvre")]
        {
            let alike = sound(one) == sound(other);
            assert_eq!(alike, (one, other) != ("lefevre", "lefebvre"), "{} {}", sound(one), sound(other));
        }
        assert_eq!(sound(""), "");
    }
}
