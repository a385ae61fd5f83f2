//! The draft of a mapping file, with a comment for every guess.

use std::fmt::Write;

use super::guess::{Column, Guess};
use super::nature::Nature;
use super::sample::Sample;
use super::vocabulary::Takes;

/// Surer guesses are lines; the others are comments.
const LINE_CONFIDENCE_MIN: usize = 50;

/// A status of a system that says by itself what it means; words in lower case.
const STATUS_WORDS: [(&str, &[&str]); 4] = [
    ("active", &["actif", "active", "aktiv", "a", "ouvert", "open"]),
    ("inactive", &["inactif", "inactive", "inaktiv", "i", "ferme", "closed", "sommeil"]),
    ("blocked", &["bloque", "bloqué", "blocked", "gesperrt", "b"]),
    ("prospect", &["prospect", "p", "lead"]),
];

/// What the names of columns that say yes or no ask: the status that a yes means, and the one that a no means.
const STATUS_QUESTIONS: [(&[&str], &str, &str); 3] = [
    (&["bloqu", "block", "sperr"], "blocked", "active"),
    (&["inacti", "inakti", "sommeil"], "inactive", "active"),
    (&["acti", "akti"], "active", "inactive"),
];

const YES: [&str; 9] = ["oui", "o", "yes", "y", "ja", "j", "true", "vrai", "1"];
const NO: [&str; 8] = ["non", "n", "no", "nein", "false", "faux", "0", ""];

/// Writes the draft.
pub struct Draft<'d> {
    /// The name of the sample's file.
    pub file: &'d str,
    /// What its records are.
    pub entity: &'d str,
    /// The sample.
    pub sample: &'d Sample,
    /// Its columns.
    pub columns: &'d [Column],
    /// What they are.
    pub guesses: &'d [Guess<'d>],
}

impl Draft<'_> {
    /// The text of the mapping file.
    pub fn text(&self) -> String {
        let mut text = self.head();
        let key = self.key();
        let _ = writeln!(text, "entity = \"{}\"\nformat = \"csv\"", self.entity);
        match &key {
            Some((column, said)) => {
                let _ = writeln!(text, "key    = {}  # {said}", quoted(&self.columns[*column].name));
            }
            None => {
                let first = self.columns.first().map_or("ID", |column| &column.name);
                let _ = writeln!(
                    text,
                    "key    = {}  # 0 %: no column has a different value in every row; name the one that the system \
                     knows the record by",
                    quoted(first)
                );
            }
        }
        let key = key.map(|(column, _)| column);
        text.push_str("\n[fields]\n");
        let mut guesses: Vec<&Guess<'_>> =
            self.guesses.iter().filter(|guess| guess.entry.takes != Takes::Key).collect();
        guesses.sort_by_key(|guess| guess.column);
        let is_line = |guess: &Guess<'_>| guess.confidence >= LINE_CONFIDENCE_MIN;
        if !guesses.iter().any(|guess| is_line(guess)) {
            text.push_str("# Nothing was sure enough; this line only makes the draft compile.\n");
            let name = self.columns.get(key.unwrap_or(0)).map_or("ID", |column| &column.name);
            let _ = writeln!(text, "extensions.source.key = {}", quoted(name));
        }
        for guess in &guesses {
            let mark = if is_line(guess) { "" } else { "# " };
            let line = format!("{mark}{} = {}", guess.entry.field, self.right_side(guess));
            let _ = writeln!(text, "{line}  # {} %: {}{}", guess.confidence, guess.reason, self.doubt(guess));
        }
        self.rest(&guesses, key, &mut text);
        text
    }

    fn head(&self) -> String {
        let sample = self.sample;
        let mut text = format!(
            "# Drafted from {}: {} rows, {} columns. Every line is a guess, with how sure it is; look at each of them.\n",
            one_line(self.file),
            sample.rows.len(),
            self.columns.len()
        );
        if sample.ragged > 0 {
            let _ = writeln!(
                text,
                "# {} rows have more or fewer values than there are columns, and were left out.",
                sample.ragged
            );
        }
        text.push_str("# A stream that reads this file, in systems/NAME.toml:\n");
        let _ = writeln!(text, "#   encoding  = \"{}\"  # {}", sample.encoding, sample.encoding_reason);
        let delimiter = sample.delimiter.escape_default();
        let _ = writeln!(text, "#   delimiter = \"{delimiter}\"");
        match sample.header {
            Some(1) => {}
            Some(line) => {
                let _ = writeln!(text, "#   header    = {{ line = {line} }}");
            }
            None => {
                let names: Vec<String> = self.columns.iter().map(|column| quoted(&column.name)).collect();
                let _ = writeln!(text, "#   columns   = [{}]  # the file has no header", names.join(", "));
            }
        }
        text
    }

    /// The column of the key, and why; a column that names one, else the first in which no value stands twice.
    fn key(&self) -> Option<(usize, String)> {
        let named = self.guesses.iter().find(|guess| guess.entry.takes == Takes::Key);
        if let Some(guess) = named.filter(|guess| guess.confidence >= LINE_CONFIDENCE_MIN) {
            let repeats = match self.columns[guess.column].is_unique {
                true => "",
                false => "; its values repeat: if rows belong together, add [each.lines] with rows = true",
            };
            return Some((guess.column, format!("{} %: {}{repeats}", guess.confidence, guess.reason)));
        }
        let is_key = |column: &Column| {
            column.is_unique && matches!(column.nature, Nature::Digits | Nature::Text | Nature::Identifier(_))
        };
        let unique = self.columns.iter().position(is_key)?;
        Some((unique, "50 %: no value stands twice".to_owned()))
    }

    fn right_side(&self, guess: &Guess<'_>) -> String {
        let column = &self.columns[guess.column];
        let at = format!("at = {}", quoted(&column.name));
        let options = match guess.entry.takes {
            Takes::Identifier(scheme) => format!("as = \"{scheme}\""),
            Takes::Phone => "as = \"phone\", country = \"FR\"".to_owned(),
            Takes::Country => country(column),
            Takes::Currency if column.nature != Nature::ThreeLetters => "as = \"code\"".to_owned(),
            Takes::Money => format!("as = \"money\", {}{}", self.currency(), number(&column.nature)),
            Takes::Amount => format!("as = \"amount\"{}", number(&column.nature)),
            Takes::Date | Takes::Instant => date(&column.nature),
            Takes::Status => status(&column.name, self.sample.values(guess.column)),
            Takes::Text if guess.entry.field == "remittance.unstructured" => {
                return format!("[{}]", quoted(&column.name));
            }
            _ => String::new(),
        };
        if options.is_empty() { quoted(&column.name) } else { format!("{{ {at}, {options} }}") }
    }

    /// Where an amount of money has its currency: a column of currencies, else euros.
    fn currency(&self) -> String {
        match self.columns.iter().find(|column| column.nature == Nature::ThreeLetters) {
            Some(column) => format!("currency_at = {}", quoted(&column.name)),
            None => "currency = \"EUR\"".to_owned(),
        }
    }

    fn doubt(&self, guess: &Guess<'_>) -> String {
        let column = &self.columns[guess.column];
        let mut doubts = Vec::new();
        match (&column.nature, guess.entry.takes) {
            (Nature::Empty, _) => doubts.push("the column is empty in the sample".to_owned()),
            (Nature::Date(formats), _) if formats.len() > 1 => {
                doubts.push(format!("the dates could also be {}", formats[1..].join(" or ")));
            }
            (_, Takes::Status) => doubts.push("check what each value means".to_owned()),
            (_, Takes::Phone) => doubts.push("check the country of national numbers".to_owned()),
            _ => {}
        }
        if !matches!(column.nature, Nature::Empty) && column.filled < 100 {
            doubts.push(format!("{} % of the rows have a value", column.filled));
        }
        doubts.into_iter().map(|doubt| format!("; {doubt}")).collect()
    }

    /// The columns that nothing was found for, so that none is forgotten.
    fn rest(&self, guesses: &[&Guess<'_>], key: Option<usize>, text: &mut String) {
        let is_left = |number: &usize| Some(*number) != key && !guesses.iter().any(|guess| guess.column == *number);
        let left: Vec<usize> = (0..self.columns.len()).filter(is_left).collect();
        if left.is_empty() {
            return;
        }
        text.push_str(
            "\n# No field was found for these columns; keep what you need in extensions, by a name of your own.\n",
        );
        for number in left {
            let column = &self.columns[number];
            if column.name.is_empty() {
                let _ =
                    writeln!(text, "# column {} has no name; name the columns of the stream to read it", number + 1);
                continue;
            }
            let _ = writeln!(
                text,
                "# extensions.source.field{} = {}  # {}, {} % of the rows have a value",
                number + 1,
                quoted(&column.name),
                named(&column.nature),
                column.filled
            );
        }
    }
}

/// A name as TOML has it in quotes; what TOML would not take in a comment is escaped as well.
fn quoted(name: &str) -> String {
    let mut text = String::from('"');
    for character in name.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            character if character.is_control() => {
                let _ = write!(text, "\\u{:04X}", u32::from(character));
            }
            character => text.push(character),
        }
    }
    text.push('"');
    text
}

fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn number(nature: &Nature) -> String {
    let Nature::Number { decimal, group } = nature else { return String::new() };
    let mut options = String::new();
    if *decimal != '.' {
        let _ = write!(options, ", decimal = \"{decimal}\"");
    }
    if let Some(group) = group {
        let _ = write!(options, ", group = \"{group}\"");
    }
    options
}

fn date(nature: &Nature) -> String {
    match nature {
        Nature::Date(formats) => match formats.first() {
            Some(&"%Y-%m-%d") | None => String::new(),
            Some(format) => format!("format = \"{format}\""),
        },
        Nature::DateTime(format) => format!("format = \"{format}\", zone = \"Europe/Paris\""),
        _ => String::new(),
    }
}

fn country(column: &Column) -> String {
    match column.nature {
        Nature::TwoLetters => "as = \"code\"",
        Nature::ThreeLetters => "table = \"countries-alpha-3\"",
        _ if column.name.to_lowercase().contains("country") => "table = \"countries-en\", ignore_case = true",
        _ => "table = \"countries-fr\", ignore_case = true",
    }
    .to_owned()
}

/// The table of a status: what the words say, else what the column asks, else active for the first value and inactive
/// for the others.
fn status<'v>(column: &str, values: impl Iterator<Item = &'v str>) -> String {
    let mut values: Vec<&str> = values.collect();
    values.sort_unstable();
    values.dedup();
    values.truncate(STATUS_VALUES_MAX);
    let entries = values
        .iter()
        .enumerate()
        .map(|(index, value)| format!("{} = \"{}\"", quoted(value), meaning(column, index, value)));
    format!("table = {{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

/// What a value of a status means, of which so many stand before it.
fn meaning(column: &str, index: usize, value: &str) -> &'static str {
    let (column, value) = (column.to_lowercase(), value.to_lowercase());
    if let Some((status, _)) = STATUS_WORDS.iter().find(|(_, words)| words.contains(&&*value)) {
        return status;
    }
    let question = STATUS_QUESTIONS.iter().find(|(stems, ..)| stems.iter().any(|stem| column.contains(stem)));
    match question {
        Some((_, yes, _)) if YES.contains(&&*value) => yes,
        Some((_, _, no)) if NO.contains(&&*value) => no,
        _ if YES.contains(&&*value) => "active",
        _ if NO.contains(&&*value) => "inactive",
        _ if index == 0 => "active",
        _ => "inactive",
    }
}

/// A column with more different values is no status.
const STATUS_VALUES_MAX: usize = 8;

fn named(nature: &Nature) -> &'static str {
    match nature {
        Nature::Empty => "empty",
        Nature::Date(_) => "dates",
        Nature::DateTime(_) => "dates with times",
        Nature::Number { .. } => "numbers",
        Nature::Digits => "digits",
        Nature::Identifier(scheme) => scheme.name(),
        Nature::Email => "e-mail addresses",
        Nature::Phone => "telephone numbers",
        Nature::TwoLetters => "codes of two letters",
        Nature::ThreeLetters => "codes of three letters",
        Nature::Choice(_) => "a few values that come again",
        Nature::Text => "text",
    }
}
