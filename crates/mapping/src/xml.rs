//! XML records while they are written: a tree that can be changed, and the order of its elements.

use canonical::record::{Element, Name, Tree, TreeBuilder};

use crate::place::{Path, Predicate, Step};
use crate::program::NameTable;

/// How XML records are written.
#[derive(Debug, Clone, Default)]
pub(crate) struct XmlOutline {
    /// The name of the record's element, for each of the mapping's records.
    pub roots: Vec<usize>,
    /// Which of them a document becomes; else the first.
    pub choice: Option<RecordChoice>,
    /// The order of children, the longest parent path first.
    pub sequences: Vec<Sequence>,
}

/// Which of several record elements a document becomes.
#[derive(Debug, Clone)]
pub(crate) struct RecordChoice {
    pub field: Box<str>,
    /// A value of the field and the index of its record.
    pub values: Vec<(Box<str>, usize)>,
}

/// The order of the children of one kind of element.
#[derive(Debug, Clone)]
pub(crate) struct Sequence {
    /// The names at the end of the path from the record to the parent; none for the record itself.
    pub parents: Vec<Vec<usize>>,
    pub children: Vec<Vec<usize>>,
}

/// An element that can be changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct XmlNode {
    pub name: Name,
    pub text: String,
    pub attributes: Vec<(Name, String)>,
    pub children: Vec<XmlNode>,
}

impl XmlNode {
    pub(crate) fn new(name: Name) -> Self {
        XmlNode { name, text: String::new(), attributes: Vec::new(), children: Vec::new() }
    }

    pub(crate) fn of(element: Element<'_>) -> Self {
        XmlNode {
            name: element.name().clone(),
            text: element.text().to_owned(),
            attributes: element.attributes().map(|(name, value)| (name.clone(), value.to_owned())).collect(),
            children: element.children().map(XmlNode::of).collect(),
        }
    }

    pub(crate) fn build(&self) -> Option<Tree> {
        self.build_into(&mut TreeBuilder::new())
    }

    fn build_into(&self, builder: &mut TreeBuilder) -> Option<Tree> {
        builder.open(&self.name);
        for (name, value) in &self.attributes {
            builder.attribute(name, value);
        }
        builder.text(&self.text);
        for child in &self.children {
            child.build_into(builder);
        }
        builder.close()
    }

    fn set_attribute(&mut self, name: Name, value: String) {
        match self.attributes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.attributes.push((name, value)),
        }
    }
}

/// Elements that were taken out of their parents.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub nodes: Vec<XmlNode>,
    /// Where the first of them stood.
    pub first: Option<usize>,
}

/// Changes elements at the paths of a mapping.
pub(crate) struct XmlWriter<'w> {
    pub names: &'w NameTable,
    pub outline: &'w XmlOutline,
    /// Which alternative of names this record takes.
    pub variant: usize,
    pub variables: &'w [Option<String>],
}

impl XmlWriter<'_> {
    fn is_named(&self, slots: &[usize], name: &Name) -> bool {
        slots.iter().any(|slot| self.names.names.get(*slot).is_some_and(|names| names.contains(name)))
    }

    /// The name of a new element: the record's alternative, in the parent's namespace where the prefix allows it.
    fn name(&self, slots: &[usize], parent: &Name) -> Name {
        let slot = slots.get(self.variant).or_else(|| slots.first());
        let names = slot.and_then(|slot| self.names.names.get(*slot)).map_or(&[][..], Vec::as_slice);
        let same = names.iter().find(|name| name.namespace == parent.namespace);
        same.or_else(|| names.first()).cloned().unwrap_or_else(|| Name::new("", ""))
    }

    fn wanted<'v>(&'v self, predicate: &'v Predicate) -> Option<&'v str> {
        predicate.made_with(|variable| self.variables.get(variable)?.as_deref())
    }

    /// The text at a path, as reading finds it.
    pub(crate) fn text<'n>(&self, node: &'n XmlNode, path: &Path) -> Option<&'n str> {
        let found = self.first(node, &path.steps)?;
        match path.attribute {
            Some(slot) => {
                found.attributes.iter().find(|(name, _)| self.is_named(&[slot], name)).map(|(_, value)| value.as_str())
            }
            None => Some(&found.text),
        }
    }

    /// The first element at a path.
    fn first<'n>(&self, node: &'n XmlNode, steps: &[Step]) -> Option<&'n XmlNode> {
        let Some((step, rest)) = steps.split_first() else { return Some(node) };
        let mut fitting = node.children.iter().filter(|child| self.fits(child, step));
        if step.alone && fitting.clone().count() != 1 {
            return None;
        }
        match step.position {
            Some(position) => self.first(fitting.nth(position)?, rest),
            None => fitting.find_map(|child| self.first(child, rest)),
        }
    }

    /// The child through which reading goes on, where several fit a step and only some lead further.
    fn through(&self, node: &XmlNode, step: &Step, rest: &[Step]) -> Option<usize> {
        let leads = |child: &XmlNode| self.fits(child, step) && self.first(child, rest).is_some();
        let may_choose = step.position.is_none() && !step.alone;
        if may_choose { node.children.iter().position(leads) } else { None }
    }

    fn fits(&self, node: &XmlNode, step: &Step) -> bool {
        self.is_named(&step.names, &node.name)
            && step.predicates.iter().all(|predicate| {
                let text = self.text(node, &predicate.path).map(str::trim);
                predicate.is_met(text, |variable| self.variables.get(variable)?.as_deref())
            })
    }

    fn find(&self, parent: &XmlNode, step: &Step) -> Option<usize> {
        let mut fitting = (0..parent.children.len()).filter(|index| self.fits(&parent.children[*index], step));
        if step.alone && fitting.clone().count() != 1 {
            return None;
        }
        fitting.nth(step.position.unwrap_or(0))
    }

    /// Where a new child belongs by the sequence of its parent; behind everything that has no place after it.
    fn insertion(&self, parent: &XmlNode, trail: &[Name], slots: &[usize]) -> usize {
        let Some(sequence) = self.outline.sequences.iter().find(|sequence| self.speaks_of(sequence, trail)) else {
            let last = parent.children.iter().rposition(|child| self.is_named(slots, &child.name));
            return last.map_or(parent.children.len(), |index| index + 1);
        };
        let rank = |name: &dyn Fn(&[usize]) -> bool| sequence.children.iter().position(|slots| name(slots));
        let own = rank(&|known| known.iter().any(|slot| slots.contains(slot)));
        let Some(own) = own else { return parent.children.len() };
        // From behind: whoever writes many equal children asks for the place behind the last of them each time.
        let is_before =
            |child: &XmlNode| sequence.children[..=own].iter().any(|slots| self.is_named(slots, &child.name));
        if let Some(last) = parent.children.iter().rposition(is_before) {
            return last + 1;
        }
        let is_later = |child: &XmlNode| sequence.children[own..].iter().any(|slots| self.is_named(slots, &child.name));
        parent.children.iter().position(is_later).unwrap_or(parent.children.len())
    }

    fn speaks_of(&self, sequence: &Sequence, trail: &[Name]) -> bool {
        let count = sequence.parents.len();
        if count == 0 {
            return trail.len() == 1;
        }
        count <= trail.len()
            && sequence
                .parents
                .iter()
                .zip(&trail[trail.len() - count..])
                .all(|(slots, name)| self.is_named(slots, name))
    }

    /// A new element for a step, meeting its conditions.
    fn make(&self, parent: &XmlNode, trail: &mut Vec<Name>, step: &Step) -> XmlNode {
        let mut node = XmlNode::new(self.name(&step.names, &parent.name));
        trail.push(node.name.clone());
        for predicate in &step.predicates {
            if let Some(wanted) = self.wanted(predicate) {
                self.set(&mut node, trail, &predicate.path, wanted);
            }
        }
        trail.pop();
        node
    }

    fn find_or_make(&self, parent: &mut XmlNode, trail: &mut Vec<Name>, step: &Step) -> usize {
        loop {
            if let Some(index) = self.find(parent, step) {
                return index;
            }
            let node = self.make(parent, trail, step);
            let index = self.insertion(parent, trail, &step.names);
            let fits = self.fits(&node, step);
            parent.children.insert(index, node);
            // A condition on an unknown field cannot be met; the new element is taken all the same.
            if !fits || step.position.is_none() || step.alone {
                return index;
            }
        }
    }

    /// Puts text at a path, making the elements on the way.
    pub(crate) fn set(&self, node: &mut XmlNode, trail: &mut Vec<Name>, path: &Path, text: &str) {
        self.set_steps(node, trail, &path.steps, path.attribute, text);
    }

    fn set_steps(
        &self,
        node: &mut XmlNode,
        trail: &mut Vec<Name>,
        steps: &[Step],
        attribute: Option<usize>,
        text: &str,
    ) {
        let Some((step, rest)) = steps.split_first() else {
            match attribute.and_then(|slot| self.names.names.get(slot)?.first()) {
                Some(name) => node.set_attribute(name.clone(), text.to_owned()),
                None => text.clone_into(&mut node.text),
            }
            return;
        };
        let through = self.through(node, step, rest);
        let index = through.unwrap_or_else(|| self.find_or_make(node, trail, step));
        let child = &mut node.children[index];
        trail.push(child.name.clone());
        self.set_steps(child, trail, rest, attribute, text);
        trail.pop();
    }

    /// Takes the text at a path away, and the elements on the way that hold nothing any more.
    pub(crate) fn clear(&self, node: &mut XmlNode, path: &Path) {
        self.clear_steps(node, &path.steps, path.attribute);
    }

    /// Whether there was something to take away.
    fn clear_steps(&self, node: &mut XmlNode, steps: &[Step], attribute: Option<usize>) -> bool {
        let Some((step, rest)) = steps.split_first() else {
            match attribute {
                Some(slot) => node.attributes.retain(|(name, _)| !self.is_named(&[slot], name)),
                None => node.text.clear(),
            }
            return true;
        };
        let Some(index) = self.through(node, step, rest).or_else(|| self.find(node, step)) else { return false };
        if !self.clear_steps(&mut node.children[index], rest, attribute) {
            return false;
        }
        // An empty element keeps the positions of those behind it.
        let keeps_place =
            step.position.is_some() && node.children[index + 1..].iter().any(|later| self.fits(later, step));
        if !keeps_place && self.is_hollow(&node.children[index], step) {
            node.children.remove(index);
        }
        true
    }

    /// Whether an element holds nothing but what its step's conditions ask for: what another field of the document
    /// says in an element of its own is content, and so is a text that a condition lets pass and does not name.
    fn is_hollow(&self, node: &XmlNode, step: &Step) -> bool {
        if step.predicates.is_empty() {
            return is_bare(node);
        }
        let mut rest = node.clone();
        for predicate in &step.predicates {
            let is_content = predicate.value.variable().is_some() && predicate.path.attribute.is_none();
            let text = self.text(&rest, &predicate.path).map(str::trim);
            if !is_content && text.is_some_and(|text| predicate.names(text)) {
                self.clear(&mut rest, &predicate.path);
            }
        }
        is_bare(&rest)
    }

    /// Takes all elements at a path out, in their order. Parents that hold nothing any more go too,
    /// but for the first where `keep_first` says that items will be put back.
    pub(crate) fn take(&self, node: &mut XmlNode, steps: &[Step], keep_first: bool) -> Taken {
        let mut taken = Taken::default();
        let Some((step, rest)) = steps.split_first() else { return taken };
        if rest.is_empty() {
            taken.first = node.children.iter().position(|child| self.fits(child, step));
            let (fitting, others) =
                std::mem::take(&mut node.children).into_iter().partition(|child| self.fits(child, step));
            node.children = others;
            taken.nodes = fitting;
            return taken;
        }
        for child in node.children.iter_mut().filter(|child| self.fits(child, step)) {
            let more = self.take(child, rest, keep_first);
            taken.first = taken.first.or(more.first);
            taken.nodes.extend(more.nodes);
        }
        if !taken.nodes.is_empty() {
            let mut keep = keep_first;
            node.children.retain(|child| {
                let goes = self.fits(child, step) && self.is_hollow(child, step) && !keep;
                keep &= !self.fits(child, step);
                !goes
            });
        }
        taken
    }

    /// Puts items at a path whose last step has alternatives: each item has its own name, and stands where that belongs.
    pub(crate) fn put_named(
        &self,
        node: &mut XmlNode,
        trail: &mut Vec<Name>,
        steps: &[Step],
        items: Vec<(Option<XmlNode>, usize)>,
        write: &mut dyn FnMut(usize, &mut XmlNode, &mut Vec<Name>),
    ) {
        let Some((step, rest)) = steps.split_first().filter(|_| !items.is_empty()) else { return };
        if !rest.is_empty() {
            let index = self.find_or_make(node, trail, step);
            let child = &mut node.children[index];
            trail.push(child.name.clone());
            self.put_named(child, trail, rest, items, write);
            trail.pop();
            return;
        }
        for (index, (item, name)) in items.into_iter().enumerate() {
            let own = Step { names: step.names.get(name).copied().into_iter().collect(), ..step.clone() };
            let mut item = match item {
                Some(old) if self.is_named(&own.names, &old.name) => old,
                Some(old) => XmlNode { name: self.name(&own.names, &node.name), ..old },
                None => self.make(node, trail, &own),
            };
            trail.push(item.name.clone());
            write(index, &mut item, trail);
            trail.pop();
            let position = self.insertion(node, trail, &own.names);
            node.children.insert(position, item);
        }
    }

    /// Puts items at a path, where they stood before if that is known: `write` fills each,
    /// given the element that it was, or a new one.
    pub(crate) fn put(
        &self,
        node: &mut XmlNode,
        trail: &mut Vec<Name>,
        steps: &[Step],
        (items, hint): (Vec<Option<XmlNode>>, Option<usize>),
        write: &mut dyn FnMut(usize, &mut XmlNode, &mut Vec<Name>),
    ) {
        let Some((step, rest)) = steps.split_first() else { return };
        if items.is_empty() {
            return;
        }
        if !rest.is_empty() {
            let index = self.find_or_make(node, trail, step);
            let child = &mut node.children[index];
            trail.push(child.name.clone());
            self.put(child, trail, rest, (items, hint), write);
            trail.pop();
            return;
        }
        let first = hint.unwrap_or_else(|| self.insertion(node, trail, &step.names)).min(node.children.len());
        let mut nodes = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let mut item = item.unwrap_or_else(|| self.make(node, trail, step));
            trail.push(item.name.clone());
            write(index, &mut item, trail);
            trail.pop();
            nodes.push(item);
        }
        node.children.splice(first..first, nodes);
    }
}

fn is_bare(node: &XmlNode) -> bool {
    node.text.trim().is_empty() && node.attributes.is_empty() && node.children.iter().all(is_bare)
}
