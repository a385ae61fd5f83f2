use std::fs;
use std::io::{Read, Write};

use super::{Compression, FileTaken};
use crate::checkpoint::Stamp;
use crate::{Problem, Text};

const CONTENT: &str = "0123456789é\n";

fn take(name: &str, content: &[u8]) -> (tempfile::TempDir, FileTaken) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    let stamp = Stamp::of(name, &fs::metadata(&path).unwrap());
    let file = FileTaken::take(&path, &stamp, 1_000).unwrap().unwrap();
    (folder, file)
}

fn gzip() -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(CONTENT.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

fn zip(names: &[&str], method: zip::CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for name in names {
        archive.start_file(*name, options).unwrap();
        archive.write_all(CONTENT.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn content_is_read_from_any_offset_however_it_is_compressed() {
    let deflated = zip(&["__MACOSX/x", "a.csv"], zip::CompressionMethod::Deflated);
    let stored = zip(&["a.csv"], zip::CompressionMethod::Stored);
    for (name, content) in [("a.csv", CONTENT.as_bytes()), ("a.gz", &gzip()), ("a.ZIP", &deflated), ("b.zip", &stored)]
    {
        let (_folder, file) = take(name, content);
        file.inspect().unwrap();
        for offset in [0, 5, CONTENT.len()] {
            let mut read = String::new();
            file.open(offset as u64).unwrap().read_to_string(&mut read).unwrap();
            assert_eq!(read, CONTENT[offset..], "{name} from {offset}");
        }
        assert_eq!(file.head().unwrap(), CONTENT.as_bytes(), "{name}");
    }
}

#[test]
fn offsets_count_in_the_bytes_that_are_read() {
    let wide: Vec<u8> = format!("\u{feff}{CONTENT}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (_folder, file) = take("a.csv", &wide);
    let text = Text::detect(&file.head().unwrap(), None).unwrap();
    let mut read = String::new();
    file.open_text(&text, 3).unwrap().read_to_string(&mut read).unwrap();
    assert_eq!(read, CONTENT[3..]);
}

fn check_refused(name: &str, content: &[u8], expected: &str) {
    let (_folder, file) = take(name, content);
    match file.inspect() {
        Err(Problem::Refused { code, .. }) => assert_eq!(code, expected, "{name}"),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn damaged_files_are_refused() {
    let (gzip, two) = (gzip(), zip(&["a", "b"], zip::CompressionMethod::Stored));
    check_refused("a.csv", b"", "file.empty");
    check_refused("a.gz", b"", "file.empty");
    check_refused("a.gz", &gzip[..gzip.len() - 3], "file.damaged");
    check_refused("a.zip", &two[..40], "file.damaged");
    check_refused("a.zip", &two, "file.archive");
    let mut flipped = zip(&["a"], zip::CompressionMethod::Stored);
    let at = flipped.windows(5).position(|window| window == b"01234").unwrap();
    flipped[at] = b'x';
    check_refused("a.zip", &flipped, "file.damaged");
    check_refused("a.csv", &[b'x'; 1_001], "file.too-large");
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&[b'x'; 1_000_000]).unwrap();
    check_refused("a.gz", &bomb.finish().unwrap(), "file.too-large");
}

#[test]
fn a_fingerprint_is_of_the_file_as_it_is_found() {
    let (_first, plain) = take("a.csv", CONTENT.as_bytes());
    let (_second, same) = take("b.csv", CONTENT.as_bytes());
    let (_third, packed) = take("a.csv.gz", &gzip());
    assert_eq!(plain.fingerprint, same.fingerprint);
    assert_ne!(plain.fingerprint, packed.fingerprint);
    assert_eq!(Compression::of("gz"), Compression::None);
}

#[test]
fn what_was_hashed_is_what_is_read() {
    let (folder, file) = take("a.csv", CONTENT.as_bytes());
    // Another file takes the name: the one at hand is read on.
    fs::write(folder.path().join("new"), "other").unwrap();
    fs::rename(folder.path().join("new"), folder.path().join("a.csv")).unwrap();
    assert_eq!(file.head().unwrap(), CONTENT.as_bytes());
    assert!(!file.was_changed());
}

#[test]
fn a_file_in_memory_is_read_like_one_of_a_folder() {
    let (_folder, folder_file) = take("a.csv", CONTENT.as_bytes());
    for (name, bytes) in [
        ("a.csv", CONTENT.as_bytes().to_vec()),
        ("a.gz", gzip()),
        ("a.zip", zip(&["a"], zip::CompressionMethod::Deflated)),
    ] {
        let file = FileTaken::in_memory(name, bytes, 1_000);
        file.inspect().unwrap_or_else(|problem| panic!("{name}: {problem:?}"));
        assert!(!file.was_changed());
        for offset in [0, 5, CONTENT.len() as u64] {
            let read = |file: &FileTaken| {
                let mut text = String::new();
                file.open(offset).unwrap().read_to_string(&mut text).unwrap();
                text
            };
            assert_eq!(read(&file), read(&folder_file), "{name} from {offset}");
        }
    }
    let text = b"whole";
    assert_eq!(FileTaken::in_memory("a.csv", text.to_vec(), 1_000).head().unwrap(), text);
}
