//! Records that are cut at repeated elements, and values that depend on a condition.

use std::collections::BTreeMap;
use std::path::Path;

use connector::{Connector, Fault, Item, OpenContext, Source, Split, StreamContext};
use serde_json::{Value, json};

use super::{drop_file, outline, tree};
use crate::settings::XmlExport;

async fn open(directory: &Path, told: &StreamContext, settings: &Value) -> Result<Box<dyn Source>, Fault> {
    let mut stream = json!({ "folder": "in", "settle_ms": 0 });
    for (name, value) in settings.as_object().unwrap() {
        stream[name] = value.clone();
    }
    let connector: XmlExport = serde_json::from_value(json!({ "streams": { "s": stream } })).unwrap();
    let streams = BTreeMap::from([("s".to_owned(), told.clone())]);
    let context = OpenContext { system: "bank".to_owned(), directory: directory.to_owned(), streams };
    let mut ports = connector.open(&context).await?;
    Ok(ports.sources.remove("s").unwrap())
}

fn told(split: &str, context: &[(&str, &str)]) -> StreamContext {
    let context = context.iter().map(|(name, path)| ((*name).to_owned(), vec![(*path).to_owned()]));
    StreamContext {
        record_paths: vec!["/d/e".to_owned()],
        context: context.collect(),
        split: Some(Split { at: split.to_owned(), with: Vec::new() }).filter(|split| !split.at.is_empty()),
        ..StreamContext::default()
    }
}

/// Every record with its line and its bytes.
async fn read(content: &str, told: &StreamContext, settings: &Value) -> Vec<(String, u64, String)> {
    let directory = tempfile::tempdir().unwrap();
    drop_file(directory.path(), "a.xml", content);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        // A source that is opened anew for every batch goes on inside of a record that was cut.
        let mut source = open(directory.path(), told, settings).await.unwrap();
        let Some(batch) = source.read(after.as_ref()).await.unwrap() else { return found };
        for (index, item) in batch.items.iter().enumerate() {
            let Item::Record(record) = item else { panic!("{item:?}") };
            assert!(index == 0 || record.place.ordinal == found.len() as u64, "ordinals count records");
            let raw = String::from_utf8(record.raw.clone()).unwrap();
            let shown = outline(tree(record)).replace("{urn:passerelle:context}", "p:");
            found.push((shown, record.place.line.unwrap(), raw));
        }
        after = Some(batch.checkpoint);
    }
}

const CONTENT: &str = "<d><e><n>1</n><t>a</t></e>
<e><n>2</n>
<x><t>b</t>
<t>c</t></x><x><u/><t>d</t></x>
<r/></e><e><n>3</n></e></d>";

#[tokio::test]
async fn a_record_is_cut_at_repeated_elements() {
    let told = told("x/t", &[("no", "position()"), ("part", "part()")]);
    let expected = [
        ("e(p:no(1) n(1) t(a))", 1, "<e><n>1</n><t>a</t></e>"),
        ("e(p:no(2.1) p:part(1) n(2) x(t(b)) r)", 3, "<e><n>2</n>\n<x><t>b</t></x>\n<r/></e>"),
        ("e(p:no(2.2) p:part(2) n(2) x(t(c)) r)", 4, "<e><n>2</n>\n<x><t>c</t></x>\n<r/></e>"),
        ("e(p:no(2.3) p:part(3) n(2) x(u t(d)) r)", 4, "<e><n>2</n>\n<x><t>d</t></x>\n<r/></e>"),
        ("e(p:no(3) n(3))", 5, "<e><n>3</n></e>"),
    ];
    let expected = expected.map(|(shown, line, raw)| (shown.to_owned(), line, raw.to_owned()));
    let small = json!({ "batch_records_max": 1 });
    for settings in
        [json!({}), json!({ "verify": false }), small.clone(), json!({ "verify": false, "batch_records_max": 2 })]
    {
        assert_eq!(read(CONTENT, &told, &settings).await, expected, "{settings}");
    }
}

#[tokio::test]
async fn a_record_stays_whole_unless_all_of_its_parts_can_stand_alone() {
    let mut told = told("t", &[]);
    told.split = Some(Split { at: "t".to_owned(), with: vec!["a".to_owned(), "b/c".to_owned()] });
    let check = async |content: &str, expected: &[&str]| {
        for verify in [true, false] {
            let settings = json!({ "batch_records_max": 1, "verify": verify });
            let found = read(&format!("<d>{content}<e/></d>"), &told, &settings).await;
            let found: Vec<&str> = found.iter().map(|(shown, _, _)| &**shown).collect();
            assert_eq!(found, [expected, &["e"]].concat(), "{content}");
        }
    };
    check("<e><t><a/></t><t><b><c/></b></t></e>", &["e(t(a))", "e(t(b(c)))"]).await;
    check("<e><t><a/></t><t><b/><c/></t></e>", &["e(t(a) t(b c))"]).await;
    check("<e><t/><t><a/></t></e>", &["e(t t(a))"]).await;
    check("<e><t><b/><b><x/><c/></b></t><t><x><a/></x><a/></t></e>", &["e(t(b b(x c)))", "e(t(x(a) a))"]).await;
}

#[tokio::test]
async fn a_value_may_depend_on_a_condition() {
    let content = "<d><g><b><k>O</k><a>1</a></b><b><a>2</a><k> C </k></b><b><a>3</a><k>X</k></b><e/></g>\
                   <g><b><k>O</k></b><b><a>4</a></b><e/></g></d>";
    let context = [("open", "//g/b[k='O']/a"), ("close", "//g/b[k='C'|'D']/a"), ("any", "//g/b/a")];
    let mut told = told("", &context);
    told.record_paths = vec!["/d/g/e".to_owned()];
    let shown: Vec<String> = read(content, &told, &json!({})).await.into_iter().map(|(shown, _, _)| shown).collect();
    assert_eq!(shown, ["e(p:any(3) p:close(2) p:open(1))", "e(p:any(4))"]);
}

#[tokio::test]
async fn a_split_or_condition_that_cannot_be_followed_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for (split, path) in
        [("x/@t", "//d/n"), ("x[t]", "//d/n"), ("x", "//d[n]/m"), ("x", "//d[n='1'/m"), ("q:x", "//d/n")]
    {
        let told = told(split, &[("n", path)]);
        let refused = open(directory.path(), &told, &json!({})).await;
        assert!(matches!(refused, Err(Fault::Halt { .. })), "{split} {path}");
    }
}
