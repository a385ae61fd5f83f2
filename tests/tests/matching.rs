//! Matching through the real binary, held against who is who.

#![allow(clippy::unwrap_used, clippy::float_arithmetic, reason = "a test that cannot go on fails; shares are compared")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use passerelle_tests::matching::{Options, run};
use passerelle_tests::workspace;
use serde_json::Value;

/// The figures of each kind, and about the run last.
fn figures(stream: &Path, truth: &Path, more: &[&str]) -> Vec<Value> {
    let arguments = [stream, truth].map(|path| path.to_string_lossy().into_owned());
    let options = Options::read(arguments.into_iter().chain(more.iter().map(|more| (*more).to_owned()))).unwrap();
    let mut lines = Vec::new();
    run(&options, |line| lines.push(serde_json::from_str(&line).unwrap())).unwrap();
    lines
}

#[track_caller]
fn at_least(lines: &[Value], kind: &str, goals: &[(&str, f64)]) {
    let line = lines.iter().find(|line| line["kind"] == kind).unwrap();
    for (name, goal) in goals {
        assert!(line[name].as_f64().unwrap() >= *goal, "{name} of {kind}: {line}");
    }
}

/// A stream of our own: companies with subsidiaries and people with families, each shown by several systems.
fn made(folder: &Path) -> [std::path::PathBuf; 2] {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut word = |capital: bool| {
        let mut word = String::new();
        for _ in 0..3 {
            for letters in [&b"bcdfglmnprstv"[..], b"aeiou"] {
                word.push(char::from(letters[rng.usize(..letters.len())]));
            }
        }
        if capital {
            word[..1].make_ascii_uppercase();
        }
        word
    };
    let mut events = Vec::new();
    let mut truth = String::from("source,source_id,entity,kind\n");
    for group in 0..300_u32 {
        let (name, street, town) = (word(true), word(true), word(true));
        let phone = format!("02{:08}", u64::from(group) * 7_919_993 % 100_000_000);
        let is_family = group % 2 == 0;
        for member in 0..2 {
            let given = if is_family { word(true) } else { String::new() };
            let mail =
                if is_family { format!("{given}.{name}@orange.fr") } else { format!("contact@{name}{member}.fr") };
            let shown =
                if is_family { format!("{given} {name}") } else { format!("{name} Garage{}", ["", " Nord"][member]) };
            for source in ["crm", "erp", "shop"] {
                let id = format!("{source}{group}x{member}");
                let kind = if is_family { "person" } else { "company" };
                let shown = if source == "erp" { shown.to_uppercase() } else { shown.clone() };
                let family = if is_family { name.as_str() } else { "" };
                let mail = if source == "erp" { "" } else { mail.as_str() };
                events.push(format!(
                    "{source},{id},{kind},{shown},{given},{family},,,,,{mail},{phone},{} rue {street},{:05},{town},FR",
                    group + 1,
                    10_000 + group
                ));
                let _ = writeln!(truth, "{source},{id},E{group}x{member},{kind}");
            }
        }
    }
    fastrand::Rng::with_seed(5).shuffle(&mut events);
    let header = "source,source_id,kind,name,given_name,family_name,birth_date,siren,vat,iban,email,phone,street,postcode,city,country";
    let paths = [folder.join("stream.csv"), folder.join("truth.csv")];
    fs::write(&paths[0], format!("{header}\n{}\n", events.join("\n"))).unwrap();
    fs::write(&paths[1], truth).unwrap();
    paths
}

#[test]
fn groups_and_families_are_told_apart_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let [stream, truth] = made(folder.path());
    let lines = figures(&stream, &truth, &["--first", "900", "--shuffle", "3"]);
    at_least(&lines, "all", &[("precision", 0.99), ("recall", 0.99)]);
    let about = lines.last().unwrap();
    assert_eq!(about["identical"], true, "{about}");
    assert_eq!(about["records"], 1_800);
}

#[test]
fn the_stream_of_six_systems_is_told_apart() {
    let data = workspace().join("../shared/data");
    let [stream, truth] = ["customers_stream.csv", "customers_truth.csv"].map(|name| data.join(name));
    if !stream.is_file() {
        eprintln!("NOT RUN: {} is missing", stream.display());
        return;
    }
    let lines = figures(&stream, &truth, &[]);
    at_least(&lines, "all", &[("f1", 0.995), ("b3", 0.997), ("precision", 0.996)]);
}
