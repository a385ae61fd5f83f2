//! Where a walk through documents is, as a path with selectors and as one without.

/// A path that grows and shrinks with the walk, so that no leaf costs an allocation.
#[derive(Debug, Default)]
pub(crate) struct Path {
    /// With selectors: `addresses.main.line1`.
    text: String,
    /// Without: `addresses.line1`, as a mapping covers it that reads every item of a list alike.
    generic: String,
}

/// Where a path was before it grew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    text: usize,
    generic: usize,
}

impl Path {
    /// The path with selectors.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The path without selectors.
    pub(crate) fn generic(&self) -> &str {
        &self.generic
    }

    /// Steps into a field; an empty name stays where it is.
    pub(crate) fn field(&mut self, name: &str) -> Mark {
        let mark = self.mark();
        if !name.is_empty() {
            step(&mut self.text, name);
            step(&mut self.generic, name);
        }
        mark
    }

    /// Steps into the items of a list that have this selector.
    pub(crate) fn selector(&mut self, selector: &str) -> Mark {
        let mark = self.mark();
        step(&mut self.text, selector);
        mark
    }

    /// Steps back.
    pub(crate) fn back(&mut self, mark: Mark) {
        self.text.truncate(mark.text);
        self.generic.truncate(mark.generic);
    }

    fn mark(&self) -> Mark {
        Mark { text: self.text.len(), generic: self.generic.len() }
    }
}

fn step(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

/// Whether `inner` is `outer` or a path below it.
pub(crate) fn is_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
