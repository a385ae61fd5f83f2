//! Documents made up for a mapping, so that its laws can be held against more than its examples.

use serde_json::{Map, Value};

use crate::mapping::Mapping;
use crate::place::{Operand, Place, Predicate};
use crate::program::{
    Choice, Kind, Leaf, List, Node, Object, Program, Sign, Source, Values, ValuesSource, node_leaves,
};
use crate::verbs::Verb;

/// A repeating group gets at most so many items.
const ITEMS_MAX: u64 = 3;

/// Words that texts are made of: accents, signs of the formats, and what looks like other things.
const WORDS: [&str; 16] = [
    "Dupont",
    "Société",
    "rue",
    "de",
    "la",
    "Paix",
    "&",
    "Fils",
    "12",
    "bis",
    "O'Neil",
    "<b>",
    "\"Mille\"",
    "0042",
    "Straße",
    "N/A",
];

/// Codes of two and three letters that every list of countries and currencies has.
const COUNTRIES: [&str; 4] = ["FR", "DE", "BE", "ES"];
const CURRENCIES: [&str; 4] = ["EUR", "USD", "GBP", "CHF"];

/// Numbers that follow from a seed: SplitMix64, which is enough for choices.
struct Choices(u64);

impl Choices {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn pick<'t, T: ?Sized>(&mut self, items: &[&'t T]) -> Option<&'t T> {
        let index = usize::try_from(self.below(items.len() as u64)).ok()?;
        items.get(index).copied()
    }
}

/// A document of the mapping's entity with values that its lines can hold; the same seed gives the same document.
/// Values obey the lines' conversions, not the rules of documents.
pub(crate) fn document(mapping: &Mapping, seed: u64) -> Value {
    let mut generator = Generator { program: &mapping.program, seed, choices: Choices(seed) };
    Value::Object(generator.object(&mapping.program.root))
}

struct Generator<'p> {
    program: &'p Program,
    seed: u64,
    choices: Choices,
}

impl<'p> Generator<'p> {
    fn object(&mut self, object: &'p Object) -> Map<String, Value> {
        let mut made = Map::new();
        for member in &object.members {
            if made.contains_key(&*member.name) {
                continue;
            }
            let value = match &member.node {
                // The direction is the amount's sign: both are there, or none.
                Node::Leaf(leaf) if leaf.sign == Some(Sign::Direction) => {
                    if self.has_amount(leaf, &made) {
                        self.leaf(leaf)
                    } else {
                        None
                    }
                }
                Node::Leaf(leaf) if object.whole || self.is_wanted(leaf) => self.leaf(leaf),
                Node::Leaf(_) => None,
                // An amount has both parts or is not there; a group of references has its key.
                Node::Object(inner) if self.is_left_out(&member.node, inner) => None,
                Node::Object(inner) => {
                    let inside = self.object(inner);
                    if self.only_tells_apart(inner, &inside) { None } else { Some(Value::Object(inside)) }
                }
                Node::List(list) => Some(Value::Array(self.list(list))),
            };
            if let Some(value) = value {
                made.insert(member.name.to_string(), value);
            }
        }
        // A scheme alone is nothing: it says what kind of value stands beside it.
        if object.member("value").is_some() && !made.contains_key("value") {
            made.remove("scheme");
        }
        made
    }

    /// Whether a group has nothing but fields that conditions tell other elements by: alone they say nothing.
    fn only_tells_apart(&self, object: &Object, made: &Map<String, Value>) -> bool {
        let is_asked = |name: &String| match object.member(name) {
            Some(Node::Leaf(leaf)) => self.asked(leaf).is_some(),
            _ => false,
        };
        !made.is_empty() && object.members.len() > made.len() && made.keys().all(is_asked)
    }

    /// One of four groups that may be missing is.
    fn is_left_out(&mut self, node: &'p Node, object: &'p Object) -> bool {
        let mut is_needed = false;
        node_leaves(node, &mut |leaf| is_needed |= leaf.required || leaf.write_required);
        object.needs_content && !is_needed && self.choices.below(4) == 0
    }

    /// Whether the document has the amount whose sign a field of direction carries.
    fn has_amount(&self, direction: &Leaf, made: &Map<String, Value>) -> bool {
        let mut found = false;
        self.program.leaves(&mut |leaf| {
            if matches!(&leaf.sign, Some(Sign::Amount(field)) if **field == *direction.path) {
                let name = leaf.path.split('.').next().unwrap_or_default();
                found |= made.get(name).is_some_and(|amount| !amount.is_null());
            }
        });
        found
    }

    /// Three of four fields are there, and always those that others depend on.
    fn is_wanted(&mut self, leaf: &Leaf) -> bool {
        let is_key = || {
            let places = leaf.source.places();
            self.program.key.iter().any(|key| places.contains(&&key.place))
        };
        let is_asked = || self.asked(leaf).is_some();
        // A total in a currency is what conditions on that currency find the rest by.
        let is_found_by = || {
            let all: Vec<usize> = (0..self.program.variables.len()).collect();
            let compares = |place: &&Place| matches!(place, Place::Path(path) if path.compares_with(&all));
            leaf.currency_attribute.is_some() && leaf.source.places().iter().any(compares)
        };
        leaf.required || leaf.write_required || is_key() || is_asked() || is_found_by() || self.choices.below(4) != 0
    }

    fn list(&mut self, list: &'p List) -> Vec<Value> {
        let mut items = Vec::new();
        for chosen in &list.chosen {
            if self.choices.below(4) == 0 {
                match chosen.choice {
                    Choice::Selector(_) => continue,
                    // The next position would be read as this one.
                    Choice::Position(_) => break,
                }
            }
            match &chosen.node {
                Node::Object(inner) => items.push(Value::Object(self.object(inner))),
                Node::Leaf(leaf) => items.extend(self.leaf(leaf)),
                Node::List(_) => {}
            }
        }
        if let Some(each) = &list.each
            && let Node::Object(inner) = &each.node
        {
            for number in 0..self.choices.below(ITEMS_MAX + 1) {
                let mut item = self.object(inner);
                if let Some(key) = &each.key {
                    item.insert(key.to_string(), Value::from((number + 1).to_string()));
                }
                items.push(Value::Object(item));
            }
        }
        if let Some(values) = &list.values {
            items.extend(self.values(values));
        }
        items
    }

    fn values(&mut self, values: &'p Values) -> Vec<Value> {
        let limit = match &values.source {
            ValuesSource::Places(places) => places.len() as u64,
            ValuesSource::Split(..) | ValuesSource::Repeated(_) => ITEMS_MAX,
        };
        (0..self.choices.below(limit + 1)).filter_map(|_| self.leaf(&values.leaf)).collect()
    }

    fn leaf(&mut self, leaf: &'p Leaf) -> Option<Value> {
        match &leaf.source {
            Source::Constant(text, _) | Source::Selector(text) | Source::Fixed(text) => {
                return Some(typed(leaf.kind, text.to_string()));
            }
            // A tag has exactly so many letters.
            Source::Tagged(tagged) if tagged.is_tag => {
                return Some(Value::from("A".repeat(tagged.length)));
            }
            _ if leaf.sign == Some(Sign::Direction) => {
                return self.choices.pick(&["credit", "debit"]).map(Value::from);
            }
            _ => {}
        }
        let text = match &leaf.verb {
            // The bytes of an attached file are not at hand.
            Verb::Attachment => return None,
            Verb::Table(style) => {
                let canonical: Vec<&str> = style.table.entries().map(|(_, canonical)| canonical).collect();
                self.choices.pick(&canonical)?.to_owned()
            }
            _ => match (leaf.closed, demanded(leaf)) {
                (_, Some(demanded)) => self.choices.pick(&demanded)?.to_owned(),
                (Some(values), None) => self.choices.pick(values)?.to_owned(),
                (None, None) => self.text(leaf),
            },
        };
        Some(typed(leaf.kind, text))
    }

    fn text(&mut self, leaf: &Leaf) -> String {
        match leaf.kind {
            Kind::Letters(2) => self.choices.pick(&COUNTRIES).unwrap_or_default().to_owned(),
            Kind::Letters(_) => self.currency(leaf).to_owned(),
            Kind::Decimal => self.decimal(leaf),
            Kind::Integer => self.choices.below(1000).to_string(),
            Kind::Boolean => (self.choices.below(2) == 0).to_string(),
            Kind::Date => self.date(),
            Kind::Timestamp => format!("{}T{:02}:20:30Z", self.date(), self.choices.below(24)),
            Kind::Text => match (&leaf.verb, self.asked(leaf)) {
                (Verb::Text, Some(number)) => (30 + number).to_string(),
                (verb, _) => self.plain_text(leaf, verb),
            },
        }
    }

    fn plain_text(&mut self, leaf: &Leaf, verb: &Verb) -> String {
        match verb {
            Verb::Date(_) => self.date(),
            Verb::Timestamp(_) => format!("{}T10:20:30Z", self.date()),
            Verb::Text => self.words(),
            Verb::Code(_) if leaf.text.is_empty() => self.words(),
            // Identifiers, telephone numbers, whole numbers.
            _ => (10_000_000 + self.choices.below(90_000_000)).to_string(),
        }
    }

    /// The number of the variable that a line's field is, where conditions ask for it: such fields are never the same.
    fn asked(&self, leaf: &Leaf) -> Option<usize> {
        self.program.variables.iter().position(|variable| *variable.field == *leaf.path)
    }

    /// Currencies that conditions tell apart, as those of an invoice and of its VAT, are never the same.
    fn currency(&mut self, leaf: &Leaf) -> &'static str {
        let number = match self.asked(leaf) {
            Some(index) => self.seed.wrapping_add(index as u64),
            None => self.choices.next(),
        };
        let index = usize::try_from(number % CURRENCIES.len() as u64).unwrap_or_default();
        CURRENCIES.get(index).copied().unwrap_or_default()
    }

    /// Amounts with a field of direction have no sign, and those in the smallest unit of a currency no decimals.
    fn decimal(&mut self, leaf: &Leaf) -> String {
        let minus = if leaf.sign.is_none() && self.choices.below(4) == 0 { "-" } else { "" };
        let whole = self.choices.below(2_000_000) + 1;
        if leaf.scale.is_some() || self.choices.below(3) == 0 {
            return format!("{minus}{whole}");
        }
        format!("{minus}{whole}.{:02}", self.choices.below(99) + 1)
    }

    fn date(&mut self) -> String {
        let (year, month, day) = (self.choices.below(40), self.choices.below(12), self.choices.below(28));
        format!("{:04}-{:02}-{:02}", 2000 + year, month + 1, day + 1)
    }

    fn words(&mut self) -> String {
        let count = self.choices.below(3) + 1;
        (0..count).filter_map(|_| self.choices.pick(&WORDS)).collect::<Vec<_>>().join(" ")
    }
}

/// The texts that a condition on the way to a line's place demands at that very place: `a[b='1'|'2']/b`.
fn demanded(leaf: &Leaf) -> Option<Vec<&str>> {
    let places = leaf.source.places();
    let Some(Place::Path(path)) = places.first() else { return None };
    path.steps.iter().enumerate().find_map(|(index, step)| {
        let below = path.steps.get(index + 1..)?;
        let same =
            |predicate: &&Predicate| *predicate.path.steps == *below && predicate.path.attribute == path.attribute;
        match &step.predicates.iter().find(same)?.value {
            Operand::Literals(texts) if !texts.iter().all(|text| text.is_empty()) => {
                Some(texts.iter().map(|text| &**text).collect())
            }
            _ => None,
        }
    })
}

fn typed(kind: Kind, text: String) -> Value {
    match kind {
        Kind::Boolean => Value::Bool(text == "true"),
        Kind::Integer => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        _ => Value::from(text),
    }
}
