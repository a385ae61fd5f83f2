use std::fs;

use tempfile::TempDir;

use super::*;

fn configured() -> Rules {
    serde_json::from_value(serde_json::json!({
        "trust": {"order": ["erp"]}, "survivorship": {"legal_name": {"by": ["newest"]}},
    }))
    .unwrap()
}

/// The order of trust and the fields with strategies that a file comes to, or the findings.
#[track_caller]
fn check(file: &str, expected: Result<(&[&str], &[&str]), &[&str]>) {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("systems")).unwrap();
    for system in ["erp", "crm"] {
        fs::write(folder.path().join(format!("systems/{system}.toml")), "").unwrap();
    }
    let path = folder.path().join("new.toml");
    fs::write(&path, file).unwrap();
    let (rules, findings) = load_rules(&path, folder.path(), "acme", &configured());
    let prefix = format!("{}/", folder.path().display());
    let told: Vec<String> = findings.iter().map(|finding| finding.to_string().replace(&prefix, "")).collect();
    match expected {
        Ok((order, fields)) => {
            assert_eq!(told, Vec::<String>::new());
            let rules = rules.unwrap();
            assert_eq!(rules.trust.order, order);
            assert_eq!(rules.survivorship.0.keys().map(String::as_str).collect::<Vec<_>>(), fields);
        }
        Err(expected) => {
            assert_eq!(told, expected);
            assert_eq!(rules, None);
        }
    }
}

#[test]
fn what_a_tenants_table_leaves_out_is_as_configured_and_what_a_whole_file_leaves_out_is_the_default() {
    check("", Ok((&["erp"], &["legal_name"])));
    check("[trust]\norder = [\"crm\"]\n", Ok((&["crm"], &["legal_name"])));
    check("[survivorship.addresses]\nby = [\"most-complete\"]\n", Ok((&["erp"], &["addresses"])));
    check("[survivorship]\n", Ok((&["erp"], &[])));
    check("[tenants.acme.survivorship.status]\nby = [\"newest\"]\n", Ok((&[], &["status"])));
    check("[tenants.other]\n", Ok((&[], &[])));
    check("[console]\nlisten = \"127.0.0.1:1\"\n[tenants.acme.trust]\norder = [\"crm\"]\n", Ok((&["crm"], &[])));
}

#[test]
fn wrong_names_are_told_with_their_place() {
    check(
        "[survivorship.legal_nmae]\nby = [\"newest\"]\n[trust]\norder = [\"epr\"]\n",
        Err(&[
            "new.toml:4:10: there is no system \"epr\"; did you mean \"erp\"? [config.unknown-system]",
            "new.toml:1:15: no document has the field \"legal_nmae\"; did you mean \"legal_name\"? \
             [config.unknown-document-field]",
        ]),
    );
    check(
        "[tenants.acme.survivorship]\nstatus = { by = [\"newst\"] }\n",
        Err(&[
            "new.toml:2:18: \"newst\" is no value of by[0]; it is one of \"trust\", \"newest\", \"most-complete\", \
               \"most-frequent\"; did you mean \"newest\"? [config.bad-value]",
        ]),
    );
    check("[survivorship\n", Err(&["new.toml:1:14: unclosed table, expected `]` [config.syntax]"]));
}
