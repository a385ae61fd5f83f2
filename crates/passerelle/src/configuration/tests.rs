use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::environment::Variables;
use super::finding::Severity;
use super::load::{Loaded, load_with};
use super::reference::reference;

/// A directory in which nothing is wrong, with one place left open in each file.
fn directory(hub: &str, system: &str, mapping: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("passerelle.toml", hub);
    write("systems/erp.toml", system);
    write("mappings/erp/customer.toml", mapping);
    folder
}

const SYSTEM: &str = "\
tenant = \"acme\"
[connector]
kind = \"csv-drop\"
[connector.streams.customers]
folder = \"in\"
[streams.customers]
mapping = \"erp/customer\"
";

const MAPPING: &str = "entity = \"customer\"\nformat = \"csv\"\nkey = \"NO\"\n[fields]\nlegal_name = \"NAME\"\n";

fn loaded(folder: &Path, variables: &[(&str, &str)]) -> Loaded {
    load_with(folder, &Variables::new(variables), Vec::new())
}

/// The first line of every finding, without the folder's path.
fn told(folder: &Path, loaded: &Loaded) -> Vec<String> {
    let prefix = format!("{}/", folder.display());
    loaded.findings.iter().map(|finding| finding.to_string().replace(&prefix, "")).collect()
}

#[track_caller]
fn check(hub: &str, system: &str, mapping: &str, expected: &[&str]) {
    let folder = directory(hub, system, mapping);
    let loaded = loaded(folder.path(), &[]);
    assert_eq!(told(folder.path(), &loaded), expected);
    let failed = loaded.findings.iter().any(|finding| finding.severity == Severity::Error);
    assert_eq!(loaded.configuration.is_none(), failed);
}

#[test]
fn a_sound_directory_has_no_findings() {
    check("", SYSTEM, MAPPING, &[]);
}

#[test]
fn every_problem_of_every_file_is_told_at_once_with_its_place() {
    check(
        "[stor]\n[limits]\npartitions = \"4\"\n",
        &SYSTEM.replace("folder = \"in\"", "folder = \"in\"\ndelimitr = \";\"\nrecord_bytes_max = -1"),
        &MAPPING.replace("legal_name", "legal_nmae"),
        &[
            "passerelle.toml:1:2: unknown field \"stor\"; did you mean \"store\"? [config.unknown-field]",
            "passerelle.toml:3:14: a whole number is wanted, not text in quotes [config.wrong-type]",
            "systems/erp.toml:6:1: unknown field \"delimitr\"; did you mean \"delimiter\"? [config.unknown-field]",
            "systems/erp.toml:7:20: -1 is less than 0 [config.bad-value]",
            "mappings/erp/customer.toml:5:1: unknown field \"legal_nmae\" of customer; did you mean \"legal_name\"? \
             [config.bad-mapping]",
        ],
    );
}

#[test]
fn the_parts_of_a_system_must_fit_each_other() {
    check(
        "",
        &SYSTEM.replace("[streams.customers]", "[streams.custommers]"),
        MAPPING,
        &[
            "systems/erp.toml:6:10: the connector reads no stream \"custommers\"; add [connector.streams.custommers]; \
             did you mean \"customers\"? [config.unknown-stream]",
            "systems/erp.toml:4:20: warning: the stream \"customers\" is not read, because nothing says what to do with it; \
             add [streams.customers]; did you mean \"custommers\"? [config.unused-stream]",
        ],
    );
    check(
        "",
        &format!(
            "{SYSTEM}[subscriptions.customer]\nmapping = \"erp/customer\"\nfilter = {{ statsu = [\"active\"] }}\n"
        ),
        MAPPING,
        &[
            "systems/erp.toml:8:16: the connector does not write \"customer\"; add [connector.targets.customer] \
             [config.unknown-target]",
            "systems/erp.toml:10:12: no customer has the field \"statsu\", so nothing would pass; did you mean \"status\"? \
             [config.unknown-document-field]",
        ],
    );
}

#[test]
fn a_mapping_must_be_there_and_fit() {
    check(
        "",
        &SYSTEM.replace("erp/customer", "erp/custommer"),
        MAPPING,
        &[
            "systems/erp.toml:7:11: there is no mapping \"erp/custommer\"; it would be mappings/erp/custommer.toml, or one of \
           the shipped ones (passerelle mapping list); did you mean \"erp/customer\"? [config.unknown-mapping]",
        ],
    );
    check(
        "",
        SYSTEM,
        &MAPPING.replace("\"csv\"", "\"json\""),
        &["systems/erp.toml:7:11: csv-drop works on csv records, and \"erp/customer\" is a mapping for json records \
           [config.unfit-mapping]"],
    );
    let target = "[connector.targets.invoice]\nfolder = \"out\"\nfile = \"{batch}.csv\"\n";
    check(
        "",
        &format!("{SYSTEM}[subscriptions.invoice]\nmapping = \"erp/customer\"\n{target}"),
        MAPPING,
        &[
            "systems/erp.toml:9:11: \"erp/customer\" is a mapping for \"customer\", not for \"invoice\" [config.unfit-mapping]",
        ],
    );
    let target = target.replace("invoice", "customer");
    check(
        "",
        &format!("{SYSTEM}[subscriptions.customer]\nmapping = \"erp/customer\"\n{target}"),
        &MAPPING.replace("[fields]", "only = \"read\"\n[fields]"),
        &["systems/erp.toml:9:11: \"erp/customer\" only reads; what is subscribed needs a mapping whose lines write \
           [config.unfit-mapping]"],
    );
}

#[test]
fn schedules_are_understood_or_told() {
    let with = |lines: &str| format!("{SYSTEM}{lines}\n");
    check("", &with("every = \"10s\""), MAPPING, &[]);
    check("", &with("cron = \"0 4 * * *\"\nzone = \"Europe/Paris\""), MAPPING, &[]);
    check(
        "",
        &with("cron = \"0 4 * * *\"\nzone = \"Paris\""),
        MAPPING,
        &[
            "systems/erp.toml:9:8: \"Paris\" is not a time zone; use an IANA name such as Europe/Paris [config.schedule]",
        ],
    );
    check(
        "",
        &with("every = \"10s\"\ncron = \"0 4 * * *\""),
        MAPPING,
        &["systems/erp.toml:9:8: a stream is read by every or by cron; remove one of them [config.schedule]"],
    );
    check(
        "",
        &with("every = \"10\""),
        MAPPING,
        &[
            "systems/erp.toml:8:9: \"10\" is no length of time; a length of time is a whole number with a unit: 200ms, 10s, \
           5m, 2h, 1d [config.bad-value]",
        ],
    );
}

#[test]
fn trust_names_systems_and_fields_that_there_are() {
    check(
        "[tenants.acme.trust]\norder = [\"erp\"]\nfields = { \"addresses.billing\" = [\"erp\"] }\n",
        SYSTEM,
        MAPPING,
        &[],
    );
    check(
        "[tenants.acme.trust]\norder = [\"epr\"]\nfields = { credit_limt = [\"erp\"] }\n[tenants.amce]\n",
        SYSTEM,
        MAPPING,
        &[
            "passerelle.toml:2:10: there is no system \"epr\"; did you mean \"erp\"? [config.unknown-system]",
            "passerelle.toml:3:12: no document has the field \"credit_limt\"; did you mean \"credit_limit\"? \
             [config.unknown-document-field]",
            "passerelle.toml:4:10: warning: no system belongs to the tenant \"amce\"; did you mean \"acme\"? \
             [config.unknown-tenant]",
        ],
    );
}

#[test]
fn a_connector_is_known_by_its_kind() {
    check(
        "",
        &SYSTEM.replace("csv-drop", "csv-dorp"),
        MAPPING,
        &[
            "systems/erp.toml:3:8: there is no connector \"csv-dorp\"; there are csv-drop, json-drop, layout-drop, rest-api, xml-export; did you mean \
           \"csv-drop\"? [config.unknown-kind]",
        ],
    );
    check(
        "",
        &SYSTEM.replace("kind = \"csv-drop\"\n", ""),
        MAPPING,
        &[
            "systems/erp.toml:2:2: kind = \"…\" names the connector; there are csv-drop, json-drop, layout-drop, rest-api, xml-export \
           [config.missing-field]",
        ],
    );
}

#[test]
fn syntax_errors_are_told_and_hide_nothing_in_other_files() {
    check(
        "",
        "tenant = \n",
        &MAPPING.replace("legal_name", "legal_nmae"),
        &[
            "systems/erp.toml:1:10: string values must be quoted, expected literal string [config.syntax]",
            "mappings/erp/customer.toml:5:1: unknown field \"legal_nmae\" of customer; did you mean \"legal_name\"? \
             [config.bad-mapping]",
        ],
    );
}

#[test]
fn a_folder_without_the_hub_file_is_none() {
    let folder = TempDir::new().unwrap();
    let found = told(folder.path(), &loaded(folder.path(), &[]));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("passerelle.toml: is not there") && found[0].contains("passerelle init"), "{found:?}");
}

#[test]
fn the_environment_goes_before_the_file() {
    let folder = directory("[limits]\npartitions = 2\n[console]\nlisten = \"127.0.0.1:1\"\n", SYSTEM, MAPPING);
    let variables = [
        ("PASSERELLE__LIMITS__PARTITIONS", "8"),
        ("PASSERELLE__STORE__DURABILITY", "normal"),
        ("PASSERELLE__LIMITS__RETRY_DELAY_MIN", "5ms"),
    ];
    let loaded = loaded(folder.path(), &variables);
    assert_eq!(told(folder.path(), &loaded), Vec::<String>::new());
    let hub = loaded.configuration.unwrap().hub;
    assert_eq!(hub.limits.partitions, 8);
    assert_eq!(hub.limits.retry_delay_min.0, std::time::Duration::from_millis(5));
    assert_eq!(hub.console.listen.port(), 1);
    assert_eq!(hub.store.options().durability, store::sqlite::Durability::Normal);
}

#[test]
fn what_is_wrong_in_the_environment_is_told_by_the_variable() {
    let folder = directory("", SYSTEM, MAPPING);
    let variables = [("PASSERELLE__LIMITS__PARTITONS", "8"), ("PASSERELLE__BUS__BYTES_MAX", "many")];
    let mut found = told(folder.path(), &loaded(folder.path(), &variables));
    found.sort();
    assert_eq!(
        found,
        [
            "PASSERELLE__BUS__BYTES_MAX (environment): a whole number is wanted, not text in quotes [config.wrong-type]",
            "PASSERELLE__LIMITS__PARTITONS (environment): unknown field \"partitons\"; did you mean \"partitions\"? \
             [config.unknown-field]",
        ]
    );
}

#[test]
fn passwords_and_certificates_of_store_and_bus_are_looked_for() {
    let hub = "[store]\nurl = \"postgres://hub@db/hub\"\npassword = { file = \"secrets/db\" }\nca_file = \"ca.pem\"\n\
               [bus]\nurl = \"amqps://hub@mq/hub\"\npassword = { env = \"PASSERELLE_TEST_NO_SUCH_SECRET\" }\n\
               certificate_file = \"hub.pem\"\nkey_file = \"hub.key\"\n";
    let folder = directory(hub, SYSTEM, MAPPING);
    let check = |expected: &[(&str, &str)]| {
        let loaded = loaded(folder.path(), &[]);
        assert!(loaded.configuration.is_some(), "nothing of it keeps a directory from being checked");
        let found = told(folder.path(), &loaded);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, (place, part)) in found.iter().zip(expected) {
            let said = found.starts_with(&format!("passerelle.toml:{place}: warning: ")) && found.contains(part);
            assert!(said && found.contains("the hub does not start until it is there"), "{place}: {found}");
        }
    };
    check(&[
        ("3:12", "secrets/db: cannot read the secret"),
        ("7:12", "PASSERELLE_TEST_NO_SUCH_SECRET is not set"),
        ("4:11", "ca.pem cannot be read"),
        ("8:20", "hub.pem cannot be read"),
        ("9:12", "hub.key cannot be read"),
    ]);
    fs::create_dir(folder.path().join("secrets")).unwrap();
    fs::write(folder.path().join("secrets/db"), "").unwrap();
    fs::write(folder.path().join("ca.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    fs::write(folder.path().join("hub.pem"), "no certificate").unwrap();
    fs::write(folder.path().join("hub.key"), "\n-----BEGIN PRIVATE KEY-----\n").unwrap();
    check(&[("3:12", "secrets/db is empty"), ("7:12", "is not set"), ("8:20", "holds nothing in PEM")]);
    // An embedded store or bus needs none of it.
    let embedded = hub.replace("url = ", "# url = ");
    fs::write(folder.path().join("passerelle.toml"), embedded).unwrap();
    check(&[]);
}

#[test]
fn the_reference_is_the_one_that_is_committed() {
    crate::golden::check("docs/configuration.md", &reference());
}

#[test]
fn survivorship_names_fields_and_strategies_that_there_are() {
    check(
        "[tenants.acme.survivorship]\nlegal_name = { by = [\"most-frequent\", \"newest\"] }\n\"*\" = { by = [\"newest\"] }\n\
         \"addresses.billing\" = { by = [\"most-complete\", \"trust\"] }\n",
        SYSTEM,
        MAPPING,
        &[],
    );
    check(
        "[tenants.acme.survivorship]\nlegal_nmae = { by = [\"newest\", \"newest\"] }\nstatus = { by = [] }\n",
        SYSTEM,
        MAPPING,
        &[
            "passerelle.toml:2:1: no document has the field \"legal_nmae\"; did you mean \"legal_name\"? \
             [config.unknown-document-field]",
            "passerelle.toml:2:32: a strategy decides once; remove the second mention [config.bad-value]",
            "passerelle.toml:3:17: by names nothing that decides; name at least one strategy, or remove the table \
             [config.bad-value]",
        ],
    );
    check(
        "[tenants.acme.survivorship.status]\nby = [\"newst\"]\nof = 1\n",
        SYSTEM,
        MAPPING,
        &[
            "passerelle.toml:2:7: \"newst\" is no value of by[0]; it is one of \"trust\", \"newest\", \"most-complete\", \
             \"most-frequent\"; did you mean \"newest\"? [config.bad-value]",
            "passerelle.toml:3:1: unknown field \"of\" [config.unknown-field]",
        ],
    );
}

#[test]
fn no_system_is_called_as_stewards_are() {
    let folder = directory("", SYSTEM, MAPPING);
    fs::rename(folder.path().join("systems/erp.toml"), folder.path().join("systems/steward.toml")).unwrap();
    let found = told(folder.path(), &loaded(folder.path(), &[]));
    assert_eq!(
        found,
        [
            "systems/steward.toml: \"steward\" stands for what stewards decide; give the system another name [config.name]"
        ]
    );
}

/// Every piece of TOML in `docs/master.md` is a part of a `passerelle.toml` in which nothing is wrong.
#[test]
fn the_examples_of_the_page_on_the_master_are_right() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/master.md")).unwrap();
    let examples: Vec<&str> =
        page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect();
    assert!(examples.len() >= 2, "the page shows no rules any more");
    for example in examples {
        let folder = directory(example, SYSTEM, MAPPING);
        for other in ["crm", "billing"] {
            fs::write(folder.path().join(format!("systems/{other}.toml")), SYSTEM).unwrap();
        }
        let found = told(folder.path(), &loaded(folder.path(), &[]));
        assert_eq!(found, Vec::<String>::new(), "{example}");
    }
}
