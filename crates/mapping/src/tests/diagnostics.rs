use super::tables;
use crate::Mapping;

/// Compiles a mapping that is wrong; `expected` are all its findings, one a line.
#[track_caller]
fn check(text: &str, expected: &str) {
    let found = match Mapping::compile("t.toml", text, &tables()) {
        Ok(mapping) => mapping.warnings().to_vec(),
        Err(findings) => findings,
    };
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.join("\n"), expected.trim());
}

const HEAD: &str = "entity = \"customer\"\nformat = \"csv\"\nkey = \"ID\"\n[fields]\n";

/// Checks one line below a head of four lines.
#[track_caller]
fn check_line(line: &str, expected: &str) {
    check(&format!("{HEAD}{line}\n"), expected);
}

#[test]
fn everything_is_reported_at_once() {
    check(
        r#"
entity = "customer"
format = "cvs"
kee = "ID"

[fields]
legal_nmae = "NOM"
addresses.main.citty = "VILLE"
credit_limit = { at = "MAX", as = "money", curency = "EUR" }
status = { at = "ETAT", tabel = {} }
"#,
        r#"
t.toml:1:1: key is missing; say key = "…", the place of the system's own id
t.toml:3:10: "cvs" is no value of format; use "csv", "xml", "json"; did you mean "csv"?
t.toml:4:1: unknown option "kee" of a mapping; did you mean "key"?
t.toml:7:1: unknown field "legal_nmae" of customer; did you mean "legal_name"?
t.toml:8:16: unknown field "addresses.main.citty" of customer; did you mean "city"?
t.toml:9:16: the currency is missing; say currency = "EUR", currency_at = "…" for a place, or currency_attribute = "…"
t.toml:9:44: unknown option "curency" of an amount of money; did you mean "currency"?
t.toml:10:25: unknown option "tabel" of a line with as = "text"; did you mean "table"?
"#,
    );
}

#[test]
fn toml_errors_have_places() {
    check(
        "entity = \"customer\"\nformat = csv\n",
        "t.toml:2:10: string values must be quoted, expected literal string",
    );
}

#[test]
fn lines_are_held_against_the_field() {
    check_line(
        "birth_date = { at = \"NE\", as = \"decimal\" }",
        "t.toml:5:32: as = \"decimal\" does not suit birth_date; it takes date",
    );
    check_line(
        "birth_date = { at = \"NE\", decimal = \",\" }",
        "t.toml:5:27: option \"decimal\" does not go with a line with as = \"date\"; remove it",
    );
    check_line(
        "birth_date = { at = \"NE\", format = \"dd/mm/yyyy\" }",
        "t.toml:5:14: \"dd/mm/yyyy\" is no format of a date; write one like \"%d/%m/%Y\"",
    );
    check_line("legal_name = { as = \"text\" }", "t.toml:5:14: the line has no place; say at = \"…\" or value = \"…\"");
    check_line("legal_name = 12", "t.toml:5:14: a place is text in quotes, not integer");
    check_line(
        "legal_name = { at = \"NOM\", as = \"sirte\" }",
        "t.toml:5:33: unknown conversion \"sirte\"; did you mean \"siret\"?",
    );
    check_line(
        "legal_name = { at = \"NOM\", text = [\"uper\"] }",
        "t.toml:5:36: unknown text verb \"uper\"; did you mean \"upper\"?",
    );
    check_line(
        "payment_terms = \"PAI\"",
        "t.toml:5:17: \"payment_terms\" is a group; name one of its fields: code, description, days, end_of_month, day_of_month",
    );
    check_line(
        "addresses = \"ADR\"",
        "t.toml:5:13: \"addresses\" is a list; name one of its items by its addresses.use, or use [each.addresses]",
    );
    check_line("payment_terms.days.x = \"J\"", "t.toml:5:15: the line has no place; say at = \"…\" or value = \"…\"");
}

#[test]
fn values_in_the_file_are_held_against_the_field() {
    check_line(
        "created_at = { at = \"CREE\", default = \"hier\" }",
        "t.toml:5:39: the field takes an instant like \"2024-02-29T10:20:30Z\"",
    );
    check_line(
        "kind = { at = \"K\", table = { \"S\" = \"compny\" } }",
        "t.toml:5:28: the table gives \"compny\", which is none of: company, person",
    );
    check_line(
        "legal_name = { at = \"N\", table = \"countries\" }",
        "t.toml:5:34: there is no table \"countries\"; did you mean \"countries-fr\"?",
    );
    check_line(
        "addresses.main.country = { at = \"P\", table = \"countries-f\" }",
        "t.toml:5:46: there is no table \"countries-f\"; did you mean \"countries-fr\"?",
    );
    check_line(
        "payment_terms.end_of_month = { at = \"FDM\", as = \"boolean\", true = 1 }",
        "t.toml:5:67: true is text in quotes, not integer",
    );
}

#[test]
fn two_lines_on_one_place_deserve_a_look() {
    check_line(
        "legal_name = \"NOM\"\ntrading_name = \"NOM\"",
        "t.toml:1:1: column \"NOM\" is written by several lines, \"trading_name\" among them; mark all but one with only = \"read\"",
    );
    check_line("legal_name = \"NOM\"\ntrading_name = { at = \"NOM\", only = \"read\" }", "");
}

#[test]
fn repeating_groups_are_checked() {
    check(
        "entity = \"invoice\"\nformat = \"csv\"\nkey = \"N\"\n[fields]\nnumber = \"N\"\n[each.lins]\nrows = true\n[each.lines]\nat = \"x\"\n[each.seller]\nrows = true\n",
        r#"
t.toml:6:7: unknown field "lins" of invoice; did you mean "lines"?
t.toml:8:7: a repeating group of rows says rows = true
t.toml:11:8: a repeating group is a table with at = "…" and fields
"#,
    );
}

#[test]
fn paths_are_checked() {
    let head = "entity = \"invoice\"\nformat = \"xml\"\nrecord = \"/u:Invoice\"\nkey = \"u:ID\"\n[namespaces]\nu = \"urn:u\"\n[fields]\n";
    check(
        &format!(
            "{head}number = \"v:ID\"\nseller.name = \"u:A[u:B='x'\"\nbuyer.name = \"u:A/\"\ndue_date = \"u:A[$currency='x']\"\nnote = \"u:A\"\nvat_currency = \"u:T[@c=$curency]\"\n"
        ),
        r#"
t.toml:8:10: the prefix "v" stands for no namespace; add it below [namespaces]; did you mean "u"?
t.toml:9:15: "u:A[u:B='x'" is no path: a ] is missing
t.toml:10:14: "u:A/" is no path: a name is missing; only names, conditions and @attributes can be written
t.toml:11:12: "u:A[$currency='x']" is no path: a name is missing; only names, conditions and @attributes can be written
t.toml:12:1: unknown field "note" of invoice; did you mean "notes"?
t.toml:13:16: "$curency" names a field that has no line of its own
"#,
    );
}

#[test]
fn a_table_file_is_checked() {
    let findings = crate::Table::parse("countries.toml", "\"FRANCE\" = \"FR\"\n\"SUISSE\" = 41\n").unwrap_err();
    let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["countries.toml:2:12: a table's value is text in quotes, not integer"]);
}
