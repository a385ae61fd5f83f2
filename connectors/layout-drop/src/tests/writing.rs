//! Changes as files of several types of lines.

use super::*;
use crate::layout::Layout;
use crate::plan::Plan;
use crate::settings::{LineEnd, Removal};
use crate::writer::{LayoutWriter, line_end};
use files::{Fate, Render};

/// Writes records, one change each, and gives the file and the fates.
fn write(layout: &Value, records: &[Rows]) -> (String, Vec<Fate>) {
    let layout: Layout = serde_json::from_value(layout.clone()).unwrap();
    let plan = Plan::new(&layout, None).unwrap();
    let line_end = line_end(&plan, LineEnd::Lf);
    let writer =
        LayoutWriter { plan, encoding: files::encoding("windows-1252").unwrap(), line_end, removal: Removal::Refuse };
    let changes: Vec<Rendered> = records.iter().map(|rows| change("1", rows)).collect();
    let (content, fates) = writer.render(&changes.iter().collect::<Vec<_>>());
    (content.iter().map(|byte| char::from(*byte)).collect(), fates)
}

fn check(layout: Value, records: &[Rows], expected: &str) {
    let (content, fates) = write(&layout, records);
    assert!(fates.iter().all(|fate| *fate == Fate::Written), "{fates:?}");
    assert_eq!(content, expected);
}

fn check_refused(layout: Value, record: Rows, expected: &str) {
    let (_, fates) = write(&layout, &[record]);
    let [Fate::Refused(code, reason)] = &fates[..] else { panic!("{fates:?}") };
    assert!(format!("{code} {reason}").contains(expected), "{code} {reason}");
}

const COLUMNS: [&str; 8] = [
    "statement.account",
    "statement.opening",
    "operation.account",
    "operation.amount",
    "operation.label",
    "detail.kind",
    "detail.text",
    "end.closing",
];

#[test]
fn records_of_one_statement_stand_in_it_together() {
    let first = table(
        &COLUMNS,
        &[&["A", "100", "A", "10", "Été", "LIB", "same", "130"], &["A", "100", "A", "10", "Été", "LIB", "same", "130"]],
    );
    let second = table(&COLUMNS, &[&["A", "100", "A", "20", "Two", "", "", "130"]]);
    let third = table(&COLUMNS, &[&["B", "500", "B", "", "Three", "", "", "501"]]);
    let expected = "\
01A    100          
04A    000010Été    
05LIBsame           
05LIBsame           
04A    000020Two    
07     130          
01B    500          
04B          Three  
07     501          
";
    check(statements(), &[first, second, third], expected);
}

#[test]
fn the_file_names_fields_and_sections_where_the_layout_wants_it() {
    let columns = ["TRNS.DATE", "TRNS.AMOUNT", "SPL.ACCNT", "SPL.AMOUNT"];
    let one = table(&columns, &[&["1/2/26", "10.00", "Sales", "-8.00"], &["1/2/26", "10.00", "Tax", "-2.00"]]);
    let two = table(&columns, &[&["1/3/26", "5.00", "Sales", "-5.00"]]);
    let expected = "!TRNS\tDATE\tAMOUNT\nTRNS\t1/2/26\t10.00\n!SPL\tACCNT\tAMOUNT\nSPL\tSales\t-8.00\nSPL\tTax\t-2.00\n\
                    ENDTRNS\nTRNS\t1/3/26\t5.00\nSPL\tSales\t-5.00\nENDTRNS\n";
    check(transactions(), &[one, two], expected);
    let columns = ["movement.journal", "movement.account"];
    let movements = [table(&columns, &[&["VTE", "411"]]), table(&columns, &[&["VTE", "706"]])];
    check(sections(), &movements, "##File\tImport\n##Section\tMvt\n\tVTE\t\t411\t\n\tVTE\t\t706\t\n");
}

#[test]
fn what_does_not_fit_is_refused_without_its_value() {
    let long = table(&["operation.label"], &[&["much too long"]]);
    check_refused(
        statements(),
        long,
        "layout.value the value of \"operation.label\" has a line end or more than its 7",
    );
    let stray = table(&["operation.labl"], &[&["x"]]);
    check_refused(statements(), stray, "layout.column the record has content in \"operation.labl\"");
    let tab = table(&["SPL.MEMO"], &[&["a\tb"]]);
    check_refused(transactions(), tab, "layout.value value 2 of \"SPL\" contains a delimiter");
    let foreign = table(&["operation.label"], &[&["世"]]);
    check_refused(statements(), foreign, "layout.encoding a value of \"operation\" contains U+4E16");
}

#[tokio::test]
async fn what_was_written_is_read_as_the_same_rows() {
    let rows = [
        table(&COLUMNS, &[&["A", "100", "A", "000010", "Été", "LIB", "same", "130"]]),
        table(&COLUMNS, &[&["A", "100", "A", "000020", "Two", "", "", "130"]]),
        table(&COLUMNS, &[&["B", "500", "B", "000001", "Three", "LIB", "x", "501"]]),
    ];
    let (content, _) = write(&statements(), &rows);
    let directory = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = content.chars().map(|character| character as u8).collect();
    drop_file(directory.path(), "a.txt", bytes);
    let settings = json!({ "layout": statements(), "encoding": "windows-1252" });
    let batches = drain(&mut *open(directory.path(), &settings, &[]).await.unwrap()).await;
    let found: Vec<&Body> = batches
        .iter()
        .flat_map(|batch| &batch.items)
        .map(|item| match item {
            Item::Record(record) => &record.body,
            Item::Reject(reject) => panic!("{reject:?}"),
        })
        .collect();
    assert_eq!(found, rows.iter().cloned().map(Body::Rows).collect::<Vec<_>>().iter().collect::<Vec<_>>());
}
