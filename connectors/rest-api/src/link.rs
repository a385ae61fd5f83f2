//! The `Link` header (RFC 8288), as far as paging needs it.

/// The target of the first link with `rel="next"`.
pub(crate) fn next(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        let end = end_of_parameters(after);
        if after[..end].split(';').any(is_next) {
            return Some(target);
        }
        rest = &after[end..];
    }
}

/// The position of the comma before the next link: one that is not inside quotes.
fn end_of_parameters(text: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (position, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return position,
            _ => {}
        }
    }
    text.len()
}

/// A parameter `rel` may name several relations, separated by spaces; names are compared without case.
fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("rel")
        && value.trim().trim_matches('"').split_ascii_whitespace().any(|name| name.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn finds_the_next_link_only() {
        let check = |header: &str, expected: Option<&str>| assert_eq!(next(header), expected, "{header}");
        check(r#"<https://a/b?page=2>; rel="next", <https://a/b?page=9>; rel="last""#, Some("https://a/b?page=2"));
        check(r#"</b?page=1>; rel=prev, </b?page=3>; title="a, \"b\"; rel=\"x"; rel=next"#, Some("/b?page=3"));
        check(r#"<?page=2>;REL="last NEXT""#, Some("?page=2"));
        check(r#"<a,b>; rel="last""#, None);
        check("", None);
        check("<unclosed", None);
    }
}
