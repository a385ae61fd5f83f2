use std::fs;
use std::path::Path;

use super::put_away;
use crate::checkpoint::{Finished, Stamp};

fn finished(folder: &Path, name: &str) -> Finished {
    let stamp = Stamp::of(name, &fs::metadata(folder.join(name)).unwrap());
    Finished { stamp, fingerprint: "0123456789abcdef".to_owned(), refused: false, companion: None }
}

#[test]
fn a_file_is_moved_once_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (path, into) = (folder.path(), folder.path().join("archive"));
    for content in ["one", "two"] {
        fs::write(path.join("a.csv"), content).unwrap();
        let finished = finished(path, "a.csv");
        put_away(path, &into, &finished).unwrap();
        put_away(path, &into, &finished).unwrap();
        assert!(!path.join("a.csv").exists());
    }
    assert_eq!(fs::read_to_string(into.join("a.csv.01234567")).unwrap(), "one");
    assert_eq!(fs::read_to_string(into.join("a.csv.01234567-2")).unwrap(), "two");
}

#[test]
fn another_file_of_the_same_name_stays() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "one").unwrap();
    let finished = finished(folder.path(), "a.csv");
    fs::write(folder.path().join("a.csv"), "other").unwrap();
    put_away(folder.path(), &folder.path().join("archive"), &finished).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("a.csv")).unwrap(), "other");
}

#[test]
fn a_file_can_be_moved_to_another_file_system() {
    let (folder, Ok(other)) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm")) else {
        return println!("SKIPPED: there is no second file system here");
    };
    fs::write(folder.path().join("a.csv"), "one").unwrap();
    let finished = finished(folder.path(), "a.csv");
    put_away(folder.path(), other.path(), &finished).unwrap();
    assert_eq!(fs::read_to_string(other.path().join("a.csv.01234567")).unwrap(), "one");
    assert!(!folder.path().join("a.csv").exists());
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);
}
