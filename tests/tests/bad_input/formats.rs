//! Bad workbooks, JSON, files with several types of lines, and files that belong together: through a folder, through
//! `ingest`, and through `convert`.

use passerelle_tests::directory::Directory;

use crate::hub::{FILES, ended, fed};

const SHEETS: &str = r#"
tenant = "acme"

[connector]
kind = "csv-drop"
[connector.streams.customers]
folder = "in/sheets"
files = "*.xls"
sheet = "Customers"
workbook_bytes_max = 20000
settle_ms = 0

[streams.customers]
mapping = "sheets/customer"
export = "delta"
"#;

const APP: &str = r#"
tenant = "acme"

[connector]
kind = "json-drop"
[connector.streams.customers]
folder = "in/app"
record_bytes_max = 1000
settle_ms = 0

[streams.customers]
mapping = "app/customer"
export = "delta"
"#;

const BANK: &str = r#"
tenant = "acme"

[connector]
kind = "layout-drop"
[connector.streams.customers]
folder = "in/bank"
settle_ms = 0
[connector.streams.customers.layout]
width = 30
record = "customer"
[connector.streams.customers.layout.lines.head]
starts_with = "H"
fields = { day = [2, 8] }
[connector.streams.customers.layout.lines.customer]
starts_with = "C"
inside = "head"
fields = { no = [2, 5], name = [7, 24] }
[connector.streams.customers.layout.lines.end]
starts_with = "T"
closes = "head"
fields = { count = [2, 5] }

[streams.customers]
mapping = "bank/customer"
export = "delta"
"#;

const PAIRS: &str = r#"
tenant = "acme"

[connector]
kind = "csv-drop"
[connector.streams.customers]
folder = "in/pairs"
files = "customers-*.csv"
settle_ms = 0
[connector.streams.customers.join]
file = "places-*.csv"
on = { NO = "CUSTOMER" }
rows_max = 3

[streams.customers]
mapping = "pairs/customer"
export = "delta"
"#;

/// A mapping of customers with their number, name and nothing else at these places.
fn mapping(format: &str, number: &str, name: &str) -> String {
    let record = if format == "json" { "record = \"data.customers\"\n" } else { "" };
    format!(
        "entity = \"customer\"\nformat = \"{format}\"\n{record}key = \"{number}\"\n\n[fields]\nlegal_name = \"{name}\"\n"
    )
}

/// A user's directory with the systems of this page, which feed the ledger.
fn directory() -> Directory {
    let own = [
        ("systems/sheets.toml", SHEETS.to_owned()),
        ("systems/app.toml", APP.to_owned()),
        ("systems/bank.toml", BANK.to_owned()),
        ("systems/pairs.toml", PAIRS.to_owned()),
        ("mappings/sheets/customer.toml", mapping("csv", "NO", "NAME")),
        ("mappings/app/customer.toml", mapping("json", "no", "name")),
        ("mappings/bank/customer.toml", mapping("csv", "customer.no", "customer.name")),
        ("mappings/pairs/customer.toml", mapping("csv", "NO", "NAME")),
    ];
    let own = own.iter().map(|(path, text)| (*path, text.as_str()));
    let directory = Directory::new(&FILES.into_iter().chain(own).collect::<Vec<_>>());
    for folder in ["in/erp", "in/shop", "in/sheets", "in/app", "in/bank", "in/pairs"] {
        std::fs::create_dir_all(directory.path(folder)).unwrap();
    }
    directory
}

/// A drop with something bad in it.
struct Case<'a> {
    system: &'a str,
    /// Its files; of two, the second belongs to the first.
    files: &'a [(&'a str, &'a [u8])],
    code: &'a str,
    /// What the message says beside the file and the code: the place, what is wrong, and what to do.
    parts: &'a [&'a str],
    /// The good customers in it.
    good: &'a [&'a str],
}

/// Holds one drop against all three ways in.
#[track_caller]
fn check(case: &Case) {
    dropped(case);
    ingested(case);
    converted(case);
}

fn message<'a>(case: &'a Case) -> Vec<&'a str> {
    [case.code].into_iter().chain(case.parts.iter().copied()).chain([case.files[0].0]).collect()
}

#[track_caller]
fn dropped(case: &Case) {
    let directory = directory();
    for (name, content) in case.files {
        directory.write(&format!("in/{}/{name}", case.system), content);
    }
    let accounting = directory.run(&["run", "--once", "--json"]).with(1).tells(&message(case)).json();
    assert_eq!(ended(&accounting, case.system, "rejected"), 1, "{accounting}");
    assert_eq!(fed(&directory), case.good, "{}", case.code);
    let listed = directory.run(&["rejects", "list", "--json"]).with(0).json();
    let reject = &listed.as_array().unwrap()[0];
    assert_eq!(reject["code"], case.code);
    let reason = reject["reason"].as_str().unwrap();
    assert!(case.parts.iter().all(|part| reason.contains(part)), "{reason} lacks one of {:?}", case.parts);
    assert!(!reason.contains('\n'), "one line, not {reason:?}");
    are_kept(&directory, case);
    // Nothing is left to do: the bad drop is not read again and again.
    let again = directory.run(&["run", "--once", "--json"]).with(0).json();
    assert_eq!(ended(&again, case.system, "rejected"), 0, "{again}");
}

/// Every file of the drop was put away with all its bytes.
#[track_caller]
fn are_kept(directory: &Directory, case: &Case) {
    let folder = format!("in/{}", case.system);
    let away: Vec<Vec<u8>> = [format!("{folder}/archive"), format!("{folder}/reject")]
        .into_iter()
        .filter(|folder| directory.path(folder).is_dir())
        .flat_map(|folder| directory.files(&folder))
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    for (name, content) in case.files {
        assert!(away.iter().any(|kept| kept == content), "{name} is not kept");
        assert!(!directory.path(&format!("{folder}/{name}")).exists(), "{name} is still there");
    }
}

#[track_caller]
fn ingested(case: &Case) {
    let directory = directory();
    for (name, content) in case.files {
        directory.write(name, content);
    }
    let (last, before) = case.files.split_last().unwrap();
    for (name, _) in before {
        let ended = directory.run(&["ingest", case.system, name]).with(0);
        ended.tells(&[name, "nothing of it is read yet", &format!("it waits for {}", last.0), "ingest that file, too"]);
    }
    directory.run(&["ingest", case.system, last.0]).with(1).tells(&message(case));
    assert_eq!(fed(&directory), case.good);
    are_kept(&directory, case);
}

#[track_caller]
fn converted(case: &Case) {
    let directory = directory();
    for (name, content) in case.files {
        directory.write(name, content);
    }
    let stream = format!("{}/customers", case.system);
    let ended = directory.run(&["convert", "--no-unmapped", "--stream", &stream, case.files[0].0]).with(1);
    let ended = ended.tells(&message(case));
    let mut lines: Vec<&str> = ended.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), case.good.len(), "{}", ended.out);
    assert!(lines.iter().zip(case.good).all(|(line, name)| line.contains(name)), "{}", ended.out);
}

/// An XML workbook of Excel 2003 with one sheet.
fn workbook(sheet: &str, names: &[&str]) -> String {
    let cell = |text: &str| format!("<Cell><Data ss:Type=\"String\">{text}</Data></Cell>");
    let row = |number: &str, name: &str| format!("<Row>{}{}</Row>\n", cell(number), cell(name));
    let rows: String = names.iter().map(|name| row(name, name)).collect();
    format!(
        "<?xml version=\"1.0\"?>\n<Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\" \
         xmlns:ss=\"urn:schemas-microsoft-com:office:spreadsheet\">\n<Worksheet ss:Name=\"{sheet}\"><Table>\n{}{rows}\
         </Table></Worksheet>\n</Workbook>\n",
        row("NO", "NAME")
    )
}

#[test]
fn workbooks() {
    let check = |content: &[u8], code: &str, parts: &[&str]| {
        check(&Case { system: "sheets", files: &[("customers-1.xls", content)], code, parts, good: &[] });
    };
    let good = workbook("Customers", &["Martin"]);
    check(
        &good.as_bytes()[..good.len() - 60],
        "workbook.damaged",
        &["ends within its sheet \"Customers\"", "ask for it again"],
    );
    check(b"PK\x03\x04\x14\0\0\0\x08\0 and no more", "file.damaged", &["damaged or cut off", "ask for it again"]);
    check(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 and no more", "workbook.damaged", &["protected by a password?"]);
    check(
        workbook("Clients", &["Martin"]).as_bytes(),
        "workbook.sheet",
        &["no sheet \"Customers\"; there are Clients"],
    );
    let large = workbook("Customers", &["Martin"; 500]);
    check(large.as_bytes(), "file.too-large", &["workbook_bytes_max = 20000"]);
}

#[test]
fn json_documents() {
    let check = |content: &str, code: &str, parts: &[&str], good: &[&str]| {
        let files = &[("customers-1.json", content.as_bytes())];
        check(&Case { system: "app", files, code, parts, good });
    };
    let one = "{\"no\":\"1\",\"name\":\"Martin\"}";
    check("", "file.empty", &["is empty"], &[]);
    check(
        &format!("{{\"data\":{{\"customers\":[\n{one},\n{{\"no"),
        "json.cut-off",
        &["line 3", "ask for it again"],
        &[],
    );
    check(
        &format!("{{\"data\":{{\"customers\":[\n{one}\n{one}]}}}}"),
        "json.syntax",
        &["line 3", "a comma is missing between two records", "correct the export"],
        &[],
    );
    check(
        &format!("{{\"data\":{{\"clients\":[{one}]}}}}"),
        "json.no-records",
        &["\"data.customers\"", "correct record"],
        &[],
    );
    let large = format!("{{\"no\":\"2\",\"name\":\"{}\"}}", "x".repeat(1000));
    check(
        &format!("{{\"data\":{{\"customers\":[\n{one},\n{large}]}}}}"),
        "json.record-too-large",
        &["record_bytes_max = 1000"],
        &["Martin"],
    );
}

#[test]
fn lines_of_several_types() {
    let check = |content: &str, code: &str, parts: &[&str], good: &[&str]| {
        check(&Case { system: "bank", files: &[("customers-1.txt", content.as_bytes())], code, parts, good });
    };
    check("H20260131\nC00001Martin\n", "layout.cut-off", &["\"end\"", "line 1", "ask for it again"], &[]);
    check("C00001Martin\nH20260131\nT00000\n", "layout.misplaced-line", &["\"customer\"", "\"head\""], &[]);
    check("H20260131\nC00001Martin\nX?\nC00002Le Goff\nT00002\n", "layout.unknown-line", &["no type"], &["Le Goff"]);
    let long = format!("H20260131\nC00001{}\nC00002Le Goff\nT00002\n", "x".repeat(60));
    check(&long, "layout.line-width", &["30"], &["Le Goff"]);
}

#[test]
fn files_that_belong_together() {
    let check = |second: &str, code: &str, parts: &[&str], good: &[&str]| {
        let files =
            &[("customers-1.csv", b"NO,NAME\n1,Martin\n2,Le Goff\n".as_slice()), ("places-1.csv", second.as_bytes())];
        check(&Case { system: "pairs", files, code, parts, good });
    };
    let orphan = "CUSTOMER,CITY\n1,Rennes\n9,Brest\n";
    let parts = &["line 3 of places-1.csv", "belongs to no row of the first file", "is one missing there?"];
    check(orphan, "csv.join-orphan", parts, &["Le Goff", "Martin"]);
    let ragged = "CUSTOMER,CITY\n1,Rennes,France\n";
    check(ragged, "csv.join-unreadable", &["places-1.csv", "line 2", "none was read"], &[]);
    let large = format!("CUSTOMER,CITY\n{}", "1,Rennes\n".repeat(4));
    check(&large, "csv.join-too-large", &["places-1.csv", "join.rows_max = 3", "raise them"], &[]);
    check("NUMBER,CITY\n1,Rennes\n", "csv.column-missing", &["places-1.csv", "\"CUSTOMER\"", "correct join.on"], &[]);
    check("", "file.empty", &["places-1.csv"], &[]);
}

#[test]
fn a_file_whose_second_one_is_not_there() {
    let directory = directory();
    directory.write("customers-1.csv", "NO,NAME\n1,Martin\n");
    directory.write("places-1.csv", "CUSTOMER,CITY\n1,Rennes\n");
    let ingest = |name: &str| directory.run(&["ingest", "pairs", name]).with(0);
    // In either order: the first of both waits in its folder, and the second brings both through.
    ingest("places-1.csv").tells(&["places-1.csv was put into", "it waits for customers-1.csv"]);
    assert_eq!(fed(&directory), [""; 0]);
    let ended = ingest("customers-1.csv");
    assert!(!ended.err.contains("waits"), "{}", ended.err);
    assert_eq!(fed(&directory), ["Martin"]);
    let convert = |code: i32, name: &str| directory.run(&["convert", "--stream", "pairs/customers", name]).with(code);
    convert(2, "places-1.csv").tells(&["is the second file of a drop; name customers-1.csv", "[cli.file]"]);
    assert!(convert(0, "customers-1.csv").out.contains("Martin"));
    std::fs::remove_file(directory.path("places-1.csv")).unwrap();
    convert(2, "customers-1.csv").tells(&["places-1.csv", "is not there; put it beside it", "[cli.file]"]);
}
