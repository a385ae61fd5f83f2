//! XML records: an element with everything inside it, in one arena.

mod parts;

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use parts::Parts;

/// A namespaced name of an element or attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Name {
    /// The namespace URI; empty when the name is in no namespace.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub namespace: Arc<str>,
    /// The name without prefix.
    pub local: Arc<str>,
}

impl Name {
    /// A name in a namespace; an empty URI stands for none.
    pub fn new(namespace: &str, local: &str) -> Self {
        Name { namespace: namespace.into(), local: local.into() }
    }
}

/// The number of a name inside a [`Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NameId(u32);

impl NameId {
    /// The bit that stands for this name, and for some others, in a set of names.
    #[inline]
    fn bit(self) -> u64 {
        1 << (self.0 % 64)
    }
}

/// The names seen so far in a stream of elements, numbered.
///
/// Trees of one stream share it; a program looks its names up once for as long as `Arc::ptr_eq` says that it is the same.
#[derive(Clone, Debug, Default)]
pub struct Names {
    names: Vec<Name>,
    /// Numbers by namespace and local name, so that a look-up needs no name of its own.
    ids: HashMap<Arc<str>, HashMap<Arc<str>, NameId>>,
}

impl Names {
    /// The number of a name that was seen.
    pub fn id(&self, name: &Name) -> Option<NameId> {
        self.find(&name.namespace, &name.local)
    }

    /// The name behind a number.
    pub fn name(&self, id: NameId) -> &Name {
        &self.names[id.0 as usize]
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no name yet.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn find(&self, namespace: &str, local: &str) -> Option<NameId> {
        self.ids.get(namespace)?.get(local).copied()
    }

    /// Numbers a name that was not seen yet. All names of a namespace share its text.
    fn add(&mut self, namespace: &str, local: &str) -> NameId {
        let id = NameId(self.names.len() as u32);
        let shared = self.ids.get_key_value(namespace).map(|(shared, _)| Arc::clone(shared));
        let name = Name { namespace: shared.unwrap_or_else(|| namespace.into()), local: local.into() };
        self.ids.entry(Arc::clone(&name.namespace)).or_default().insert(Arc::clone(&name.local), id);
        self.names.push(name);
        id
    }
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    name: NameId,
    text: Span,
    attributes: Span,
    first_child: u32,
    next_sibling: u32,
    /// One bit for the name of every child: most look-ups are for children that are not there, and end here.
    child_names: u64,
}

/// No node: the root is never a child or a sibling, so 0 is free.
const NONE: u32 = 0;

/// An XML element with its attributes, text and children.
///
/// An element's text is the concatenation of the character data directly inside it.
/// Comments, processing instructions and the position of text between children are not kept.
#[derive(Clone, Debug)]
pub struct Tree {
    names: Arc<Names>,
    nodes: Vec<Node>,
    attributes: Vec<(NameId, Span)>,
    text: String,
}

impl Tree {
    /// The outermost element.
    pub fn root(&self) -> Element<'_> {
        Element { tree: self, node: 0 }
    }

    /// The names that this tree numbers its elements by.
    pub fn names(&self) -> &Arc<Names> {
        &self.names
    }

    #[inline]
    fn text(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }

    pub(super) fn hash_into(&self, hasher: &mut blake3::Hasher) {
        hasher.update(b"element");
        hash_element(self.root(), hasher);
    }
}

fn hash_text(text: &str, hasher: &mut blake3::Hasher) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

fn hash_element(element: Element<'_>, hasher: &mut blake3::Hasher) {
    hash_text(&element.name().namespace, hasher);
    hash_text(&element.name().local, hasher);
    hash_text(element.text(), hasher);
    for (name, value) in element.attributes() {
        hasher.update(b"@");
        hash_text(&name.namespace, hasher);
        hash_text(&name.local, hasher);
        hash_text(value, hasher);
    }
    for child in element.children() {
        hasher.update(b"(");
        hash_element(child, hasher);
        hasher.update(b")");
    }
}

/// A position in a [`Tree`].
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    tree: &'a Tree,
    node: u32,
}

impl<'a> Element<'a> {
    #[inline]
    fn data(self) -> &'a Node {
        &self.tree.nodes[self.node as usize]
    }

    /// The element's name.
    pub fn name(self) -> &'a Name {
        self.tree.names.name(self.data().name)
    }

    /// The number of the element's name in [`Tree::names`].
    #[inline]
    pub fn name_id(self) -> NameId {
        self.data().name
    }

    /// The character data directly inside the element, entities decoded, not trimmed.
    #[inline]
    pub fn text(self) -> &'a str {
        self.tree.text(self.data().text)
    }

    /// The child elements in document order.
    #[inline]
    pub fn children(self) -> Children<'a> {
        Children { tree: self.tree, next: self.data().first_child }
    }

    /// Whether certainly no child has this name. `false` says nothing: look at the children then.
    #[inline]
    pub fn lacks_child(self, name: NameId) -> bool {
        self.data().child_names & name.bit() == 0
    }

    /// The attributes in document order, without namespace declarations.
    pub fn attributes(self) -> Attributes<'a> {
        let span = self.data().attributes;
        Attributes { tree: self.tree, range: span.start as usize..span.end as usize }
    }

    /// The value of an attribute by the number of its name.
    #[inline]
    pub fn attribute(self, name: NameId) -> Option<&'a str> {
        let span = self.data().attributes;
        let (_, value) =
            self.tree.attributes[span.start as usize..span.end as usize].iter().find(|(id, _)| *id == name)?;
        Some(self.tree.text(*value))
    }
}

/// The child elements of an element.
#[derive(Clone, Debug)]
pub struct Children<'a> {
    tree: &'a Tree,
    next: u32,
}

impl<'a> Iterator for Children<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.next == NONE {
            return None;
        }
        let element = Element { tree: self.tree, node: self.next };
        self.next = element.data().next_sibling;
        Some(element)
    }
}

/// The attributes of an element.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    tree: &'a Tree,
    range: std::ops::Range<usize>,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a Name, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = &self.tree.attributes[self.range.next()?];
        Some((self.tree.names.name(*name), self.tree.text(*value)))
    }
}

struct Open {
    node: u32,
    last_child: u32,
    /// Where the element's own text starts in the text of the open elements.
    text_start: u32,
}

/// Builds trees one after the other, sharing the names of a stream.
///
/// The order of calls for one element is [`open`](Self::open), any [`attribute`](Self::attribute)s,
/// any mix of [`text`](Self::text) and children, [`close`](Self::close).
/// Its buffers are kept from one tree to the next, and a finished tree takes no more memory than it needs.
#[derive(Default)]
pub struct TreeBuilder {
    names: Arc<Names>,
    nodes: Vec<Node>,
    attributes: Vec<(NameId, Span)>,
    text: String,
    open: Vec<Open>,
    /// The text of all open elements: what a child adds stands behind its parent's, and is gone when the parent goes on.
    open_text: String,
}

impl TreeBuilder {
    /// A builder without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// The names that were numbered so far.
    #[inline]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The number of a name, given to it now if it has none. It holds for as long as this builder lives.
    pub fn number(&mut self, namespace: &str, local: &str) -> NameId {
        match self.names.find(namespace, local) {
            Some(id) => id,
            None => Arc::make_mut(&mut self.names).add(namespace, local),
        }
    }

    /// How many elements are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// How many bytes of text and attributes the tree holds so far.
    pub fn size(&self) -> usize {
        self.text.len() + self.open_text.len()
    }

    /// Starts an element inside the innermost open one.
    pub fn open(&mut self, name: &Name) {
        let name = self.number(&name.namespace, &name.local);
        self.open_numbered(name);
    }

    /// Starts an element whose name has a [`number`](Self::number), which spares looking the name up.
    #[inline]
    pub fn open_numbered(&mut self, name: NameId) {
        let node = self.nodes.len() as u32;
        let attributes = self.attributes.len() as u32;
        let empty = Span { start: 0, end: 0 };
        let attributes = Span { start: attributes, end: attributes };
        self.nodes.push(Node { name, text: empty, attributes, first_child: NONE, next_sibling: NONE, child_names: 0 });
        if let Some(parent) = self.open.last_mut() {
            self.nodes[parent.node as usize].child_names |= name.bit();
            if parent.last_child == NONE {
                self.nodes[parent.node as usize].first_child = node;
            } else {
                self.nodes[parent.last_child as usize].next_sibling = node;
            }
            parent.last_child = node;
        }
        self.open.push(Open { node, last_child: NONE, text_start: self.open_text.len() as u32 });
    }

    /// Adds an attribute to the element that was opened last. Ignored once that element has a child, or is closed.
    pub fn attribute(&mut self, name: &Name, value: &str) {
        let name = self.number(&name.namespace, &name.local);
        self.attribute_numbered(name, value);
    }

    /// Adds an attribute whose name has a [`number`](Self::number), as [`attribute`](Self::attribute) does.
    #[inline]
    pub fn attribute_numbered(&mut self, name: NameId, value: &str) {
        let Some(open) = self.open.last() else { return };
        if open.last_child == NONE {
            let start = self.text.len() as u32;
            self.text.push_str(value);
            self.attributes.push((name, Span { start, end: self.text.len() as u32 }));
            self.nodes[open.node as usize].attributes.end = self.attributes.len() as u32;
        }
    }

    /// Adds character data to the innermost open element.
    #[inline]
    pub fn text(&mut self, text: &str) {
        if !self.open.is_empty() {
            self.open_text.push_str(text);
        }
    }

    /// Ends the innermost open element; returns the tree when that was the outermost one.
    pub fn close(&mut self) -> Option<Tree> {
        let open = self.open.pop()?;
        let start = self.text.len() as u32;
        self.text.push_str(&self.open_text[open.text_start as usize..]);
        self.open_text.truncate(open.text_start as usize);
        self.nodes[open.node as usize].text = Span { start, end: self.text.len() as u32 };
        if !self.open.is_empty() {
            return None;
        }
        let tree = Tree {
            names: Arc::clone(&self.names),
            nodes: self.nodes.clone(),
            attributes: self.attributes.clone(),
            text: self.text.clone(),
        };
        self.clear();
        Some(tree)
    }

    /// Forgets an unfinished tree, keeping the names.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.attributes.clear();
        self.text.clear();
        self.open.clear();
        self.open_text.clear();
    }
}

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        equal(self.root(), other.root())
    }
}

fn equal(left: Element<'_>, right: Element<'_>) -> bool {
    left.name() == right.name()
        && left.text() == right.text()
        && left.attributes().eq(right.attributes())
        && left.children().count() == right.children().count()
        && left.children().zip(right.children()).all(|(left, right)| equal(left, right))
}

/// The persisted form of an element.
#[derive(Serialize, Deserialize)]
struct Persisted {
    #[serde(flatten)]
    name: Name,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<(Name, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    children: Vec<Persisted>,
}

fn persist(element: Element<'_>) -> Persisted {
    Persisted {
        name: element.name().clone(),
        text: element.text().to_owned(),
        attributes: element.attributes().map(|(name, value)| (name.clone(), value.to_owned())).collect(),
        children: element.children().map(persist).collect(),
    }
}

fn rebuild(persisted: &Persisted, builder: &mut TreeBuilder) -> Option<Tree> {
    builder.open(&persisted.name);
    for (name, value) in &persisted.attributes {
        builder.attribute(name, value);
    }
    builder.text(&persisted.text);
    for child in &persisted.children {
        rebuild(child, builder);
    }
    builder.close()
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        persist(self.root()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let persisted = Persisted::deserialize(deserializer)?;
        rebuild(&persisted, &mut TreeBuilder::new()).ok_or_else(|| serde::de::Error::custom("an element has no root"))
    }
}
