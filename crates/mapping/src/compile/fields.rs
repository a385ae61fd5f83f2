//! The tree of fields: the mapping file's tables against the shape of the entity's documents.

use std::ops::Range;

use canonical::document::shape::{Field, Shape};
use toml::de::{DeTable, DeValue};

use super::Compiler;
use super::line::{Extent, Line};
use super::options::{Located, Options, Word};
use super::styles;
use super::vocabulary::{EACH, LINE};
use crate::condition::Conditions;
use crate::place::Place;
use crate::program::{
    Choice, Chosen, Direction, Each, EachAt, Kind, Leaf, List, Member, Node, Object, Scale, Sign, Source, Values,
    ValuesSource, WriteTo, node_leaves,
};
use crate::verbs::Verb;

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The names of a group's fields, for suggestions.
fn field_names(shape: Shape) -> Vec<&'static str> {
    match shape {
        Shape::Group(fields) => fields.iter().map(|field| field.name).collect(),
        _ => vec!["amount", "currency"],
    }
}

/// Whether a group refers to another document.
fn is_reference(fields: &[Field]) -> bool {
    fields.iter().any(|field| field.name == "master_id")
}

impl Compiler<'_> {
    /// Compiles a table of fields into a group.
    pub(crate) fn object(&mut self, table: &DeTable<'_>, shape: Shape, path: &str) -> Object {
        let needs_content = match shape {
            Shape::Money => true,
            Shape::Group(fields) => is_reference(fields),
            // Inside of extensions nothing vanishes by itself when it is empty.
            Shape::Any => true,
            _ => false,
        };
        let mut object = Object { members: Vec::new(), needs_content, whole: shape == Shape::Money };
        for (key, value) in table {
            let name = &**key.get_ref();
            let path = join(path, name);
            let Some(shape) = self.field_shape(shape, name, key.span(), &path) else { continue };
            if let Some(alternatives) = self.alternatives(value, name, shape, &path) {
                object.members.extend(alternatives);
            } else if let Some(node) = self.node(value, shape, &path) {
                object.members.push(Member { name: name.into(), node });
            }
        }
        if let (true, Some((key, _))) = (object.whole && object.members.len() < 2, table.iter().next()) {
            self.reporter.error(key.span(), format!("\"{path}\" needs both, amount and currency"));
        }
        object
    }

    fn field_shape(&mut self, shape: Shape, name: &str, span: Range<usize>, path: &str) -> Option<Shape> {
        match shape {
            Shape::Any => Some(Shape::Any),
            Shape::Group(_) | Shape::Money => match shape.field(name) {
                Some(field) => Some(field.shape),
                None => {
                    let message = format!("unknown field \"{path}\" of {}", self.entity);
                    self.reporter.unknown(span, message, name, field_names(shape));
                    None
                }
            },
            _ => {
                self.reporter.error(span, format!("\"{path}\": there are no fields inside a single value"));
                None
            }
        }
    }

    pub(crate) fn node(&mut self, value: Located<'_>, shape: Shape, path: &str) -> Option<Node> {
        let Some(line) = Line::of(value, &shape, self) else {
            let DeValue::Table(table) = value.get_ref() else { return None };
            return match shape {
                Shape::List { selector, item } => Some(Node::List(self.chosen(table, selector, *item, path))),
                _ => Some(Node::Object(self.object(table, shape, path))),
            };
        };
        let none = DeTable::new();
        let span = line.span();
        let (words, mut options) = line.into_options(&none);
        let conditions = self.conditions(&mut options);
        let directions = self.directions.len();
        let mut node = self.line_node(words, options, shape, path, span.clone())?;
        self.put_conditions(&mut node, &conditions, &span);
        for (_, leaf) in &mut self.directions[directions..] {
            leaf.when.0.extend(conditions.iter().cloned());
        }
        Some(node)
    }

    /// The node of one line, whatever its conditions.
    fn line_node(
        &mut self,
        words: Vec<Word>,
        options: Options<'_>,
        shape: Shape,
        path: &str,
        span: Range<usize>,
    ) -> Option<Node> {
        match shape {
            Shape::Money => self.money(words, options, path).map(Node::Object),
            Shape::Group(fields) if is_reference(fields) => self.reference(words, options, path).map(Node::Object),
            Shape::Group(fields) => self.short_group(words, options, fields, path, span).map(Node::Object),
            Shape::List { item: Shape::Group(_), selector } => {
                let example = selector.map_or("[each.…]".to_owned(), |selector| format!("{path}.{selector}"));
                let message =
                    format!("\"{path}\" is a list; name one of its items by its {example}, or use [each.{path}]");
                self.reporter.error(span, message);
                None
            }
            Shape::List { item, .. } => Some(Node::List(self.values(words, options, *item, path)?)),
            Shape::Any if options.has("split") && !options.has("part") => {
                Some(Node::List(self.values(words, options, shape, path)?))
            }
            _ => self.leaf(words, options, shape, path).map(|leaf| Node::Leaf(Box::new(leaf))),
        }
    }

    /// A line on a group that has a field `value`: the line is for that field.
    fn short_group(
        &mut self,
        words: Vec<Word>,
        options: Options<'_>,
        fields: &'static [Field],
        path: &str,
        span: Range<usize>,
    ) -> Option<Object> {
        let Some(field) = fields.iter().find(|field| field.name == "value") else {
            let names = fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
            let hint = if options.has("system") { "; a key of another system goes into \"customer\"" } else { "" };
            self.reporter.error(span, format!("\"{path}\" is a group; name one of its fields: {names}{hint}"));
            return None;
        };
        let leaf = self.leaf(words, options, field.shape, &join(path, "value"))?;
        let members = vec![Member { name: "value".into(), node: Node::Leaf(Box::new(leaf)) }];
        Some(Object { members, ..Object::default() })
    }

    /// Items of a list that are named by their selector's value or their position.
    fn chosen(&mut self, table: &DeTable<'_>, selector: Option<&'static str>, item: Shape, path: &str) -> List {
        let mut list = List { selector, ..List::default() };
        for (key, value) in table {
            let name = &**key.get_ref();
            let choice = match selector {
                Some(_) => Choice::Selector(name.into()),
                None => match name.parse::<usize>().ok().and_then(|position| position.checked_sub(1)) {
                    Some(position) => Choice::Position(position),
                    None => {
                        let message = format!("the items of \"{path}\" have no names; write {path}.1 for the first");
                        self.reporter.error(key.span(), message);
                        continue;
                    }
                },
            };
            let path = join(path, name);
            let alternatives = self.alternatives(value, name, item, &path).map(merged);
            let Some(mut node) = alternatives.or_else(|| self.node(value, item, &path)) else { continue };
            if let (Some(selector), Node::Object(object)) = (selector, &mut node) {
                object.members.retain(|member| *member.name != *selector);
                let leaf = self.selector_leaf(&join(&path, selector), name);
                object.members.insert(0, Member { name: selector.into(), node: Node::Leaf(Box::new(leaf)) });
            }
            list.chosen.push(Chosen { choice, node });
        }
        if selector.is_none() {
            list.chosen.sort_by_key(|chosen| match chosen.choice {
                Choice::Position(position) => position,
                Choice::Selector(_) => 0,
            });
        }
        list
    }

    fn selector_leaf(&self, path: &str, value: &str) -> Leaf {
        plain_leaf(path, Source::Selector(value.into()), "selector")
    }

    /// A list of plain values.
    fn values(&mut self, words: Vec<Word>, mut options: Options<'_>, item: Shape, path: &str) -> Option<List> {
        let span = options.span.clone();
        let leaf = self.open_leaf(words, &mut options, item, path, Extent::All)?;
        let split = options.text("split", &mut self.reporter);
        options.finish("a list of values", &LINE, &mut self.reporter);
        let Source::First(mut places) = leaf.source.clone() else {
            self.reporter.error(span, "a list of values takes places only, with or without split");
            return None;
        };
        let source = match split {
            Some(separator) => ValuesSource::Split(places.swap_remove(0), separator.text.into()),
            None => match &places[..] {
                [Place::Path(path)] => ValuesSource::Repeated(path.clone()),
                _ => ValuesSource::Places(places),
            },
        };
        let values = Some(Box::new(Values { source, leaf }));
        Some(List { values, ..List::default() })
    }

    /// An amount with its currency, which is fixed, in a place of its own, or in an attribute.
    fn money(&mut self, words: Vec<Word>, mut options: Options<'_>, path: &str) -> Option<Object> {
        let names_verb = options.has("as");
        let span = options.span.clone();
        let amount_path = join(path, "amount");
        let mut amount = self.open_leaf(words, &mut options, Shape::Decimal, &amount_path, Extent::One)?;
        if let (Verb::Number(style), false) = (&mut amount.verb, names_verb) {
            style.decimals_min = if style.implied_decimals > 0 { 0 } else { 2 };
        }
        if let Some(field) = options.text("direction", &mut self.reporter) {
            amount.sign = Some(Sign::Amount(field.text.as_str().into()));
            self.directions.push((field, direction_leaf(&amount)));
        }
        let by_currency = self.currency_scales(&mut options);
        self.place_scale(&mut options, &mut amount);
        let currency = self.money_currency(&mut options, &amount, &join(path, "currency"), span).map(|currency| {
            let row = currency.source.is_content().then(|| amount.row.clone()).flatten();
            Leaf { row, ..currency }
        });
        if by_currency {
            amount.scale = currency.clone().map(|currency| Box::new(Scale::Money(Box::new(currency))));
        }
        options.finish("an amount of money", &LINE, &mut self.reporter);
        let members = [("amount", amount), ("currency", currency?)];
        let members = members.map(|(name, leaf)| Member { name: name.into(), node: Node::Leaf(Box::new(leaf)) });
        Some(Object { members: members.into(), needs_content: true, whole: true })
    }

    fn money_currency(
        &mut self,
        options: &mut Options<'_>,
        amount: &Leaf,
        path: &str,
        span: Range<usize>,
    ) -> Option<Leaf> {
        let fixed = options.text("currency", &mut self.reporter);
        let at = options.texts("currency_at", &mut self.reporter);
        let attribute = self.currency_attribute(options, "currency");
        let mut places: Vec<Place> = at.iter().filter_map(|word| self.place(word)).collect();
        if let Some(attribute) = attribute
            && let Source::First(amounts) = &amount.source
        {
            places.extend(amounts.iter().filter_map(|place| match place {
                Place::Path(path) => Some(Place::Path(attribute.path.below(path))),
                Place::Column(_) => None,
            }));
        }
        let mut leaf = match (places.is_empty(), &fixed) {
            (false, _) => {
                let verb = Verb::Code(styles::lower_case("currency_case", options, self));
                Leaf { kind: Kind::Letters(3), verb, ..plain_leaf(path, Source::First(places), "") }
            }
            (true, Some(word)) => plain_leaf(path, Source::Fixed(word.text.as_str().into()), ""),
            (true, None) => {
                let message = "the currency is missing; say currency = \"EUR\", currency_at = \"…\" for a place, \
                               or currency_attribute = \"…\"";
                self.reporter.error(span, message);
                return None;
            }
        };
        if leaf.source.is_content() {
            leaf.default = fixed.map(|word| word.text.into());
            leaf.lossy = leaf.default.is_some();
        }
        leaf.direction = amount.direction;
        leaf.place = self.describe(&leaf.source);
        Some(leaf)
    }

    /// A reference to another document, by its key in this or another system.
    fn reference(&mut self, words: Vec<Word>, mut options: Options<'_>, path: &str) -> Option<Object> {
        let system = options.text("system", &mut self.reporter);
        let key = self.leaf(words, options, Shape::Text, &join(path, "key"))?;
        let direction = key.direction;
        let mut members = vec![Member { name: "key".into(), node: Node::Leaf(Box::new(key)) }];
        if let Some(system) = system {
            let mut leaf = plain_leaf(&join(path, "system"), Source::Fixed(system.text.into()), "constant");
            leaf.direction = direction;
            members.push(Member { name: "system".into(), node: Node::Leaf(Box::new(leaf)) });
        }
        Some(Object { members, needs_content: true, whole: false })
    }

    /// Compiles `[each.…]` tables into the lists of a group that has its lines already.
    pub(crate) fn each_tables(&mut self, object: &mut Object, table: &DeTable<'_>, shape: Shape, path: &str) {
        for (key, value) in table {
            let DeValue::Table(inner) = value.get_ref() else {
                self.reporter.error(value.span(), "a repeating group is a table with at = \"…\" and fields");
                continue;
            };
            let names: Vec<&str> = key.get_ref().split('.').collect();
            self.each_at(object, &names, (inner, key.span()), shape, path);
        }
    }

    fn each_at(
        &mut self,
        object: &mut Object,
        names: &[&str],
        (table, span): (&DeTable<'_>, Range<usize>),
        shape: Shape,
        path: &str,
    ) {
        let [name, rest @ ..] = names else { return };
        let path = join(path, name);
        let Some(shape) = self.field_shape(shape, name, span.clone(), &path) else { return };
        let is_group = match shape {
            Shape::Group(_) | Shape::Money => true,
            Shape::Any => !rest.is_empty() || !(table.contains_key("at") || table.contains_key("rows")),
            _ => false,
        };
        if is_group {
            let Some(Node::Object(inner)) = child(object, name, || Node::Object(Object::default())) else { return };
            match rest {
                [] => self.each_tables(inner, table, shape, &path),
                _ => self.each_at(inner, rest, (table, span), shape, &path),
            }
            return;
        }
        let (selector, item) = match shape {
            Shape::List { selector, item } => (selector, *item),
            Shape::Any => (None, Shape::Any),
            _ => {
                self.reporter.error(span, format!("\"{path}\" is no list; only lists repeat"));
                return;
            }
        };
        let Some(each) = self.each(table, span.clone(), item, &path) else { return };
        let empty = || Node::List(List { selector, ..List::default() });
        match child(object, name, empty) {
            Some(Node::List(list)) if list.values.is_none() => list.each = Some(Box::new(each)),
            _ => self.reporter.error(span, format!("\"{path}\" has a line and a repeating group; keep one")),
        }
    }

    fn each(&mut self, table: &DeTable<'_>, span: Range<usize>, item: Shape, path: &str) -> Option<Each> {
        let mut options = Options::new(table, span.clone());
        let rows = options.flag("rows", &mut self.reporter);
        let at = options.text("at", &mut self.reporter);
        let key = options.text("key", &mut self.reporter).map(|word| word.text.into());
        let name_by = options.text("name_by", &mut self.reporter);
        let at = match (rows, at) {
            (true, None) if self.is_flat() && !self.in_each => EachAt::Rows,
            (false, Some(word)) if !self.is_flat() => EachAt::Path(self.path(&word)?),
            _ => {
                let wanted = match (self.is_flat(), self.in_each) {
                    (true, true) => "rows cannot repeat inside rows; keep one repeating group",
                    (true, false) => "a repeating group of rows says rows = true",
                    (false, _) => "a repeating group says at = \"…\", the path of its elements",
                };
                self.reporter.error(span, wanted);
                return None;
            }
        };
        let name_by = self.name_by(name_by, &at);
        let direction = self.only(&mut options);
        let outer_direction = std::mem::replace(&mut self.direction, direction);
        let outer = std::mem::replace(&mut self.in_each, true);
        let base = self.base.take();
        let fields = options.table("fields", &mut self.reporter);
        let mut object = fields.map(|(fields, _)| self.object(fields, item, path)).unwrap_or_default();
        if let Some((inner, _)) = options.table("each", &mut self.reporter) {
            self.each_tables(&mut object, inner, item, path);
        }
        let asked = self.asked(&mut options);
        self.direction = outer_direction;
        self.in_each = outer;
        self.base = base;
        options.finish("a repeating group", &EACH, &mut self.reporter);
        if object.members.is_empty() {
            self.reporter
                .error(span.clone(), format!("the repeating group \"{path}\" has no fields; add [each.{path}.fields]"));
        }
        let node = Node::Object(object);
        let mut writes = false;
        node_leaves(&node, &mut |leaf| {
            writes |= leaf.direction.writes() && !matches!(leaf.source, Source::Selector(_))
        });
        let each = Each { at, key, name_by, node, writes, when: Conditions::default(), items: Vec::new() };
        Some(self.conditional_each(each, asked, path, &span))
    }
}

impl Compiler<'_> {
    /// The field that decides over the name of an item's element.
    fn name_by(&mut self, word: Option<Word>, at: &EachAt) -> Option<Box<str>> {
        let word = word?;
        let names = match at {
            EachAt::Path(path) => path.steps.last().map_or(0, |step| step.names.len()),
            EachAt::Rows => 0,
        };
        if names != 2 {
            let message = "name_by wants two names at the end of the path: (a|b)";
            self.reporter.error(word.span, message);
        }
        Some(word.text.into())
    }
}

/// One group with the members of several.
fn merged(groups: Vec<Member>) -> Node {
    let mut whole = Object::default();
    for group in groups {
        match group.node {
            Node::Object(inner) => whole.members.extend(inner.members),
            node => whole.members.push(Member { name: group.name, node }),
        }
    }
    Node::Object(whole)
}

/// The member of a group by name, made when it is not there.
fn child<'o>(object: &'o mut Object, name: &str, make: impl FnOnce() -> Node) -> Option<&'o mut Node> {
    let position = match object.members.iter().position(|member| *member.name == *name) {
        Some(position) => position,
        None => {
            object.members.push(Member { name: name.into(), node: make() });
            object.members.len() - 1
        }
    };
    object.members.get_mut(position).map(|member| &mut member.node)
}

/// The direction of a number with a sign, read where the number stands.
fn direction_leaf(amount: &Leaf) -> Leaf {
    Leaf {
        path: "direction".into(),
        direction: amount.direction,
        default: None,
        required: false,
        write_required: false,
        absent: None,
        kind: Kind::Text,
        currency_attribute: None,
        sign: Some(Sign::Direction),
        lossy: false,
        ..amount.clone()
    }
}

/// A leaf of plain text.
fn plain_leaf(path: &str, source: Source, place: &str) -> Leaf {
    Leaf {
        path: path.into(),
        place: place.into(),
        direction: Direction::Both,
        source,
        verb: Verb::Text,
        text: Vec::new(),
        blank: Vec::new(),
        default: None,
        required: false,
        write_required: false,
        absent: None,
        kind: Kind::Text,
        closed: None,
        number: false,
        currency_attribute: None,
        sign: None,
        lossy: false,
        by_record: false,
        write_to: WriteTo::All,
        sum_of: Vec::new(),
        row: None,
        when: Conditions::default(),
        scale: None,
    }
}
