//! The same hub on other engines: the demo ends as it does on one machine, and two workers share one store.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;

use passerelle_tests::process::binary;
use passerelle_tests::servers::{PostgreSql, RabbitMq};

/// The demo on these engines, played twice: its end and its accounting are held against the committed ones, and the second
/// time nothing changes.
#[track_caller]
fn check(engines: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let play = || {
        let mut demo = Command::new(binary());
        demo.args(["demo", "--once", "--dir"]).arg(folder.path().join("demo"));
        for (flag, url) in engines {
            demo.args([flag, url]);
        }
        let played = demo.output().unwrap();
        let told = String::from_utf8_lossy(&played.stdout).into_owned();
        assert!(played.status.success(), "{engines:?}: {told}\n{}", String::from_utf8_lossy(&played.stderr));
        told
    };
    let first = play();
    assert!(first.contains("✓ the accounting is what was expected"), "{first}");
    let second = play();
    assert!(
        second.contains("✓ this was run before: all unchanged or duplicate, no new version, no delivery"),
        "{second}"
    );
    let embedded = folder.path().join("demo/data/store.db");
    assert!(!embedded.exists(), "the embedded store was made although another one was named");
}

// One after the other: a demo has its own ideas of how long things take.
#[test]
fn the_demo_ends_the_same_on_postgresql_and_on_rabbitmq() {
    let Some(server) = PostgreSql::start_new() else { return };
    check(&[("--store", &server.create_database("demo"))]);
    let Some(broker) = RabbitMq::one() else { return };
    check(&[("--store", &server.create_database("both")), ("--bus", &broker.url(0))]);
}
