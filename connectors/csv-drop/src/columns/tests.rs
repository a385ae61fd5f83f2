use super::*;

fn need(field: &str, any_of: &[&str]) -> NeededColumn {
    NeededColumn { field: field.to_owned(), any_of: any_of.iter().map(|name| (*name).to_owned()).collect() }
}

fn check(header: &[&str], needed: &[NeededColumn], line: Option<u64>, expected: Option<&str>) {
    let columns = Columns::new(header.iter().copied()).unwrap();
    let located = Located { columns, line, configured: line.is_none() };
    let found = super::check(needed, &located).err().map(|problem| problem.to_string());
    assert_eq!(found.as_deref(), expected, "{header:?}");
}

#[test]
fn one_message_says_what_lacks_what_is_there_and_what_to_do() {
    let needed = [
        need("key", &["NO"]),
        need("legal_name", &["NAME"]),
        need("phones.office", &["TEL", "PHONE"]),
        need("x", &["NO"]),
    ];
    check(&["NO", "NAME", "PHONE", "OTHER"], &needed, Some(1), None);
    check(
        &["NO", "Nmae", "CITY"],
        &needed,
        Some(3),
        Some(
            "line 3: there is no column \"NAME\" for legal_name (did you mean \"Nmae\"?), \"TEL\" or \"PHONE\" for \
             phones.office; there are \"NO\", \"Nmae\", \"CITY\"; correct the export, or the mapping, in which \
             optional = true lets a column be absent",
        ),
    );
    check(
        &["NAME", "TEL"],
        &needed,
        Some(1),
        Some(
            "line 1: there is no column \"NO\" for key; there are \"NAME\", \"TEL\"; correct the export, or the mapping, in \
             which optional = true lets a column be absent",
        ),
    );
    check(
        &["NAME", "TEL"],
        &needed,
        None,
        Some(
            "columns in the configuration: there is no column \"NO\" for key; there are \"NAME\", \"TEL\"; correct columns in the \
             configuration, or the mapping",
        ),
    );
    check(&["anything"], &[], Some(1), None);
}

#[test]
fn what_may_be_data_is_not_shown() {
    check(
        &["17", "Anne Martin", "Rennes"],
        &[need("key", &["NO"]), need("legal_name", &["NAME"])],
        Some(1),
        Some(
            "line 1: there is no column \"NO\" for key, \"NAME\" for legal_name; none of the columns that the mapping \
             reads is there: if the file has no header, say columns = [\"…\"]; else correct the export or the mapping",
        ),
    );
}

#[test]
fn a_message_stays_short() {
    let names: Vec<String> = (0..10_000).map(|number| format!("{number}{}", "x".repeat(1_000))).collect();
    let columns = Columns::new(names.iter().map(String::as_str).chain(["NO"])).unwrap();
    let located = Located { columns, line: Some(1), configured: false };
    let problem = super::check(&[need("key", &["NO"]), need("legal_name", &["NAME"])], &located).unwrap_err();
    let message = problem.to_string();
    assert!(message.len() < 2_000 && message.contains(" and 9981 more;"), "{message}");
}
