//! Which documents a subscription is fed.

use serde_json::Value;

/// Conditions that must all hold: each names a field and the values that it may have.
///
/// A path steps through groups by name and through lists by their selector, like the paths of a mapping:
/// `status`, `addresses.main.country`. An absent field has no value and meets no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    conditions: Vec<(String, Vec<String>)>,
}

impl Filter {
    /// A filter from fields and their allowed values. No conditions: everything passes.
    pub fn new(conditions: impl IntoIterator<Item = (String, Vec<String>)>) -> Self {
        Filter { conditions: conditions.into_iter().collect() }
    }

    /// Whether a document passes.
    pub fn passes(&self, document: &Value) -> bool {
        self.conditions.iter().all(|(path, allowed)| {
            at(document, path).is_some_and(|value| match value {
                Value::String(text) => allowed.contains(text),
                Value::Bool(_) | Value::Number(_) => allowed.contains(&value.to_string()),
                Value::Array(items) => {
                    items.iter().any(|item| item.as_str().is_some_and(|text| allowed.iter().any(|value| value == text)))
                }
                _ => false,
            })
        })
    }
}

const SELECTORS: [&str; 5] = ["scheme", "use", "role", "purpose", "recipient"];

fn at<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(document, |value, segment| match value {
        Value::Object(fields) => fields.get(segment),
        Value::Array(items) => items
            .iter()
            .find(|item| SELECTORS.iter().any(|selector| item.get(selector).and_then(Value::as_str) == Some(segment))),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(conditions: &[(&str, &[&str])], expected: bool) {
        let document = json!({
            "status": "active", "roles": ["buyer", "lead"],
            "addresses": [{"use": "billing", "country": "BE"}, {"use": "main", "country": "FR"}],
        });
        let owned = conditions
            .iter()
            .map(|(path, allowed)| ((*path).to_owned(), allowed.iter().map(|value| (*value).to_owned()).collect()));
        assert_eq!(Filter::new(owned).passes(&document), expected, "{conditions:?}");
    }

    #[test]
    fn all_conditions_must_hold() {
        check(&[], true);
        check(&[("status", &["active", "blocked"])], true);
        check(&[("status", &["blocked"])], false);
        check(&[("addresses.main.country", &["FR"])], true);
        check(&[("addresses.main.country", &["BE"])], false);
        check(&[("addresses.delivery.country", &["FR"])], false);
        check(&[("roles", &["lead"]), ("status", &["active"])], true);
        check(&[("roles", &["lead"]), ("status", &["inactive"])], false);
        check(&[("nothing", &["x"])], false);
    }
}
