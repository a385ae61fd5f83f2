//! Every pack has examples, reads them as expected, and obeys both laws on them.

use std::fs;

use canonical::rules;
use mapping::laws;
use serde_json::Value;

use crate::support::{examples, expected, packs, reading, records, stream_settings};

/// Set to write the expected documents anew; look at the difference before you commit it.
const UPDATE: &str = "UPDATE_GOLDEN";

#[tokio::test]
async fn every_example_gives_the_expected_documents() {
    for pack in packs() {
        let examples = examples(&pack);
        assert!(!examples.is_empty(), "{}: a pack has examples; add examples/ENTITY.EXT", pack.name);
        for example in examples {
            let settings = stream_settings(&pack.folder);
            let records = records(&pack.mapping, &example, &settings).await;
            let found: Vec<Value> = records.iter().map(|record| reading(&pack.mapping, record)).collect();
            let path = expected(&example);
            if std::env::var_os(UPDATE).is_some() {
                fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&found).unwrap())).unwrap();
            }
            let text =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; set {UPDATE}=1", path.display()));
            let wanted: Vec<Value> = serde_json::from_str(&text).unwrap();
            assert_eq!(found, wanted, "{}", example.display());
        }
    }
}

#[tokio::test]
async fn both_laws_hold_on_every_example() {
    for pack in packs() {
        for example in examples(&pack) {
            for record in records(&pack.mapping, &example, &stream_settings(&pack.folder)).await {
                let place = format!("{}, {}", example.display(), record.place);
                laws::write_after_read(&pack.mapping, &record.body)
                    .unwrap_or_else(|breach| panic!("{place}: {breach}"));
                let document = pack.mapping.reader().read(&record.body).unwrap().document.to_json();
                laws::read_after_write(&pack.mapping, &document).unwrap_or_else(|breach| panic!("{place}: {breach}"));
            }
        }
    }
}

/// Examples are what people copy, so nothing is wrong with them.
#[tokio::test]
async fn no_example_breaks_a_rule_for_good() {
    for pack in packs() {
        for example in examples(&pack) {
            for record in records(&pack.mapping, &example, &stream_settings(&pack.folder)).await {
                let document = pack.mapping.reader().read(&record.body).unwrap().document;
                let fatal: Vec<String> = rules::findings(&document)
                    .iter()
                    .filter(|finding| finding.is_fatal())
                    .map(ToString::to_string)
                    .collect();
                assert!(fatal.is_empty(), "{}, {}: {}", example.display(), record.place, fatal.join("; "));
            }
        }
    }
}
