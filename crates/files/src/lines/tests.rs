use super::*;

/// What is found in a text, read in pieces of every size: offset, number and content of each line; `…` behind one that
/// is too long.
fn check(text: &str, cut: LineCut, bytes_max: usize, expected: &[&str]) {
    for piece in 1..=text.len().max(1) {
        let mut lines = Lines::new(Pieces { rest: text.as_bytes(), piece }, cut, bytes_max, 0, 1);
        let mut found = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            let content = str::from_utf8(lines.bytes(&line)).unwrap();
            found.push(format!("{} {} {content}{}", line.offset, line.number, if line.whole { "" } else { "…" }));
        }
        assert_eq!(found, expected, "{text:?} in pieces of {piece}");
        let number = expected.len() as u64 + 1;
        assert_eq!(lines.position(), (text.len() as u64, number), "{text:?} in pieces of {piece}");
    }
}

struct Pieces<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.piece.min(buffer.len()).min(self.rest.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest = &self.rest[count..];
        Ok(count)
    }
}

#[test]
fn lines_end_at_line_feeds() {
    check("", LineCut::LineFeed, 10, &[]);
    check("one\r\ntwo\n\nfour", LineCut::LineFeed, 10, &["0 1 one", "5 2 two", "9 3 ", "10 4 four"]);
    check("one\n", LineCut::LineFeed, 3, &["0 1 one"]);
}

#[test]
fn of_a_line_that_is_too_long_the_beginning_is_given() {
    check("a\nbcdefgh\ni\n", LineCut::LineFeed, 3, &["0 1 a", "2 2 bcd…", "10 3 i"]);
    check("abcdefgh", LineCut::LineFeed, 3, &["0 1 abc…"]);
    let long = "x".repeat(5_000);
    let mut lines = Lines::new(format!("{long}\nend").into_bytes().leak() as &[u8], LineCut::LineFeed, 8, 0, 1);
    assert_eq!(lines.next_line().unwrap().map(|line| line.whole), Some(false));
    let end = lines.next_line().unwrap().unwrap();
    assert_eq!((lines.bytes(&end), end.offset, end.number), (b"end".as_slice(), 5_001, 2));
}

#[test]
fn lines_without_ends_have_a_width() {
    check("aabbc", LineCut::Bytes(2), 10, &["0 1 aa", "2 2 bb", "4 3 c"]);
    check("aa\r\nbb\n", LineCut::Bytes(2), 10, &["0 1 aa", "4 2 bb"]);
}
