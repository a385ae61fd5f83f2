//! Just enough of HTML to find links, and tags that were not closed.

/// Elements without an end tag.
const VOID: [&str; 6] = ["br", "hr", "img", "input", "link", "meta"];

/// Checks that every element is closed by its own end tag, and that every id is there once.
pub fn assert_well_formed(page: &str, place: &str) {
    assert!(page.starts_with("<!DOCTYPE html>"), "{place} is no page");
    let mut open: Vec<&str> = Vec::new();
    for tag in tags(page) {
        let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap_or_default();
        if tag.starts_with('!') || VOID.contains(&name) {
            continue;
        }
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{place}: </{name}> closes something else");
        } else {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{place}: {open:?} are not closed");
    let mut ids: Vec<&str> = attributes(page, "id").collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "{place}: an id is there twice");
    for inline in ["style", "onclick", "onload"] {
        assert_eq!(attributes(page, inline).count(), 0, "{place}: {inline} is inline, which the policy refuses");
    }
}

/// The addresses within the console that a page links to, without their fragments.
pub fn links(page: &str) -> Vec<String> {
    let all = ["href", "src", "action"].into_iter().flat_map(|name| attributes(page, name));
    let own = all.filter(|address| !address.starts_with('#'));
    own.map(|address| address.split('#').next().unwrap_or_default().replace("&amp;", "&")).collect()
}

/// The values of an attribute, in any element.
pub fn attributes<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    tags(page).filter_map(move |tag| tag.split_once(&format!(" {name}=\""))?.1.split('"').next())
}

/// What stands between angle brackets. Text and attribute values have none: they are escaped.
fn tags(page: &str) -> impl Iterator<Item = &str> {
    page.split('<').skip(1).filter_map(|part| part.split('>').next())
}
