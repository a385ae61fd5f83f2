//! Provenance in words.

use master::{Candidate, Explanation, Reason, SourceName, Standing};
use serde_json::Value;

/// Characters of one value that are shown; `--json` has all of them.
const VALUE_CHARS_MAX: usize = 60;

/// A record of a system. What a steward decided has no record.
pub fn source(source: &SourceName<'_>) -> String {
    if source.system == master::STEWARD {
        source.system.to_owned()
    } else {
        format!("{} {}", source.system, source.key)
    }
}

/// Why the winner of a unit wins, and what others add to it or say as well.
pub fn because(unit: &Explanation<'_>) -> String {
    let mut text = match (unit.winner.standing, unit.decided_by) {
        (Standing::Echoes, _) => "nobody asserts it; it was delivered there",
        (_, Reason::Only) => "nobody else has a say",
        (_, Reason::Override) => "a steward decided it",
        (_, Reason::Own) => "the others only show what was delivered",
        (_, Reason::Valid) => "the number passes its check",
        (_, Reason::Trust) => "its system is trusted more",
        (_, Reason::Newest) => "it is the newest",
        (_, Reason::MostComplete) => "it is the most complete",
        (_, Reason::MostFrequent) => "most systems say so",
        (_, Reason::Name) => "equal rank; its system and key come first",
    }
    .to_owned();
    for filled in &unit.filled {
        text.push_str(&format!("; {} from {}", filled.place, source(&filled.source)));
    }
    let agreeing: Vec<String> =
        unit.losers.iter().filter(|loser| loser.agrees).map(|loser| source(&loser.source)).collect();
    if !agreeing.is_empty() {
        text.push_str(&format!("; the same in {}", agreeing.join(", ")));
    }
    text
}

/// Why a source does not win.
pub fn behind(loser: &Candidate<'_>) -> String {
    let reason = match loser.lost_by {
        None | Some(Reason::Only) => "",
        Some(Reason::Override) => "a steward decided otherwise",
        Some(Reason::Own) => "only shows what was delivered",
        Some(Reason::Valid) => "fails its check",
        Some(Reason::Trust) => "less trusted",
        Some(Reason::Newest) => "older",
        Some(Reason::MostComplete) => "less complete",
        Some(Reason::MostFrequent) => "fewer systems say so",
        Some(Reason::Name) => "equal rank; its system and key come later",
    };
    format!("behind: {reason}")
}

/// What a unit says, in one line.
pub fn value(unit: &str, value: Option<&Value>) -> String {
    let Some(value) = value else { return "(empty)".to_owned() };
    let is_plain = unit == "name" || unit.split('.').any(|segment| matches!(segment, "address" | "addresses"));
    let text = text(value, !is_plain);
    if text.chars().count() <= VALUE_CHARS_MAX {
        return text;
    }
    let cut: String = text.chars().take(VALUE_CHARS_MAX - 1).collect();
    format!("{}…", cut.trim_end())
}

/// `names` says whether the members of an object are named: those of an address speak for themselves.
fn text(value: &Value, names: bool) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(|item| text(item, names)).collect::<Vec<_>>().join("; "),
        Value::Object(members) => match (members.get("amount"), members.get("currency"), members.get("value")) {
            (Some(amount), Some(currency), _) => format!("{} {}", text(amount, false), text(currency, false)),
            (_, _, Some(only)) if members.len() == 1 => text(only, names),
            _ => {
                let one = |(name, value): (&String, &Value)| {
                    if names { format!("{name} {}", text(value, names)) } else { text(value, names) }
                };
                members.iter().map(one).collect::<Vec<_>>().join(", ")
            }
        },
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(unit: &str, said: Option<Value>, expected: &str) {
        assert_eq!(value(unit, said.as_ref()), expected);
    }

    #[test]
    fn values_are_told_in_one_line() {
        check("legal_name", None, "(empty)");
        check("legal_name", Some(json!("Durand SA")), "Durand SA");
        check("name", Some(json!({"given_name": "Anna", "family_name": "Durand"})), "Anna, Durand");
        check("addresses.main", Some(json!({"line1": "1 rue A", "city": "Paris"})), "1 rue A, Paris");
        check("identifiers.siren", Some(json!({"value": "552100554"})), "552100554");
        check("credit_limit", Some(json!({"amount": "5000.00", "currency": "EUR"})), "5000.00 EUR");
        check("payment_terms", Some(json!({"code": "30J", "days": 30})), "code 30J, days 30");
        check("roles", Some(json!(["supplier", "reseller"])), "supplier; reseller");
        check("legal_name", Some(json!("é".repeat(61))), &format!("{}…", "é".repeat(59)));
    }
}
