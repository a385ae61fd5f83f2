//! Addresses of pages. They carry numbers, ids and configured names only, never what a document says.

use std::fmt::Display;
use std::sync::Arc;

use store::{DropNumber, Filter};

/// The tenant that an answer is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// `None` only when no system is configured at all.
    pub(crate) tenant: Option<Arc<str>>,
    /// Whether addresses must name the tenant, because there are several.
    named: bool,
}

impl Scope {
    pub(crate) fn new(tenant: Option<Arc<str>>, named: bool) -> Self {
        Scope { tenant, named }
    }

    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// A filter on this tenant.
    pub(crate) fn filter(&self, count_max: usize) -> Filter {
        Filter { tenant: self.tenant().map(str::to_owned), count_max, ..Filter::default() }
    }

    /// A page of this tenant.
    pub(crate) fn page(&self, path: impl Display) -> String {
        self.page_with(path, &[])
    }

    /// A page of this tenant, with more in its query; empty values are left out.
    pub(crate) fn page_with(&self, path: impl Display, query: &[(&str, &str)]) -> String {
        let mut address = path.to_string();
        let tenant = self.tenant().filter(|_| self.named).map(|tenant| ("tenant", tenant));
        let mut mark = '?';
        for (name, value) in tenant.iter().chain(query).filter(|(_, value)| !value.is_empty()) {
            address.push(mark);
            address.push_str(name);
            address.push('=');
            encode(value, &mut address);
            mark = '&';
        }
        address
    }

    pub(crate) fn master(&self, master_id: impl Display) -> String {
        self.page(format_args!("/masters/{master_id}"))
    }

    pub(crate) fn drop(&self, number: DropNumber) -> String {
        self.page(format_args!("/drops/{number}"))
    }

    pub(crate) fn parked(&self, number: u64) -> String {
        self.page(format_args!("/parked/{number}"))
    }
}

/// Appends a query value in percent encoding (RFC 3986, unreserved characters stay).
fn encode(value: &str, address: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            address.push(char::from(byte));
        } else {
            address.push('%');
            for digit in [byte >> 4, byte & 15] {
                address.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_the_tenant_where_there_are_several() {
        let check = |named, query: &[(&str, &str)], expected: &str| {
            let scope = Scope::new(Some("a b".into()), named);
            assert_eq!(scope.page_with("/parked", query), expected);
        };
        check(false, &[], "/parked");
        check(false, &[("system", "")], "/parked");
        check(true, &[], "/parked?tenant=a%20b");
        check(true, &[("system", "é&=")], "/parked?tenant=a%20b&system=%C3%A9%26%3D");
    }
}
