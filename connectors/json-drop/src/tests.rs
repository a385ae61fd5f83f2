//! The connector against the conformance suite, and against documents as systems drop them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use async_trait::async_trait;
use canonical::entity::{Entity, Operation};
use canonical::record::{Body, Json, Record};
use connector::testkit::{SourceHarness, assert_conforms, check_source};
use connector::{Connector, Fault, Item, OpenContext, Reference, Rendered, Source, Split, StreamContext};
use files::{Fate, Render};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::JsonDrop;
use crate::settings::Removal;
use crate::writer::JsonWriter;

async fn open(directory: &Path, settings: &Value, told: StreamContext) -> Result<Box<dyn Source>, Fault> {
    let mut stream = json!({ "folder": "in", "settle_ms": 0 });
    for (name, value) in settings.as_object().unwrap() {
        stream[name] = value.clone();
    }
    let connector: JsonDrop = serde_json::from_value(json!({ "streams": { "s": stream } })).unwrap();
    let streams = BTreeMap::from([("s".to_owned(), told)]);
    let context = OpenContext { system: "shop".to_owned(), directory: directory.to_owned(), streams };
    Ok(connector.open(&context).await?.sources.remove("s").unwrap())
}

fn drop_file(directory: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::create_dir_all(directory.join("in")).unwrap();
    fs::write(directory.join("in").join(name), content).unwrap();
}

fn text(record: &Record) -> String {
    let Body::Json(value) = &record.body else { panic!("a record that is not JSON") };
    value.to_string()
}

/// Everything in one file, in batches of one record, each read by a source of its own as after a crash.
async fn read(content: &[u8], name: &str, settings: &Value, told: &StreamContext) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    drop_file(directory.path(), name, content);
    let mut settings = settings.clone();
    settings["batch_records_max"] = json!(1);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let mut source = open(directory.path(), &settings, told.clone()).await.unwrap();
        let Some(batch) = source.read(after.as_ref()).await.unwrap() else { return found };
        source.commit(&batch.checkpoint).await.unwrap();
        after = Some(batch.checkpoint.clone());
        found.extend(batch.items.iter().map(|item| match item {
            Item::Record(record) => format!("{} {}", record.place.line.unwrap(), text(record)),
            Item::Reject(reject) => {
                let line = reject.place.line.map_or_else(|| "file".to_owned(), |line| line.to_string());
                format!("{line} {}", reject.code)
            }
        }));
    }
}

async fn check(content: &str, settings: Value, expected: &[&str]) {
    let found = read(content.as_bytes(), "a.json", &settings, &StreamContext::default()).await;
    assert_eq!(found, expected, "{content}");
}

#[tokio::test]
async fn the_items_of_a_list_are_records() {
    check("[]", json!({}), &[]).await;
    check("[{\"a\":1},\n{\"a\":\"]\\\"}\"}]", json!({}), &["1 {\"a\":1}", "2 {\"a\":\"]\\\"}\"}"]).await;
    check("{\"a\":1.50}", json!({}), &["1 {\"a\":1.50}"]).await;
    check("{\"a\":1}\n{\"a\":2} [{\"a\":3}]", json!({}), &["1 {\"a\":1}", "2 {\"a\":2}", "2 {\"a\":3}"]).await;
    check("\u{feff}[{\"a\":1}]\n", json!({}), &["1 {\"a\":1}"]).await;
    check("[{\"a\":1},7,{\"b\":}]", json!({}), &["1 {\"a\":1}", "1 json.shape", "1 json.syntax"]).await;
}

#[tokio::test]
async fn a_path_leads_to_the_records() {
    let document = "{\"meta\":{\"data\":[0]},\"data\":{\"n\":2,\"orders\":[{\"a\":1},\n{\"a\":2}],\"x\":[{}]},\"z\":0}";
    let settings = || json!({ "record": "data.orders" });
    check(document, settings(), &["1 {\"a\":1}", "2 {\"a\":2}"]).await;
    check(&document.repeat(2), settings(), &["1 {\"a\":1}", "2 {\"a\":2}", "2 {\"a\":1}", "3 {\"a\":2}"]).await;
    check("{\"data\":{\"orders\":{\"a\":1},\"b\":2}}", settings(), &["1 {\"a\":1}"]).await;
    check("{\"data\":{\"orders\":[]}}", settings(), &[]).await;
    check("{\"data\":{\"order\":[{}]}}", settings(), &["file json.no-records"]).await;
    check("{\"data\":[{}]}", settings(), &["file json.no-records"]).await;
    let told = StreamContext { record_paths: vec!["data.orders".to_owned()], ..StreamContext::default() };
    assert_eq!(read(document.as_bytes(), "a.json", &json!({}), &told).await, ["1 {\"a\":1}", "2 {\"a\":2}"]);
}

#[tokio::test]
async fn a_record_is_cut_at_repeated_values() {
    let document = b"[{\"a\":1,\"t\":[{\"x\":1},{\"x\":2}]},\n{\"a\":2,\"t\":[{\"x\":3}]}]";
    let split = Some(Split { at: "t".to_owned(), with: Vec::new() });
    let told = StreamContext { split, ..StreamContext::default() };
    let expected = ["1 {\"a\":1,\"t\":[{\"x\":1}]}", "1 {\"a\":1,\"t\":[{\"x\":2}]}", "2 {\"a\":2,\"t\":[{\"x\":3}]}"];
    // A source that is opened anew for every batch goes on inside of a record that was cut.
    for settings in [json!({}), json!({ "batch_records_max": 1 })] {
        assert_eq!(read(document, "a.json", &settings, &told).await, expected, "{settings}");
    }
    let lines = b"{\"t\":[1,2]}\n{\"t\":3}";
    let found = read(lines, "a.jsonl", &json!({ "batch_records_max": 1 }), &told).await;
    assert_eq!(found, ["1 {\"t\":[1]}", "1 {\"t\":[2]}", "2 {\"t\":3}"]);
}

#[tokio::test]
async fn a_document_that_is_none_gives_nothing() {
    check("[{\"a\":1},{\"a\":2", json!({}), &["file json.cut-off"]).await;
    check("[{\"a\":1} {\"a\":2}]", json!({}), &["file json.syntax"]).await;
    check("[{\"a\":1},]", json!({}), &["file json.syntax"]).await;
    check("{\"data\":[{}] \"x\":1}", json!({ "record": "data" }), &["file json.syntax"]).await;
    check("{data:[{}]}", json!({ "record": "data" }), &["file json.syntax"]).await;
    check("[\"open", json!({}), &["file json.cut-off"]).await;
    check(&"[".repeat(10_000), json!({}), &["file json.syntax"]).await;
    check("", json!({}), &["file file.empty"]).await;
}

#[tokio::test]
async fn each_line_of_json_lines_stands_for_itself() {
    let lines = "{\"a\":1}\n\nnonsense\n{\"a\":2} {\"a\":3}\r\n{\"a\":4}";
    let expected = ["1 {\"a\":1}", "3 json.syntax", "4 json.syntax", "5 {\"a\":4}"];
    for (name, settings) in [("a.jsonl", json!({})), ("a.ndjson", json!({})), ("a.json", json!({ "lines": true }))] {
        assert_eq!(read(lines.as_bytes(), name, &settings, &StreamContext::default()).await, expected, "{name}");
    }
    let latin = b"{\"a\":\"\xe9\"}\n{\"a\":\"e\"}";
    let found = read(latin, "a.jsonl", &json!({}), &StreamContext::default()).await;
    assert_eq!(found, ["1 json.encoding", "2 {\"a\":\"e\"}"]);
    let declared = json!({ "encoding": "windows-1252" });
    let found = read(latin, "a.jsonl", &declared, &StreamContext::default()).await;
    assert_eq!(found, ["1 {\"a\":\"é\"}", "2 {\"a\":\"e\"}"]);
}

#[tokio::test]
async fn a_record_has_a_limit() {
    let settings = json!({ "record_bytes_max": 10 });
    let (short, long) = ("{\"a\":\"é\"}", "{\"a\":\"too long\"}");
    let expected = ["1 {\"a\":\"é\"}", "1 json.record-too-large", "1 {\"a\":\"é\"}"];
    check(&format!("[{short},{long},{short}]"), settings.clone(), &expected).await;
    let lines = format!("{short}\n{long}\n");
    let found = read(lines.as_bytes(), "a.jsonl", &settings, &StreamContext::default()).await;
    assert_eq!(found, ["1 {\"a\":\"é\"}", "2 json.record-too-large"]);
}

fn change(value: &str, operation: Operation) -> Rendered {
    let reference =
        Reference { entity: Entity::Customer, master_id: "m".to_owned(), version: 1, local_key: Some("1".to_owned()) };
    let record = Record::from_body(Body::Json(Json::read(value).unwrap()));
    Rendered { reference, operation, record, previous: None }
}

#[test]
fn changes_become_a_list_or_lines() {
    let changes = [change("{\"a\":1.50}", Operation::Upsert), change("{\"a\":\"é\"}", Operation::Upsert)];
    let check = |lines: bool, changes: &[Rendered], expected: &str| {
        let writer = JsonWriter { lines, removal: Removal::Refuse, encoding: encoding_rs::UTF_8 };
        let (content, fates) = writer.render(&changes.iter().collect::<Vec<_>>());
        assert_eq!(String::from_utf8(content).unwrap(), expected);
        assert!(fates.iter().all(|fate| *fate == Fate::Written));
    };
    check(false, &changes, "[\n{\"a\":1.50},\n{\"a\":\"é\"}\n]\n");
    check(true, &changes, "{\"a\":1.50}\n{\"a\":\"é\"}\n");
    check(false, &[], "[\n]\n");
    let writer = |removal| JsonWriter { lines: true, removal, encoding: encoding_rs::UTF_8 };
    let removed = change("{}", Operation::Remove);
    assert!(matches!(writer(Removal::Refuse).render(&[&removed]).1[..], [Fate::Refused("json.removal", _)]));
    assert_eq!(writer(Removal::Ignore).render(&[&removed]), (Vec::new(), vec![Fate::Nothing]));
}

struct Folder(tempfile::TempDir);

#[async_trait]
impl SourceHarness for Folder {
    async fn reset(&mut self) {
        self.0 = tempfile::tempdir().unwrap();
        let directory = self.0.path();
        drop_file(directory, "1.json", "{\"data\":[{\"a\":1},\n{\"a\":2},3,{\"a\":4},{\"a\":5}],\"n\":5}");
        drop_file(directory, "2.jsonl", "{\"a\":6}\nbad\n{\"a\":7}\n");
        drop_file(directory, "3.json", "{\"data\":[");
    }

    async fn open(&mut self) -> Result<Box<dyn Source>, Fault> {
        let told = StreamContext { record_paths: vec!["data".to_owned()], ..StreamContext::default() };
        open(self.0.path(), &json!({ "batch_records_max": 2 }), told).await
    }

    fn expected(&self) -> Vec<String> {
        let texts = ["1", "2", "json.shape", "4", "5", "6", "json.syntax", "7", "json.cut-off"];
        let shown = |text: &str| if text.len() == 1 { format!("{{\"a\":{text}}}") } else { text.to_owned() };
        texts.map(shown).to_vec()
    }

    fn identity(&self, record: &Record) -> String {
        text(record)
    }

    async fn leftover(&mut self) -> Option<String> {
        let count = |name: &str| {
            let entries = fs::read_dir(self.0.path().join(name)).into_iter().flatten();
            entries.filter(|entry| entry.as_ref().unwrap().path().is_file()).count()
        };
        let found = (count("in"), count("in/archive"), count("in/reject"));
        (found != (0, 2, 1)).then(|| format!("{found:?} left, archived and rejected"))
    }
}

#[tokio::test]
async fn the_source_conforms() {
    assert_conforms(&check_source(&mut Folder(tempfile::tempdir().unwrap())).await);
}

proptest! {
    /// Whatever the bytes are, reading them ends, and says what is wrong.
    #[test]
    fn any_bytes_are_records_or_refused(content in "[\\[\\]{},:\"\\\\ a1\n]{0,40}") {
        use crate::scanner::Scanner;
        use crate::walker::{Stand, Walker};
        let scanner = Scanner::new(content.as_bytes(), 0, 1);
        let mut walker = Walker::new(scanner, Vec::new(), Stand::Outside, 100);
        let (mut found, mut refused) = (0, false);
        loop {
            match walker.next() {
                Ok(Some(_)) => found += 1,
                Ok(None) => break,
                Err(_) => {
                    refused = true;
                    break;
                }
            }
        }
        prop_assert!(found <= content.len());
        // What a whole reader takes as one value is not refused here.
        if Json::read(&content).is_ok() {
            prop_assert!(!refused, "{content}");
        }
    }
}
