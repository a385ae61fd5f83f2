//! The connector against the conformance suite.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use canonical::entity::Entity;
use canonical::record::Record;
use connector::testkit::{SourceHarness, TargetHarness, assert_conforms, check_source, check_target};
use connector::{Fault, Rendered, Source, Target};
use files::{FileTarget, Publisher, PublisherFields, TargetSettings};
use serde_json::json;

use super::{change, drop_file, listing, open, rows, target_settings};

struct Folder {
    directory: tempfile::TempDir,
    grouped: bool,
    compressed: bool,
}

const INVOICES: &str = "no;line;text\n1;a;x\n1;b;\"x\ny\"\n;c;z\n2;a;x\nbad\n3;a;x\n3;b;x\n4;a;x\n5;a;x\n6;a;x\n";

#[async_trait]
impl SourceHarness for Folder {
    async fn reset(&mut self) {
        self.directory = tempfile::tempdir().unwrap();
        let directory = self.directory.path();
        drop_file(directory, "1.csv", INVOICES);
        drop_file(directory, "2.csv", "no;line;text\n7;a;x\n8;a;x\n9;a;x\n");
        if self.compressed {
            use std::io::Write;
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(INVOICES.as_bytes()).unwrap();
            drop_file(directory, "1.csv.gz", gzip.finish().unwrap());
            fs::remove_file(directory.join("in/1.csv")).unwrap();
        }
        drop_file(directory, "3.csv", "\0\0\0\0");
    }

    async fn open(&mut self) -> Result<Box<dyn Source>, Fault> {
        let group_by: &[&str] = if self.grouped { &["no"] } else { &[] };
        open(self.directory.path(), &json!({ "delimiter": ";", "batch_records_max": 2 }), group_by).await
    }

    fn expected(&self) -> Vec<String> {
        let expected: &[&str] = if self.grouped {
            &[
                "1|a|x + 1|b|x\ny + |c|z",
                "2|a|x",
                "csv.ragged-row",
                "3|a|x + 3|b|x",
                "4|a|x",
                "5|a|x",
                "6|a|x",
                "7|a|x",
                "8|a|x",
                "9|a|x",
                "file.binary",
            ]
        } else {
            &[
                "1|a|x",
                "1|b|x\ny",
                "|c|z",
                "2|a|x",
                "csv.ragged-row",
                "3|a|x",
                "3|b|x",
                "4|a|x",
                "5|a|x",
                "6|a|x",
                "7|a|x",
                "8|a|x",
                "9|a|x",
                "file.binary",
            ]
        };
        expected.iter().map(|text| (*text).to_owned()).collect()
    }

    fn identity(&self, record: &Record) -> String {
        rows(record).iter().map(|row| row.join("|")).collect::<Vec<_>>().join(" + ")
    }

    async fn leftover(&mut self) -> Option<String> {
        let left: Vec<_> = listing(&self.directory.path().join("in")).into_iter().map(|(name, _)| name).collect();
        let archived = listing(&self.directory.path().join("in/archive")).len();
        let rejected = listing(&self.directory.path().join("in/reject")).len();
        (!left.is_empty() || archived != 2 || rejected != 1)
            .then(|| format!("{left:?} left, {archived} archived, {rejected} rejected"))
    }
}

async fn check_folder(grouped: bool, compressed: bool) {
    let directory = tempfile::tempdir().unwrap();
    assert_conforms(&check_source(&mut Folder { directory, grouped, compressed }).await);
}

#[tokio::test]
async fn the_source_conforms() {
    check_folder(false, false).await;
}

#[tokio::test]
async fn the_source_conforms_with_compressed_files() {
    check_folder(false, true).await;
}

#[tokio::test]
async fn the_source_conforms_with_groups() {
    check_folder(true, false).await;
}

/// A folder whose consumer takes each file away as soon as it appears.
struct Outbox {
    directory: tempfile::TempDir,
    fuse: Arc<AtomicUsize>,
    taken: Vec<String>,
}

/// No power fails in a test: memory will do, and making it durable costs nothing.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

impl Outbox {
    fn new() -> Self {
        Outbox { directory: scratch(), fuse: Arc::new(AtomicUsize::new(usize::MAX)), taken: Vec::new() }
    }

    /// What a consumer does that waits for the trigger: it reads the file and removes both.
    fn consume(&mut self) {
        let folder = self.directory.path().join("out");
        let names: Vec<_> = listing(&folder).into_iter().map(|(name, _)| name).collect();
        for trigger in names.iter().filter(|name| name.ends_with(".ok")) {
            let path = folder.join(trigger.trim_end_matches(".ok"));
            let text = fs::read_to_string(&path).unwrap();
            self.taken.extend(text.lines().skip(1).map(str::to_owned));
            fs::remove_file(path).unwrap();
            fs::remove_file(folder.join(trigger)).unwrap();
        }
    }
}

#[async_trait]
impl TargetHarness for Outbox {
    async fn reset(&mut self) {
        self.directory = scratch();
        self.taken.clear();
    }

    async fn open(&mut self) -> Result<Box<dyn Target>, Fault> {
        // Whatever happened, the consumer was there before we came back.
        self.consume();
        let settings = target_settings(json!({ "trigger": ".ok" }));
        let publisher = Publisher::open(settings.publisher(), self.directory.path())?.with_fuse(Arc::clone(&self.fuse));
        let files = settings.files(publisher)?;
        Ok(Box::new(FileTarget::new(BTreeMap::from([(Entity::Customer, files)]))))
    }

    fn change(&self, document: u64, version: u64) -> Rendered {
        let (key, version_text) = (format!("K{document}"), version.to_string());
        change(&key.clone(), version, &[("key", &key), ("version", &version_text)])
    }

    fn effect(&self, change: &Rendered) -> String {
        rows(&change.record)[0].join(";")
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
    assert_conforms(&check_target(&mut Outbox::new()).await);
}
