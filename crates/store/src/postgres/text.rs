//! Text that a TEXT column cannot hold.
//!
//! A system's key, a file's name or a name in a document may contain the character U+0000, which PostgreSQL refuses.
//! It is kept as U+FDD0 (which is no character, so text does not have it) and `0`; U+FDD0 itself as U+FDD0 and `1`.
//! JSON needs none of it: there U+0000 is an escape already.

use std::borrow::Cow;

const ESCAPE: char = '\u{fdd0}';

/// The text as a column holds it.
pub(super) fn kept(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => kept.extend([ESCAPE, '0']),
            ESCAPE => kept.extend([ESCAPE, '1']),
            other => kept.push(other),
        }
    }
    Cow::Owned(kept)
}

/// The text that a column holds.
pub(super) fn told(kept: String) -> String {
    if !kept.contains(ESCAPE) {
        return kept;
    }
    let mut told = String::with_capacity(kept.len());
    let mut characters = kept.chars();
    while let Some(character) = characters.next() {
        told.extend(match character {
            ESCAPE => characters.next().map(|escaped| if escaped == '0' { '\0' } else { ESCAPE }),
            other => Some(other),
        });
    }
    told
}

/// As [`told`], without a copy of what needs none.
pub(super) fn told_of(kept: &str) -> Cow<'_, str> {
    if kept.contains(ESCAPE) { Cow::Owned(told(kept.to_owned())) } else { Cow::Borrowed(kept) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_told() {
        for text in ["", "C1", "é\u{fdd0}", "\0", "a\0b\u{fdd0}0\0", "\u{fdd0}1"] {
            let column = kept(text).into_owned();
            assert!(!column.contains('\0'));
            assert_eq!(told_of(&column), text);
            assert_eq!(told(column), text);
        }
        assert!(matches!(kept("plain"), Cow::Borrowed(_)));
    }
}
