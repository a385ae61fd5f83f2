//! Paths with places for a key and a reference.

use std::collections::BTreeMap;

use url::Url;

use crate::configuration::QueryValue;

/// Values for the places of a path or a parameter.
#[derive(Clone, Copy, Default)]
pub(crate) struct Places<'a> {
    pub(crate) key: Option<&'a str>,
    pub(crate) reference: &'a str,
}

/// The first place in a text that nothing fills: an unknown name, or a brace without its other half.
pub(crate) fn unknown_place(text: &str, known: &[&str]) -> Option<String> {
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        let Some(name) = rest[open..].strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
            return Some(rest[open..].to_owned());
        };
        if !known.contains(&name.0) {
            return Some(format!("{{{}}}", name.0));
        }
        rest = name.1;
    }
    None
}

/// Appends a path to a base URL, each value escaped so that it stays one segment.
pub(crate) fn url(base: &Url, path: &str, places: Places<'_>) -> Url {
    let mut url = base.clone();
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            // A value of dots would climb out of the collection; as a whole segment it is written with escapes.
            match fill(segment, places).as_str() {
                "." => segments.push("%2E"),
                ".." => segments.push("%2E%2E"),
                filled => segments.push(filled),
            };
        }
        if path.len() > 1 && path.ends_with('/') {
            segments.push("");
        }
    }
    url.set_query(query);
    url
}

/// Adds parameters to a URL.
pub(crate) fn add_query(url: &mut Url, query: &BTreeMap<String, QueryValue>, places: Places<'_>) {
    if query.is_empty() {
        return;
    }
    let mut pairs = url.query_pairs_mut();
    for (name, value) in query {
        match value {
            QueryValue::Text(text) => pairs.append_pair(name, &fill(text, places)),
            QueryValue::Number(number) => pairs.append_pair(name, &number.to_string()),
            QueryValue::Flag(flag) => pairs.append_pair(name, if *flag { "true" } else { "false" }),
        };
    }
}

/// One pass, so that a key which looks like a place is not filled in turn.
fn fill(text: &str, places: Places<'_>) -> String {
    let mut filled = String::with_capacity(text.len() + 40);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        rest = match after.split_once('}') {
            Some(("key", after)) => {
                filled.push_str(places.key.unwrap_or_default());
                after
            }
            Some(("reference", after)) => {
                filled.push_str(places.reference);
                after
            }
            _ => {
                filled.push('{');
                after
            }
        };
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_inside_their_segment() {
        let base = Url::parse("https://crm.example.com/api/").unwrap();
        let check = |path: &str, key: &str, expected: &str| {
            let places = Places { key: Some(key), reference: "m-1" };
            assert_eq!(url(&base, path, places).as_str(), format!("https://crm.example.com/api{expected}"));
        };
        check("/customers", "", "/customers");
        check("customers/", "", "/customers/");
        check("/customers/{key}", "C 1/2?x#y", "/customers/C%201%2F2%3Fx%23y");
        check("/customers/{key}/notes", "{reference}", "/customers/%7Breference%7D/notes");
        check("/customers('{key}')?expand=all", "7", "/customers('7')?expand=all");
        check("/by/{reference}", "7", "/by/m-1");
        assert!(!url(&base, "/customers/{key}", Places { key: Some(".."), reference: "" }).as_str().ends_with("/api/"));
    }

    #[test]
    fn unknown_places_are_found() {
        assert_eq!(unknown_place("/customers/{key}", &["key"]), None);
        assert_eq!(unknown_place("/customers/{id}", &["key"]), Some("{id}".to_owned()));
        assert_eq!(unknown_place("/customers/{key", &["key"]), Some("{key".to_owned()));
    }
}
