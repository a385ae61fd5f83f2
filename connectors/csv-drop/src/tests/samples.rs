//! The files of real systems in the sample folder, each with the profile that an integrator would declare for it.
//!
//! No row is swallowed: what an independent reader counts in a file comes out as rows or rejects.

use std::path::{Path, PathBuf};

use super::{drain, drop_file, open, rows};
use connector::Item;
use serde_json::{Value, json};
use std::fs;

/// The folder with the samples: `$PASSERELLE_SAMPLES`, or beside the workspace.
fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    let folder = std::env::var_os("PASSERELLE_SAMPLES").map_or_else(beside, PathBuf::from);
    if !folder.is_dir() {
        eprintln!("SAMPLES ARE MISSING: nothing was held against real files; set PASSERELLE_SAMPLES to their folder");
        return None;
    }
    Some(folder)
}

/// A file, how it is declared, and what must come out of it.
struct Sample {
    file: &'static str,
    settings: &'static str,
    group_by: &'static [&'static str],
    /// How many lines of the file are no rows: preamble, header, comments, footer.
    aside: usize,
    /// How many rows come out.
    rows: usize,
    /// The rejects: line and code.
    rejects: &'static [&'static str],
    /// How the last row begins, values parted by `|`.
    last: &'static str,
}

const fn sample(file: &'static str, settings: &'static str, rows: usize, last: &'static str) -> Sample {
    Sample { file, settings, group_by: &[], aside: 1, rows, rejects: &[], last }
}

const RAIFFEISEN: &str =
    "delimiter = ';'\ncolumns = ['date', 'payee', 'value date', 'amount', 'currency', 'info', 'more']";

const SAMPLES: &[Sample] = &[
    sample(
        "csv-bank/2018-04-14_10-52-13_bunq-transactieoverzicht.csv",
        "",
        3,
        "2018-03-09|-18,90|NL47BUNQ2025181418||",
    ),
    sample("csv-bank/20180226-1000594757-umsatz.CSV", "delimiter = ';'", 1, "1000594757|22.02.18|22.02.18|FOLGE"),
    sample("csv-bank/20180226_12345678.csv", "", 1, "10/02/2018|MERCHANT NAME@12:34|-5.00|995.00"),
    // Its lines end in two carriage returns each.
    sample("csv-bank/CSV_A_20180414_112204.csv", "encoding = 'windows-1252'", 3, "NL77RABO0311467415|EUR|RABONL2U"),
    sample(
        "csv-bank/MS_JANE_SMITH_01-12-2019_14-12-2019.csv",
        "",
        13,
        "02-Dec-2019|PAYMENT RECEIVED - THANK YOU|+ £1,1",
    ),
    sample(
        "csv-bank/MonzoDataExport_February2018_2018-02-26_174335.csv",
        "",
        1,
        "tx_00009TziTeST1NG1ZWIPGS|2018-02-25",
    ),
    sample(
        "csv-bank/Movements_1234512345_201805271848.csv",
        "delimiter = ';'\nencoding = 'windows-1250'\nduplicates = 'number'",
        1,
        "27.05.2018|27.05.2018|123456789/1234|Name Surname|Platba",
    ),
    sample(
        "csv-bank/TH_20180101-20180523_strana_1.csv",
        "delimiter = ';'\nencoding = 'windows-1250'",
        9,
        "XýXěX XXXXXXXXX XXX 1111|1111/11/11|-1111,11",
    ),
    // The text of a transaction goes on in a row of its own, which lacks the last values.
    Sample {
        group_by: &["Transaction date"],
        aside: 5,
        ..sample(
            "csv-bank/TransactionHistory_20180418043121.csv",
            "header = { starts_with = ['Transaction date', 'Value date'] }\nragged = 'pad'",
            16,
            "||66-6666 TOAST BO6-MANULIFE CTR",
        )
    },
    sample("csv-bank/W80844_EBH_201945.202122.csv", "", 2, "2019.04.17.|memo goes here|payee account"),
    Sample {
        aside: 0,
        ..sample(
            "csv-bank/dba33fceecd62c3c727893361e0ba4d3.P000000027355791.csv",
            "columns = ['date', 'payee', 'amount', 'in', 'info', 'a', 'b', 'c']",
            1,
            "27 Feb 2018|UMC-| 7.80| |MCDONALD'S (TAM KIOSK) SI NG 22FEB",
        )
    },
    sample("csv-bank/export_BE11123456789012_20180304_1422.csv", "delimiter = ';'", 1, "BE11123456789012|  "),
    sample(
        "csv-bank/export_KBC-Mastercard_Business_Essential_20200204_1604.csv",
        "delimiter = ';'",
        3,
        "1234567890123456|SMITH JOHN|januari 2020|01/01/2020",
    ),
    // A first line with the account stands above the rows, which have no header.
    Sample {
        aside: 1,
        ..sample(
            "csv-bank/kta_ei.dat",
            "delimiter = '|'\ncomment = 'K|'\ncolumns = ['mark', 'text', 'date', 'payee', 'amount', 'info']\nragged = 'pad'",
            11,
            "| POS 12,40 AT K2 13.03. 13:58|20190313|MCFLY|-170.63|",
        )
    },
    sample("csv-bank/test_BOI_TransactionExport.csv", "", 27, "28/09/2017|CU Lin SO|818.0||"),
    Sample {
        aside: 3,
        rejects: &["72 csv.ragged-row"],
        ..sample(
            "csv-bank/test_headers.csv",
            "delimiter = ';'\nduplicates = 'number'\ncomment = 'FOOTER ROW TEST'",
            73,
            "19.10.2017|HOFER DANKT  0527  K2   19.10. 17:36|19.10.2017|-81,99|EUR||",
        )
    },
    Sample {
        aside: 0,
        rejects: &["71 csv.ragged-row"],
        ..sample("csv-bank/test_raiffeisen_02.csv", RAIFFEISEN, 73, "19.10.2017|HOFER DANKT")
    },
    Sample {
        aside: 0,
        rejects: &["71 csv.ragged-row"],
        ..sample("csv-bank/test_regex_123456_87654321_1234_21_12.csv", RAIFFEISEN, 73, "19.10.2017|HOFER DANKT")
    },
    Sample {
        aside: 0,
        ..sample(
            "csv-bank/test_row_format_CD_flag.csv",
            "delimiter = ';'\ncolumns = ['date', 'payee', 'value date', 'amount', 'flag']",
            74,
            "19.10.2017|HOFER DANKT  0527  K2   19.10. 17:36|19.10.2017|81,99|",
        )
    },
    sample("csv-dialects/blank-rows-multiple.csv", "", 2, "1102|Julie|26"),
    sample("csv-dialects/blank-rows.csv", "", 2, "1102|Julie|26"),
    sample("csv-dialects/chunk1.csv.zip", "", 1, "1|english"),
    sample("csv-dialects/chunk2.csv.zip", "", 1, "2|中国人"),
    Sample {
        aside: 2,
        ..sample(
            "csv-dialects/clevercsv_airedale.csv",
            "comment = 'Report created'",
            53,
            "DEPARTMENT OF HEALTH|AIREDALE",
        )
    },
    sample("csv-dialects/data__doublequote.csv.zip", "", 5, "A.N.E.P.|Administración Nacional de Educación"),
    sample("csv-dialects/data__duplicate-headers.csv", "duplicates = 'number'", 2, "1102|Julie|0|26|001102"),
    sample("csv-dialects/delimiter.csv", "delimiter = ';'", 2, "2|中国人"),
    sample("csv-dialects/doublequote.csv", "", 5, "A.N.E.P.|Administración Nacional de Educación"),
    Sample { rejects: &["file csv.column-twice"], ..sample("csv-dialects/duplicate-headers.csv", "", 0, "") },
    sample("csv-dialects/floats.csv", "", 5, "1.5"),
    // Two columns have no name and one stands twice; a row has a value beyond them.
    Sample {
        rejects: &["6 csv.ragged-row"],
        ..sample("csv-dialects/issue-312.xlsx", "duplicates = 'number'", 3, "11|english||")
    },
    Sample { rejects: &["3 csv.encoding"], ..sample("csv-dialects/latin1.csv", "", 1, "1|english") },
    sample("csv-dialects/merged-cells.xlsx", "columns = ['a', 'b']\nfill_merged = true", 3, "data|data"),
    sample("csv-dialects/multiline-headers.xlsx", "header = { line = 1 }\nheader_lines = 5", 1, "A|B|C|D"),
    sample("csv-dialects/number-format-multicode.xlsx", "", 3, "15.7929464439101"),
    sample("csv-dialects/preserve-formatting-percentage.xlsx", "percent = 'shown'", 3, "789|6"),
    sample("csv-dialects/sheet2.xls", "sheet = 2", 2, "2|中国人"),
    sample("csv-dialects/sheets.xlsx", "sheet = 'Sheet3'", 1, "3|rome"),
    Sample { aside: 2, ..sample("csv-dialects/skip-rows-before-headers.csv", "comment = '#'", 2, "2|中国人") },
    sample("csv-dialects/skip-rows.xlsx", "header = { starts_with = ['A', 'B'] }", 2, "|TOTAL"),
    sample("csv-dialects/table-infer-boolean.xlsx", "", 2, "3|four|false"),
    sample("csv-dialects/table-infer-utf8.csv", "", 5, "5|37|Iñtërnâtiônàlizætiøn"),
    sample("csv-dialects/table-with-ints-floats-dates.xls", "", 3, "1969|11.7|2012-08-23"),
    sample("csv-dialects/table-with-two-sheets.ods", "sheet = 2", 1, "1|2|3"),
    sample("csv-dialects/table.csv.gz", "", 2, "2|中国人"),
    sample("csv-dialects/table.csv.zip", "", 2, "2|中国人"),
    sample("csv-dialects/table.xls", "", 2, "2|中国人"),
    sample("csv-dialects/table.xlsx", "", 2, "2|中国人"),
    Sample {
        aside: 0,
        rejects: &["3 csv.ragged-row"],
        ..sample("csv-dialects/without-headers-extra.csv", "columns = ['id', 'name']", 2, "2|中国人")
    },
    Sample { aside: 0, ..sample("csv-dialects/without-headers.csv", "columns = ['id', 'name']", 3, "3|german") },
];

async fn read(folder: &Path, sample: &Sample) -> (usize, Vec<String>, String) {
    let directory = tempfile::tempdir().unwrap();
    let (_, name) = sample.file.rsplit_once('/').unwrap();
    drop_file(directory.path(), name, fs::read(folder.join(sample.file)).unwrap());
    let mut settings: Value = serde_json::to_value(toml::from_str::<toml::Table>(sample.settings).unwrap()).unwrap();
    settings["files"] = json!(name);
    let mut source = open(directory.path(), &settings, sample.group_by).await.unwrap();
    let batches = drain(&mut *source).await;
    let (mut count, mut rejects, mut last) = (0, Vec::new(), String::new());
    for item in batches.iter().flat_map(|batch| &batch.items) {
        match item {
            Item::Record(record) => {
                count += rows(record).len();
                last = rows(record).last().unwrap().join("|");
            }
            Item::Reject(reject) => {
                let line = reject.place.line.map_or_else(|| "file".to_owned(), |line| line.to_string());
                rejects.push(format!("{line} {}", reject.code));
            }
        }
    }
    (count, rejects, last)
}

#[tokio::test]
async fn every_sample_is_read_as_declared_and_no_row_is_swallowed() {
    let Some(folder) = folder() else { return };
    let mut wrong = Vec::new();
    for sample in SAMPLES {
        let (count, rejects, last) = read(&folder, sample).await;
        if count != sample.rows || rejects != sample.rejects || !last.starts_with(sample.last) {
            wrong.push(format!("{}: {count} rows, {rejects:?}, last {last:.80}", sample.file));
        }
        if let Some(told) = counted(&folder, sample)
            && told != sample.aside + count + rejects.len()
        {
            wrong.push(format!("{}: {told} lines with content, {count} rows, {} rejects", sample.file, rejects.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How many records with content another reader finds in a file of text; `None` for one that is refused as a whole.
fn counted(folder: &Path, sample: &Sample) -> Option<usize> {
    let is_text = [".csv", ".CSV", ".dat"].iter().any(|end| sample.file.ends_with(end));
    if !is_text || sample.rejects.iter().any(|reject| reject.starts_with("file")) {
        return None;
    }
    let delimiter = sample.settings.split_once("delimiter = '").map_or(b',', |(_, rest)| rest.as_bytes()[0]);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_path(folder.join(sample.file))
        .unwrap();
    let has_content = |record: &csv::ByteRecord| record.iter().any(|value| !value.trim_ascii().is_empty());
    Some(reader.byte_records().map(Result::unwrap).filter(has_content).count())
}

#[test]
fn every_sample_has_a_profile() {
    let Some(folder) = folder() else { return };
    for kind in ["csv-bank", "csv-dialects"] {
        for entry in fs::read_dir(folder.join(kind)).unwrap() {
            let file = format!("{kind}/{}", entry.unwrap().file_name().into_string().unwrap());
            assert!(SAMPLES.iter().any(|sample| sample.file == file), "{file} is not declared");
        }
    }
}
