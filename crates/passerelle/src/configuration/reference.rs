//! `docs/configuration.md`, written from the types themselves.

use std::fmt::Write;

use serde_json::Value;

use super::registry;
#[cfg(test)]
use super::settings::{HubFile, SystemFile};

/// The whole reference.
#[cfg(test)]
pub fn reference() -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         This page is written from the types of the program; a test keeps both equal.\n\
         `passerelle check` holds a directory against it, offline.\n\n",
    );
    text.push_str(&type_reference::<HubFile>("`passerelle.toml`"));
    text.push_str(&type_reference::<SystemFile>("`systems/NAME.toml`"));
    for kind in registry().kinds() {
        text.push_str(&connector_reference(kind).unwrap_or_default());
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The reference of one connector; `None` when there is none of this kind.
pub fn connector_reference(kind: &str) -> Option<String> {
    let schema = registry().schema(kind)?.to_value();
    Some(schema_reference(&format!("`[connector]` with `kind = \"{kind}\"`"), "connector", &schema))
}

#[cfg(test)]
fn type_reference<T: schemars::JsonSchema>(title: &str) -> String {
    let schema = serde_json::to_value(schemars::schema_for!(T)).unwrap_or_default();
    schema_reference(title, "", &schema)
}

fn schema_reference(title: &str, path: &str, schema: &Value) -> String {
    let mut writer = Writer { root: schema, text: format!("## {title}\n\n"), depth: 0 };
    if let Some(description) = schema.get("description").and_then(Value::as_str) {
        writer.paragraph(description);
    }
    writer.table(path, schema);
    writer.text
}

/// Configuration types nest a few levels deep.
const DEPTH_MAX: usize = 8;

struct Writer<'s> {
    root: &'s Value,
    text: String,
    depth: usize,
}

impl<'s> Writer<'s> {
    fn paragraph(&mut self, text: &str) {
        self.text.push_str(&one_sentence_per_line(text));
        self.text.push_str("\n\n");
    }

    /// The fields of a table, then the tables inside it.
    fn table(&mut self, path: &str, schema: &'s Value) {
        let Some(fields) = schema.get("properties").and_then(Value::as_object) else { return };
        if self.depth > DEPTH_MAX {
            return;
        }
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut tables = Vec::new();
        let mut rows = String::new();
        for (name, field) in fields {
            let described = field.get("description").and_then(Value::as_str);
            let target = self.resolve(field);
            match self.inner_table(name, target) {
                Some((inner, inner_schema)) => {
                    let inner = if path.is_empty() { inner } else { format!("{path}.{inner}") };
                    tables.push((inner, described.or_else(|| description(inner_schema)), inner_schema));
                }
                None => {
                    let described = described.or_else(|| description(target)).unwrap_or_default();
                    // Writing to a string cannot fail.
                    let _ = writeln!(
                        rows,
                        "| `{name}` | {} | {} | {} |",
                        self.kind(target),
                        default(field, required.contains(&name.as_str())),
                        cell(described)
                    );
                }
            }
        }
        if !rows.is_empty() {
            self.text.push_str("| field | value | default | meaning |\n|---|---|---|---|\n");
            self.text.push_str(&rows);
            self.text.push('\n');
        }
        for (inner, described, schema) in tables {
            let _ = write!(self.text, "### `[{inner}]`\n\n");
            if let Some(described) = described {
                self.paragraph(described);
            }
            self.depth += 1;
            self.table(&inner, schema);
            self.depth -= 1;
        }
    }

    /// A field that is a table of its own, or a table of tables: how its header is written.
    fn inner_table(&self, name: &str, schema: &'s Value) -> Option<(String, &'s Value)> {
        if has_fields(schema) {
            return Some((name.to_owned(), schema));
        }
        let inner = self.resolve(schema.get("additionalProperties")?);
        has_fields(inner).then(|| (format!("{name}.{}", placeholder(name)), inner))
    }

    /// Follows references and optional types.
    fn resolve(&self, schema: &'s Value) -> &'s Value {
        let mut schema = schema;
        for _ in 0..DEPTH_MAX {
            if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
                match self.root.pointer(name.trim_start_matches('#')) {
                    Some(target) => schema = target,
                    None => return schema,
                }
                continue;
            }
            let wrapped = schema.get("allOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
            let mut inner =
                wrapped.into_iter().flatten().filter(|one| one.get("type").and_then(Value::as_str) != Some("null"));
            match (inner.next(), inner.next()) {
                (Some(only), None) => schema = only,
                _ => return schema,
            }
        }
        schema
    }

    /// What a value looks like.
    fn kind(&self, schema: &'s Value) -> String {
        let schema = self.resolve(schema);
        if let Some(branches) = ["oneOf", "anyOf"].iter().find_map(|name| schema.get(*name)).and_then(Value::as_array) {
            let mut kinds: Vec<String> = branches.iter().map(|branch| self.kind(branch)).collect();
            kinds.dedup();
            return kinds.join(" or ");
        }
        if let Some(word) = schema.get("const").and_then(Value::as_str) {
            return format!("`\"{word}\"`");
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
        }
        let names: Vec<&str> = match schema.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect()
            }
            _ => return "anything".to_owned(),
        };
        match names[..] {
            ["string"] if schema.get("format").and_then(Value::as_str) == Some("time-span") => {
                "time, such as `10s`".to_owned()
            }
            ["string"] if schema.get("maxLength") == Some(&1.into()) => "one character".to_owned(),
            ["string"] => "text".to_owned(),
            ["integer"] => "whole number".to_owned(),
            ["number"] => "number".to_owned(),
            ["boolean"] => "`true` or `false`".to_owned(),
            ["array"] => {
                format!("list of {}", schema.get("items").map_or("anything".to_owned(), |item| self.kind(item)))
            }
            ["object"] => self.inline_table(schema),
            _ => names.join(" or "),
        }
    }

    fn inline_table(&self, schema: &'s Value) -> String {
        if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
            let fields = fields.iter().map(|(name, field)| match field.get("const").and_then(Value::as_str) {
                Some(word) => format!("{name} = \"{word}\""),
                None => format!("{name} = …"),
            });
            return format!("`{{ {} }}`", fields.collect::<Vec<_>>().join(", "));
        }
        match schema.get("additionalProperties").filter(|inner| inner.is_object()) {
            Some(inner) => format!("table of {}", self.kind(inner)),
            None => "table".to_owned(),
        }
    }
}

fn description(schema: &Value) -> Option<&str> {
    schema.get("description").and_then(Value::as_str)
}

fn has_fields(schema: &Value) -> bool {
    schema.get("properties").is_some_and(Value::is_object)
}

/// What stands for the name in the header of a table of tables.
fn placeholder(name: &str) -> &'static str {
    match name {
        "subscriptions" | "targets" => "ENTITY",
        "survivorship" => "FIELD",
        _ => "NAME",
    }
}

fn default(field: &Value, is_required: bool) -> String {
    match field.get("default") {
        _ if is_required => "required".to_owned(),
        None | Some(Value::Null) => String::new(),
        Some(Value::Object(fields)) if fields.is_empty() => String::new(),
        Some(Value::Array(items)) if items.is_empty() => String::new(),
        Some(value) => format!("`{}`", escape(&value.to_string())),
    }
}

fn cell(text: &str) -> String {
    escape(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Breaks a text after each sentence, as all our Markdown is.
fn one_sentence_per_line(text: &str) -> String {
    text.split("\n\n")
        .map(|paragraph| {
            let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            words.replace(". ", ".\n")
        })
        .collect::<Vec<_>>()
        .join("\n\n")
}
