//! The places of the record's own key.

use std::sync::Arc;

use toml::de::DeValue;

use super::Compiler;
use super::options::{Options, words};
use super::styles;
use super::vocabulary::KEY;
use crate::place::Place;
use crate::program::Key;
use crate::verbs::text::TextVerb;

impl Compiler<'_> {
    /// The record's own key: one place, several, or places with what is done to their texts.
    pub(super) fn key(&mut self, options: &mut Options<'_>, required: bool) {
        let separator = options.text("key_separator", &mut self.reporter);
        self.program.key_separator = separator.map_or_else(|| "|".into(), |word| word.text.into());
        let Some(value) = options.take("key") else {
            if required {
                self.reporter.error(0..0, "key is missing; say key = \"…\", the place of the system's own id");
            }
            return;
        };
        let (mut text_verbs, mut number) = (Vec::new(), false);
        let parts = match value.get_ref() {
            DeValue::Table(table) => {
                let mut options = Options::new(table, value.span());
                let parts = options.texts("at", &mut self.reporter);
                text_verbs = styles::text_verbs(&mut options, self);
                number = options.flag("number", &mut self.reporter);
                options.finish("a key", &KEY, &mut self.reporter);
                parts
            }
            _ => words(value, "key", &mut self.reporter),
        };
        if parts.is_empty() {
            self.reporter.error(value.span(), "the key has no place; say key = \"…\"");
        }
        if text_verbs.iter().any(|verb| matches!(verb, TextVerb::Truncate(_))) {
            self.reporter.error(value.span(), "a key that is cut off leads to another record; remove truncate");
        }
        for word in parts {
            let Some(place) = self.place(&word) else { continue };
            let text: Arc<str> = self.describe_place(&place).into();
            if let Place::Column(slot) = place {
                self.need(&"key".into(), vec![vec![slot]]);
            }
            self.program.key.push(Key { place, text, text_verbs: text_verbs.clone(), number });
        }
    }
}
