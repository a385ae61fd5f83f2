//! A small hub for tests: systems that people work in, deliveries to them, observations of them.

use std::collections::BTreeMap;

use canonical::entity::Entity;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{Asserted, Holds, Rules, SourceView, Trust, assert, golden, normal, same};

mod before;
mod properties;
mod scenarios;
mod survivorship;

/// Places of a customer that the simulated systems have. Between them they meet every kind of unit.
pub(crate) const PLACES: [&str; 13] = [
    "legal_name",
    "given_name",
    "family_name",
    "identifiers.siren",
    "addresses.billing.city",
    "addresses.main.line1",
    "addresses.main.city",
    "addresses.main.country",
    "phones.office",
    "payment_terms.code",
    "payment_terms.days",
    "credit_limit",
    "extensions.erp",
];

/// One simulated system, and what the hub knows of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct System {
    /// What the system really holds, by place; `None` when it has no such record.
    content: Option<BTreeMap<String, Value>>,
    covers: Vec<String>,
    writes: Vec<String>,
    shown: Option<(Value, Asserted)>,
    holds: Option<Value>,
}

/// Systems around a hub, with a clock of their own.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    systems: BTreeMap<&'static str, System>,
    rules: Rules,
    now: i64,
}

impl World {
    /// Systems with what they cover and what can be written to them.
    pub(crate) fn new(systems: &[(&'static str, &[&str], &[&str])], trust: Trust) -> Self {
        let strings = |places: &[&str]| places.iter().map(|place| (*place).to_owned()).collect();
        let systems = systems.iter().map(|(name, covers, writes)| {
            (*name, System { covers: strings(covers), writes: strings(writes), ..System::default() })
        });
        Self { systems: systems.collect(), rules: trust.into(), now: 0 }
    }

    /// Somebody types a value into a system, or empties it; then the hub observes the system.
    pub(crate) fn edit(&mut self, system: &str, place: &str, value: Option<&str>) {
        self.now += 1;
        let content = self.systems.get_mut(system).unwrap().content.get_or_insert_default();
        match value {
            Some(text) => content.insert(place.to_owned(), value_at(place, text)),
            None => content.remove(place),
        };
        self.observe(system);
    }

    /// Somebody deletes the record in a system.
    pub(crate) fn remove(&mut self, system: &str) {
        self.now += 1;
        let system = self.systems.get_mut(system).unwrap();
        (system.content, system.shown, system.holds) = (None, None, None);
    }

    fn observe(&mut self, name: &str) {
        let at = Timestamp::from_millisecond(self.now).unwrap();
        let system = self.systems.get_mut(name).unwrap();
        let Some(content) = &system.content else { return };
        let observed = document(content.iter().filter(|(place, _)| system.covers.contains(place)));
        let previous = system.shown.as_ref().map(|(document, asserted)| (document, asserted));
        let holds = system.holds.as_ref().map(|document| Holds { document, earlier: &[], writes: &system.writes });
        let asserted = assert(&Entity::Customer, previous, &observed, &system.covers, holds, at);
        let json = serde_json::to_string(&asserted).unwrap();
        assert_eq!(serde_json::from_str::<Asserted>(&json).unwrap(), asserted);
        system.shown = Some((observed, asserted));
        system.holds = None;
    }

    pub(crate) fn sources(&self) -> Vec<SourceView<'_>> {
        let shown = self.systems.iter().filter_map(|(name, system)| Some((name, system, system.shown.as_ref()?)));
        let view = shown.map(|(name, system, (document, asserted))| SourceView {
            system: name,
            stream: "customers",
            key: "1",
            document,
            covers: &system.covers,
            asserted,
        });
        view.collect()
    }

    pub(crate) fn golden(&self) -> Option<Value> {
        golden(&Entity::Customer, &self.sources(), &self.rules).map(std::borrow::Cow::into_owned)
    }

    /// What the golden document says at a place.
    pub(crate) fn value(&self, place: &str) -> Option<String> {
        self.golden().and_then(|golden| text_at(&golden, place))
    }

    /// What a system holds at a place.
    pub(crate) fn held(&self, system: &str, place: &str) -> Option<String> {
        let value = self.systems[system].content.as_ref()?.get(place)?;
        text_at(&document([(&place.to_owned(), value)].into_iter()), place)
    }

    /// Delivers the golden document wherever it differs from what a system shows, and observes these systems;
    /// says how many there were.
    pub(crate) fn deliver(&mut self) -> usize {
        self.now += 1;
        let golden = self.golden();
        let names: Vec<&'static str> = self.systems.keys().copied().collect();
        let mut count = 0;
        for name in names {
            let system = self.systems.get_mut(name).unwrap();
            if system.writes.is_empty() {
                continue;
            }
            let Some(golden) = &golden else {
                (system.content, system.shown, system.holds) = (None, None, None);
                continue;
            };
            let restrict = |from: &Value| {
                let values =
                    system.writes.iter().filter_map(|place| Some((place, value_at(place, &text_at(from, place)?))));
                let values: BTreeMap<String, Value> = values.map(|(place, value)| (place.clone(), value)).collect();
                values
            };
            let projection = restrict(golden);
            let shadow = system.shown.as_ref().map(|(shown, _)| document(restrict(shown).iter()));
            if shadow.is_some_and(|shadow| same(&Entity::Customer, &shadow, &document(projection.iter()))) {
                continue;
            }
            count += 1;
            system.holds = Some(document(projection.iter()));
            let writes = system.writes.clone();
            let content = system.content.get_or_insert_default();
            content.retain(|place, _| !writes.contains(place));
            content.extend(projection);
            self.observe(name);
        }
        count
    }

    /// Delivers until nothing differs any more, and fails if that does not come soon.
    pub(crate) fn settle(&mut self) {
        let before = self.golden().map(|golden| golden.to_string());
        self.deliver();
        assert_eq!(
            self.golden().map(|golden| golden.to_string()),
            before,
            "an echo changed the golden document\n{self:#?}"
        );
        assert_eq!(self.deliver(), 0, "a delivery is repeated\n{self:#?}");
    }
}

const LISTS: [(&str, &str); 3] = [("identifiers", "scheme"), ("addresses", "use"), ("phones", "use")];

/// The JSON of a text at a place.
fn value_at(place: &str, text: &str) -> Value {
    match place {
        "credit_limit" => json!({"amount": text, "currency": "EUR"}),
        "payment_terms.days" => json!(text.parse::<u32>().unwrap_or_default()),
        "extensions.erp" => json!({"flag": text}),
        _ => json!(text),
    }
}

/// A document of values by places, in normal form.
pub(crate) fn document<'v>(values: impl Iterator<Item = (&'v String, &'v Value)>) -> Value {
    let mut made = Map::new();
    for (place, value) in values {
        let mut segments = place.split('.');
        let first = segments.next().unwrap();
        match LISTS.iter().find(|(list, _)| *list == first) {
            None => match segments.next() {
                None => drop(made.insert(first.to_owned(), value.clone())),
                Some(second) => {
                    let group = made.entry(first).or_insert_with(|| json!({}));
                    group[second] = value.clone();
                }
            },
            Some((_, selector)) => {
                let wanted = segments.next().unwrap();
                let list = made.entry(first).or_insert_with(|| json!([])).as_array_mut().unwrap();
                if !list.iter().any(|item| item[*selector] == wanted) {
                    list.push(json!({*selector: wanted}));
                }
                let item = list.iter_mut().find(|item| item[*selector] == wanted).unwrap();
                item[segments.next().unwrap_or("value")] = value.clone();
            }
        }
    }
    let mut made = Value::Object(made);
    normal(&Entity::Customer, &mut made);
    made
}

/// What a document says at a place, as the text that [`value_at`] makes it from.
pub(crate) fn text_at(document: &Value, place: &str) -> Option<String> {
    let mut value = document;
    let mut segments = place.split('.');
    while let Some(segment) = segments.next() {
        value = match LISTS.iter().find(|(list, _)| *list == segment) {
            None => value.get(segment)?,
            Some((_, selector)) => {
                let wanted = segments.next()?;
                let item = value.get(segment)?.as_array()?.iter().find(|item| item[*selector] == wanted)?;
                if place.matches('.').count() == 1 { item.get("value")? } else { item }
            }
        };
    }
    let value = value.get("amount").or_else(|| value.get("flag")).unwrap_or(value);
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
