//! Changes as XML documents.

use std::collections::BTreeMap;

use canonical::entity::Operation;
use canonical::record::{Body, Element, Name};
use connector::{Fault, Rendered};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use files::{Fate, Render, encode};

use crate::context::CONTEXT_NAMESPACE;
use crate::settings::{Removal, XmlTarget};

/// Renders changes as one document each, or as one document around all of them.
pub(crate) struct XmlWriter {
    encoding: &'static Encoding,
    settings: XmlTarget,
    /// The element around the records, as it is written.
    root: Option<String>,
}

/// Prefixes by namespace.
struct Prefixes {
    elements: BTreeMap<String, String>,
    attributes: BTreeMap<String, String>,
    declarations: String,
}

impl XmlWriter {
    pub fn new(settings: XmlTarget, encoding: &'static Encoding) -> Result<Self, Fault> {
        let root = settings.root.clone().filter(|_| !settings.one_file_per_record);
        if let Some((prefix, _)) = root.as_deref().and_then(|root| root.split_once(':'))
            && !settings.namespaces.contains_key(prefix)
        {
            return Err(Fault::halt(format!(
                "root: the prefix \"{prefix}\" stands for no namespace; add it to namespaces"
            )));
        }
        Ok(XmlWriter { encoding, settings, root })
    }

    /// Says why a change cannot be written, or whether there is anything to write.
    fn fate(&self, change: &Rendered) -> Fate {
        let Body::Element(tree) = &change.record.body else {
            let reason =
                "the mapping writes another shape than elements; give this target a mapping with format = \"xml\"";
            return Fate::Refused("xml.shape", reason.to_owned());
        };
        if change.operation != Operation::Upsert {
            match self.settings.removal {
                Removal::Refuse => {
                    let reason = "this target has no way to remove a record; configure removal for it";
                    return Fate::Refused("xml.removal", reason.to_owned());
                }
                Removal::Ignore => return Fate::Nothing,
                Removal::Attribute(_) => {}
            }
        }
        match forbidden(tree.root()) {
            Some(reason) => Fate::Refused("xml.character", reason),
            None => Fate::Written,
        }
    }

    fn prefixes(&self, roots: &[Element<'_>]) -> Prefixes {
        let mut used = Used::default();
        roots.iter().for_each(|root| used.collect(*root));
        let mut prefixes =
            Prefixes { elements: BTreeMap::new(), attributes: BTreeMap::new(), declarations: String::new() };
        for (prefix, uri) in &self.settings.namespaces {
            prefixes.elements.insert(uri.clone(), prefix.clone());
            if !prefix.is_empty() {
                prefixes.attributes.insert(uri.clone(), prefix.clone());
            }
            prefixes.declare(prefix, uri);
        }
        // The records' own namespace is the default one, if nothing stands in the way.
        let taken = self.settings.namespaces.contains_key("") || used.without_namespace || self.root.is_some();
        if let Some(first) = roots.first().map(|root| root.name().namespace.to_string())
            && !taken
            && !prefixes.elements.contains_key(&first)
        {
            prefixes.declare("", &first);
            prefixes.elements.insert(first, String::new());
        }
        for (uri, attribute) in used.namespaces {
            let lacking =
                !prefixes.elements.contains_key(&uri) || (attribute && !prefixes.attributes.contains_key(&uri));
            if lacking {
                let free = (1..).map(|number| format!("ns{number}")).find(|prefix| {
                    !self.settings.namespaces.contains_key(prefix)
                        && !prefixes.attributes.values().any(|known| known == prefix)
                });
                let prefix = free.unwrap_or_default();
                prefixes.declare(&prefix, &uri);
                prefixes.elements.entry(uri.clone()).or_insert_with(|| prefix.clone());
                prefixes.attributes.insert(uri, prefix);
            }
        }
        prefixes
    }

    fn document(&self, changes: &[&Rendered], fates: &[Fate]) -> String {
        let written: Vec<(&Rendered, Element<'_>)> = changes
            .iter()
            .zip(fates)
            .filter(|(_, fate)| **fate == Fate::Written)
            .filter_map(|(change, _)| match &change.record.body {
                Body::Element(tree) => Some((*change, tree.root())),
                _ => None,
            })
            .collect();
        let roots: Vec<Element<'_>> = written.iter().map(|(_, root)| *root).collect();
        let prefixes = self.prefixes(&roots);
        let mut text = format!("<?xml version=\"1.0\" encoding=\"{}\"?>\n", self.encoding.name());
        if let Some(root) = &self.root {
            text.push_str(&format!("<{root}{}>", prefixes.declarations));
        }
        let depth = usize::from(self.root.is_some());
        for (change, root) in written {
            let mut extra = if depth == 0 { prefixes.declarations.clone() } else { String::new() };
            if change.operation != Operation::Upsert
                && let Removal::Attribute(removal) = &self.settings.removal
            {
                extra.push_str(&format!(" {}=\"", removal.name));
                escape(&removal.value, true, &mut extra);
                extra.push('"');
            }
            self.element(root, &prefixes, &extra, depth, &mut text);
        }
        if let Some(root) = &self.root {
            self.line(0, &mut text);
            text.push_str(&format!("</{root}>"));
        }
        text.push('\n');
        text
    }

    fn line(&self, depth: usize, text: &mut String) {
        if self.settings.indent && !text.ends_with('\n') {
            text.push('\n');
            text.extend(std::iter::repeat_n("  ", depth));
        }
    }

    fn element(&self, element: Element<'_>, prefixes: &Prefixes, extra: &str, depth: usize, text: &mut String) {
        self.line(depth, text);
        let name = prefixed(element.name(), &prefixes.elements);
        text.push('<');
        text.push_str(&name);
        text.push_str(extra);
        for (name, value) in element.attributes() {
            text.push(' ');
            text.push_str(&prefixed(name, &prefixes.attributes));
            text.push_str("=\"");
            escape(value, true, text);
            text.push('"');
        }
        let mut children = element.children().filter(|child| &*child.name().namespace != CONTEXT_NAMESPACE).peekable();
        let has_children = children.peek().is_some();
        // Between children there is nothing but the blanks of an indentation that was read.
        let content = if has_children { element.text().trim() } else { element.text() };
        if content.is_empty() && !has_children {
            return text.push_str("/>");
        }
        text.push('>');
        escape(content, false, text);
        for child in children {
            self.element(child, prefixes, "", depth + 1, text);
        }
        if has_children {
            self.line(depth, text);
        }
        text.push_str("</");
        text.push_str(&name);
        text.push('>');
    }
}

impl Render for XmlWriter {
    fn render(&self, changes: &[&Rendered]) -> (Vec<u8>, Vec<Fate>) {
        let fates: Vec<Fate> = changes.iter().map(|change| self.fate(change)).collect();
        let text = self.document(changes, &fates);
        if self.encoding == UTF_16LE || self.encoding == UTF_16BE {
            let bytes = encode(self.encoding, &format!("\u{feff}{text}")).unwrap_or_default().into_owned();
            return (bytes, fates);
        }
        // What the encoding cannot express becomes a character reference, which means the same in XML.
        (self.encoding.encode(&text).0.into_owned(), fates)
    }
}

impl Prefixes {
    fn declare(&mut self, prefix: &str, uri: &str) {
        self.declarations.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
        self.declarations.push_str(prefix);
        self.declarations.push_str("=\"");
        escape(uri, true, &mut self.declarations);
        self.declarations.push('"');
    }
}

/// The namespaces of a record, and whether attributes are in them.
#[derive(Default)]
struct Used {
    namespaces: BTreeMap<String, bool>,
    without_namespace: bool,
}

impl Used {
    fn collect(&mut self, element: Element<'_>) {
        let namespace = &*element.name().namespace;
        if namespace == CONTEXT_NAMESPACE {
            return;
        }
        self.add(namespace, false);
        self.without_namespace |= namespace.is_empty();
        element.attributes().for_each(|(name, _)| self.add(&name.namespace, true));
        element.children().for_each(|child| self.collect(child));
    }

    fn add(&mut self, namespace: &str, attribute: bool) {
        if namespace.is_empty() || namespace == XML_NAMESPACE {
            return;
        }
        match self.namespaces.get_mut(namespace) {
            Some(known) => *known |= attribute,
            None => {
                self.namespaces.insert(namespace.to_owned(), attribute);
            }
        }
    }
}

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

fn prefixed(name: &Name, prefixes: &BTreeMap<String, String>) -> String {
    if &*name.namespace == XML_NAMESPACE {
        return format!("xml:{}", name.local);
    }
    match prefixes.get(&*name.namespace) {
        Some(prefix) if !prefix.is_empty() => format!("{prefix}:{}", name.local),
        _ => name.local.to_string(),
    }
}

/// Characters that XML 1.0 cannot carry in any way.
fn forbidden(element: Element<'_>) -> Option<String> {
    let bad = |text: &str| {
        text.chars().any(|character| {
            matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
        })
    };
    if bad(element.text()) || element.attributes().any(|(_, value)| bad(value)) {
        return Some(format!("element {} contains a control character, which XML cannot carry", element.name().local));
    }
    element.children().find_map(forbidden)
}

fn escape(value: &str, attribute: bool, text: &mut String) {
    for character in value.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '\r' => text.push_str("&#13;"),
            '"' if attribute => text.push_str("&quot;"),
            '\n' if attribute => text.push_str("&#10;"),
            '\t' if attribute => text.push_str("&#9;"),
            other => text.push(other),
        }
    }
}
