//! Header and lines in different files of one drop.

use super::{drain, drop_file, listing, open, rows, shorten};
use async_trait::async_trait;
use canonical::record::Record;
use connector::testkit::{SourceHarness, assert_conforms, check_source};
use connector::{Again, Fault, Source};
use serde_json::{Value, json};

fn settings() -> Value {
    json!({ "files": "inv-*.csv", "join": { "file": "lines-*.csv", "on": { "no": "invoice" } } })
}

const INVOICES: &str = "no,buyer\n1,Martin\n2,Le Goff\n3,Dubois\n";
const LINES: &str = "invoice,text\n2,screw\n1,nut\n2,bolt\n9,lost\n";

async fn check(invoices: &str, lines: &str, settings: Value, expected: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    drop_file(directory.path(), "inv-1.csv", invoices);
    drop_file(directory.path(), "lines-1.csv", lines);
    let mut source = open(directory.path(), &settings, &[]).await.unwrap();
    assert_eq!(shorten(&drain(&mut *source).await), expected, "{invoices} {lines}");
}

#[tokio::test]
async fn rows_of_a_second_file_belong_to_those_of_the_first() {
    let expected = &["1|Martin|1|nut", "2|Le Goff|2|screw + 2|Le Goff|2|bolt", "3|Dubois||", "5 csv.join-orphan"];
    check(INVOICES, LINES, settings(), expected).await;
    let mut headless = settings();
    headless["join"]["columns"] = json!(["invoice", "text"]);
    check(
        INVOICES,
        LINES.split_once('\n').unwrap().1,
        headless,
        &[expected[0], expected[1], expected[2], "4 csv.join-orphan"],
    )
    .await;
    // A blank key is that of nothing.
    let blank = INVOICES.replace("3,", ",");
    check(
        &blank,
        "invoice,text\n,lost\n",
        settings(),
        &["1|Martin||", "2|Le Goff||", "|Dubois||", "2 csv.join-orphan"],
    )
    .await;
}

#[tokio::test]
async fn a_drop_whose_second_file_cannot_be_read_gives_nothing() {
    check(INVOICES, "invoice,text\n1,a,b\n", settings(), &["file csv.join-unreadable"]).await;
    check(INVOICES, "number,text\n1,a\n", settings(), &["file csv.column-missing"]).await;
    check(INVOICES, "", settings(), &["file file.empty"]).await;
    let mut limited = settings();
    limited["join"]["rows_max"] = json!(3);
    check(INVOICES, LINES, limited, &["file csv.join-too-large"]).await;
    let mut twice = settings();
    twice["join"]["prefix"] = json!("");
    check("no,text\n1,a\n", LINES, twice, &["file csv.column-twice"]).await;
    let mut many = settings();
    many["group_rows_max"] = json!(1);
    check(INVOICES, LINES, many, &["1|Martin|1|nut", "3 csv.group-too-large", "3|Dubois||", "5 csv.join-orphan"]).await;
}

#[tokio::test]
async fn a_file_waits_for_its_second_one_and_both_go_together() {
    let directory = tempfile::tempdir().unwrap();
    drop_file(directory.path(), "inv-1.csv", INVOICES);
    let mut source = open(directory.path(), &settings(), &[]).await.unwrap();
    assert!(source.read(None).await.unwrap().is_none());
    drop_file(directory.path(), "lines-1.csv", LINES);
    let batches = drain(&mut *source).await;
    assert_eq!(listing(&directory.path().join("in")), []);
    let archived: Vec<String> =
        listing(&directory.path().join("in/archive")).into_iter().map(|(name, _)| name).collect();
    let fingerprint = batches[0].drop.fingerprint.unwrap();
    let short = &fingerprint.to_string()[..8];
    assert_eq!(archived, [format!("inv-1.csv.{short}"), format!("lines-1.csv.{short}")]);
    // A second file with other content is another drop; and each can be found again.
    let past = connector::PastDrop { name: "inv-1.csv".to_owned(), fingerprint: Some(fingerprint) };
    let Again::Drop(mut again) = source.again(&past).await.unwrap() else { panic!("it is not found again") };
    assert_eq!(shorten(&[again.read(None).await.unwrap().unwrap()]), shorten(&batches));
    drop_file(directory.path(), "inv-1.csv", INVOICES);
    drop_file(directory.path(), "lines-1.csv", LINES.replace("bolt", "nail"));
    let other = drain(&mut *open(directory.path(), &settings(), &[]).await.unwrap()).await;
    assert_ne!(other[0].drop.fingerprint, Some(fingerprint));
}

struct Folder(tempfile::TempDir);

#[async_trait]
impl SourceHarness for Folder {
    async fn reset(&mut self) {
        self.0 = tempfile::tempdir().unwrap();
        drop_file(self.0.path(), "inv-1.csv", INVOICES);
        drop_file(self.0.path(), "lines-1.csv", LINES);
        drop_file(self.0.path(), "inv-2.csv", "no,buyer\n4,Roux\n");
        drop_file(self.0.path(), "lines-2.csv", "bad,header\n");
    }

    async fn open(&mut self) -> Result<Box<dyn Source>, Fault> {
        let mut settings = settings();
        settings["batch_records_max"] = json!(1);
        open(self.0.path(), &settings, &[]).await
    }

    fn expected(&self) -> Vec<String> {
        let texts = [
            "1|Martin|1|nut",
            "2|Le Goff|2|screw + 2|Le Goff|2|bolt",
            "3|Dubois||",
            "csv.join-orphan",
            "csv.column-missing",
        ];
        texts.map(str::to_owned).to_vec()
    }

    fn identity(&self, record: &Record) -> String {
        rows(record).iter().map(|row| row.join("|")).collect::<Vec<_>>().join(" + ")
    }

    async fn leftover(&mut self) -> Option<String> {
        let count = |name: &str| listing(&self.0.path().join(name)).len();
        let found = (count("in"), count("in/archive"), count("in/reject"));
        (found != (0, 2, 2)).then(|| format!("{found:?} left, archived and rejected"))
    }
}

#[tokio::test]
async fn the_source_conforms_with_a_second_file() {
    assert_conforms(&check_source(&mut Folder(tempfile::tempdir().unwrap())).await);
}
