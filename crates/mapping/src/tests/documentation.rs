use super::tables;
use crate::Mapping;

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

#[test]
fn every_option_of_a_line_is_on_the_page() {
    for option in crate::compile::LINE_OPTIONS {
        let told = PAGE.contains(&format!("`{option}`")) || PAGE.contains(&format!("`{option} ="));
        assert!(told, "docs/mapping.md does not speak of `{option}`");
    }
}
