//! The connector against the conformance suite.

use async_trait::async_trait;
use canonical::record::Record;
use connector::testkit::{SourceHarness, assert_conforms, check_source};
use connector::{Fault, Source};
use serde_json::json;

use super::{drop_file, listing, open, rows, statements};

struct Folder {
    directory: tempfile::TempDir,
    grouped: bool,
}

const FIRST: &str = "01ACC-1000100\n04ACC-1000010A\n05LIBx\n05LIBy\n99bad\n04ACC-2000020B\n04ACC-2000030C\n\
                     05LIBz\n04ACC-3000040D\n07ACC-1000130\n01ACC-2000500\n04ACC-4000001E\n07ACC-2000501\n";

#[async_trait]
impl SourceHarness for Folder {
    async fn reset(&mut self) {
        self.directory = tempfile::tempdir().unwrap();
        let directory = self.directory.path();
        drop_file(directory, "1.txt", FIRST);
        drop_file(directory, "2.txt", "01ACC-5000100\n04ACC-5000010F\n07ACC-5000130\n");
        drop_file(directory, "3.txt", "01ACC-6000100\n");
    }

    async fn open(&mut self) -> Result<Box<dyn Source>, Fault> {
        let group_by: &[&str] = if self.grouped { &["operation.account"] } else { &[] };
        let settings = json!({ "layout": statements(), "batch_records_max": 2 });
        open(self.directory.path(), &settings, group_by).await
    }

    fn expected(&self) -> Vec<String> {
        let first = "layout.unknown-line";
        let b = "ACC-1|000100|ACC-2|000020|B|||000130";
        let c = "ACC-1|000100|ACC-2|000030|C|LIB|z|000130";
        let (d, e) = ("ACC-1|000100|ACC-3|000040|D|||000130", "ACC-2|000500|ACC-4|000001|E|||000501");
        let f = "ACC-5|000100|ACC-5|000010|F|||000130";
        let expected = match self.grouped {
            // A reject in front of a group may be a part of it.
            true => vec![first.to_owned(), "layout.group-broken".to_owned()],
            false => vec![first.to_owned(), b.to_owned(), c.to_owned()],
        };
        expected.into_iter().chain([d, e, f, "layout.cut-off"].map(str::to_owned)).collect()
    }

    fn identity(&self, record: &Record) -> String {
        rows(record)
    }

    async fn leftover(&mut self) -> Option<String> {
        let left = listing(&self.directory.path().join("in"));
        let archived = listing(&self.directory.path().join("in/archive")).len();
        let rejected = listing(&self.directory.path().join("in/reject")).len();
        (!left.is_empty() || archived != 2 || rejected != 1)
            .then(|| format!("{left:?} left, {archived} archived, {rejected} rejected"))
    }
}

#[tokio::test]
async fn the_source_conforms() {
    for grouped in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        assert_conforms(&check_source(&mut Folder { directory, grouped }).await);
    }
}
