//! Every option of the language in words: what it is for, and where it is allowed.
//!
//! The compiler asks for no option that is not here, and the tables of `docs/mapping.md` are written from here.

/// Options that belong together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub names: &'static [&'static str],
    /// Where it is allowed, in Markdown.
    pub allowed: &'static str,
    /// What it is for, in Markdown.
    pub meaning: &'static str,
}

const fn entry(names: &'static [&'static str], allowed: &'static str, meaning: &'static str) -> Entry {
    Entry { names, allowed, meaning }
}

/// All names of a table.
pub(crate) fn names(entries: &'static [Entry]) -> impl Iterator<Item = &'static str> {
    entries.iter().flat_map(|entry| entry.names.iter().copied())
}

const ALWAYS: &str = "every mapping";
const TABLES: &str = "csv";
const XML: &str = "xml";
const TREES: &str = "xml, json";

/// The head of a mapping.
pub(crate) const HEAD: [Entry; 21] = [
    entry(
        &["entity"],
        ALWAYS,
        "`customer`, `invoice`, `payment`, `allocation`, or the name of an entity that you declare",
    ),
    entry(&["format"], ALWAYS, "`csv`, `xml` or `json`: the shape of the records"),
    entry(&["key"], ALWAYS, "the place of the system's own id; [below](#the-key)"),
    entry(
        &["key_separator"],
        ALWAYS,
        "what joins the parts of a key of several places; `\\|` unless said otherwise; inside a part it gets a backslash",
    ),
    entry(&["record"], ALWAYS, "the path of the element or value that is one record; an XML mapping may list several"),
    entry(
        &["record_by"],
        XML,
        "which of several records a document becomes: `{ field = \"type_code\", values = { \"381\" = \"/cn:CreditNote\" } }`; else the first",
    ),
    entry(
        &["namespaces"],
        XML,
        "prefixes with their URIs; a list of URIs reads all of them and writes the first; the prefix `\"\"` is for names without one",
    ),
    entry(
        &["context"],
        XML,
        "what a record needs from the elements around it, by name; the paths see it in the namespace `urn:passerelle:context`",
    ),
    entry(
        &["when"],
        ALWAYS,
        "which records of the stream the mapping is for: `{ at = \"…\", is = \"…\" }`, or a list of them that must all hold",
    ),
    entry(
        &["split"],
        TREES,
        "a path down to elements that repeat: a record becomes one for each of them; [below](#one-record-that-becomes-several)",
    ),
    entry(&["clearing"], TABLES, "rows that clear each other become records; [below](#rows-that-clear-each-other)"),
    entry(
        &["control"],
        ALWAYS,
        "the totals that the file states, and that its records are held against; [below](#control-totals)",
    ),
    entry(
        &["group_by"],
        TABLES,
        "the columns whose equal values make consecutive rows one record; with a repeating group of rows it is the key unless said otherwise",
    ),
    entry(&["columns"], TABLES, "the order of the columns when a row is written from nothing"),
    entry(&["only"], ALWAYS, "`\"read\"` or `\"write\"` for every line that does not say otherwise"),
    entry(&["constants"], ALWAYS, "places that are written with the same text whatever the document says"),
    entry(&["sequence"], XML, "the order of children; [below](#embedded-documents)"),
    entry(&["fields"], ALWAYS, "the lines; [below](#fields)"),
    entry(&["each"], ALWAYS, "repeating groups; [below](#repeating-groups)"),
    entry(&["embed"], ALWAYS, "documents inside the record; [below](#embedded-documents)"),
    entry(&["description"], ALWAYS, "for people"),
];

/// A key that is a table.
pub(crate) const KEY: [Entry; 3] = [
    entry(&["at"], "every key", "one place, or a list of places whose texts are joined"),
    entry(
        &["text"],
        "every key",
        "[text verbs](#text-verbs), done to each part; not `truncate`, since a key that is cut off is another one",
    ),
    entry(&["number"], "json", "the key is written as a number"),
];

/// A document inside the record.
pub(crate) const EMBED: [Entry; 7] = [
    entry(&["at"], TREES, "the path that its own paths start from"),
    entry(&["entity"], ALWAYS, "what it is; its own name unless said otherwise"),
    entry(&["fills"], ALWAYS, "the reference that it fills; its own name unless said otherwise"),
    entry(&["key"], ALWAYS, "the place of its own id; without one the hub goes by its identifiers"),
    entry(&["key_separator"], ALWAYS, "as in the head"),
    entry(&["fields"], ALWAYS, "its lines, which only read"),
    entry(&["each"], ALWAYS, "its repeating groups"),
];

/// A repeating group.
pub(crate) const EACH: [Entry; 8] = [
    entry(&["at"], TREES, "the path of the items; the lines below `fields` start at the item"),
    entry(
        &["rows"],
        TABLES,
        "`true`: every row of the record is an item; parent columns may be repeated or blank, and are read from the first row",
    ),
    entry(&["fields"], ALWAYS, "the lines of an item"),
    entry(
        &["key"],
        ALWAYS,
        "the field by which items keep their unmapped parts when others come or go; without it the position counts",
    ),
    entry(&["when"], ALWAYS, "conditions on the group or on its items; [below](#conditional-groups)"),
    entry(
        &["name_by"],
        XML,
        "the field that decides over the element's name, where the path ends with two: `at = \"cac:Party/(cbc:ID\\|cbc:GlobalID)\"` with `name_by = \"scheme\"` writes an item without a scheme as the first, and one with a scheme as the last",
    ),
    entry(&["only"], ALWAYS, "all its lines go one way"),
    entry(&["each"], TREES, "groups inside the items"),
];

/// Rows that clear each other.
pub(crate) const CLEARING: [Entry; 5] = [
    entry(&["by"], TABLES, "the columns whose equal texts join rows; a row with a blank one clears nothing"),
    entry(&["debit", "credit"], TABLES, "the columns of the amounts"),
    entry(
        &["amount", "side"],
        TABLES,
        "one column of amounts, and the column that tells the side; `debit` and `credit` then list what stands there",
    ),
    entry(&["decimal"], TABLES, "the decimal separator; `\".\"` unless said otherwise; `cleared` has it too"),
    entry(
        &["rows_max"],
        TABLES,
        "at most so many rows with letters are held in memory, 500,000 unless said otherwise; a file with more is refused",
    ),
];

/// The totals that a file states.
pub(crate) const CONTROL: [Entry; 5] = [
    entry(
        &["group"],
        ALWAYS,
        "what tells one statement from another: a place, or several; the last of them names it in messages",
    ),
    entry(
        &["opening", "closing"],
        ALWAYS,
        "the balances, as decimals with their signs: the booked records lead from one to the other",
    ),
    entry(&["count"], ALWAYS, "how many records there are"),
    entry(&["sum"], ALWAYS, "what their amounts add up to, without their signs"),
    entry(&["amount"], ALWAYS, "the record's own amount with its sign; a payment has that by itself"),
];

const LINES: &str = "every line";
const PLACES: &str = "lines with a place";
const SEVERAL: &str = "several places";
const TEXTS: &str = "one text";
const TABLE: &str = "`table`";
const DATES: &str = "`date`, `date-time`";
const NUMBERS: &str = "numbers";
const MONEY: &str = "`money`";
const AMOUNTS: &str = "`money`, `amount`";

/// A line.
pub(crate) const LINE: [Entry; 46] = [
    entry(&["at"], LINES, "the place; several without `join`: the first with content is read, all are written"),
    entry(&["value"], LINES, "the same for every record; with `at` it is written there too"),
    entry(&["as"], PLACES, "the [conversion](#conversions)"),
    entry(&["only"], LINES, "`\"read\"` or `\"write\"`: the line goes one way"),
    entry(
        &["default"],
        PLACES,
        "what is read where the record has nothing; in an item of a list, only when the item has other content",
    ),
    entry(&["blank"], PLACES, "texts that count as nothing: `[\"N/A\", \"-\"]`"),
    entry(
        &["absent"],
        PLACES,
        "the record's text for nothing, which is also written where the document has nothing: `\"NOTPROVIDED\"`",
    ),
    entry(
        &["on_row"],
        "csv, only reading",
        "of a record of several rows the first in which a column has one of some texts is read, instead of the first of all: `{ at = \"QUALIFIER\", is = \"NPY\" }`; in a list of texts, every such row",
    ),
    entry(&["required"], PLACES, "a record without content here is refused"),
    entry(&["write_required"], PLACES, "a document without a value here is refused when it is written"),
    entry(&["optional"], TABLES, "the table may lack the column"),
    entry(
        &["when"],
        LINES,
        "a condition, or a list of conditions: the line counts only where all hold; [below](#conditional-lines)",
    ),
    entry(&["by_record"], XML, "one place for each of the mapping's records: a record is written at its own"),
    entry(
        &["write"],
        SEVERAL,
        "which of them are written: `\"all\"`; `\"first\"`, the one with content, else the first whose `$field` conditions the document meets; `\"checked\"`, the first for a value that passes the check of the line's identifier, else the second",
    ),
    entry(
        &["sum_of"],
        PLACES,
        "fields of the same item (else of the document) whose sum is written where the line says nothing and its record wants something; it has a plus sign in front, and is not read",
    ),
    entry(
        &["number"],
        "json",
        "a number is written instead of text, with every digit; a value that JSON does not write as a number is refused",
    ),
    entry(&["text"], PLACES, "[text verbs](#text-verbs)"),
    entry(&["join"], SEVERAL, "they are read as one text with this between them; [below](#joining-and-splitting)"),
    entry(
        &["split", "part", "rest"],
        TEXTS,
        "the separator of its parts, which of them is meant, and whether it has everything behind it as well; in a list of texts `split` alone gives all",
    ),
    entry(
        &["tagged", "length"],
        TEXTS,
        "the mark around a tag of so many characters at its start; `part` tells the tag from what follows",
    ),
    entry(&["table"], PLACES, "a [table](#tables) of values, or its name"),
    entry(
        &["unknown"],
        TABLE,
        "what happens to a value that the table does not have: `\"error\"`, `\"keep\"` or `\"default\"`",
    ),
    entry(&["ignore_case"], TABLE, "the case of letters does not matter when reading"),
    entry(&["case"], "`code`", "`\"lower\"` writes lower case"),
    entry(&["format"], DATES, "one or several: all are read, the first is written"),
    entry(&["zone"], DATES, "the time zone of what has no offset; UTC unless said otherwise"),
    entry(&["true", "false"], "`boolean`", "the words; the first of each is written"),
    entry(&["country"], "`phone`", "how national numbers become international ones"),
    entry(&["system"], "references", "whose key it is; the record's own system's unless said otherwise"),
    entry(&["decimal"], NUMBERS, "the decimal separator; `\".\"` unless said otherwise"),
    entry(
        &["group"],
        NUMBERS,
        "the group separator, which is read; `\" \"` stands for every kind of space, `\"'\"` for both apostrophes; groups have three digits",
    ),
    entry(&["write_groups"], NUMBERS, "write groups too"),
    entry(&["decimals"], NUMBERS, "round to exactly so many decimals when writing, halves away from zero"),
    entry(
        &["implied_decimals"],
        NUMBERS,
        "so many of the last digits are decimals: cents; `\"currency\"` for as many as the minor unit of the currency has (ISO 4217): two for euros, none for yen",
    ),
    entry(
        &["decimals_at"],
        NUMBERS,
        "a place that says how many of the last digits are decimals; `implied_decimals` is what stands for nothing there, and what is written",
    ),
    entry(
        &["overpunch"],
        NUMBERS,
        "the last digit carries the sign, as in the files of French banks: `1234E` is 12345, `1234N` is -12345",
    ),
    entry(
        &["negative"],
        NUMBERS,
        "how a negative number is written: `\"leading\"`, `\"trailing\"` or `\"parentheses\"`",
    ),
    entry(&["debit", "credit"], NUMBERS, "two columns instead of `at`: the value is credit less debit"),
    entry(&["positive"], NUMBERS, "`\"debit\"` turns that round"),
    entry(
        &["sign_at", "minus", "plus"],
        NUMBERS,
        "the sign stands in another place, as one of these words; without `sign_at` one of the words stands before or behind the number itself, `plus = \"\"` for none, and is written behind it",
    ),
    entry(
        &["direction"],
        AMOUNTS,
        "the document's field that carries the sign: `credit` when positive, `debit` when negative; the amount is then without sign",
    ),
    entry(
        &["currency"],
        MONEY,
        "a fixed currency; beside `currency_at` or `currency_attribute` what stands for nothing there",
    ),
    entry(&["currency_at"], MONEY, "the place of the currency"),
    entry(&["currency_case"], MONEY, "`\"lower\"` where the system writes it so"),
    entry(&["currency_attribute"], AMOUNTS, "an XML attribute of the amount; for `amount` it is only written"),
    entry(
        &["currency_field"],
        AMOUNTS,
        "the document's field whose currency is written there; `currency` unless said otherwise",
    ),
];

/// Whether an option of a line is one of numbers, which have a table of their own on the page.
fn is_of_numbers(entry: &Entry) -> bool {
    [NUMBERS, MONEY, AMOUNTS].contains(&entry.allowed)
}

/// What `as` names, apart from the schemes of identifiers.
pub(crate) const CONVERSIONS: [Entry; 11] = [
    entry(&["text"], "texts, codes", "the text as it is"),
    entry(&["code"], "texts, codes", "upper case, both ways"),
    entry(&["integer"], "whole numbers, decimals, texts", "a whole number"),
    entry(&["decimal"], "decimals", "an exact decimal of at most 28 digits"),
    entry(&["money"], "amounts with a currency, decimals", "an amount with its currency"),
    entry(&["amount"], "decimals", "an amount in the document's currency"),
    entry(&["date"], "dates", "a day"),
    entry(&["date-time"], "instants", "a day and a time"),
    entry(&["boolean"], "yes or no", "words for true and false"),
    entry(&["phone"], "texts", "a telephone number in E.164"),
    entry(&["attachment"], "texts", "an attached file in base64; the field gets its hash"),
];

/// The verbs of `text`: names alone, and tables with their options.
pub(crate) const TEXT_VERBS: [Entry; 11] = [
    entry(&["upper"], "changes the case", "changes the case"),
    entry(&["lower"], "changes the case", "changes the case"),
    entry(&["collapse"], "one space for every run of white space", "the same"),
    entry(&["digits"], "digits only", "nothing"),
    entry(&["apostrophe"], "takes off the apostrophe that keeps a spreadsheet from changing a text", "nothing"),
    entry(&["prefix"], "`{ prefix = \"C-\" }` takes it off", "puts it back"),
    entry(&["suffix"], "`{ suffix = \" EUR\" }` takes it off", "puts it back"),
    entry(&["pad_left", "to"], "`{ pad_left = \"0\", to = 8 }` takes the filling off", "fills up"),
    entry(&["pad_right"], "`{ pad_right = \" \", to = 20 }` takes the filling off", "fills up"),
    entry(&["replace"], "`{ replace = [\"/\", \"-\"] }`: the first becomes the second", "and back"),
    entry(&["truncate"], "nothing", "`{ truncate = 35 }` writes at most so many characters"),
];

/// The tables of the language's reference in Markdown, each with its name: every option of a mapping file with what it is
/// for and where it is allowed, and every verb. The compiler takes no other.
#[must_use]
pub fn reference_tables() -> Vec<(&'static str, String)> {
    let options = ["option", "where", "meaning"];
    let (numbers, others): (Vec<Entry>, Vec<Entry>) = LINE.into_iter().partition(is_of_numbers);
    vec![
        ("head", table(options, &HEAD)),
        ("key", table(options, &KEY)),
        ("line", table(options, &others)),
        ("numbers", table(options, &numbers)),
        ("conversions", table(["`as`", "for", "meaning"], &CONVERSIONS)),
        ("text verbs", table(["verb", "reading", "writing"], &TEXT_VERBS)),
        ("each", table(options, &EACH)),
        ("clearing", table(options, &CLEARING)),
        ("embed", table(options, &EMBED)),
        ("control", table(options, &CONTROL)),
    ]
}

/// A table: the titles of its columns, and one row for each entry.
fn table(titles: [&str; 3], entries: &[Entry]) -> String {
    let mut text = format!("| {} |\n|---|---|---|\n", titles.join(" | "));
    for entry in entries {
        let names = entry.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        text.push_str(&format!("| {names} | {} | {} |\n", entry.allowed, entry.meaning));
    }
    text
}
