//! Bad files: through a folder beside good ones, through `ingest`, and through `convert`.

use std::fmt::Write as _;

use passerelle_tests::directory::{Directory, Ended};

use crate::hub::{customers, directory, ended, fed};

/// Where the bytes of what was refused are afterwards.
enum Kept {
    /// The whole file is in the reject folder.
    File,
    /// The record is in the reject, with the file's line; the file itself is in the archive.
    Record(u64, &'static str),
}

struct Case {
    system: &'static str,
    content: Vec<u8>,
    code: &'static str,
    /// What the message says beside the file and the code: the place, what is wrong, and what to do.
    parts: &'static [&'static str],
    kept: Kept,
    /// How many records are refused.
    rejected: i64,
    /// The good customers in the same file.
    good: &'static [&'static str],
}

impl Case {
    fn csv(content: impl Into<Vec<u8>>, code: &'static str, parts: &'static [&'static str], kept: Kept) -> Self {
        Case { system: "erp", content: content.into(), code, parts, kept, rejected: 1, good: &[] }
    }

    fn xml(content: impl Into<Vec<u8>>, code: &'static str, parts: &'static [&'static str]) -> Self {
        let (content, kept) = (content.into(), Kept::File);
        Case { system: "shop", content, code, parts, kept, rejected: 1, good: &[] }
    }

    fn with_good(self, good: &'static [&'static str]) -> Self {
        Case { good, ..self }
    }

    fn file(&self) -> &'static str {
        if self.system == "erp" { "customers-1.csv" } else { "export-1.xml" }
    }

    /// What a message about it has in one line.
    fn message(&self) -> Vec<String> {
        let place = match self.kept {
            Kept::File => self.file().to_owned(),
            Kept::Record(line, _) => format!("{}:{line}", self.file()),
        };
        [place, format!("[{}]", self.code)].into_iter().chain(self.parts.iter().map(ToString::to_string)).collect()
    }
}

/// Holds one bad file against all three ways in.
#[track_caller]
fn check(case: &Case) {
    dropped_beside_good_ones(case);
    ingested(case);
    converted(case);
}

#[track_caller]
fn tells(ended: Ended, case: &Case) -> Ended {
    let message = case.message();
    let ended = ended.tells(&message.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(!ended.err.contains("[cli.bug]"), "{}", ended.err);
    ended
}

#[track_caller]
fn dropped_beside_good_ones(case: &Case) {
    let directory = directory();
    directory.write(&format!("in/{}/{}", case.system, case.file()), &case.content);
    // A file after it and one of another system: neither is held up.
    directory.write("in/erp/customers-2.csv", customers("900", "After"));
    directory.write("in/shop/export-2.xml", export(&["Beside"]));
    let accounting = tells(directory.run(&["run", "--once", "--json"]).with(1), case).json();
    assert_eq!(ended(&accounting, case.system, "rejected"), case.rejected, "{accounting}");
    let mut expected = [case.good, &["After", "Beside"]].concat();
    expected.sort_unstable();
    assert_eq!(fed(&directory), expected, "{}", case.code);
    is_listed(&directory, case);
    is_kept(&directory, case);
    // Nothing is left to do: the bad file is not read again and again.
    let again = directory.run(&["run", "--once", "--json"]).with(0).json();
    assert_eq!(ended(&again, case.system, "rejected"), 0, "{again}");
    assert_eq!(fed(&directory), expected);
}

/// The listing of rejects says what the operator needs.
#[track_caller]
fn is_listed(directory: &Directory, case: &Case) {
    let listed = directory.run(&["rejects", "list", "--json"]).with(0).json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len() as i64, case.rejected, "{listed:?}");
    let reject = listed.last().unwrap();
    assert_eq!((&reject["code"], &reject["file"]), (&case.code.into(), &case.file().into()));
    let reason = reject["reason"].as_str().unwrap();
    assert!(case.parts.iter().all(|part| reason.contains(part)), "{reason} lacks one of {:?}", case.parts);
    assert!(!reason.contains('\n'), "one line, not {reason:?}");
}

/// Nothing of what was refused is lost.
#[track_caller]
fn is_kept(directory: &Directory, case: &Case) {
    let folder = format!("in/{}", case.system);
    let held = |folder: String| {
        let files = directory.files(&folder);
        files.into_iter().filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(case.file()))
    };
    match case.kept {
        Kept::File => {
            let paths: Vec<_> = held(format!("{folder}/reject")).collect();
            assert_eq!(paths.len(), 1, "{paths:?}");
            assert_eq!(std::fs::read(&paths[0]).unwrap(), case.content);
        }
        Kept::Record(line, raw) => {
            let listed = directory.run(&["rejects", "list", "--json"]).with(0).json();
            let reject = listed.as_array().unwrap().last().unwrap();
            assert_eq!(reject["line"], line);
            let shown = directory.run(&["rejects", "show", &reject["number"].to_string()]).with(0).out;
            assert!(shown.contains(raw), "{shown}");
            assert_eq!(held(format!("{folder}/archive")).count(), 1);
        }
    }
}

#[track_caller]
fn ingested(case: &Case) {
    let directory = directory();
    directory.write(case.file(), &case.content);
    tells(directory.run(&["ingest", case.system, case.file()]).with(1), case);
    assert_eq!(std::fs::read(directory.path(case.file())).unwrap(), case.content, "the file stays where it is");
    assert_eq!(fed(&directory), case.good);
    is_kept(&directory, case);
}

#[track_caller]
fn converted(case: &Case) {
    let directory = directory();
    directory.write(case.file(), &case.content);
    let from = format!("{}/customer", case.system);
    let mut arguments = vec!["convert", "--from", &from, "--no-unmapped", case.file()];
    if case.system == "erp" {
        // As the stream has it; `convert` would guess, and find out by itself that a file has commas.
        arguments.extend(["--delimiter", ";"]);
    }
    let ended = tells(directory.run(&arguments).with(1), case);
    assert_eq!(ended.out.lines().count(), case.good.len(), "{}", ended.out);
    assert!(case.good.iter().all(|name| ended.out.contains(name)), "{}", ended.out);
}

fn export(names: &[&str]) -> String {
    let mut text = "<customers>\n".to_owned();
    for name in names {
        writeln!(text, "<customer no=\"{name}\"><name>{name}</name><city>Brest</city></customer>").unwrap();
    }
    text + "</customers>\n"
}

#[test]
fn files_without_usable_text() {
    check(&Case::csv("", "file.empty", &["is empty", "must still write a header"], Kept::File));
    check(&Case::csv(
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".as_slice(),
        "file.binary",
        &["it is binary, not text"],
        Kept::File,
    ));
    let utf16: Vec<u8> = customers("1", "Martin").encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(&Case::csv(utf16, "file.binary", &["utf-16le"], Kept::File));
    check(&Case::xml("", "file.empty", &["is empty", "a root element"]));
}

#[test]
fn files_in_the_wrong_encoding() {
    let rows = b"NO;NAME;CITY;CREDIT\n1;Martin;Rennes;1,00\n2;Le Goff;Qu\xe9ven;1,00\n3;Dubois;Brest;1,00\n";
    let parts = &["not UTF-8 at its byte 12", "encoding = \"windows-1252\""];
    let case = Case::csv(rows.as_slice(), "csv.encoding", parts, Kept::Record(3, "2;Le Goff;Qu"));
    check(&case.with_good(&["Dubois", "Martin"]));
    let header = b"NO;NAME;Cit\xe9;CREDIT\n1;Martin;Rennes;1,00\n";
    check(&Case::csv(
        header.as_slice(),
        "file.encoding",
        &["the header is not UTF-8", "encoding = \"windows-1252\""],
        Kept::File,
    ));
    let xml = b"<customers><customer no=\"1\"><name>Andr\xe9</name></customer></customers>";
    check(&Case::xml(xml.as_slice(), "file.encoding", &["UTF-8"]));
}

#[test]
fn columns_that_are_not_as_agreed() {
    let missing = "NO;NOM;CITY;CREDIT\n1;Martin;Rennes;1,00\n";
    let missing = missing.to_owned() + &"2;Le Goff;Brest;1,00\n".repeat(100);
    let parts =
        &["line 1: there is no column \"NAME\" for legal_name;", "\"NO\", \"NOM\", \"CITY\"", "correct the export"];
    check(&Case::csv(missing, "csv.column-missing", parts, Kept::File));
    let several = "NO;VILLE;Credit\n1;Rennes;1,00\n";
    let parts = &["\"NAME\" for legal_name", "\"CITY\" for addresses.main.city", "(did you mean \"Credit\"?)"];
    check(&Case::csv(several, "csv.column-missing", parts, Kept::File));
    let no_header = "1;Martin;Rennes;1,00\n2;Le Goff;Brest;1,00\n";
    check(&Case::csv(no_header, "csv.column-missing", &["line 1", "if the file has no header"], Kept::File));
    let twice = "NO;NAME;CITY;NAME\n1;Martin;Rennes;1,00\n";
    check(&Case::csv(
        twice,
        "csv.column-twice",
        &["line 1: column \"NAME\" stands twice, at positions 2 and 4"],
        Kept::File,
    ));
    let commas = "NO,NAME,CITY,CREDIT\n1,Martin,Rennes,1.00\n";
    check(&Case::csv(commas, "csv.delimiter", &["delimiter = ','"], Kept::File));
    let ragged = "NO;NAME;CITY;CREDIT\n1;Martin;Rennes;1,00\n2;Le;Goff;Brest;1,00\n";
    let parts = &["5 values", "4 columns", "unquoted delimiter"];
    let case = Case::csv(ragged, "csv.ragged-row", parts, Kept::Record(3, "2;Le;Goff;Brest;1,00"));
    check(&case.with_good(&["Martin"]));
}

#[test]
fn rows_that_cannot_be_understood() {
    let quote = "NO;NAME;CITY;CREDIT\n1;\"Martin;Rennes;1,00\n2;Le Goff;Brest;1,00\n3;Dubois;Brest;1,00\n";
    let parts = &["a quote is not closed", "must be doubled"];
    let case = Case::csv(quote, "csv.unbalanced-quote", parts, Kept::Record(2, "1;\"Martin;Rennes;1,00"));
    check(&case.with_good(&["Dubois", "Le Goff"]));
    let value = "NO;NAME;CITY;CREDIT\n1;Martin;Rennes;much\n2;Le Goff;Brest;1,00\n";
    let parts = &["credit_limit", "\"CREDIT\""];
    let case = Case::csv(value, "mapping.number", parts, Kept::Record(2, "1;Martin;Rennes;much"));
    check(&case.with_good(&["Le Goff"]));
}

#[test]
fn xml_that_is_none() {
    let whole = export(&["Martin", "Le Goff"]);
    let cut = &whole[..whole.len() - 30];
    check(&Case::xml(cut, "xml.cut-off", &["line 3", "ask for it again"]));
    check(&Case::xml(whole.replace("</name>", "</nom>"), "xml.ill-formed", &["line 2"]));
    let root = whole.replace("customers>", "clients>");
    check(&Case::xml(root, "xml.root", &["clients"]));
    check(&Case::xml(whole.replace("Martin</name>", "&acute;</name>"), "xml.entity", &["line 2", "predefined"]));
}

#[test]
fn xml_bombs() {
    let mut bomb = "<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [\n<!ENTITY lol0 \"lol\">\n".to_owned();
    for level in 1..10 {
        let inner = format!("&lol{};", level - 1).repeat(10);
        writeln!(bomb, "<!ENTITY lol{level} \"{inner}\">").unwrap();
    }
    bomb.push_str("]>\n<customers><customer no=\"1\"><name>&lol9;</name></customer></customers>\n");
    check(&Case::xml(bomb, "xml.dtd", &["DTD"]));
    let external = "<!DOCTYPE c [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><customers><customer no=\"1\"><name>&x;</name></customer></customers>";
    check(&Case::xml(external, "xml.dtd", &["DTD"]));
    let deep = format!("<customers>{}{}</customers>", "<a>".repeat(100_000), "</a>".repeat(100_000));
    check(&Case::xml(deep, "xml.too-deep", &["depth_max"]));
}

#[test]
fn a_folder_where_a_file_should_be() {
    let directory = directory();
    directory.write("in/erp/customers-1.csv/inside.txt", "precious");
    directory.write("in/erp/customers-2.csv", customers("900", "After"));
    let accounting = directory.run(&["run", "--once", "--json"]).with(1).json();
    assert_eq!(ended(&accounting, "erp", "rejected"), 1);
    assert_eq!(fed(&directory), ["After"]);
    let listed = directory.run(&["rejects", "list"]).with(0).out;
    assert!(listed.contains("customers-1.csv") && listed.contains("file.irregular"), "{listed}");
    let inside = directory.path("in/erp/reject/customers-1.csv/inside.txt");
    assert_eq!(std::fs::read_to_string(inside).unwrap(), "precious");
    for command in [&["ingest", "erp", "in"][..], &["convert", "--from", "erp/customer", "in"]] {
        directory.run(command).with(2).tells(&["in: is a directory; name", "[cli.file]"]);
    }
}
