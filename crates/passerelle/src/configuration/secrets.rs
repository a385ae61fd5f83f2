//! Whether the secrets that a connector is told of are there.
//!
//! A secret is never shown: only the variable or file that it should be in.

use std::path::Path;

use connector::{Fault, SecretReference};
use serde_json::Value;

use super::source::{Segment, ValuePath};

/// Schemas nest, and could name each other without end.
const DEPTH_MAX: usize = 64;

/// The name of the type of a reference to a secret, as schemas write it.
const REFERENCE: &str = "#/$defs/SecretReference";

/// Every reference to a secret in `value` that leads nowhere, with why. `schema` is that of the connector, and
/// `directory` the user's.
pub(super) fn missing(schema: &Value, value: &Value, directory: &Path) -> Vec<(ValuePath, String)> {
    let mut search = Search { root: schema, path: Vec::new(), found: Vec::new() };
    search.look(schema, value, 0);
    let reason = |(path, reference): (ValuePath, SecretReference)| Some((path, missing_at(&reference, directory)?));
    search.found.into_iter().filter_map(reason).collect()
}

/// Why a reference leads nowhere; `None` when the secret is there.
pub(super) fn missing_at(reference: &SecretReference, directory: &Path) -> Option<String> {
    match reference.resolve(directory) {
        Ok(secret) if secret.expose().is_empty() => Some(format!("{} is empty", place(reference))),
        Ok(_) => None,
        Err(Fault::Halt { reason } | Fault::Retry { reason, .. }) => Some(reason),
    }
}

fn place(reference: &SecretReference) -> String {
    match reference {
        SecretReference::Env(name) => format!("the environment variable {name}"),
        SecretReference::File(path) => format!("the file {}", path.display()),
    }
}

struct Search<'s> {
    root: &'s Value,
    path: ValuePath,
    found: Vec<(ValuePath, SecretReference)>,
}

impl<'s> Search<'s> {
    fn look(&mut self, schema: &'s Value, value: &Value, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            if name == REFERENCE {
                self.take(value);
            } else if let Some(schema) = name.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) {
                self.look(schema, value, depth + 1);
            }
            return;
        }
        // Whichever of several shapes it is, only its own fields are there.
        let branches = ["oneOf", "anyOf", "allOf"].iter().filter_map(|name| schema.get(*name)?.as_array()).flatten();
        branches.for_each(|branch| self.look(branch, value, depth + 1));
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let known = schema.get("properties").and_then(|known| known.get(name));
                    if let Some(schema) = known.or(schema.get("additionalProperties")) {
                        self.inside(Segment::Field(name.clone()), schema, value, depth);
                    }
                }
            }
            Value::Array(items) => {
                let Some(schema) = schema.get("items") else { return };
                for (index, value) in items.iter().enumerate() {
                    self.inside(Segment::Item(index), schema, value, depth);
                }
            }
            _ => {}
        }
    }

    fn inside(&mut self, segment: Segment, schema: &'s Value, value: &Value, depth: usize) {
        self.path.push(segment);
        self.look(schema, value, depth + 1);
        self.path.pop();
    }

    fn take(&mut self, value: &Value) {
        let is_known = self.found.iter().any(|(path, _)| *path == self.path);
        if let Ok(reference) = serde_json::from_value(value.clone())
            && !is_known
        {
            self.found.push((self.path.clone(), reference));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::registry;
    use super::super::source::describe;
    use super::*;

    #[test]
    fn references_that_lead_nowhere_are_told_with_their_place_and_without_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "s3cret\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let schema = registry().schema("rest-api").unwrap().to_value();
        let check = |auth: Value, expected: &[(&str, &str)]| {
            let value = json!({ "base_url": "http://127.0.0.1/", "auth": auth });
            let found = missing(&schema, &value, folder.path());
            let found: Vec<_> = found.iter().map(|(path, reason)| (describe(path), reason.as_str())).collect();
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for ((path, reason), (place, part)) in found.iter().zip(expected) {
                assert!(path == place && reason.contains(part) && !reason.contains("s3cret"), "{path}: {reason}");
            }
        };
        let bearer = |reference: Value| json!({ "kind": "bearer", "token": reference });
        let at = "auth.token";
        check(json!({ "kind": "none" }), &[]);
        check(bearer(json!({ "file": "token" })), &[]);
        check(bearer(json!({ "file": "empty" })), &[(at, "the file empty is empty")]);
        check(bearer(json!({ "file": "gone" })), &[(at, "cannot read the secret")]);
        let unset = json!({ "env": "PASSERELLE_TEST_NO_SUCH_SECRET" });
        check(bearer(unset.clone()), &[(at, "PASSERELLE_TEST_NO_SUCH_SECRET is not set")]);
        let basic = json!({ "kind": "basic", "username": "u", "password": unset });
        check(basic, &[("auth.password", "PASSERELLE_TEST_NO_SUCH_SECRET is not set")]);
    }
}
