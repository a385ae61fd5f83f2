use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::{NewFile, Publisher, PublisherSettings};

fn publisher(directory: &Path, trigger: bool) -> Publisher {
    let trigger = trigger.then(|| ".ok".to_owned());
    Publisher::open(PublisherSettings { folder: "out".into(), trigger, markers_kept_days: 1 }, directory).unwrap()
}

fn file(id: &str) -> NewFile {
    NewFile {
        id: id.to_owned(),
        name: format!("{id}.csv"),
        content: b"content".to_vec(),
        members: vec!["m-1".to_owned()],
    }
}

/// What a consumer finds and takes away at once: complete files only.
fn consume(directory: &Path) -> Vec<String> {
    let mut taken = Vec::new();
    for entry in fs::read_dir(directory.join("out")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let content = fs::read_to_string(&path).unwrap();
            assert!(
                path.extension().is_some_and(|suffix| suffix == "ok") || content == "content",
                "{path:?}: {content}"
            );
            taken.push(path.file_name().unwrap().to_str().unwrap().to_owned());
            fs::remove_file(path).unwrap();
        }
    }
    taken.sort();
    taken
}

#[test]
fn a_file_appears_exactly_once_whichever_step_a_crash_follows() {
    for trigger in [false, true] {
        let mut survived = false;
        for steps in 0..100 {
            let directory = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
            let fuse = Arc::new(AtomicUsize::new(steps));
            let dying = publisher(directory.path(), trigger).with_fuse(Arc::clone(&fuse));
            let first = dying.publish(&file("b"), &AtomicBool::new(false));
            let mut taken = consume(directory.path());
            let publisher = publisher(directory.path(), trigger);
            let known = publisher.members("b").unwrap();
            taken.extend(consume(directory.path()));
            assert!(first.is_err() || known.is_some(), "after {steps} steps it was published, and is not known");
            if first.as_ref().is_err_and(|error| error.certain) {
                assert_eq!(known, None, "after {steps} steps it was certain that nothing appears");
            }
            // The hub sends again under another name what was not applied, and may repeat what was.
            let again = if known.is_some() { "b" } else { "c" };
            publisher.publish(&file(again), &AtomicBool::new(false)).unwrap();
            publisher.publish(&file(again), &AtomicBool::new(false)).unwrap();
            taken.extend(consume(directory.path()));
            let name = format!("{again}.csv");
            let expected = if trigger { vec![name.clone(), format!("{name}.ok")] } else { vec![name] };
            taken.sort();
            assert_eq!(taken, expected, "after {steps} steps");
            assert!(publisher.members(again).unwrap().is_some_and(|members| members.contains("m-1")));
            survived = fuse.load(Ordering::SeqCst) > 0;
            if survived {
                break;
            }
        }
        assert!(survived, "the protocol takes more steps than were tried");
    }
}

#[test]
fn an_abandoned_call_publishes_nothing_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let publisher = publisher(directory.path(), false);
    let result = publisher.publish(&file("b"), &AtomicBool::new(true));
    assert!(result.is_err_and(|error| error.certain));
    assert_eq!(publisher.members("b").unwrap(), None);
    assert_eq!(consume(directory.path()), Vec::<String>::new());
}

/// A worker that was suspended before it published, and wakes up after another one asked.
#[test]
fn what_a_look_up_did_not_find_is_never_published_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let (suspended, other) = (publisher(directory.path(), true), publisher(directory.path(), true));
    assert_eq!(other.members("b").unwrap(), None);
    let result = suspended.publish(&file("b"), &AtomicBool::new(false));
    assert!(result.is_err_and(|error| error.certain));
    assert_eq!((other.members("b").unwrap(), consume(directory.path())), (None, Vec::new()));
    other.publish(&file("c"), &AtomicBool::new(false)).unwrap();
    assert_eq!(consume(directory.path()), ["c.csv", "c.csv.ok"]);
}

#[test]
fn what_was_sent_is_forgotten_in_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let publisher = publisher(directory.path(), false);
    publisher.publish(&file("b"), &AtomicBool::new(false)).unwrap();
    publisher.forget(Duration::from_secs(1_000)).unwrap();
    assert!(publisher.members("b").unwrap().is_some());
    publisher.forget(Duration::ZERO).unwrap();
    assert_eq!(publisher.members("b").unwrap(), None);
}
