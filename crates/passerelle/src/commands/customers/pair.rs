//! `passerelle customers why A B`: why two customers, or two records, are or are not one.

use console::{Meant, PairCause, PairError, PairOfRecords, PairView, Yardstick};
use master::matching::{Alternative, Bits, Level, PairExplanation, Veto};
use serde_json::Value;
use store::RecordName;

use super::super::trace;
use super::history::{self, named};
use super::tenant;
use crate::cli::CustomersWhy;
use crate::failure::{Exit, Failure};
use crate::output::{self, Table, counted, moment};
use crate::session::hub_beside;

/// With `--all`, at most so many pairs of records.
const PAIRS_MAX: usize = 100;

/// Characters of one value that are shown.
const VALUE_CHARS_MAX: usize = 48;

/// Tells why two are or are not one.
///
/// # Errors
/// When there is no store, or one of them is nobody or several customers.
pub async fn pair(arguments: &CustomersWhy, other: &str) -> Result<Exit, Failure> {
    let (hub_file, store) = hub_beside(&arguments.place.dir).await?;
    let tenant = tenant::meant(&*store, arguments.tenant.as_deref()).await?;
    let one = tenant::customer(&*store, &tenant, &arguments.key).await?;
    let other = tenant::customer(&*store, &tenant, other).await?;
    let options = hub_file.tenants.get(&tenant).map(|tenant| tenant.matching.options()).unwrap_or_default();
    let yardstick = Yardstick::of(&*store, &tenant, options).await?;
    let pairs_max = if arguments.all { PAIRS_MAX } else { 1 };
    let view = PairView::of(&*store, &one, &other, &yardstick, pairs_max).await.map_err(|error| match error {
        PairError::Store(error) => error.into(),
        PairError::SameRecord => Failure::usage("cli.unknown", error.to_string()),
    })?;
    if arguments.json {
        output::json(&view);
    } else {
        print(&view, [&one, &other]);
    }
    Ok(if view.is_one { Exit::Done } else { Exit::Differs })
}

fn print(view: &PairView, meant: [&Meant; 2]) {
    output::line(headline(view, meant));
    output::line(because(view));
    if let Some(task) = view.task.filter(|_| view.because != PairCause::Question) {
        output::line(format!("task {task} asks whether they are one"));
    }
    if let Some(best) = view.pairs.first() {
        output::line(format!("\n{} and {}", named(&best.one), named(&best.other)));
        match &best.explanation {
            None => output::line("one is a company and the other a person: they are not held against each other"),
            Some(explanation) => output::line(explained(explanation, best, meant)),
        }
    }
    if view.pairs.len() > 1 {
        output::line("");
        pairs(view).print("");
    }
    output::line(format!("\n{}", figures(view)));
    if !view.judgements.is_empty() {
        output::line("");
        history::table(&view.judgements).print("");
    }
}

/// Whether they are one now.
fn headline(view: &PairView, meant: [&Meant; 2]) -> String {
    let [one, other] = meant.map(called);
    if !view.is_one {
        return match [one, other].map(|(name, id)| if name == id { name } else { format!("{name} ({id})") }) {
            [one, other] => format!("{one} and {other} are two customers"),
        };
    }
    let id = view.one.master_id;
    if one == other {
        format!("the records of {id} are one customer")
    } else {
        format!("{} and {} are one customer, {id}", one.0, other.0)
    }
}

/// What somebody meant, and the customer that it is.
fn called(meant: &Meant) -> (String, String) {
    let id = meant.master_id().to_string();
    let records: Vec<String> = meant.records.iter().map(named).collect();
    (if records.is_empty() { meant.named.to_string() } else { records.join(", ") }, id)
}

/// Why, in one sentence.
fn because(view: &PairView) -> String {
    let since = view.since.map(|since| format!("since {}: ", moment(since))).unwrap_or_default();
    let judged = |otherwise: &str| match view.judgements.iter().find(|one| Some(one.number) == view.judgement) {
        None => otherwise.to_owned(),
        Some(judgement) => {
            let reason = judgement.reason.as_ref().map(|reason| format!(", because: {reason}")).unwrap_or_default();
            let (number, who, what) = (judgement.number, history::who(judgement), history::what(judgement));
            format!("{who} {what} (judgement {number}){reason}")
        }
    };
    let link = view.link_bits;
    let text = match view.because {
        PairCause::Judged => judged("somebody decided it"),
        PairCause::Found => judged("the hub found it out"),
        PairCause::Delivered => "the one was made by a delivery of the other".to_owned(),
        PairCause::Resemblance => match shares_identifier(view) {
            true => "they have an identifier in common".to_owned(),
            false => "what they have shown says so".to_owned(),
        },
        PairCause::Question => {
            let task = view.task.unwrap_or_default();
            format!(
                "nobody has decided it; task {task} asks, and `passerelle tasks decide {task} same` or `not-the-same` answers"
            )
        }
        PairCause::Veto => "something rules it out, whatever else they share".to_owned(),
        PairCause::Weak => format!("too little speaks for it; {link} bits would do"),
        PairCause::Contradicted => "what their other records show speaks against it".to_owned(),
        PairCause::NeverCompared => {
            "no record of the one has a key in common with one of the other, so nobody compared them".to_owned()
        }
        PairCause::Kinds => "one is a company and the other a person".to_owned(),
        PairCause::Untold => "it is not known what their records have shown, beyond the crosswalk: \
                              let their systems show them once more"
            .to_owned(),
    };
    format!("{since}{text}")
}

fn shares_identifier(view: &PairView) -> bool {
    let levels = view.pairs.first().and_then(|pair| pair.explanation.as_ref()).into_iter();
    let mut levels = levels.flat_map(|explanation| &explanation.fields).flat_map(|field| &field.levels);
    levels.any(|level| matches!(level, Level::Identifier(_)) && level.word() == "same")
}

/// Field by field: what both show now, how alike that is, and what it weighs.
fn explained(explanation: &PairExplanation, pair: &PairOfRecords, meant: [&Meant; 2]) -> String {
    let documents = [document(meant[0], &pair.one), document(meant[1], &pair.other)];
    let mut table = Table::new(&["compared", "level", "bits", &named(&pair.one), &named(&pair.other)]);
    for field in &explanation.fields {
        for (place, level) in field.levels.iter().enumerate() {
            let bits = if place == 0 { field.bits.to_string() } else { "\"".to_owned() };
            let [one, other] = documents.each_ref().map(|document| shown(document, *level));
            table.row([level.thing().to_owned(), level.word().to_owned(), bits, one, other]);
        }
    }
    let mut sum = |what: &str, bits: Bits| {
        table.row([what.to_owned(), String::new(), bits.to_string(), String::new(), String::new()]);
    };
    sum("how many such pairs are one", explanation.start);
    if explanation.rarity != Bits::ZERO {
        sum("how rare the name is", explanation.rarity);
    }
    sum(
        match explanation.against {
            Alternative::Unrelated => "sum, against strangers",
            Alternative::Related => "sum, against two of one group or household",
        },
        explanation.bits,
    );
    let keys: Vec<String> = explanation.keys.iter().map(word).collect();
    let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
    let mut text = format!("{}\nkeys in common: {keys}", table.render());
    if let Some(veto) = explanation.veto {
        text.push_str(match veto {
            Veto::Siren => "\nruled out: both have a valid SIREN, and not the same",
            Veto::BirthDate => "\nruled out: their birth dates are more than a slip apart",
        });
    }
    text
}

/// The word that JSON has for something.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What a record shows now.
fn document(meant: &Meant, record: &RecordName) -> Value {
    let sources = &meant.story.sources;
    let is_of = |row: &&store::SourceRow| *row.local.system == *record.system && row.local.key == record.key;
    let row = sources.iter().find(is_of);
    row.and_then(|row| serde_json::from_str(&row.document).ok()).unwrap_or_default()
}

/// What a record shows now of what was compared, cut off where it is long.
fn shown(document: &Value, level: Level) -> String {
    let each = |list: &str, fields: &[&str]| -> String {
        let items = document.get(list).and_then(Value::as_array).into_iter().flatten();
        let text = |item: &Value| {
            let parts = fields.iter().filter_map(|field| item.get(*field)?.as_str());
            parts.collect::<Vec<_>>().join(" ")
        };
        items.map(text).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
    };
    let text = match level {
        Level::Name(_) => trace::name(document).unwrap_or_default(),
        Level::Email(_) => [each("emails", &["value"]), each("contacts", &["email"])].join(" ").trim().to_owned(),
        Level::Phone(_) => [each("phones", &["value"]), each("contacts", &["phone"])].join(" ").trim().to_owned(),
        Level::Address(_) => each("addresses", &["line1", "postcode", "city"]),
        Level::Identifier(_) => each("identifiers", &["scheme", "value"]),
        Level::Account(_) => {
            [each("bank_accounts", &["iban"]), each("bank_accounts", &["account_number"])].join(" ").trim().to_owned()
        }
        Level::BirthDate(_) => document.get("birth_date").and_then(Value::as_str).unwrap_or_default().to_owned(),
    };
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Every pair, one a line.
fn pairs(view: &PairView) -> Table {
    let mut table = Table::new(&["one", "other", "bits", "levels", "keys", ""]);
    for pair in &view.pairs {
        let Some(explanation) = &pair.explanation else {
            let none = String::new;
            table.row([
                named(&pair.one),
                named(&pair.other),
                none(),
                "a company and a person".to_owned(),
                none(),
                none(),
            ]);
            continue;
        };
        let levels = explanation.fields.iter().flat_map(|field| &field.levels);
        let levels: Vec<String> = levels.map(|level| format!("{} {}", level.thing(), level.word())).collect();
        table.row([
            named(&pair.one),
            named(&pair.other),
            explanation.bits.to_string(),
            levels.join(", "),
            explanation.keys.len().to_string(),
            explanation.veto.map(|_| "ruled out".to_owned()).unwrap_or_default(),
        ]);
    }
    table
}

/// How many pairs there are, and what they come to.
fn figures(view: &PairView) -> String {
    let PairView { pairs_total, pairs_compared, link_bits, review_bits, model, .. } = view;
    let mut text = format!("{} of records", counted(*pairs_total, "pair"));
    if pairs_compared < pairs_total {
        text.push_str(&format!(", of which {pairs_compared} were compared"));
    }
    if let Some(mean) = view.mean_bits {
        text.push_str(&format!(", mean {mean} bits"));
    }
    let shipped = if *model == 0 { " (the one that is shipped)" } else { "" };
    format!("{text}; one from {link_bits} bits on, a question from {review_bits}; model {model}{shipped}")
}
