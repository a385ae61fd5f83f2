//! What comes out of which bytes.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{check, check_groups, read_all};
use crate::dialect::Dialect;
use crate::splitter::{Kind, Splitter};

#[tokio::test]
async fn rows_and_quotes() {
    check("a,b\n1,2\n3,4", json!({}), &["1|2", "3|4"]).await;
    check("a;b\r\n1;2\r\n\r\n;;\r\n3;\"4\"\r\n", json!({ "delimiter": ";" }), &["1|2", "3|4"]).await;
}

#[tokio::test]
async fn blank_lines_and_comments_are_no_rows() {
    check("a;b\n\n;\n \n1;2\n#x;y\n", json!({ "delimiter": ";", "comment": "#" }), &["1|2"]).await;
    check("# made by\n\na,b\n1,2\n", json!({ "comment": "#" }), &["1|2"]).await;
}

#[tokio::test]
async fn quotes_are_undone() {
    check(
        "a,b\n\"x,y\",\"say \"\"hi\"\"\"\n\"two\nlines\",5\"\n\"\",z\n",
        json!({}),
        &["x,y|say \"hi\"", "two\nlines|5\"", "|z"],
    )
    .await;
    check("a,b\n\"x,1\n", json!({ "quote": "" }), &["\"x|1"]).await;
    check("a,b\n'x,1',2\n", json!({ "quote": "'" }), &["x,1|2"]).await;
    check("a,b\n1,\"2\"", json!({}), &["1|2"]).await;
    check("a,b\n1,\"2\"\r", json!({}), &["1|2"]).await;
}

#[tokio::test]
async fn a_broken_quote_costs_its_own_line_only() {
    // The quote is never closed, is closed by the next value's quote, or is followed by text.
    check("a,b\n1,\"x\n2,y\n3,z\n", json!({}), &["2 csv.unbalanced-quote", "2|y", "3|z"]).await;
    check("a,b\n1,\"x\n2,\"y\"\n3,z\n", json!({}), &["2 csv.unbalanced-quote", "2|y", "3|z"]).await;
    check("a,b\n1,\"x\"y\n2,z\n", json!({}), &["2 csv.unbalanced-quote", "2|z"]).await;
    // The next line's quotes happen to close it: the row has too many values and gives itself away.
    check("a,b\n1,\"x\n2,\",\",y\n3,z\n", json!({}), &["2 csv.unbalanced-quote", "3 csv.ragged-row", "3|z"]).await;
    check("a,b\n1,\"x\n2,y\n", json!({ "record_bytes_max": 4 }), &["2 csv.unbalanced-quote", "2|y"]).await;
}

#[tokio::test]
async fn ragged_rows() {
    check("a,b\n1\n1,2,3\n1,2\n", json!({}), &["2 csv.ragged-row", "3 csv.ragged-row", "1|2"]).await;
    check("a,b\n1\n1,2, \n1,2,3\n", json!({ "ragged": "pad" }), &["1|", "1|2", "4 csv.ragged-row"]).await;
}

#[tokio::test]
async fn lines_that_are_too_long() {
    let long = format!("a,b\n1,2\n3,{}\n5,6\n", "x".repeat(300_000));
    check(&long, json!({ "record_bytes_max": 100 }), &["1|2", "3 csv.record-too-long", "5|6"]).await;
    let short = format!("a,b\n3,{}\n5,6", "x".repeat(200));
    check(&short, json!({ "record_bytes_max": 100 }), &["2 csv.record-too-long", "5|6"]).await;
    let header = "x".repeat(300_000);
    check(&header, json!({ "record_bytes_max": 100 }), &["file csv.header-unreadable"]).await;
}

#[test]
fn a_line_of_100_mb_needs_no_memory() {
    use std::io::Read;
    let line = b"1,2\n".as_slice().chain(std::io::repeat(b'x').take(100_000_000)).chain(b"\n3,4\n".as_slice());
    let mut splitter = Splitter::new(line, Dialect::new(',', "\"").unwrap(), 1 << 20, 0, 1);
    let mut found = Vec::new();
    while let Some(next) = splitter.next().unwrap() {
        found.push((next.kind, next.line, next.offset, splitter.bytes(&next).len()));
    }
    let expected = [(Kind::Whole, 1, 0, 3), (Kind::TooLong, 2, 4, 1 << 20), (Kind::Whole, 3, 100_000_005, 3)];
    assert_eq!(found, expected);
    assert!(splitter.capacity() < 4 << 20, "{} bytes of buffer", splitter.capacity());
}

#[tokio::test]
async fn encodings() {
    check("\u{feff}a,b\né,2\n", json!({}), &["é|2"]).await;
    check(b"a,b\ncaf\xe9,\x80\n", json!({ "encoding": "windows-1252" }), &["café|€"]).await;
    check(b"a,b\ncaf\xe9,\xa4\n", json!({ "encoding": "iso-8859-15" }), &["café|€"]).await;
    check(b"a,b\ncaf\xe9,1\nx,2\n", json!({}), &["2 csv.encoding", "x|2"]).await;
    check(b"caf\xe9,b\n1,2\n", json!({}), &["file file.encoding"]).await;
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    check(wide("\u{feff}a,b\né,\"2\n3\"\n"), json!({}), &["é|2\n3"]).await;
    check(wide("a,b\né,2\n"), json!({ "encoding": "utf-16le" }), &["é|2"]).await;
    check(wide("a,b\né,2\n"), json!({}), &["file file.binary"]).await;
    check("just ascii, and enough of it\n1,2\n", json!({ "encoding": "utf-16le" }), &["file file.encoding"]).await;
    check(b"a,b\n\x81\x30,1\n\xff,2\n", json!({ "encoding": "gb18030" }), &["2 csv.encoding", "3 csv.encoding"]).await;
}

#[tokio::test]
async fn files_that_are_no_text() {
    check(b"", json!({}), &["file file.empty"]).await;
    check(b"PK\x03\x04xl", json!({}), &["file file.damaged"]).await;
    check(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", json!({}), &["file workbook.damaged"]).await;
    check(b"%PDF-1.7", json!({}), &["file file.binary"]).await;
    check(b"\x00\x01\x02", json!({}), &["file file.binary"]).await;
    check([b"a,b\n".as_slice(), &b"1,2\n".repeat(3_000), b"1,\x00\n1,2\n"].concat(), json!({}), &{
        let mut expected = vec!["1|2"; 3_000];
        expected.extend(["3002 csv.nul", "1|2"]);
        expected
    })
    .await;
}

#[tokio::test]
async fn headers() {
    let start = |names: &[&str]| json!({ "header": { "starts_with": names }, "delimiter": ";" });
    check("Export du 01/02\n;;\n\"x\"y\nCode;Nom\n1;2\n", start(&["Code"]), &["1|2"]).await;
    check("Code ; Nom\n1;2\n", start(&["Code", "Nom"]), &["1|2"]).await;
    check("Kode;Nom\n1;2\n", start(&["Code"]), &["file csv.header-missing"]).await;
    check("x\ny\na,b\n1,2\n", json!({ "header": { "line": 3 } }), &["1|2"]).await;
    check("x\n", json!({ "header": { "line": 3 } }), &["file csv.header-missing"]).await;
    check("\n\n", json!({}), &["file csv.header-missing"]).await;
    check("1,2\n3,4\n", json!({ "columns": ["a", "b"] }), &["1|2", "3|4"]).await;
    check("x,x\n3,4\n", json!({ "columns": ["a", "b"], "header": "first" }), &["3|4"]).await;
    check("x,x,x\n3,4,5\n", json!({ "columns": ["a", "b"], "header": "first" }), &["file csv.header-width"]).await;
    check("a,b,a\n1,2,3\n", json!({}), &["file csv.column-twice"]).await;
    check("a,,\n1,2,3\n", json!({}), &["1|2|3"]).await;
    check("a;b\n1;2\n", json!({}), &["file csv.delimiter"]).await;
    check("a,b\r1,2\r3,4\r", json!({}), &["file csv.line-ends"]).await;
    check("a,\"b\n1,2\n", json!({}), &["file csv.header-unreadable"]).await;
    check("a,b\n", json!({}), &[]).await;
}

#[tokio::test]
async fn footers_hold_the_file_against_itself() {
    let settings = || {
        json!({ "delimiter": ";", "footer": {
            "starts_with": "FIN", "count": 2, "sum": { "at": 3, "column": "b", "decimal": "," }
        } })
    };
    check("a;b\nx;1 000,50\ny;-0,5\nFIN;2;1000\n", settings(), &["x|1 000,50", "y|-0,5"]).await;
    check("a;b\nx;1\nFIN;1;1\n\n", settings(), &["x|1"]).await;
    check("a;b\nFIN;0;0\n", settings(), &[]).await;
    check("a;b\nx;1\ny;2\n", settings(), &["file csv.cut-off"]).await;
    check("a;b\nx;1\nFIN;2;1\n", settings(), &["file csv.control-total"]).await;
    let mut grouped = settings();
    grouped["footer"]["sum"]["group"] = json!(".");
    check("a;b\nx;1.000,50\ny;2\nFIN;2;1.002,50\n", grouped, &["x|1.000,50", "y|2"]).await;
    check("a;b\nx;1.000,50\nFIN;1;1.000,50\n", settings(), &["file csv.control-total"]).await;
    check("a;b\nx;1\nFIN;1;2\n", settings(), &["file csv.control-total"]).await;
    check("a;b\nx;one\nFIN;1;0\n", settings(), &["file csv.control-total"]).await;
    let large = "9".repeat(28);
    let content = format!("a;b\n{}FIN;10;1\n", format!("x;{large}\n").repeat(10));
    check(&content, settings(), &["file csv.control-total"]).await;
    check("a;b\nx;1\nFIN;one;1\n", settings(), &["file csv.footer"]).await;
    check("a;b\nx;1\nFIN;1;1\ny;2\n", settings(), &["file csv.footer"]).await;
    check("a;c\nx;1\nFIN;1;1\n", settings(), &["file csv.column-missing"]).await;
}

#[tokio::test]
async fn groups_of_rows() {
    check_groups("no,l\n1,a\n1,b\n,c\n2,a\n1,d\n", json!({}), &["1|a + 1|b + |c", "2|a", "1|d"]).await;
    check_groups("nr,l\n1,a\n", json!({}), &["file csv.column-missing"]).await;
    let small = json!({ "group_rows_max": 2 });
    check_groups("no,l\n1,a\n1,b\n1,c\n2,a\n", small, &["2 csv.group-too-large", "2|a"]).await;
    // A row whose key can be read spoils the group of that key; one whose key cannot spoils its neighbours.
    check_groups("no,l\n1,a\n1\n1,c\n2,a\n", json!({}), &["2 csv.group-broken", "3 csv.ragged-row", "2|a"]).await;
    check_groups("no,l\n1,a\n2\n2,c\n3,a\n", json!({}), &["1|a", "3 csv.group-broken", "3 csv.ragged-row", "3|a"])
        .await;
    // In the middle of a group it spoils that one alone.
    let inside = ["2 csv.group-broken", "3 csv.unbalanced-quote", "2|a", "1|d"];
    check_groups("no,l\n1,a\n\"x,b\n1,c\n2,a\n1,d\n", json!({}), &inside).await;
    let ahead = ["2 csv.group-broken", "3 csv.unbalanced-quote", "4 csv.group-broken", "4 csv.ragged-row", "1|d"];
    check_groups("no,l\n1,a\n\"x,b\n2\n2,c\n1,d\n", json!({}), &ahead).await;
    let both = ["2 csv.group-broken", "3 csv.unbalanced-quote", "4 csv.group-broken", "3|a"];
    check_groups("no,l\n1,a\n\"2,a\n2,b\n3,a\n", json!({}), &both).await;
    check_groups("no,l\n\"1,a\n1,b\n2,a\n", json!({}), &["2 csv.unbalanced-quote", "3 csv.group-broken", "2|a"]).await;
}

#[tokio::test]
async fn compressed_files() {
    use std::io::Write;
    let content = "a,b\n1,2\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(content.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let settings: Value = json!({});
    assert_eq!(read_all(&gzip, "a.csv.gz", settings.clone(), &[]).await, ["1|2"]);
    assert_eq!(read_all(&gzip[..gzip.len() - 5], "a.csv.gz", settings.clone(), &[]).await, ["file file.damaged"]);
    assert_eq!(read_all("no gzip", "a.csv.gz", settings.clone(), &[]).await, ["file file.damaged"]);
    assert_eq!(read_all("no zip", "a.csv.zip", settings.clone(), &[]).await, ["file file.damaged"]);
    assert_eq!(read_all(&gzip, "a.csv.gz", json!({ "file_bytes_max": 7 }), &[]).await, ["file file.too-large"]);
    assert_eq!(read_all(&gzip, "a.csv", settings, &[]).await, ["file file.binary"]);
}

/// Text in which the characters that matter are frequent.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let frequent = prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), Just(b'x'), Just(b'\\')];
    prop::collection::vec(frequent, 0..60)
}

fn split(bytes: &[u8], offset: u64, line: u64, bytes_max: usize) -> Vec<(Kind, u64, u64, Vec<u8>)> {
    let dialect = Dialect::new(',', "\"").unwrap();
    let mut splitter = Splitter::new(&bytes[offset as usize..], dialect, bytes_max, offset, line);
    let mut all = Vec::new();
    while let Some(found) = splitter.next().unwrap() {
        all.push((found.kind, found.offset, found.line, splitter.bytes(&found).to_vec()));
    }
    all
}

proptest! {
    /// Nothing is passed over but line ends, and reading from any record on gives the same records.
    #[test]
    fn no_byte_is_lost_and_any_record_can_be_returned_to(bytes in bytes(), bytes_max in 1_usize..40) {
        let all = split(&bytes, 0, 1, bytes_max);
        let mut end = 0;
        for (kind, offset, line, found) in &all {
            prop_assert_eq!(*offset, end);
            let lines_before = bytes[..*offset as usize].iter().filter(|byte| **byte == b'\n').count() as u64;
            prop_assert_eq!(*line, lines_before + 1);
            prop_assert!(bytes[*offset as usize..].starts_with(found));
            prop_assert!(found.len() <= bytes_max);
            let rest = &bytes[*offset as usize + found.len()..];
            end = offset + found.len() as u64 + match kind {
                Kind::TooLong => rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1) as u64,
                _ => {
                    let returns = rest.iter().take_while(|byte| **byte == b'\r').count();
                    (returns + usize::from(rest.get(returns) == Some(&b'\n'))) as u64
                }
            };
        }
        prop_assert_eq!(end, bytes.len() as u64);
        for (at, (_, offset, line, _)) in all.iter().enumerate() {
            prop_assert_eq!(&split(&bytes, *offset, *line, bytes_max), &all[at..]);
        }
    }
}
