//! Names as they are spelled in a document, and what they stand for.
//!
//! Records of one stream repeat the same spellings in the same order. Each is resolved once for as long as the same
//! namespaces are declared, and the spelling that followed the last one before is tried first.

use std::collections::HashMap;

use canonical::record::{NameId, TreeBuilder};
use quick_xml::errors::Error;
use quick_xml::events::BytesStart;
use quick_xml::name::{Namespace, NamespaceResolver, QName, ResolveResult};

/// One spelling: its text, and what it stood for in the scope in which it was resolved last.
struct Spelling {
    text: Box<str>,
    scope: u64,
    name: NameId,
    /// The number of the spelling that followed this one the last time.
    follower: usize,
}

/// The spellings that were met.
#[derive(Default)]
struct Spellings {
    spellings: Vec<Spelling>,
    numbers: HashMap<Box<str>, usize>,
    last: usize,
}

impl Spellings {
    fn find(&mut self, text: &str, scope: u64) -> Option<NameId> {
        let guess = self.spellings.get(self.last)?.follower;
        let number = if *self.spellings[guess].text == *text { guess } else { *self.numbers.get(text)? };
        self.follow(number);
        let spelling = &self.spellings[number];
        (spelling.scope == scope).then_some(spelling.name)
    }

    fn follow(&mut self, number: usize) {
        if let Some(last) = self.spellings.get_mut(self.last) {
            last.follower = number;
        }
        self.last = number;
    }

    fn learn(&mut self, text: &str, scope: u64, name: NameId) {
        if let Some(number) = self.numbers.get(text) {
            let spelling = &mut self.spellings[*number];
            (spelling.scope, spelling.name) = (scope, name);
            return;
        }
        let number = self.spellings.len();
        self.numbers.insert(text.into(), number);
        self.spellings.push(Spelling { text: text.into(), scope, name, follower: 0 });
        self.follow(number);
    }
}

/// An element that declares namespaces and is open.
struct Declaring {
    depth: usize,
    /// The scope around it.
    around: u64,
}

/// Tells what the names of elements and attributes stand for where they are.
#[derive(Default)]
pub(crate) struct Naming {
    resolver: NamespaceResolver,
    elements: Spellings,
    attributes: Spellings,
    /// Which declarations hold: the same number stands for the same ones.
    scope: u64,
    scopes: u64,
    declaring: Vec<Declaring>,
    /// The last declarations in the order of the document, and the scope that they made inside which one:
    /// records that repeat them share a scope.
    repeated: (u64, String, u64),
}

impl Naming {
    /// How many different spellings were met.
    pub fn len(&self) -> usize {
        self.elements.spellings.len() + self.attributes.spellings.len()
    }

    /// Takes the declarations of an element in, before it or its attributes are named.
    /// Elements are told apart by how many are open around them.
    pub fn open(&mut self, start: &BytesStart<'_>, depth: usize) -> Result<(), Error> {
        let attributes = start.attributes_raw();
        if attributes.is_empty() || memchr::memmem::find(attributes.as_bytes(), b"xmlns").is_none() {
            return Ok(());
        }
        self.resolver.push(start)?;
        self.declaring.push(Declaring { depth, around: self.scope });
        let (around, text, scope) = &mut self.repeated;
        if *around != self.scope || *text != attributes {
            self.scopes += 1;
            (*around, *scope) = (self.scope, self.scopes);
            attributes.clone_into(text);
        }
        self.scope = *scope;
        Ok(())
    }

    /// Forgets the declarations of an element that ends.
    pub fn close(&mut self, depth: usize) {
        if let Some(declaring) = self.declaring.pop_if(|declaring| declaring.depth == depth) {
            self.resolver.pop();
            self.scope = declaring.around;
        }
    }

    /// The name of an element; the prefix, if none is declared.
    pub fn element(&mut self, name: QName<'_>, builder: &mut TreeBuilder) -> Result<NameId, String> {
        if let Some(known) = self.elements.find(name.as_ref(), self.scope) {
            return Ok(known);
        }
        let (namespace, local) = self.resolver.resolve_element(name);
        let uri = match namespace {
            ResolveResult::Bound(Namespace(uri)) => uri,
            ResolveResult::Unbound => "",
            ResolveResult::Unknown(prefix) => return Err(prefix),
        };
        let known = builder.number(uri, local.into_inner());
        self.elements.learn(name.as_ref(), self.scope, known);
        Ok(known)
    }

    /// The name of an attribute. One whose prefix is not declared is in no namespace.
    pub fn attribute(&mut self, name: QName<'_>, builder: &mut TreeBuilder) -> NameId {
        if let Some(known) = self.attributes.find(name.as_ref(), self.scope) {
            return known;
        }
        let (namespace, local) = self.resolver.resolve_attribute(name);
        let uri = if let ResolveResult::Bound(Namespace(uri)) = namespace { uri } else { "" };
        let known = builder.number(uri, local.into_inner());
        self.attributes.learn(name.as_ref(), self.scope, known);
        known
    }
}
