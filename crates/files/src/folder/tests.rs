use std::fs;
use std::time::Duration;

use super::{Order, Watch, matches};

fn check(pattern: &str, name: &str, expected: bool) {
    assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} and {name}");
}

#[test]
fn patterns() {
    check("*.csv", "a.csv", true);
    check("*.csv", "a.CSV", true);
    check("*.csv", ".csv", true);
    check("*.csv", "a.csv.gz", false);
    check("a*b*c", "a1b2b3c", true);
    check("a*b*c", "a1b2b3cd", false);
    check("?.csv", "ab.csv", false);
    check("*", "", true);
    check("", "", true);
    check("", "a", false);
    check("**x", "x", true);
    check("customers-*.csv", "customers-2026-11-21.csv", true);
}

fn watch(folder: &std::path::Path, settle: Duration) -> Watch {
    Watch::new(folder.to_owned(), vec!["*.csv".to_owned()], Order::Name, None, settle)
}

#[test]
fn a_file_whose_clock_runs_ahead_settles_by_standing_still() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    fs::write(&path, "a").unwrap();
    let ahead = std::time::SystemTime::now() + Duration::from_secs(3600);
    fs::File::options().write(true).open(&path).unwrap().set_modified(ahead).unwrap();
    let mut watch = watch(folder.path(), Duration::from_millis(20));
    assert_eq!(watch.next(|_| false).unwrap(), None, "it was seen for the first time");
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while watch.next(|_| false).unwrap().is_none() {
        assert!(std::time::Instant::now() < deadline, "it never settles");
        std::thread::yield_now();
    }
}

#[test]
fn a_listing_is_used_until_it_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.csv", "c.csv"] {
        fs::write(folder.path().join(name), name).unwrap();
    }
    let mut watch = watch(folder.path(), Duration::ZERO);
    let first = watch.next(|_| false).unwrap().unwrap().stamp;
    assert_eq!(first.name, "a.csv");
    fs::write(folder.path().join("b.csv"), "b").unwrap();
    let mut done = vec![first];
    let mut order = Vec::new();
    while let Some(next) = watch.next(|stamp| done.contains(stamp)).unwrap() {
        order.push(next.stamp.name.clone());
        done.push(next.stamp);
    }
    assert_eq!(order, ["c.csv", "b.csv"]);
    // What changed since it was read is there again.
    fs::write(folder.path().join("a.csv"), "changed").unwrap();
    assert_eq!(watch.next(|stamp| done.contains(stamp)).unwrap().unwrap().stamp.name, "a.csv");
}
