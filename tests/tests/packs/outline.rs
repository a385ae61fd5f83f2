//! An XML file as a plain tree, read without any code of the product: what the packs are held against.

use quick_xml::NsReader;
use quick_xml::events::Event;

/// An element by its local name.
#[derive(Default, Debug)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    /// The outermost element of a document.
    pub fn parse(text: &str) -> Element {
        let mut reader = NsReader::from_str(text.trim_start_matches('\u{feff}'));
        reader.config_mut().expand_empty_elements = true;
        let mut open = vec![Element::default()];
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    let attributes = start.attributes().map(|attribute| {
                        let attribute = attribute.unwrap();
                        (attribute.key.as_ref().to_owned(), attribute.value.into_owned())
                    });
                    let name = start.local_name().as_ref().to_owned();
                    open.push(Element { name, attributes: attributes.collect(), ..Element::default() });
                }
                Event::End(_) => {
                    let done = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(done);
                }
                Event::Text(text) => open.last_mut().unwrap().text.push_str(&text),
                Event::CData(text) => open.last_mut().unwrap().text.push_str(&text),
                Event::GeneralRef(reference) => {
                    let text = match reference.resolve_char_ref().unwrap() {
                        Some(character) => character.to_string(),
                        None => quick_xml::escape::resolve_xml_entity(&reference).unwrap().to_owned(),
                    };
                    open.last_mut().unwrap().text.push_str(&text);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        open.remove(0).children.remove(0)
    }

    /// All elements at a path of local names below this one.
    pub fn all(&self, path: &str) -> Vec<&Element> {
        path.split('/').fold(vec![self], |found, name| {
            found.into_iter().flat_map(|element| element.children.iter().filter(|child| child.name == name)).collect()
        })
    }

    /// The trimmed text of the first element at a path; none where there is no such element or nothing in it.
    pub fn text(&self, path: &str) -> Option<String> {
        let found = self.all(path).first()?.text.trim().to_owned();
        Some(found).filter(|text| !text.is_empty())
    }

    /// The value of an attribute without prefix.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Every path below this element that has text, without positions, sorted and each once;
    /// attributes that are no namespace declaration among them.
    pub fn paths(&self) -> std::collections::BTreeSet<String> {
        let mut found = std::collections::BTreeSet::new();
        self.collect("", &mut found);
        found
    }

    fn collect(&self, path: &str, found: &mut std::collections::BTreeSet<String>) {
        let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        if !self.text.trim().is_empty() {
            found.insert(path.to_owned());
        }
        for (name, value) in &self.attributes {
            if !name.starts_with("xmlns") && !value.trim().is_empty() {
                found.insert(join(&format!("@{name}")));
            }
        }
        self.children.iter().for_each(|child| child.collect(&join(&child.name), found));
    }
}
