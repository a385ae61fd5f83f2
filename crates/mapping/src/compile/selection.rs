//! The head's `when`: which records of a stream the mapping is for.

use toml::de::DeValue;

use super::Compiler;
use super::options::Options;
use crate::condition::{Condition, Conditions, Subject, Test};
use crate::place::Place;

impl Compiler<'_> {
    /// The conditions that a record meets, all of them: one table, or a list of tables.
    pub(crate) fn record_conditions(&mut self, options: &mut Options<'_>) -> Conditions {
        let Some(value) = options.take("when") else { return Conditions::default() };
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut conditions = Conditions::default();
        for item in items {
            let DeValue::Table(table) = item.get_ref() else {
                let message = "a condition on records is a table: when = { at = \"…\", is = \"…\" }";
                self.reporter.error(item.span(), message);
                continue;
            };
            let mut options = Options::new(table, item.span());
            let place = options.text("at", &mut self.reporter).and_then(|word| self.place(&word));
            let test = self.test(&mut options, item.span());
            options.finish("a condition on records", &[], &mut self.reporter);
            match (place, test) {
                (Some(place), Some(test)) => self.record_condition(&mut conditions, place, test),
                (None, _) if !self.reporter.has_found(&item.span()) => {
                    self.reporter.error(item.span(), "the condition has no place; say at = \"…\"");
                }
                _ => {}
            }
        }
        conditions
    }

    /// Where there is only one text that meets the condition, it is written as well.
    fn record_condition(&mut self, conditions: &mut Conditions, place: Place, test: Test) {
        if let Place::Column(slot) = place {
            self.need(&"when".into(), vec![vec![slot]]);
        }
        if let Test::Is(texts) = &test
            && let [text] = &texts[..]
            && !text.is_empty()
        {
            self.program.constants.push((place.clone(), text.clone()));
        }
        conditions.0.push(Condition { subject: Subject::Place(place), test });
    }
}
