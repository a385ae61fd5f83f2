//! One value cut at the repeated values inside it.

use super::{Json, Members};

/// A value whose repeated values at one path become a value each, one after the other.
///
/// Each part is the whole with only that one of the repeated values; an item of a list on the way to them is left out where
/// it leads to other parts only. Parts are built when they are asked for.
#[derive(Debug)]
pub struct JsonParts {
    whole: Option<Json>,
    path: Vec<String>,
    /// For each part the positions in the lists on the way; 0 where there is a value and no list.
    ways: std::vec::IntoIter<Vec<usize>>,
}

impl Json {
    /// Cuts the value at the values that a path leads to: members parted by points, quotes around a name with a point; a
    /// list on the way stands for all its items. It stays whole where there are fewer than two of them, or where one of
    /// them has nothing at any of the paths of `with`; without such paths nothing is asked.
    #[must_use]
    pub fn parts(self, at: &str, with: &[String]) -> JsonParts {
        let path = members(at);
        let with: Vec<Vec<String>> = with.iter().map(|path| members(path)).collect();
        let (mut ways, mut way) = (Vec::new(), Vec::new());
        let is_fit = |part: &Json| with.is_empty() || with.iter().any(|path| has(part, path));
        let all_fit = find(&self, &path, &mut way, &mut ways, &is_fit);
        if ways.len() < 2 || !all_fit {
            ways.clear();
        }
        JsonParts { whole: Some(self), path, ways: ways.into_iter() }
    }
}

/// The names of a path.
fn members(path: &str) -> Vec<String> {
    let (mut names, mut is_quoted) = (vec![String::new()], false);
    for character in path.chars() {
        match (character, names.last_mut()) {
            ('\'', _) => is_quoted = !is_quoted,
            ('.', _) if !is_quoted => names.push(String::new()),
            (other, Some(name)) => name.push(other),
            (_, None) => {}
        }
    }
    names
}

/// What a member has: the items of a list, or the value itself.
fn items<'j>(value: &'j Json, name: &str) -> &'j [Json] {
    match value.get(name) {
        Some(Json::Array(items)) => items,
        Some(Json::Null) | None => &[],
        Some(single) => std::slice::from_ref(single),
    }
}

/// Notes the way to every part, and tells whether all of them fit.
fn find(
    value: &Json,
    path: &[String],
    way: &mut Vec<usize>,
    ways: &mut Vec<Vec<usize>>,
    is_fit: &dyn Fn(&Json) -> bool,
) -> bool {
    let Some((name, rest)) = path.split_first() else {
        ways.push(way.clone());
        return is_fit(value);
    };
    let mut all_fit = true;
    for (index, item) in items(value, name).iter().enumerate() {
        way.push(index);
        all_fit &= find(item, rest, way, ways, is_fit);
        way.pop();
    }
    all_fit
}

fn has(value: &Json, path: &[String]) -> bool {
    match path.split_first() {
        Some((name, rest)) => items(value, name).iter().any(|item| has(item, rest)),
        None => !value.is_null(),
    }
}

/// A value with only the part at the end of a way.
fn part(value: &Json, path: &[String], way: &[usize]) -> Json {
    let (Some((name, rest)), Some((index, behind)), Json::Object(members)) =
        (path.split_first(), way.split_first(), value)
    else {
        return value.clone();
    };
    let chosen = |held: &Json| match held {
        Json::Array(list) => {
            let kept = list.iter().enumerate().filter(|(position, item)| position == index || !has(item, rest));
            Json::Array(
                kept.map(|(position, item)| if position == *index { part(item, rest, behind) } else { item.clone() })
                    .collect(),
            )
        }
        single => part(single, rest, behind),
    };
    let cut = |(member, held): (&str, &Json)| {
        let held = if member == name { chosen(held) } else { held.clone() };
        (member.to_owned(), held)
    };
    Json::Object(members.iter().map(cut).collect::<Members>())
}

impl Iterator for JsonParts {
    type Item = Json;

    fn next(&mut self) -> Option<Json> {
        match self.ways.next() {
            Some(way) => {
                let found = part(self.whole.as_ref()?, &self.path, &way);
                if self.ways.len() == 0 {
                    self.whole = None;
                }
                Some(found)
            }
            None => self.whole.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(whole: &str, at: &str, with: &[&str], expected: &[&str]) {
        let with: Vec<String> = with.iter().map(|path| (*path).to_owned()).collect();
        let found: Vec<String> = Json::read(whole).unwrap().parts(at, &with).map(|part| part.to_string()).collect();
        assert_eq!(found, expected, "{whole} {at}");
    }

    #[test]
    fn a_part_sees_the_whole_with_one_of_the_repeated_values() {
        check(r#"{"a":1,"t":[1,2],"b":2}"#, "t", &[], &[r#"{"a":1,"t":[1],"b":2}"#, r#"{"a":1,"t":[2],"b":2}"#]);
        check(
            r#"{"d":[{"t":[{"x":1},{"x":2}]},{"n":0},{"t":{"x":3}}]}"#,
            "d.t",
            &[],
            &[
                r#"{"d":[{"t":[{"x":1}]},{"n":0}]}"#,
                r#"{"d":[{"t":[{"x":2}]},{"n":0}]}"#,
                r#"{"d":[{"n":0},{"t":{"x":3}}]}"#,
            ],
        );
        check(r#"{"a.b":[1,2]}"#, "'a.b'", &[], &[r#"{"a.b":[1]}"#, r#"{"a.b":[2]}"#]);
    }

    #[test]
    fn a_value_stays_whole_unless_all_of_its_parts_can_stand_alone() {
        for whole in [r#"{"a":1}"#, r#"{"t":[1]}"#, r#"{"t":[]}"#, r#"{"t":null}"#, "[1,2]", r#"{"t":{"u":1}}"#] {
            check(whole, "t", &[], &[whole]);
        }
        let lacking = r#"{"t":[{"a":1},{"b":{"c":2}},{"b":{}}]}"#;
        check(lacking, "t", &["a", "b.c"], &[lacking]);
        check(
            r#"{"t":[{"a":1},{"b":[{"c":2}]}]}"#,
            "t",
            &["a", "b.c"],
            &[r#"{"t":[{"a":1}]}"#, r#"{"t":[{"b":[{"c":2}]}]}"#],
        );
    }
}
