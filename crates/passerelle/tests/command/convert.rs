//! `convert`: no hub, no configuration.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::directory::{Directory, Ended, command, customers};

fn convert(directory: &Directory, arguments: &[&str]) -> Ended {
    directory.run(&[&["convert"][..], arguments].concat())
}

#[test]
fn a_csv_file_becomes_canonical_json_lines() {
    let directory = Directory::new();
    let file = directory.write("anything.txt", customers(&[("1", "Martin", "Rennes"), ("2", "Le Goff", "Brest")]));
    let ended = convert(&directory, &["--from", "erp/customer", &file]).with(0);
    let lines: Vec<serde_json::Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["legal_name"], "Le Goff");
    assert_eq!(lines[1]["credit_limit"]["amount"], "1000.00");
    assert!(!directory.path("hub/data").exists(), "no hub was started");
}

#[test]
fn what_is_not_read_is_listed_and_not_dropped_in_silence() {
    let directory = Directory::new();
    let text =
        customers(&[("1", "Martin", "Rennes")]).replace("BLOCKED\n", "BLOCKED;FAX\n").replace(";0\n", ";0;0298\n");
    let file = directory.write("customers.csv", text);
    // It is told, and a failure only for who says so.
    for (strict, code) in [(&[][..], 0), (&["--strict"], 1)] {
        let ended = convert(&directory, &[&["--from", "erp/customer", &file], strict].concat()).with(code);
        assert_eq!(ended.out.lines().count(), 1);
        assert!(ended.err.contains("unmapped: ") && ended.err.contains("FAX"), "{}", ended.err);
    }
    let silent = convert(&directory, &["--from", "erp/customer", &file, "--no-unmapped"]).with(0);
    assert_eq!(silent.err, "");
    convert(&directory, &["--from", "erp/customer", &file, "--no-unmapped", "--strict"]).with(2);
}

#[test]
fn rejects_have_their_place_and_the_rest_goes_on() {
    let directory = Directory::new();
    let text = customers(&[("1", "Martin", "Rennes"), ("2", "Le Goff", "Brest")]).replacen("1 000,00", "much", 1);
    let file = directory.write("customers.csv", text);
    let ended = convert(&directory, &["--from", "erp/customer", &file]).with(1);
    assert_eq!(ended.out.lines().count(), 1);
    assert!(ended.err.starts_with(&format!("{file}:2: rejected: ")), "{}", ended.err);
    assert!(!ended.err.contains("much"), "{}", ended.err);
}

#[test]
fn a_mapping_writes_what_another_has_read() {
    let directory = Directory::new();
    let file = directory.write("customers.csv", customers(&[("1", "Martin", "Rennes")]));
    let ended = convert(&directory, &["--from", "erp/customer", "--to", "crm/customer", &file]).with(0);
    assert_eq!(
        ended.out,
        "Id,Company,Siret,Street,Postcode,City,Country\r\n1,Martin,,1 rue du Port,29000,Rennes,FR\r\n"
    );
}

#[test]
fn many_records_are_written_in_their_order_under_one_header() {
    let directory = Directory::new();
    let names: Vec<String> = (0..2_345).map(|number| format!("{number}")).collect();
    let rows: Vec<(&str, &str, &str)> = names.iter().map(|name| (name.as_str(), "Martin", "Rennes")).collect();
    let file = directory.write("customers.csv", customers(&rows));
    let other = directory.write("others.csv", customers(&[("9000", "Le Goff", "Brest")]));
    let ended = convert(&directory, &["--from", "erp/customer", "--to", "crm/customer", &file, &other]).with(0);
    let keys: Vec<&str> = ended.out.lines().map(|line| line.split(',').next().unwrap()).collect();
    let expected: Vec<&str> = ["Id"].into_iter().chain(names.iter().map(String::as_str)).chain(["9000"]).collect();
    assert_eq!(keys, expected);
}

/// How much memory `convert --to` may use, whatever the size of its input.
const MEMORY_MAX: u64 = 150 << 20;

/// The most memory that a process used so far, in bytes; `None` once it has ended.
fn memory_peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[test]
fn a_large_file_is_written_in_little_memory() {
    let directory = Directory::new();
    // Few and long records, so that the test spends its time on bytes.
    let (records, name) = (20_000, "Martin ".repeat(450));
    let rows = vec![("1", name.trim(), "Rennes"); records];
    let text = customers(&rows);
    assert!(text.len() > 60 << 20, "{} bytes", text.len());
    let file = directory.write("customers.csv", text);
    let hub = directory.hub();
    let mut convert = command(&["convert", "--from", "erp/customer", "--to", "crm/customer", &file, "--dir", &hub]);
    let mut child = convert.stdout(Stdio::piped()).spawn().unwrap();
    let (mut lines, mut peak) = (0, 0);
    for line in BufReader::new(child.stdout.take().unwrap()).split(b'\n') {
        line.unwrap();
        lines += 1;
        peak = peak.max(if lines % 100 == 0 { memory_peak(child.id()).unwrap_or_default() } else { 0 });
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(lines, records + 1);
    assert!(peak > 0 && peak < MEMORY_MAX, "{} MB of memory", peak >> 20);
}

#[test]
fn a_stream_is_rehearsed_as_the_hub_would_read_it() {
    let directory = Directory::new();
    directory.edit("hub/systems/erp.toml", "encoding = \"utf-8\"", "encoding = \"utf-8\"\nheader = { line = 2 }");
    let text = format!("Export of today\n{}", customers(&[("1", "Martin", "Rennes")]));
    let file = directory.write("customers.csv", text);
    let ended = convert(&directory, &["--stream", "erp/customers", &file]).with(0);
    assert!(ended.out.contains("\"Martin\""), "{}", ended.out);
    let check = |stream: &str, part: &str| {
        let ended = convert(&directory, &["--stream", stream, &file]).with(2);
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    };
    check("erp", "write SYSTEM/STREAM");
    check("erp/custommers", "did you mean \"customers\"?");
    check("crm/customers", "there is no stream of crm");
    assert!(convert(&directory, &[&file]).with(2).err.contains("--from"));
}

#[test]
fn json_records_stand_where_the_mapping_says_or_are_the_file() {
    let directory = Directory::new();
    let mapping = "entity = \"customer\"\nformat = \"json\"\nkey = \"id\"\n[fields]\nlegal_name = \"name\"\n";
    directory.write("hub/mappings/app/customer.toml", mapping);
    let with_record = mapping.replace("key", "record = \"data.items\"\nkey");
    directory.write("hub/mappings/api/customer.toml", with_record);
    let (one, two) = ("{\"id\":\"1\",\"name\":\"A\"}", "{\"id\":\"2\",\"name\":\"B\"}");
    let answer = |items: &str| format!("{{\"next\":null,\"data\":{{\"items\":[{items}]}}}}");
    let both = "{\"legal_name\":\"A\"}\n{\"legal_name\":\"B\"}\n";
    let check = |from: &str, name: &str, text: &str, expected: &str| {
        let file = directory.write(name, text);
        assert_eq!(convert(&directory, &["--from", from, &file]).with(0).out, expected, "{from} {name} {text}");
    };
    for from in ["app/customer", "api/customer"] {
        check(from, "customers.json", &format!("[{one},{two}]"), both);
        check(from, "customers.json", &format!("{one}\n{two}\n"), both);
        check(from, "customers.jsonl", &format!("{one}\n{two}\n"), both);
        check(from, "customers.json", &format!("\u{feff}{one}"), "{\"legal_name\":\"A\"}\n");
    }
    check("api/customer", "answer.json", &answer(&format!("{one},{two}")), both);
    check("api/customer", "answers.jsonl", &format!("{}\n{}\n", answer(one), answer(two)), both);
    check("api/customer", "answer.json", &answer(""), "");
    let wrong = |name: &str, text: &str, expected: &str| {
        let file = directory.write(name, text);
        let ended = convert(&directory, &["--from", "api/customer", &file]).with(1);
        assert!(ended.err.contains(expected), "{expected}: {}", ended.err);
        ended.out
    };
    assert_eq!(wrong("customers.json", "[{\"id\":", "[json.cut-off]"), "");
    assert_eq!(wrong("customers.json", "", "[file.empty]"), "");
    // Lines stand for themselves, so that the others go on.
    let lines = format!("{one}\n{{\"id\":\n{two}\n");
    assert_eq!(wrong("customers.jsonl", &lines, "customers.jsonl:2: rejected: "), both);
}

#[test]
fn a_pack_says_how_its_files_are_read_and_written() {
    let directory = Directory::new();
    let mapping = "entity = \"customer\"\nformat = \"csv\"\nkey = \"NO\"\ncolumns = [\"NO\", \"NAME\"]\n\
                   [fields]\nlegal_name = \"NAME\"\n";
    directory.write("hub/mappings/old/customer.toml", mapping);
    let files = "[csv-drop]\nencoding = \"windows-1252\"\ndelimiter = \"|\"\n[csv-drop.write]\nline_end = \"lf\"\n";
    directory.write("hub/mappings/old/files.toml", files);
    let read = |content: &[u8]| {
        let file = directory.write("customers.txt", content);
        convert(&directory, &["--from", "old/customer", &file]).with(0).out
    };
    let expected = "{\"legal_name\":\"Andr\u{e9}, fils\"}\n";
    assert_eq!(read(b"NO|NAME\n1|Andr\xe9, fils\n"), expected, "as the pack says");
    assert_eq!(read("NO|NAME\n1|Andr\u{e9}, fils\n".as_bytes()), expected, "UTF-8 all the same");
    assert_eq!(read(b"NO;NAME\n1;Andr\xe9, fils\n"), expected, "with another delimiter");
    let file = directory.write("customers.csv", customers(&[("1", "Andr\u{e9}", "Rennes")]));
    let write = |options: &[&str]| {
        let arguments = ["convert", "--from", "erp/customer", "--to", "old/customer", "--no-unmapped", &file, "--dir"];
        let output = command(&[&arguments[..], &[&directory.hub()], options].concat()).output().unwrap();
        (output.status.code().unwrap(), output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(write(&[]).1, b"NO|NAME\n1|Andr\xe9\n");
    assert_eq!(write(&["--to-encoding", "utf-8", "--to-delimiter", ";"]).1, "NO;NAME\n1;Andr\u{e9}\n".as_bytes());
    let refused = write(&["--to-encoding", "klingon"]);
    assert!(refused.0 == 2 && refused.2.contains("do not fit: there is no encoding \"klingon\""), "{refused:?}");
    directory.write("hub/mappings/old/files.toml", "[csv-dorp]\n");
    let wrong = write(&[]);
    assert!(wrong.0 == 2 && wrong.2.contains("files.toml:1:2: there is no connector \"csv-dorp\""), "{wrong:?}");
}

#[test]
fn entries_of_another_program_become_a_fec() {
    let directory = Directory::new();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../mappings/sage-100/examples/entry.csv");
    let text = std::fs::read_to_string(example).unwrap().replace("Facture", "R\u{e9}gl\u{e9}");
    let file = directory.write("entries.csv", text);
    let arguments = ["convert", "--from", "sage-100/entry", "--to", "fec/entry", "--no-unmapped", &file];
    let written = command(&arguments).output().unwrap();
    assert_eq!(written.status.code(), Some(0), "{}", String::from_utf8_lossy(&written.stderr));
    assert!(std::str::from_utf8(&written.stdout).is_err(), "it is ISO 8859-15");
    // Of the characters here, ISO 8859-15 has the code points of Unicode.
    let text: String = written.stdout.iter().map(|byte| char::from(*byte)).collect();
    assert!(text.contains("R\u{e9}gl\u{e9}"), "{text}");
    let mut lines = text.split("\r\n");
    assert!(lines.next().unwrap().starts_with("JournalCode\tJournalLib\tEcritureNum\tEcritureDate\tCompteNum\t"));
    let rows: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.split('\t').count() == 18 && !row.contains('"')), "{text}");
    // It is read again without a word about its form, as are those with bars.
    let with_bars = written.stdout.iter().map(|byte| if *byte == b'\t' { b'|' } else { *byte }).collect();
    let original = convert(&directory, &["--from", "sage-100/entry", "--no-unmapped", &file]).with(0).out;
    for text in [written.stdout.clone(), with_bars] {
        let file = directory.write("123456789FEC20261231.txt", text);
        let read = convert(&directory, &["--from", "fec/entry", "--no-unmapped", &file]).with(0).out;
        assert_eq!(read.lines().count(), original.lines().count(), "{read}");
        assert!(read.contains("R\u{e9}gl\u{e9}"), "{read}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let directory = Directory::new();
    let file = directory.write("customers.csv", customers(&[]));
    let check = |arguments: &[&str], part: &str| {
        let ended = convert(&directory, arguments).with(2);
        assert!(ended.err.contains(part) && ended.out.is_empty(), "{part}: {}", ended.err);
    };
    check(&["--from", "erp/custommer", &file], "did you mean \"erp/customer\"?");
    check(&["--from", "erp/customer", "/nowhere.csv"], "cannot be read");
    check(&["--from", "erp/customer", &directory.hub()], "is a directory");
    let klingon = ["--from", "erp/customer", &file, "--encoding", "klingon"];
    check(&klingon, "passerelle: the options do not fit: there is no encoding \"klingon\"");
    check(&klingon, "[cli.dialect]");
    check(&["--from", "ubl-2.1/invoice", &file, "--delimiter", ";"], "--delimiter and --quote are for CSV files");
    check(&["--from", "erp/customer", &file, "--to-delimiter", ";"], "--to <PACK/ENTITY>");
    check(
        &["--from", "erp/customer", "--to", "tryton/customer", &file],
        "only reads; --to needs a mapping whose lines",
    );
    let to_json = ["--from", "erp/customer", "--to", "hubspot/company", &file];
    check(&[&to_json[..], &["--to-delimiter", ";"]].concat(), "--to-delimiter is for CSV files, and ");
    check(&[&to_json[..], &["--to-encoding", "latin1"]].concat(), "leave --to-encoding out");
}

#[test]
fn an_xml_invoice_is_read_and_written_again() {
    let directory = Directory::new();
    let mapping = "entity = \"invoice\"\nformat = \"xml\"\nrecord = \"/i:Bill\"\nkey = \"i:No\"\n\
                   [namespaces]\ni = \"urn:bill\"\n[fields]\nnumber = \"i:No\"\n\
                   issue_date = { at = \"i:Date\", as = \"date\", format = \"%Y-%m-%d\" }\n";
    directory.write("hub/mappings/app/invoice.toml", mapping);
    let bill = "<b:Bill xmlns:b=\"urn:bill\"><b:No>F&amp;1</b:No><b:Date>2026-01-31</b:Date></b:Bill>";
    let file = directory.write("bill.xml", bill);
    let ended = convert(&directory, &["--from", "app/invoice", "--to", "app/invoice", &file]).with(1);
    let flat: String = ended.out.split('\n').map(str::trim).collect();
    assert!(flat.contains("<i:No>F&amp;1</i:No><i:Date>2026-01-31</i:Date></i:Bill>"), "{}", ended.out);
    assert!(flat.contains("xmlns:i=\"urn:bill\""), "{}", ended.out);
    assert!(ended.err.contains("fatal: "), "an invoice without a seller breaks a rule: {}", ended.err);
    let cut = directory.write("cut.xml", &bill[..bill.len() - 12]);
    assert!(convert(&directory, &["--from", "app/invoice", &cut]).with(1).err.contains("[xml.cut-off]"));
    let bomb = format!("<!DOCTYPE b [<!ENTITY a \"aa\">]>{bill}");
    let bomb = directory.write("bomb.xml", bomb);
    assert!(convert(&directory, &["--from", "app/invoice", &bomb]).with(1).err.contains("[xml.dtd]"));
}
