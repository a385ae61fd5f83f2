//! One element cut at the repeated elements inside it.

use std::collections::HashMap;

use super::{Element, NONE, Name, NameId, Tree, TreeBuilder};

/// An element whose repeated elements at one path become a tree each.
///
/// The tree of a part is the whole one with only that one of the repeated elements. An element on the way to them is left
/// out where it leads to other parts only; one that leads to none stays in every part.
#[derive(Debug)]
pub struct Parts {
    tree: Tree,
    depth: usize,
    /// For each part the elements from below the root down to the repeated one, one after the other.
    ways: Vec<u32>,
    /// For each element with parts below it: the children that every part has, in their order, and whether it has text.
    kept: HashMap<u32, Kept>,
}

#[derive(Debug)]
struct Kept {
    children: Box<[u32]>,
    has_text: bool,
}

impl Parts {
    /// Finds the repeated elements `depth` steps below the root; `fits` tells whether a name is the one of a step, counted
    /// from 0. A depth of 0 finds none.
    pub fn of(tree: Tree, depth: usize, fits: impl Fn(usize, &Name) -> bool) -> Self {
        let mut parts = Parts { tree, depth, ways: Vec::new(), kept: HashMap::new() };
        if depth > 0 {
            let mut way = Vec::with_capacity(depth);
            parts.find(0, &mut way, &fits);
        }
        parts
    }

    /// Looks below an element, and tells whether there is a part below it.
    fn find(&mut self, node: u32, way: &mut Vec<u32>, fits: &impl Fn(usize, &Name) -> bool) -> bool {
        let known = self.ways.len();
        let element = Element { tree: &self.tree, node };
        let has_text = !element.text().trim().is_empty();
        let children: Vec<(u32, bool)> =
            element.children().map(|child| (child.node, fits(way.len(), child.name()))).collect();
        let mut kept = Vec::new();
        for (child, is_on_the_way) in children {
            way.push(child);
            let leads_to_parts = is_on_the_way && (way.len() == self.depth || self.find(child, way, fits));
            if leads_to_parts && way.len() == self.depth {
                self.ways.extend_from_slice(way);
            }
            if !leads_to_parts {
                kept.push(child);
            }
            way.pop();
        }
        self.kept.insert(node, Kept { children: kept.into(), has_text });
        self.ways.len() > known
    }

    /// How many parts there are; each costs what it holds, not what the whole does.
    pub fn len(&self) -> usize {
        self.ways.len().checked_div(self.depth).unwrap_or(0)
    }

    /// Whether there is none, so that the whole is to be taken as it is.
    pub fn is_empty(&self) -> bool {
        self.ways.is_empty()
    }

    /// The tree that was cut.
    pub fn into_whole(self) -> Tree {
        self.tree
    }

    /// The tree of one part, counted from 0; `None` beyond the last. The builder must know all names of the whole: it is
    /// the one that built it. `marks` become the first children of the root, in place of children with the same names.
    pub fn build(&self, part: usize, marks: &[(NameId, String)], builder: &mut TreeBuilder) -> Option<Tree> {
        let start = part.checked_mul(self.depth)?;
        let way = self.ways.get(start..start.checked_add(self.depth)?).filter(|way| !way.is_empty())?;
        builder.clear();
        self.root(marks, way, builder);
        builder.close()
    }

    fn root(&self, marks: &[(NameId, String)], way: &[u32], builder: &mut TreeBuilder) {
        self.open(0, builder);
        for (name, text) in marks {
            builder.open_numbered(*name);
            builder.text(text);
            builder.close();
        }
        self.fork(0, way, marks, builder);
    }

    /// Adds what a part has of the children of an element on the way to it, but for those that marks stand for.
    fn fork(&self, node: u32, way: &[u32], marks: &[(NameId, String)], builder: &mut TreeBuilder) {
        let (Some(kept), Some((next, rest))) = (self.kept.get(&node), way.split_first()) else { return };
        if kept.has_text {
            builder.text(Element { tree: &self.tree, node }.text());
        }
        let is_marked = |child: &&u32| {
            let name = Element { tree: &self.tree, node: **child }.name_id();
            marks.iter().any(|(marked, _)| *marked == name)
        };
        let before = kept.children.partition_point(|child| child < next);
        let (before, behind) = kept.children.split_at(before);
        before.iter().filter(|child| !is_marked(child)).for_each(|child| self.copy(*child, builder));
        if rest.is_empty() {
            self.copy(*next, builder);
        } else {
            self.open(*next, builder);
            self.fork(*next, rest, &[], builder);
            builder.close();
        }
        behind.iter().filter(|child| !is_marked(child)).for_each(|child| self.copy(*child, builder));
    }

    fn open(&self, node: u32, builder: &mut TreeBuilder) {
        let data = Element { tree: &self.tree, node }.data();
        builder.open_numbered(data.name);
        let span = data.attributes;
        for (name, value) in &self.tree.attributes[span.start as usize..span.end as usize] {
            builder.attribute_numbered(*name, self.tree.text(*value));
        }
    }

    /// Adds an element with everything inside it.
    fn copy(&self, node: u32, builder: &mut TreeBuilder) {
        self.open(node, builder);
        builder.text(Element { tree: &self.tree, node }.text());
        let mut child = self.tree.nodes[node as usize].first_child;
        while child != NONE {
            self.copy(child, builder);
            child = self.tree.nodes[child as usize].next_sibling;
        }
        builder.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds from `(name text child…)`.
    fn build(text: &str, builder: &mut TreeBuilder) -> Tree {
        let mut tree = None;
        let mut rest = text;
        while let Some(start) = rest.find(['(', ')']) {
            builder.text(rest[..start].trim());
            let closes = rest[start..].starts_with(')');
            rest = &rest[start + 1..];
            if closes {
                tree = builder.close();
            } else {
                let end = rest.find([' ', '(', ')']).unwrap();
                builder.open(&Name::new("", &rest[..end]));
                rest = &rest[end..];
            }
        }
        tree.unwrap()
    }

    fn shown(element: Element<'_>) -> String {
        let mut text = format!("({}", element.name().local);
        if !element.text().is_empty() {
            text.push_str(&format!(" {}", element.text()));
        }
        element.children().for_each(|child| text.push_str(&shown(child)));
        text + ")"
    }

    fn check(whole: &str, path: &[&str], expected: &[&str]) {
        let mut builder = TreeBuilder::new();
        let tree = build(whole, &mut builder);
        let mark = builder.number("", "mark");
        let parts = Parts::of(tree, path.len(), |step, name| *name.local == *path[step]);
        assert_eq!(parts.len(), expected.len(), "{whole}");
        for (number, expected) in expected.iter().enumerate() {
            let tree = parts.build(number, &[(mark, number.to_string())], &mut builder).unwrap();
            assert_eq!(shown(tree.root()), *expected, "{whole}");
        }
        assert!(parts.build(expected.len(), &[], &mut builder).is_none());
    }

    #[test]
    fn a_part_sees_the_whole_with_one_of_the_repeated_elements() {
        check(
            "(r(a 1)(t 1)(b)(t 2)(c 9))",
            &["t"],
            &["(r(mark 0)(a 1)(t 1)(b)(c 9))", "(r(mark 1)(a 1)(b)(t 2)(c 9))"],
        );
        check(
            "(r(d 7(n 1)(t(x 1)))(d(t(x 2))(t)(n 2))(d(n 3)))",
            &["d", "t"],
            &[
                "(r(mark 0)(d 7(n 1)(t(x 1)))(d(n 3)))",
                "(r(mark 1)(d(t(x 2))(n 2))(d(n 3)))",
                "(r(mark 2)(d(t)(n 2))(d(n 3)))",
            ],
        );
        check("(r(mark 5)(t(t))(u))", &["t"], &["(r(mark 0)(t(t))(u))"]);
        check("(r(d)(t))", &["d", "t"], &[]);
        check("(r(t))", &[], &[]);
    }
}
