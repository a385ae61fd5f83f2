//! The connector against the conformance suite, against files as people drop them, and against the samples.

mod split;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use canonical::entity::{Entity, Operation};
use canonical::record::{Body, Element, Name, Record, TreeBuilder};
use connector::testkit::{SourceHarness, TargetHarness, assert_conforms, check_source, check_target};
use connector::{Batch, Connector, Fault, Item, OpenContext, Reference, Rendered, Source, StreamContext, Target};
use files::{FileTarget, Publisher, PublisherFields, Render, TargetSettings};
use serde_json::{Value, json};

use crate::XmlExport;
use crate::settings::XmlTarget;
use crate::writer::XmlWriter;

const UBL: &str = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2";

async fn open(directory: &Path, settings: &Value) -> Result<Box<dyn Source>, Fault> {
    let mut stream = json!({ "folder": "in", "settle_ms": 0 });
    for (name, value) in settings.as_object().unwrap() {
        stream[name] = value.clone();
    }
    let connector: XmlExport = serde_json::from_value(json!({ "streams": { "s": stream } })).unwrap();
    let told = StreamContext { record_paths: vec!["/list/item".to_owned()], ..StreamContext::default() };
    let streams = BTreeMap::from([("s".to_owned(), told)]);
    let context = OpenContext { system: "billing".to_owned(), directory: directory.to_owned(), streams };
    let mut ports = connector.open(&context).await?;
    Ok(ports.sources.remove("s").unwrap())
}

fn drop_file(directory: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::create_dir_all(directory.join("in")).unwrap();
    fs::write(directory.join("in").join(name), content).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut names: Vec<_> = files.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

async fn drain(source: &mut dyn Source) -> Vec<Batch> {
    let (mut batches, mut after) = (Vec::new(), None);
    while let Some(batch) = source.read(after.as_ref()).await.unwrap() {
        source.commit(&batch.checkpoint).await.unwrap();
        after = Some(batch.checkpoint.clone());
        batches.push(batch);
    }
    batches
}

/// An element in short: `{namespace}name@attribute=value(text, children)`.
fn outline(element: Element<'_>) -> String {
    let mut text =
        if element.name().namespace.is_empty() { String::new() } else { format!("{{{}}}", element.name().namespace) };
    text.push_str(&element.name().local);
    for (name, value) in element.attributes() {
        text.push_str(&format!("@{}={value}", name.local));
    }
    let children: Vec<String> = element.children().map(outline).collect();
    let own = element.text().trim();
    let inner: Vec<&str> =
        (!own.is_empty()).then_some(own).into_iter().chain(children.iter().map(String::as_str)).collect();
    if !inner.is_empty() {
        text.push_str(&format!("({})", inner.join(" ")));
    }
    text
}

fn tree(record: &Record) -> Element<'_> {
    let Body::Element(tree) = &record.body else { panic!("a record that is no element") };
    tree.root()
}

async fn read_all(name: &str, content: impl AsRef<[u8]>, settings: &Value) -> Vec<Item> {
    let directory = tempfile::tempdir().unwrap();
    drop_file(directory.path(), name, content);
    let mut source = open(directory.path(), settings).await.unwrap();
    drain(&mut *source).await.into_iter().flat_map(|batch| batch.items).collect()
}

/// Reads one file and compares the outlines of its records, or the code of its reject.
async fn check(content: impl AsRef<[u8]>, settings: Value, expected: &[&str]) {
    let items = read_all("a.xml", &content, &settings).await;
    let found: Vec<String> = items
        .iter()
        .map(|item| match item {
            Item::Record(record) => format!("{}: {}", record.place.line.unwrap(), outline(tree(record))),
            Item::Reject(reject) => reject.code.to_owned(),
        })
        .collect();
    let start = &content.as_ref()[..content.as_ref().len().min(200)];
    assert_eq!(found, expected, "{}", String::from_utf8_lossy(start));
}

#[tokio::test]
async fn records_are_found_by_path_and_namespace() {
    check(
        "<list><item>1</item>\n<other><item>no</item></other><item a='1'/></list>",
        json!({}),
        &["1: item(1)", "2: item@a=1"],
    )
    .await;
    check("<a><b><i>1</i></b><i>2<i>3</i></i></a>", json!({ "record": "//i" }), &["1: i(1)", "1: i(2 i(3))"]).await;
    check(
        "<x:list xmlns:x='urn:1' xmlns='urn:2'><x:item/><item>no</item><y:item xmlns:y='urn:1'>yes</y:item></x:list>",
        json!({ "record": "/p:list/p:item", "namespaces": { "p": "urn:1" } }),
        &["1: {urn:1}item", "1: {urn:1}item(yes)"],
    )
    .await;
    let either = json!({ "record": ["/p:list/p:item", "/*:list/*:entry"], "namespaces": { "p": ["urn:0", "urn:1"] } });
    check("<list xmlns='urn:1'><item/><entry/></list>", either, &["1: {urn:1}item", "1: {urn:1}entry"]).await;
    check("<list xmlns='urn:1'><item/></list>", json!({ "namespaces": { "": "urn:1" } }), &["1: {urn:1}item"]).await;
    check("<list></list>", json!({}), &[]).await;
}

#[tokio::test]
async fn names_mean_what_is_declared_where_they_stand() {
    let first = "<item xmlns='urn:1'><p:a xmlns:p='urn:2'/><b/></item>";
    let second = "<item><p:a xmlns:p='urn:3' p:x='1' x='2'/><a xmlns='urn:2'/><b/></item>";
    check(
        format!("<list>{first}\n{second}\n{first}</list>"),
        json!({ "record": "//*:item" }),
        &[
            "1: {urn:1}item({urn:2}a {urn:1}b)",
            "2: item({urn:3}a@x=1@x=2 {urn:2}a b)",
            "3: {urn:1}item({urn:2}a {urn:1}b)",
        ],
    )
    .await;
    check("<list><item><p:a xmlns:p='urn:1'/><p:a/></item></list>", json!({}), &["xml.prefix"]).await;
}

#[tokio::test]
async fn elements_are_nested_as_deep_as_allowed_and_no_deeper() {
    for (content, depth) in [("<list><item><a/></item></list>", 3), ("<list><o><o><o/></o></o></list>", 4)] {
        let found = read_all("a.xml", content, &json!({ "depth_max": depth })).await;
        assert!(found.iter().all(|item| matches!(item, Item::Record(_))), "{found:?}");
        check(content, json!({ "depth_max": depth - 1 }), &["xml.too-deep"]).await;
    }
}

#[tokio::test]
async fn a_file_that_is_read_twice_gives_what_one_that_is_held_gives() {
    // Records that are larger than what is read from the disk at once.
    let items: Vec<String> =
        (1..=5).map(|number| format!("<item n='{number}'>{}\n</item>", "é\n".repeat(40_000))).collect();
    let whole = format!("<list>\n{}</list>", items.concat());
    let cut = whole.trim_end_matches("</list>");
    for settings in [json!({}), json!({ "batch_records_max": 2 }), json!({ "batch_bytes_max": 1 })] {
        let found = read_all("a.xml", &whole, &settings).await;
        let records: Vec<_> = found
            .iter()
            .map(|item| match item {
                Item::Record(record) => (record.place.line.unwrap(), String::from_utf8(record.raw.clone()).unwrap()),
                Item::Reject(reject) => panic!("{settings}: {reject:?}"),
            })
            .collect();
        let expected: Vec<_> = (0..).map(|number| 2 + number * 40_001).zip(items.iter().cloned()).collect();
        assert!(records == expected, "{settings}: {:?}", records.iter().map(|(line, _)| line).collect::<Vec<_>>());
        check(cut, settings, &["xml.cut-off"]).await;
    }
}

#[tokio::test]
async fn text_is_decoded_as_the_norm_says() {
    check(
        "<list><item a='&lt;&#233;\n'>&amp;A<![CDATA[<&]]>&#x20AC;\r\nx<!-- c --></item></list>",
        json!({}),
        &["1: item@a=<é (&A<&€\nx)"],
    )
    .await;
    let latin =
        [b"<?xml version='1.0' encoding=\"ISO-8859-1\"?><list><item>caf".as_slice(), b"\xe9</item></list>"].concat();
    check(&latin, json!({}), &["1: item(café)"]).await;
    let wide: Vec<u8> = "\u{feff}<list><item>né</item></list>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(&wide, json!({}), &["1: item(né)"]).await;
    let wide: Vec<u8> =
        "<?xml version='1.0'?><list><item>né</item></list>".encode_utf16().flat_map(u16::to_be_bytes).collect();
    check(&wide, json!({}), &["1: item(né)"]).await;
}

#[tokio::test]
async fn broken_files_give_one_reject_and_nothing_else() {
    let bomb = "<!DOCTYPE l [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><list><item>&b;</item></list>";
    let deep = format!("<list><item>{}{}</item></list>", "<a>".repeat(300), "</a>".repeat(300));
    let long = format!("<list><item/><item>{}</item></list>", "x".repeat(5_000));
    let small = json!({ "record_bytes_max": 1_000 });
    let cases: [(&[u8], Value, &str); 17] = [
        (b"", json!({}), "file.empty"),
        (bomb.as_bytes(), json!({}), "xml.dtd"),
        (b"<list><item>&unknown;</item></list>", json!({}), "xml.entity"),
        (b"<list><item a='&b;'/></list>", json!({}), "xml.entity"),
        (b"<list><item>1</item><item>2</it", json!({}), "xml.cut-off"),
        (b"<list><item>1</item>", json!({}), "xml.cut-off"),
        (b"<list><item>1</item></list><list/>", json!({}), "xml.ill-formed"),
        (b"<list><item>1</list></item>", json!({}), "xml.ill-formed"),
        (b"<list><item a='1' a='2'/></list>", json!({}), "xml.ill-formed"),
        (b"hello, this is no XML", json!({}), "xml.ill-formed"),
        (b"<list><q:item/></list>", json!({}), "xml.prefix"),
        (b"<other/>", json!({}), "xml.root"),
        (b"<list><item>\xff\xfe\xff</item></list>", json!({}), "file.encoding"),
        (b"<?xml version='1.0' encoding='klingon'?><list/>", json!({}), "file.encoding"),
        (b"PK\x03\x04\0\0\0\0", json!({}), "file.binary"),
        (deep.as_bytes(), json!({}), "xml.too-deep"),
        (long.as_bytes(), small, "xml.record-too-large"),
    ];
    for (content, settings, expected) in cases {
        check(content, settings, &[expected]).await;
    }
}

#[tokio::test]
async fn without_verification_the_records_in_front_of_a_break_are_given() {
    let cut = "<list><item>1</item><item>2</it";
    check(cut, json!({ "verify": false }), &["1: item(1)", "xml.cut-off"]).await;
}

#[tokio::test]
async fn records_carry_what_stands_around_them() {
    let content =
        "<d><s><id>S1</id><acct cur='EUR'><iban>FR1</iban></acct><e>1</e><e>2</e></s><s><id>S2</id><e>3</e></s></d>";
    let context = json!({ "account": "//s/acct/iban", "statement": "/d/s/id", "currency": "//acct/@cur" });
    let settings = json!({ "record": "/d/s/e", "context": context });
    let n = "{urn:passerelle:context}";
    // The currency's path has nothing in common with the record's: its element has ended when the records come.
    check(
        content,
        settings,
        &[
            &format!("1: e(1 {n}account(FR1) {n}statement(S1))"),
            &format!("1: e(2 {n}account(FR1) {n}statement(S1))"),
            &format!("1: e(3 {n}statement(S2))"),
        ],
    )
    .await;
    let settings = json!({ "record": "/d/s/e", "context": { "currency": "/d/s/acct/@cur" } });
    check(content, settings, &[&format!("1: e(1 {n}currency(EUR))"), &format!("1: e(2 {n}currency(EUR))"), "1: e(3)"])
        .await;
    let context = json!({ "kind": ["//t/name()", "//s/name()"], "id": ["//s/no", "//s/id"], "n": "position()" });
    let settings = json!({ "record": "/d/s/e", "context": context });
    let expected = [
        format!("1: e(1 {n}id(S1) {n}kind(s) {n}n(1))"),
        format!("1: e(2 {n}id(S1) {n}kind(s) {n}n(2))"),
        format!("1: e(3 {n}id(S2) {n}kind(s) {n}n(1))"),
    ];
    check(content, settings, &expected.each_ref().map(String::as_str)).await;
}

#[tokio::test]
async fn the_mapping_tells_what_records_need() {
    let directory = tempfile::tempdir().unwrap();
    drop_file(directory.path(), "a.xml", "<d><id>D1</id><no>7</no><e>1</e></d>");
    let told = StreamContext {
        record_paths: vec!["/d/e".to_owned()],
        context: BTreeMap::from(
            [("id", "//d/id"), ("no", "//d/none")].map(|(name, path)| (name.into(), vec![path.into()])),
        ),
        ..StreamContext::default()
    };
    let streams = BTreeMap::from([("s".to_owned(), told)]);
    let context = OpenContext { system: "bank".to_owned(), directory: directory.path().to_owned(), streams };
    let stream = json!({ "folder": "in", "settle_ms": 0, "context": { "no": "//d/no" } });
    let connector: XmlExport = serde_json::from_value(json!({ "streams": { "s": stream } })).unwrap();
    let mut source = connector.open(&context).await.unwrap().sources.remove("s").unwrap();
    let batches = drain(&mut *source).await;
    let Item::Record(record) = &batches[0].items[0] else { panic!("a reject") };
    let n = "{urn:passerelle:context}";
    assert_eq!(outline(tree(record)), format!("e(1 {n}id(D1) {n}no(7))"));
}

#[tokio::test]
async fn raw_bytes_are_those_of_the_element() {
    let content = "<list>\n <!-- x --><item a = '1' >A&amp;B</item >\n<item/></list>";
    let raw: Vec<String> = read_all("a.xml", content, &json!({}))
        .await
        .into_iter()
        .filter_map(|item| match item {
            Item::Record(record) => Some(String::from_utf8(record.raw).unwrap()),
            Item::Reject(_) => None,
        })
        .collect();
    assert_eq!(raw, ["<item a = '1' >A&amp;B</item >", "<item/>"]);
}

#[tokio::test]
async fn configuration_that_cannot_work_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for settings in [
        json!({ "record": "/p:list" }),
        json!({ "record": "/list/@a" }),
        json!({ "record": "/list[1]" }),
        json!({ "record": [] }),
        json!({ "depth_max": 0 }),
        json!({ "encoding": "klingon" }),
    ] {
        let opened = open(directory.path(), &settings).await;
        assert!(
            matches!(opened.err(), Some(Fault::Halt { reason }) if reason.starts_with("streams.s: ")),
            "{settings}"
        );
    }
}

fn samples() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    let folder = std::env::var_os("PASSERELLE_SAMPLES").map_or_else(beside, PathBuf::from);
    if !folder.is_dir() {
        println!("SKIPPED: there is no folder of samples; set PASSERELLE_SAMPLES");
        return None;
    }
    Some(folder)
}

#[tokio::test]
async fn every_sample_invoice_is_one_record() {
    let Some(folder) = samples() else { return };
    let credit_note = UBL.replace("Invoice", "CreditNote");
    let settings = json!({ "record": ["/i:Invoice", "/c:CreditNote"], "namespaces": { "i": UBL, "c": credit_note } });
    let mut count = 0;
    for entry in fs::read_dir(folder.join("en16931-ubl")).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        let items = read_all("a.xml", &content, &settings).await;
        assert!(matches!(items.as_slice(), [Item::Record(_)]), "{}: {items:?}", path.display());
        count += 1;
    }
    assert!(count >= 29, "only {count} samples were read");
}

#[tokio::test]
async fn every_sample_statement_gives_its_entries_with_their_account() {
    let Some(folder) = samples() else { return };
    let settings = json!({ "record": "//*:Ntry", "context": { "account": "//*:Acct/*:Id" , "iban": "//*:Stmt/*:Acct/*:Id/*:IBAN" } });
    let mut with_account = 0;
    for entry in fs::read_dir(folder.join("camt")).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        let entries = String::from_utf8_lossy(&content).matches("</Ntry>").count();
        let items = read_all("a.xml", &content, &settings).await;
        assert_eq!(items.len(), entries, "{}", path.display());
        for item in items {
            let Item::Record(record) = item else { panic!("{}: {item:?}", path.display()) };
            let iban = tree(&record).children().find(|child| &*child.name().local == "iban");
            with_account += usize::from(iban.is_some_and(|iban| iban.text().len() >= 15));
        }
    }
    assert!(with_account > 0, "no entry of the samples came with its account");
}

// The conformance suite.

struct Folder {
    directory: tempfile::TempDir,
    verify: bool,
}

#[async_trait]
impl SourceHarness for Folder {
    async fn reset(&mut self) {
        self.directory = tempfile::tempdir().unwrap();
        let list = |items: std::ops::Range<u32>| {
            let items: String = items.map(|item| format!("<item>{item}</item>\n")).collect();
            format!("<list>\n{items}</list>")
        };
        drop_file(self.directory.path(), "1.xml", list(0..7));
        drop_file(self.directory.path(), "2.xml", list(7..11));
        drop_file(self.directory.path(), "3.xml", "<list><item>11</item><item>12</item><item>1");
    }

    async fn open(&mut self) -> Result<Box<dyn Source>, Fault> {
        open(self.directory.path(), &json!({ "batch_records_max": 2, "verify": self.verify })).await
    }

    fn expected(&self) -> Vec<String> {
        let whole = if self.verify { 0..11 } else { 0..13 };
        whole.map(|item| format!("item({item})")).chain(["xml.cut-off".to_owned()]).collect()
    }

    fn identity(&self, record: &Record) -> String {
        outline(tree(record))
    }

    async fn leftover(&mut self) -> Option<String> {
        let folder = self.directory.path().join("in");
        let counts = [names(&folder).len(), names(&folder.join("archive")).len(), names(&folder.join("reject")).len()];
        (counts != [0, 2, 1]).then(|| format!("[left, archived, rejected] = {counts:?}"))
    }
}

#[tokio::test]
async fn the_source_conforms() {
    for verify in [true, false] {
        assert_conforms(&check_source(&mut Folder { directory: tempfile::tempdir().unwrap(), verify }).await);
    }
}

/// A folder whose consumer takes each file away as soon as it appears.
struct Outbox {
    directory: tempfile::TempDir,
    fuse: Arc<AtomicUsize>,
    one_file_per_record: bool,
    taken: Vec<String>,
}

/// No power fails in a test: memory will do, and making it durable costs nothing.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

impl Outbox {
    fn new(one_file_per_record: bool) -> Self {
        let fuse = Arc::new(AtomicUsize::new(usize::MAX));
        Outbox { directory: scratch(), fuse, one_file_per_record, taken: Vec::new() }
    }

    fn consume(&mut self) {
        let folder = self.directory.path().join("out");
        for name in names(&folder) {
            let text = fs::read_to_string(folder.join(&name)).unwrap();
            let records = text.split("<item").skip(1).map(|item| item.split('"').nth(1).unwrap().to_owned());
            self.taken.extend(records);
            fs::remove_file(folder.join(name)).unwrap();
        }
    }
}

fn target_settings(more: Value) -> XmlTarget {
    let mut settings = json!({ "folder": "out", "file": "{entity}-{batch}-{key}-{version}.xml" });
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    serde_json::from_value(settings).unwrap()
}

fn change(key: &str, version: u64, build: impl FnOnce(&mut TreeBuilder)) -> Rendered {
    let mut builder = TreeBuilder::new();
    build(&mut builder);
    let body = Body::Element(builder.close().unwrap());
    let reference = Reference { entity: Entity::Customer, master_id: format!("m-{key}"), version, local_key: None };
    Rendered { reference, operation: Operation::Upsert, record: Record::from_body(body), previous: None }
}

#[async_trait]
impl TargetHarness for Outbox {
    async fn reset(&mut self) {
        self.directory = scratch();
        self.taken.clear();
    }

    async fn open(&mut self) -> Result<Box<dyn Target>, Fault> {
        self.consume();
        let settings = target_settings(if self.one_file_per_record { json!({}) } else { json!({ "root": "list" }) });
        let publisher = Publisher::open(settings.publisher(), self.directory.path())?.with_fuse(Arc::clone(&self.fuse));
        let files = settings.files(publisher)?;
        Ok(Box::new(FileTarget::new(BTreeMap::from([(Entity::Customer, files)]))))
    }

    fn change(&self, document: u64, version: u64) -> Rendered {
        change(&document.to_string(), version, |builder| {
            builder.open(&Name::new("", "item"));
            builder.attribute(&Name::new("", "id"), &format!("{document}/{version}"));
        })
    }

    fn effect(&self, change: &Rendered) -> String {
        tree(&change.record).attributes().next().unwrap().1.to_owned()
    }

    async fn effects(&mut self) -> Vec<String> {
        self.consume();
        self.taken.clone()
    }

    fn die_after(&mut self, steps: usize) -> bool {
        self.fuse.store(steps, Ordering::SeqCst);
        true
    }
}

#[tokio::test]
async fn the_target_conforms() {
    for one_file_per_record in [false, true] {
        assert_conforms(&check_target(&mut Outbox::new(one_file_per_record)).await);
    }
}

/// Renders one customer and compares the document.
fn check_document(more: Value, expected: &str) {
    let written = change("K1", 3, |builder| {
        builder.open(&Name::new("urn:1", "customer"));
        builder.attribute(&Name::new("", "id"), "a\"b\n");
        builder.open(&Name::new(crate::CONTEXT_NAMESPACE, "account"));
        builder.text("never written");
        builder.close();
        builder.open(&Name::new("urn:2", "name"));
        builder.attribute(&Name::new("urn:3", "lang"), "fr");
        builder.text("Café <&> Ł");
        builder.close();
        builder.open(&Name::new("urn:1", "empty"));
        builder.close();
    });
    let settings = target_settings(more);
    let encoding = files::encoding(settings.encoding.as_deref().unwrap_or("utf-8")).unwrap();
    let writer = XmlWriter::new(settings, encoding).unwrap();
    let (content, fates) = writer.render(&[&written]);
    assert_eq!(fates, [files::Fate::Written]);
    assert_eq!(encoding.decode(&content).0, expected);
}

#[test]
fn documents_are_written_with_their_namespaces() {
    check_document(
        json!({}),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <customer xmlns=\"urn:1\" xmlns:ns1=\"urn:2\" xmlns:ns2=\"urn:3\" id=\"a&quot;b&#10;\">\n  \
         <ns1:name ns2:lang=\"fr\">Café &lt;&amp;&gt; Ł</ns1:name>\n  <empty/>\n</customer>\n",
    );
    check_document(
        json!({ "root": "p:list", "namespaces": { "p": "urn:1", "q": "urn:2" }, "indent": false, "encoding": "windows-1252" }),
        "<?xml version=\"1.0\" encoding=\"windows-1252\"?>\n\
         <p:list xmlns:p=\"urn:1\" xmlns:q=\"urn:2\" xmlns:ns1=\"urn:3\"><p:customer id=\"a&quot;b&#10;\">\
         <q:name ns1:lang=\"fr\">Café &lt;&amp;&gt; &#321;</q:name><p:empty/></p:customer></p:list>\n",
    );
}
