//! A log without faults passes; one fault that is planted in it is told by the figure that is about it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use passerelle_tests::checker::{Company, Effect, Log, Size, Verdict, check};
use tempfile::TempDir;

/// A company that has shown everything.
fn company(size: Size) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut company = Company::new(7, size, folder.path().join("sources")).unwrap();
    while company.next_round().unwrap().is_some() {}
    folder
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What a subscriber gets from a hub that makes no mistake and skips no state: every row of every file, customers
/// merged from both systems, in the order of the rounds, and in each the customers first.
fn perfect(sources: &Path) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut customers: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut identities: BTreeMap<(usize, String), String> = BTreeMap::new();
    let systems = ["erp", "crm", "billing", "bank"];
    let streams = systems.map(|system| files(&sources.join(system)));
    for round in 0..streams[0].len() {
        for (system, stream) in streams.iter().enumerate() {
            let mut reader = csv::Reader::from_path(&stream[round]).unwrap();
            let headers = reader.headers().unwrap().clone();
            for row in reader.records().map(Result::unwrap) {
                let cell = |at: usize| row[at].to_owned();
                let mut fields: BTreeMap<_, _> =
                    headers.iter().map(str::to_owned).zip((0..row.len()).map(cell)).collect();
                let entity = ["customer", "customer", "invoice", "payment"][system];
                let key = if entity == "customer" {
                    let siren = fields["siren"].clone();
                    identities.insert((system, fields.remove("key").unwrap()), siren.clone());
                    let customer = customers.entry(siren.clone()).or_default();
                    customer.extend(fields);
                    fields = customer.clone();
                    siren
                } else {
                    let of_system = if entity == "invoice" { 0 } else { 1 };
                    let siren = identities[&(of_system, fields["client"].clone())].clone();
                    fields.insert("client".to_owned(), format!("own {siren}"));
                    cell(0)
                };
                effects.push(Effect { entity: entity.to_owned(), key: format!("own {key}"), removed: false, fields });
            }
        }
    }
    effects
}

fn judge(folder: &Path, logs: &[&[Effect]]) -> Verdict {
    let paths: Vec<_> = (0..logs.len()).map(|number| folder.join(format!("{number}.jsonl"))).collect();
    for (path, effects) in paths.iter().zip(logs) {
        let _ = std::fs::remove_file(path);
        Log::open(path).unwrap().append(*effects).unwrap();
    }
    let logs: Vec<_> = paths.iter().map(|path| ("subscriber", path.as_path())).collect();
    check(&folder.join("sources"), &logs).unwrap()
}

#[test]
fn a_seed_gives_the_same_files() {
    let texts = |seed: u64| {
        let folder = tempfile::tempdir().unwrap();
        let mut company = Company::new(seed, Size::of(50), folder.path().to_owned()).unwrap();
        let mut texts = Vec::new();
        while let Some(round) = company.next_round().unwrap() {
            texts.extend(round.iter().map(|file| (file.system, std::fs::read_to_string(&file.kept).unwrap())));
        }
        texts
    };
    assert_eq!(texts(3), texts(3));
    assert_ne!(texts(3), texts(4));
}

/// The positions of the effects of one record, the first record that has so many.
fn positions(effects: &[Effect], entity: &str, count: usize) -> Vec<usize> {
    let mut by_key: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, effect) in effects.iter().enumerate().filter(|(_, effect)| effect.entity == entity) {
        by_key.entry(&effect.key).or_default().push(at);
    }
    by_key.into_values().find(|positions| positions.len() == count).expect("such a record")
}

/// The figures of a log with one change, beside a subscriber whose log is right: (lost, duplicated, reordered, differing).
#[track_caller]
fn check_planted(what: &str, expected: (u64, u64, u64, u64), plant: impl FnOnce(&mut Vec<Effect>)) {
    let folder = company(Size::of(300));
    let right = perfect(&folder.path().join("sources"));
    let mut wrong = right.clone();
    plant(&mut wrong);
    let verdict = judge(folder.path(), &[&right, &wrong]);
    let Verdict { lost, duplicated, reordered, differing_subscribers, .. } = verdict;
    assert_eq!((lost, duplicated, reordered, differing_subscribers), expected, "{what}: {verdict:?}");
    assert_eq!(verdict.is_clean(), expected == (0, 0, 0, 0), "{what}: {verdict:?}");
    assert_eq!(verdict.findings.is_empty(), verdict.is_clean(), "{what}: {verdict:?}");
}

#[test]
fn what_is_right_passes() {
    check_planted("every state once", (0, 0, 0, 0), |_| {});
    check_planted("a state that a newer one overtook", (0, 0, 0, 0), |log| {
        let at = positions(log, "invoice", 3)[1];
        log.remove(at);
    });
    check_planted("one record later than all others", (0, 0, 0, 0), |log| {
        let at = positions(log, "payment", 1)[0];
        let effect = log.remove(at);
        log.push(effect);
    });
    let folder = company(Size::of(300));
    let rows: u64 = ["erp", "crm", "billing", "bank"]
        .iter()
        .flat_map(|system| files(&folder.path().join("sources").join(system)))
        .map(|path| std::fs::read_to_string(path).unwrap().lines().count() as u64 - 1)
        .sum();
    let right = perfect(&folder.path().join("sources"));
    assert_eq!(judge(folder.path(), &[&right]), Verdict { read: rows, ..Verdict::default() });
    assert_eq!(rows, 300 + 300 + 300 + 150 + 300);
}

#[test]
fn a_planted_loss_is_found() {
    check_planted("a record that never came", (1, 0, 0, 1), |log| {
        let at = positions(log, "invoice", 1)[0];
        log.remove(at);
    });
    check_planted("a last state that never came", (1, 0, 0, 1), |log| {
        let at = positions(log, "invoice", 2)[1];
        log.remove(at);
    });
    check_planted("a record that was taken away", (1, 0, 0, 1), |log| {
        let at = positions(log, "payment", 1)[0];
        log.push(Effect { removed: true, ..log[at].clone() });
    });
    let folder = company(Size::of(300));
    let lost = judge(folder.path(), &[&[]]).lost;
    assert_eq!(lost, 300 + 300 + 150, "of a subscriber that got nothing");
}

#[test]
fn a_planted_double_is_found() {
    check_planted("an effect twice", (0, 1, 0, 0), |log| {
        let at = positions(log, "payment", 1)[0];
        log.insert(at + 1, log[at].clone());
    });
    check_planted("an effect again, much later", (0, 1, 0, 0), |log| {
        let at = positions(log, "invoice", 1)[0];
        log.push(log[at].clone());
    });
    check_planted("a second record of one thing", (0, 1, 0, 0), |log| {
        let at = positions(log, "payment", 1)[0];
        log.push(Effect { key: "another".to_owned(), ..log[at].clone() });
    });
}

#[test]
fn a_planted_reorder_is_found() {
    check_planted("an older state after a newer one", (0, 0, 1, 1), |log| {
        let at = positions(log, "invoice", 2);
        log.swap(at[0], at[1]);
    });
    check_planted("an older state that the newest follows again", (0, 0, 1, 0), |log| {
        let at = positions(log, "invoice", 2);
        let again = [log[at[0]].clone(), log[at[1]].clone()];
        log.extend(again);
    });
    check_planted("one owner's part goes back while the other's goes on", (0, 0, 1, 1), |log| {
        let customers = log.iter().rposition(|effect| effect.entity == "customer").unwrap();
        let last = &log[customers];
        let first = log.iter().find(|effect| effect.key == last.key && effect.fields.contains_key("email")).unwrap();
        let went_back = ["email", "phone"].map(|field| (field.to_owned(), first.fields[field].clone()));
        assert_ne!(went_back[0].1, last.fields["email"], "a seed whose last customer has a second e-mail");
        let mut mixed = last.clone();
        mixed.fields.extend(went_back);
        log.push(mixed);
    });
    check_planted("an invoice before its customer", (0, 0, 1, 1), |log| {
        let at = positions(log, "invoice", 1)[0];
        let effect = log.remove(at);
        log.insert(0, effect);
    });
}

#[test]
fn what_nobody_showed_is_found() {
    check_planted("a value of nobody", (1, 0, 0, 1), |log| {
        let at = positions(log, "payment", 1)[0];
        log[at].fields.insert("text".to_owned(), "VIR".to_owned());
    });
    check_planted("a record of nobody", (0, 0, 0, 1), |log| {
        let at = positions(log, "payment", 1)[0];
        let mut other = Effect { key: "another".to_owned(), ..log[at].clone() };
        other.fields.insert("reference".to_owned(), "B-nobody".to_owned());
        log.push(other);
    });
    check_planted("another customer", (0, 0, 0, 1), |log| {
        let (at, other) = (positions(log, "payment", 1)[0], positions(log, "payment", 2)[0]);
        let client = log[other].fields["client"].clone();
        assert_ne!(client, log[at].fields["client"]);
        log[at].fields.insert("client".to_owned(), client);
    });
}

#[test]
fn a_value_that_comes_back_is_no_step_back() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, rows: &str| {
        let path = folder.path().join("sources").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, rows).unwrap();
    };
    let erp = "key,siren,name,city\nC1,1,Durand,Lyon\nC1,1,Durand,Nice\nC1,1,Durand,Lyon\n";
    write("erp/customers-1.csv", erp);
    write("crm/customers-1.csv", "key,siren,email,phone\nK1,1,,\n");
    write("billing/invoices-1.csv", "number,client,date,due,total\n");
    write("bank/payments-1.csv", "reference,client,date,amount,text\n");
    let effect = |city: &str| Effect {
        entity: "customer".to_owned(),
        key: "1".to_owned(),
        removed: false,
        fields: [("siren", "1"), ("name", "Durand"), ("city", city)].map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
    };
    let figures = |cities: &[&str]| {
        let log: Vec<_> = cities.iter().map(|city| effect(city)).collect();
        let verdict = judge(folder.path(), &[&log]);
        (verdict.lost, verdict.duplicated, verdict.reordered, verdict.differing_subscribers)
    };
    assert_eq!(figures(&["Lyon", "Nice", "Lyon"]), (0, 0, 0, 0));
    assert_eq!(figures(&["Lyon"]), (0, 0, 0, 0));
    assert_eq!(figures(&["Nice", "Lyon"]), (0, 0, 0, 0));
    assert_eq!(figures(&["Lyon", "Nice"]), (1, 0, 0, 1));
    assert_eq!(figures(&["Lyon", "Nice", "Lyon", "Nice"]), (0, 0, 1, 1));
}

/// Names the folder that the second process of the next test judges.
const JUDGED: &str = "PASSERELLE_TEST_CHECKER_JUDGES";

/// The most memory that this process has used so far, in bytes.
fn memory_max() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// Memory grows with the records, not with the logs. A second process judges, which has done nothing else before.
#[test]
fn a_large_company_is_judged_in_little_memory() {
    const RECORD_BYTES_MAX: u64 = 600;
    if let Some(folder) = std::env::var_os(JUDGED) {
        let folder = PathBuf::from(folder);
        let (before, log) = (memory_max(), folder.join("0.jsonl"));
        let verdict = check(&folder.join("sources"), &[("ledger", &log), ("portal", &log)]).unwrap();
        let used = (memory_max() - before) / (20_000 + 20_000 + 10_000);
        assert!(verdict.is_clean(), "{verdict:?}");
        assert!(used < RECORD_BYTES_MAX, "{used} bytes for each record");
        return;
    }
    let folder = company(Size { edits: 60_000, ..Size::of(20_000) });
    let right = perfect(&folder.path().join("sources"));
    Log::open(&folder.path().join("0.jsonl")).unwrap().append(&right).unwrap();
    let mut second = std::process::Command::new(std::env::current_exe().unwrap());
    second.args(["--exact", "planted::a_large_company_is_judged_in_little_memory"]).env(JUDGED, folder.path());
    let output = second.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
