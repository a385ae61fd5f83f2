use std::io::{Cursor, Read};

use proptest::prelude::*;

use super::{Text, encode, encoding};
use crate::Problem;

fn detect(head: &[u8], declared: Option<&str>) -> Result<(&'static str, usize), &'static str> {
    match Text::detect(head, declared.map(|name| encoding(name).unwrap())) {
        Ok(text) => Ok((text.encoding.name(), text.mark)),
        Err(Problem::Refused { code, .. }) => Err(code),
        Err(Problem::Io(error)) => panic!("{error}"),
    }
}

#[test]
fn encodings_are_told_apart() {
    assert_eq!(detect(b"abc", None), Ok(("UTF-8", 0)));
    assert_eq!(detect(b"\xef\xbb\xbfabc", Some("windows-1252")), Ok(("UTF-8", 3)));
    assert_eq!(detect(b"\xff\xfea\0", None), Ok(("UTF-16LE", 2)));
    assert_eq!(detect(b"abc", Some("latin1")), Ok(("windows-1252", 0)));
    assert_eq!(detect(b"a\0b\0", None), Err("file.binary"));
    assert_eq!(detect(b"a\0b\0", Some("utf-16le")), Ok(("UTF-16LE", 0)));
    assert_eq!(detect(b"abcdefghijklmnop", Some("utf-16le")), Err("file.encoding"));
    assert_eq!(detect(b"%PDF-1.7", None), Err("file.binary"));
    assert_eq!(detect(b"\xd0\xcf\x11\xe0", None), Err("file.binary"));
}

#[test]
fn decoding_says_where_it_fails() {
    let text = |name: &str| Text { encoding: encoding(name).unwrap(), mark: 0 };
    assert_eq!(text("utf-8").decode(b"ab\xe9c"), Err(2));
    assert_eq!(text("windows-1252").decode(b"ab\xe9c").as_deref(), Ok("abéc"));
    assert_eq!(text("windows-1253").decode(b"ab\xaac"), Err(2));
}

#[test]
fn what_an_encoding_cannot_express_is_named() {
    assert_eq!(encode(encoding("windows-1252").unwrap(), "aŁb"), Err('Ł'));
    assert_eq!(encode(encoding("windows-1252").unwrap(), "é€").as_deref(), Ok(b"\xe9\x80".as_slice()));
    assert_eq!(encode(encoding("utf-16le").unwrap(), "é").as_deref(), Ok(b"\xe9\0".as_slice()));
}

proptest! {
    /// Text survives encoding and reading, however long it is and however it is cut into pieces.
    #[test]
    fn transcoding_gives_the_text_back(piece in "[aé€𝄞\n]{1,20}", copies in 1_usize..6_000, utf16 in any::<bool>()) {
        let text = piece.repeat(copies);
        let encoding = encoding(if utf16 { "utf-16be" } else { "gb18030" }).unwrap();
        let bytes = encode(encoding, &text).unwrap().into_owned();
        let mut read = String::new();
        Text { encoding, mark: 0 }.transcode(Box::new(Cursor::new(bytes))).read_to_string(&mut read).unwrap();
        prop_assert_eq!(read, text);
    }
}
