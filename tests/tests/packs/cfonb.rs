//! The pack `cfonb120/payment` on real statements and broken ones, held against an independent reading of their lines.

use std::fs;

use connector::Item;
use mapping::GROUPS_MAX;
use passerelle_tests::{samples, workspace};
use serde_json::Value;

use crate::support::{items, pack, reading, stream_settings};

/// The cents of the field that starts at column 91: its last digit carries the sign.
fn cents(line: &str) -> i64 {
    let field = &line[90..104];
    let (digits, last) = field.split_at(13);
    let (digit, sign) = match last {
        "{" => (0, 1),
        "}" => (0, -1),
        other => match other.as_bytes()[0] {
            letter @ b'A'..=b'I' => (i64::from(letter - b'A') + 1, 1),
            letter => (i64::from(letter - b'J') + 1, -1),
        },
    };
    sign * (digits.parse::<i64>().unwrap() * 10 + digit)
}

/// A statement by its own lines: old balance, operations with how many further lines each has, new balance.
#[derive(Debug, Default)]
struct Statement {
    opening: Option<i64>,
    operations: Vec<(i64, usize)>,
    closing: Option<i64>,
}

/// The statements of a text, as they come; what stands outside of one is in one without an opening balance.
fn statements(text: &str) -> Vec<Statement> {
    let mut found: Vec<Statement> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match &line[..2] {
            "01" => found.push(Statement { opening: Some(cents(line)), ..Statement::default() }),
            _ if found.last().is_none_or(|last| last.closing.is_some()) => found.push(Statement::default()),
            _ => {}
        }
        let last = found.last_mut().unwrap();
        match &line[..2] {
            "04" => last.operations.push((cents(line), 0)),
            "05" => last.operations.last_mut().into_iter().for_each(|(_, details)| *details += 1),
            "07" => last.closing = Some(cents(line)),
            _ => {}
        }
    }
    found
}

fn amount(reading: &Value) -> i64 {
    let document = &reading["document"];
    let cents: i64 = document["amount"]["amount"].as_str().unwrap().replace('.', "").parse().unwrap();
    if document["direction"] == "debit" { -cents } else { cents }
}

#[tokio::test]
async fn statements_are_read_or_refused_and_their_sums_are_those_of_the_file() {
    let Some(folder) = samples("cfonb120") else { return };
    let mapping = pack("cfonb120/payment");
    let settings = stream_settings(&workspace().join("mappings/cfonb120"));
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut read = 0;
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        let expected = statements(&fs::read_to_string(&path).unwrap());
        let is_whole = expected.iter().all(|found| found.opening.is_some() && found.closing.is_some());
        let (mut readings, mut refused) = (Vec::new(), Vec::new());
        let mut control = mapping.control(GROUPS_MAX).unwrap();
        for item in items(&mapping, &path, &settings).await {
            match item {
                Item::Record(record) => {
                    control.take(&record.body, &mapping.reader().read(&record.body).unwrap().document);
                    readings.push(reading(&mapping, &record));
                }
                Item::Reject(reject) => refused.push(format!("{} [{}]", reject.reason, reject.code)),
            }
        }
        let sum: i64 = readings.iter().map(amount).sum();
        println!("{name:45} {:>2} payments, {sum:>8} cents, refused: {refused:?}", readings.len());
        let findings = control.finish();
        findings.iter().for_each(|finding| println!("{name}: {finding} [{}]", finding.code()));
        if !is_whole {
            assert!(!refused.is_empty(), "{name}: nothing was refused");
            continue;
        }
        if !refused.is_empty() {
            continue;
        }
        let operations: Vec<(i64, usize)> = expected.iter().flat_map(|found| found.operations.clone()).collect();
        let unbalanced = expected.iter().filter(|found| {
            let net: i64 = found.operations.iter().map(|(cents, _)| cents).sum();
            found.opening.unwrap() + net != found.closing.unwrap()
        });
        assert_eq!(findings.len(), unbalanced.filter(|found| !found.operations.is_empty()).count(), "{name}");
        read += 1;
        assert_eq!(
            readings.iter().map(amount).collect::<Vec<_>>(),
            operations.iter().map(|(cents, _)| *cents).collect::<Vec<_>>(),
            "{name}"
        );
        let keys: std::collections::BTreeSet<&str> =
            readings.iter().map(|reading| reading["key"].as_str().unwrap()).collect();
        assert_eq!(keys.len(), readings.len(), "{name}: two payments with one key");
    }
    assert!(read >= 1, "no sample was read whole");
}
