//! Files of several types of lines, as records.

use super::*;

const STATEMENTS: &str = "\
01ACC-1000100
04ACC-1000010First
05LIBhello
05LIBworld

04ACC-1000020Second
07ACC-1000130
01ACC-2000500
04ACC-2000001Third
05LIBdone
07ACC-2000501
";

#[tokio::test]
async fn a_record_is_a_line_with_those_inside_it_around_it_and_behind_it() {
    let layout = json!({ "layout": statements() });
    let expected = &[
        "2 ACC-1|000100|ACC-1|000010|First|LIB|hello|000130 + ACC-1|000100|ACC-1|000010|First|LIB|world|000130",
        "6 ACC-1|000100|ACC-1|000020|Second|||000130",
        "9 ACC-2|000500|ACC-2|000001|Third|LIB|done|000501",
    ];
    check(STATEMENTS, layout.clone(), &[], expected).await;
    check(STATEMENTS.replace('\n', "\r\n"), layout, &[], expected).await;
    // The same without line ends: every line has its 20 characters.
    let lines: String = STATEMENTS.lines().filter(|line| !line.is_empty()).map(|line| format!("{line:20}")).collect();
    let mut layout = statements();
    layout["line_ends"] = json!(false);
    let found: Vec<String> =
        expected.iter().map(|text| text.replace("6 ACC", "5 ACC").replace("9 ACC", "8 ACC")).collect();
    check(lines, json!({ "layout": layout }), &[], &found.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn records_are_numbered_inside_the_line_around_them() {
    let mut layout = statements();
    layout["lines"]["operation"]["number"] = json!("no");
    let expected = &[
        "2 ACC-1|000100|ACC-1|000010|First|LIB|hello|000130|1 + ACC-1|000100|ACC-1|000010|First|LIB|world|000130|1",
        "6 ACC-1|000100|ACC-1|000020|Second|||000130|2",
        "9 ACC-2|000500|ACC-2|000001|Third|LIB|done|000501|1",
    ];
    check(STATEMENTS, json!({ "layout": layout }), &[], expected).await;
    // A source that goes on behind a record counts from the line around it.
    check(STATEMENTS, json!({ "layout": layout, "batch_records_max": 1 }), &[], expected).await;
    let mut layout = statements();
    layout["lines"]["detail"]["number"] = json!("no");
    let directory = tempfile::tempdir().unwrap();
    assert!(open(directory.path(), &json!({ "layout": layout }), &[]).await.is_err());
}

#[tokio::test]
async fn positions_count_characters() {
    let file = "01ÉCU-1000100\n04ÉCU-1000010Été\n07ÉCU-1000130\n";
    let expected = &["2 ÉCU-1|000100|ÉCU-1|000010|Été|||000130"];
    check(file, json!({ "layout": statements() }), &[], expected).await;
    let latin: Vec<u8> = file.chars().map(|character| character as u8).collect();
    check(&latin, json!({ "layout": statements(), "encoding": "windows-1252" }), &[], expected).await;
    check(
        &latin,
        json!({ "layout": statements() }),
        &[],
        &["1 layout.encoding", "2 layout.encoding", "3 layout.encoding"],
    )
    .await;
}

#[tokio::test]
async fn a_file_that_was_cut_off_gives_nothing() {
    let layout = json!({ "layout": statements() });
    let cut = "01ACC-1000100\n04ACC-1000010First\n";
    check(cut, layout.clone(), &[], &["file layout.cut-off"]).await;
    check(format!("{cut}{STATEMENTS}"), layout.clone(), &[], &["file layout.cut-off"]).await;
    check("07ACC-1000130\n", layout, &[], &["file layout.stray-trailer"]).await;
}

#[tokio::test]
async fn a_line_where_it_cannot_be_is_rejected_and_nothing_else() {
    let layout = json!({ "layout": statements() });
    let good = ["2 ACC-1", "6 ACC-1", "9 ACC-2"];
    let check = async |before: &str, behind: &str, expected: &[&str]| {
        let directory = tempfile::tempdir().unwrap();
        drop_file(directory.path(), "a.txt", STATEMENTS.replacen(before, behind, 1));
        let found = shorten(&drain(&mut *open(directory.path(), &layout, &[]).await.unwrap()).await);
        let found: Vec<&str> = found.iter().map(|text| text.split('|').next().unwrap()).collect();
        assert_eq!(found, expected, "{behind}");
    };
    check("01ACC-1", "05LIBlost\n01ACC-1", &["1 layout.misplaced-line", "3 ACC-1", "7 ACC-1", "10 ACC-2"]).await;
    // An operation outside of a statement takes its detail with it.
    check("01ACC-1", "04LOST-\n05LIBlost\n01ACC-1", &["1 layout.misplaced-line", "4 ACC-1", "8 ACC-1", "11 ACC-2"])
        .await;
    // What nobody knows may belong to the record before it.
    check("05LIBworld", "99what", &["2 layout.unknown-line", good[1], good[2]]).await;
    check("05LIBworld", "05LIBworld, and more than there is room for", &["2 layout.line-width", good[1], good[2]])
        .await;
}

#[tokio::test]
async fn another_type_can_be_the_record() {
    let layout = json!({ "layout": statements(), "record": "detail" });
    let expected = &[
        "3 ACC-1|000100|ACC-1|000010|First|LIB|hello|000130",
        "4 ACC-1|000100|ACC-1|000010|First|LIB|world|000130",
        "10 ACC-2|000500|ACC-2|000001|Third|LIB|done|000501",
    ];
    check(STATEMENTS, layout, &[], expected).await;
    let layout = json!({ "layout": statements(), "record": "statement" });
    let expected = &[
        "1 ACC-1|000100|ACC-1|000010|First|LIB|hello|000130 + ACC-1|000100|ACC-1|000010|First|LIB|world|000130 + \
         ACC-1|000100|ACC-1|000020|Second|||000130",
        "8 ACC-2|000500|ACC-2|000001|Third|LIB|done|000501",
    ];
    check(STATEMENTS, layout, &[], expected).await;
}

#[tokio::test]
async fn consecutive_records_are_one_where_the_mapping_groups_them() {
    let layout = json!({ "layout": statements() });
    let expected = &[
        "2 ACC-1|000100|ACC-1|000010|First|LIB|hello|000130 + ACC-1|000100|ACC-1|000010|First|LIB|world|000130 + \
         ACC-1|000100|ACC-1|000020|Second|||000130",
        "9 ACC-2|000500|ACC-2|000001|Third|LIB|done|000501",
    ];
    check(STATEMENTS, layout.clone(), &["operation.account"], expected).await;
    let broken = STATEMENTS.replace("04ACC-1000020Second", "04ACC-1000020Second, much too long");
    let expected =
        &["2 layout.group-broken", "6 layout.line-width", "9 ACC-2|000500|ACC-2|000001|Third|LIB|done|000501"];
    let settled: Vec<&str> = expected.to_vec();
    let directory = tempfile::tempdir().unwrap();
    drop_file(directory.path(), "a.txt", broken);
    let mut source = open(directory.path(), &layout, &["operation.account"]).await.unwrap();
    let found = shorten(&drain(&mut *source).await);
    // A group of another statement lacks nothing by that.
    assert_eq!(found, settled);
}

const TRANSACTIONS: &str = "!ACCNT\tNAME\n!TRNS\tDATE\tAMOUNT\tMEMO\n!SPL\tACCNT\tAMOUNT\n!ENDTRNS\nACCNT\tBank\n\
TRNS\t1/2/26\t10.00\tone\nSPL\tSales\t-8.00\t\t\nSPL\tTax\t-2.00\nENDTRNS\nTRNS\t1/3/26\t5.00\nSPL\tSales\t-5.00\nENDTRNS\n";

#[tokio::test]
async fn a_file_can_name_its_fields() {
    let layout = json!({ "layout": transactions() });
    let expected = &["6 1/2/26|10.00|one|Sales|-8.00 + 1/2/26|10.00|one|Tax|-2.00", "10 1/3/26|5.00||Sales|-5.00"];
    check(TRANSACTIONS, layout.clone(), &[], expected).await;
    let renamed = TRANSACTIONS.replace("TRNS\t1/3/26\t5.00", "!TRNS\tMEMO\tDATE\nTRNS\ttwo\t1/3/26");
    check(renamed, layout.clone(), &[], &[expected[0], "11 two|1/3/26|Sales|-5.00"]).await;
    let unended = TRANSACTIONS.replacen("ENDTRNS\nTRNS", "TRNS", 1);
    check(unended, layout.clone(), &[], &["6 layout.unended", "9 1/3/26|5.00||Sales|-5.00"]).await;
    let nameless = TRANSACTIONS.replace("!SPL\tACCNT\tAMOUNT\n", "");
    check(nameless, layout.clone(), &[], &["5 layout.no-names", "9 layout.no-names"]).await;
    let twice = TRANSACTIONS.replace("AMOUNT\tMEMO", "AMOUNT\tAMOUNT");
    check(twice, layout.clone(), &[], &["file layout.names-twice"]).await;
    let surplus = TRANSACTIONS.replace("SPL\tTax\t-2.00", "SPL\tTax\t-2.00\tand\tmore");
    check(surplus, layout, &[], &["6 layout.surplus-value", expected[1]]).await;
}

#[tokio::test]
async fn sections_tell_what_lines_are() {
    let file = "##File\tImport\n##Section\tCpt\n\t411\tCustomers\n##Section\tMvt\n\tVTE\t01/02/2026\t411\t12.00\n\tVTE\t01/02/2026\t706\t-12.00\n";
    let expected = &["5 VTE|01/02/2026|411|12.00", "6 VTE|01/02/2026|706|-12.00"];
    check(file, json!({ "layout": sections() }), &[], expected).await;
    check(file, json!({ "layout": sections(), "record": "account" }), &[], &["3 411|Customers"]).await;
    let unknown = file.replace("##Section\tCpt", "##Section\tOther");
    check(unknown, json!({ "layout": sections() }), &[], &["3 layout.unknown-line", expected[0], expected[1]]).await;
}

#[tokio::test]
async fn quotes_and_tests_tell_values_from_delimiters() {
    let layout = json!({
        "delimiter": ";",
        "quote": "\"",
        "record": "invoice",
        "lines": {
            "invoice": { "when": [{ "at": 2, "is": ["H"] }], "fields": ["number", "", "buyer"] },
            "line": { "when": [{ "at": 2, "is": ["L"] }], "inside": "invoice", "fields": ["number", "", "text"] },
        },
    });
    let file = "1;H;\"Le \"\"Goff\"\"; Quéven\"\n1;L;screw\n1;L;\"nut\" small\n2;X;?\n";
    let expected = "1 1|Le \"Goff\"; Quéven|1|screw + 1|Le \"Goff\"; Quéven|1|nut small";
    check(file.replace("2;X;?\n", ""), json!({ "layout": layout }), &[], &[expected]).await;
    check(file, json!({ "layout": layout }), &[], &["1 layout.unknown-line"]).await;
}

#[tokio::test]
async fn a_record_has_at_most_so_many_rows() {
    let mut settings = json!({ "layout": statements(), "group_rows_max": 1 });
    let good = ["6 ACC-1|000100|ACC-1|000020|Second|||000130", "9 ACC-2|000500|ACC-2|000001|Third|LIB|done|000501"];
    check(STATEMENTS, settings.clone(), &[], &["2 layout.group-too-large", good[0], good[1]]).await;
    settings["line_bytes_max"] = json!(20);
    let long = STATEMENTS.replace("05LIBdone", &format!("05LIB{}", "x".repeat(100)));
    check(long, settings, &[], &["2 layout.group-too-large", good[0], "9 layout.line-too-long"]).await;
}

#[tokio::test]
async fn a_column_that_the_layout_lacks_halts_the_stream() {
    let directory = tempfile::tempdir().unwrap();
    let opened = open(directory.path(), &json!({ "layout": statements() }), &["operation.acount"]).await;
    let Err(Fault::Halt { reason }) = opened else { panic!("it was opened") };
    assert!(reason.contains("\"operation.acount\" for group_by; the nearest is \"operation.account\""), "{reason}");
    let opened = open(directory.path(), &json!({ "layout": "nowhere" }), &[]).await;
    assert!(matches!(opened, Err(Fault::Halt { reason }) if reason.contains("mappings/nowhere/layout.toml")));
    check(TRANSACTIONS, json!({ "layout": transactions() }), &["TRNS.NO"], &["file layout.column-missing"]).await;
}

#[tokio::test]
async fn a_statement_that_cannot_be_read_keeps_its_trailer() {
    // The first line is too long: nothing of its statement is read, and its trailer is not the second statement's.
    let content = "01AAAAA000100 and much more\n07     000111\n01BBBBB000200\n04BBBBB000022LABEL\n07     000222\n";
    let expected = ["1 layout.line-width", "4 BBBBB|000200|BBBBB|000022|LABEL|||000222"];
    check(content, json!({ "layout": statements() }), &[], &expected).await;
}
