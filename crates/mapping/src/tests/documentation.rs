use std::collections::BTreeSet;
use std::path::Path;

use super::tables;
use crate::compile::vocabulary::{CLEARING, CONTROL, EACH, EMBED, Entry, HEAD, KEY, LINE, names};
use crate::{Mapping, reference_tables};

const PAGE: &str = include_str!("../../../../docs/mapping.md");

/// What goes before the lines of an example that is no whole file.
fn head(entity: &str, format: &str) -> String {
    let record = match format {
        "xml" => "record = \"/Invoice\"\n[namespaces]\ncac = \"urn:cac\"\ncbc = \"urn:cbc\"\n",
        _ => "",
    };
    let key = if format == "xml" { "cbc:ID" } else { "ID" };
    format!("entity = \"{entity}\"\nformat = \"{format}\"\nkey = \"{key}\"\n{record}[fields]\n")
}

#[test]
fn every_example_of_the_page_compiles() {
    let mut examples = 0;
    for block in PAGE.split("```toml").skip(1) {
        let (kind, rest) = block.split_once('\n').unwrap();
        let example = rest.split("```").next().unwrap();
        let text = match kind.split_whitespace().collect::<Vec<_>>()[..] {
            [entity, format] => head(entity, format) + example,
            _ => example.to_owned(),
        };
        match Mapping::compile("example", &text, &tables()) {
            Ok(mapping) => assert_eq!(mapping.warnings(), [], "{text}"),
            Err(findings) => {
                panic!("{text}\n{}", findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
            }
        }
        examples += 1;
    }
    assert!(examples > 20, "the page has lost its examples");
}

/// The page with its tables written anew between their marks.
fn page_with_tables() -> String {
    let mut page = PAGE.to_owned();
    for (name, table) in reference_tables() {
        let open =
            format!("<!-- {name}: written from the compiler's own list by UPDATE_GOLDEN=1 cargo test -p mapping -->\n");
        let start = page.find(&open).unwrap_or_else(|| panic!("the page has no table of {name}")) + open.len();
        let length = page[start..].find("<!-- end -->").unwrap();
        page.replace_range(start..start + length, &table);
    }
    page
}

#[test]
fn the_tables_of_the_page_are_those_of_the_compiler() {
    let page = page_with_tables();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mapping.md");
        std::fs::write(path, page).unwrap();
        return;
    }
    let differs = page.lines().zip(PAGE.lines()).find(|(written, committed)| written != committed);
    assert_eq!(differs, None, "docs/mapping.md is not what the compiler knows; UPDATE_GOLDEN=1 cargo test -p mapping");
}

/// What the compiler says about a mapping.
fn messages_of(text: &str) -> String {
    match Mapping::compile("test.toml", text, &tables()) {
        Ok(_) => String::new(),
        Err(findings) => findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

/// The options of tables that the compiler takes in none of some texts; they stand in a text, or are put at `OPTION`.
/// Only a text in which the compiler tells an unknown option counts.
fn unknown(entries: &'static [Entry], texts: &[&str]) -> BTreeSet<&'static str> {
    let is_taken = |name: &&'static str| {
        texts.iter().any(|text| {
            let told = messages_of(&text.replace("OPTION", "nothing"));
            let is_inside = text.contains(&format!(" {name} = "));
            let said = if is_inside { told.clone() } else { messages_of(&text.replace("OPTION", name)) };
            told.contains("unknown option \"nothing\"") && !said.contains(&format!("option \"{name}\""))
        })
    };
    names(entries).filter(|name| !is_taken(name)).collect()
}

#[test]
fn the_compiler_takes_every_option_of_the_tables() {
    let line = |field: &str, options: &str| {
        format!(
            "entity = \"invoice\"\nformat = \"csv\"\nkey = \"ID\"\n[fields]\n{field} = {{ OPTION = 1, {options} }}\n"
        )
    };
    let lines = [
        line("number", "at = \"A\""),
        line("number", "value = \"A\""),
        line("number", "at = \"A\", as = \"code\""),
        line("number", "at = \"A\", as = \"phone\""),
        line("number", "at = \"A\", table = { a = \"b\" }"),
        line("number", "at = \"A\", tagged = \"#\", length = 3, part = 1"),
        line("number", "at = \"A\", split = \"/\", part = 1"),
        line("issue_date", "at = \"A\""),
        line("customer", "at = \"A\""),
        line("totals.due_amount", "at = \"A\""),
        line("totals.due_amount", "debit = \"A\", credit = \"B\""),
        line("totals.due_amount", "at = \"A\", sign_at = \"B\", minus = \"C\", plus = \"D\""),
        line("extensions.a", "at = \"A\", as = \"boolean\""),
        line("amount", "at = \"A\", as = \"money\", currency_at = \"B\"").replace("\"invoice\"", "\"payment\""),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let inside = |table: &str| format!("entity = \"invoice\"\nformat = \"csv\"\n[{table}]\n OPTION = 1\n");
    let rows = inside("each.lines").replace(" OPTION", " rows = true\nOPTION");
    assert_eq!(unknown(&LINE, &lines), BTreeSet::new());
    assert_eq!(unknown(&HEAD, &["OPTION = 1\n"]), BTreeSet::new());
    assert_eq!(unknown(&KEY, &["key = { OPTION = 1 }\n"]), BTreeSet::new());
    assert_eq!(
        unknown(&EACH, &[&rows, &rows.replace("csv", "json").replace("rows = true", "at = \"A\"")]),
        BTreeSet::new()
    );
    assert_eq!(unknown(&CLEARING, &[&inside("clearing")]), BTreeSet::new());
    assert_eq!(unknown(&CONTROL, &[&inside("control")]), BTreeSet::new());
    assert_eq!(unknown(&EMBED, &[&inside("embed.customer")]), BTreeSet::new());
}
