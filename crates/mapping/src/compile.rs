//! From the text of a mapping file to its program, with everything that is wrong reported at once.

mod clearing;
mod conditions;
mod control;
mod fields;
mod key;
mod line;
mod options;
mod selection;
mod styles;
pub(crate) mod vocabulary;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use canonical::document::lists;
use canonical::document::shape::Shape;
use canonical::entity::Entity;
use toml::de::{DeTable, DeValue};

use crate::condition::Conditions;
use crate::diagnostic::{Diagnostic, Reporter, Severity};
use crate::mapping::{Embedded, Format, Mapping, StreamNeeds};
use crate::place::{Path, PathError, PathScope, Place, Syntax};
use crate::program::{Direction, Leaf, NeededColumns, Node, Object, Program, Variable};
use crate::table::Tables;
use crate::xml::{RecordChoice, Sequence, XmlOutline};
pub(crate) use clearing::table_columns;
use options::{Options, Word, words};
pub(crate) use styles::misfit;
use vocabulary::{EMBED, HEAD};

/// A mapping file larger than this is refused.
pub(crate) const FILE_BYTES_MAX: usize = 1 << 20;

/// The state of one compilation.
pub(crate) struct Compiler<'t> {
    pub reporter: Reporter<'t>,
    pub entity: Entity,
    pub format: Format,
    pub tables: &'t dyn Tables,
    pub hasher: blake3::Hasher,
    pub namespaces: BTreeMap<String, Vec<Arc<str>>>,
    pub program: Program,
    /// Fields that predicates compare with, and where they were first named.
    pub variables: Vec<Box<str>>,
    pub variable_spans: Vec<Range<usize>>,
    /// Fields of direction that amounts give, to be added to the document's own fields.
    pub directions: Vec<(Word, Leaf)>,
    /// Where an embedded document starts; every path outside repeating groups is below it.
    pub base: Option<Path>,
    pub in_each: bool,
    /// How many kinds of record there are.
    pub records: usize,
    /// Which way lines go that do not say so themselves.
    pub direction: Direction,
}

/// Compiles a mapping file.
pub(crate) fn compile(file_name: &str, text: &str, tables: &dyn Tables) -> Result<Mapping, Vec<Diagnostic>> {
    let mut reporter = Reporter::new(file_name, text);
    if text.len() > FILE_BYTES_MAX {
        reporter.error(0..0, format!("a mapping file has at most {FILE_BYTES_MAX} bytes"));
        return Err(reporter.finish());
    }
    let (parsed, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        reporter.error(error.span().unwrap_or(0..0), error.message());
    }
    if !errors.is_empty() {
        return Err(reporter.finish());
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.as_bytes());
    let mut compiler = Compiler {
        reporter,
        entity: Entity::Customer,
        format: Format::Csv,
        tables,
        hasher,
        namespaces: BTreeMap::new(),
        program: Program::default(),
        variables: Vec::new(),
        variable_spans: Vec::new(),
        directions: Vec::new(),
        base: None,
        in_each: false,
        records: 0,
        direction: Direction::Both,
    };
    let mapping = compiler.mapping(file_name, parsed.get_ref());
    let failed = compiler.reporter.errors() > 0;
    let findings = compiler.reporter.finish();
    match mapping {
        Some(mapping) if !failed => Ok(mapping.with_warnings(findings)),
        _ => Err(findings),
    }
}

impl Compiler<'_> {
    fn mapping(&mut self, file_name: &str, table: &DeTable<'_>) -> Option<Mapping> {
        let mut options = Options::new(table, 0..0);
        self.head(&mut options);
        let mut stream = self.stream_needs(&mut options);
        self.records = stream.record_paths.len();
        self.key(&mut options, true);
        self.program.when = self.record_conditions(&mut options);
        let outline = self.outline(&mut options, &stream);
        self.constants(&mut options);
        self.program.control = self.control(&mut options);
        let embed = options.table("embed", &mut self.reporter);
        self.body(&mut options);
        options.finish("a mapping", &HEAD, &mut self.reporter);
        if stream.group_by.is_empty() && self.repeats_rows() {
            stream.group_by = self.key_columns();
        }
        let program = std::mem::take(&mut self.program);
        let embedded = embed.map(|(table, _)| self.embeds(file_name, table)).unwrap_or_default();
        let version = self.hasher.finalize().to_hex()[..16].to_owned();
        Some(Mapping::new(file_name, self.entity.clone(), self.format, version, program, outline, stream, embedded))
    }

    /// Entity, format and namespaces, which everything else depends on.
    fn head(&mut self, options: &mut Options<'_>) {
        options.text("description", &mut self.reporter);
        match options.text("entity", &mut self.reporter) {
            Some(word) => match word.text.parse() {
                Ok(entity) => self.entity = entity,
                Err(_) => {
                    let message = "an entity is customer, invoice, payment, allocation or a declared lower-case name";
                    self.reporter.error(word.span, message);
                }
            },
            None => self.reporter.error(0..0, "entity is missing; say entity = \"customer\""),
        }
        let formats = [("csv", Format::Csv), ("xml", Format::Xml), ("json", Format::Json)];
        match options.choice("format", &formats, &mut self.reporter) {
            Some(format) => self.format = format,
            None if options.has("format") => {}
            None => self.reporter.error(0..0, "format is missing; say format = \"csv\", \"xml\" or \"json\""),
        }
        self.direction = self.only(options);
        if let Some((table, _)) = options.table("namespaces", &mut self.reporter) {
            for (prefix, uris) in table {
                let uris = words(uris, "a namespace", &mut self.reporter);
                let uris = uris.into_iter().map(|word| word.text.into()).collect();
                self.namespaces.insert(prefix.get_ref().to_string(), uris);
            }
        }
    }

    /// Which way the lines of a table go, unless they say so themselves.
    pub(crate) fn only(&mut self, options: &mut Options<'_>) -> Direction {
        let directions = [("read", Direction::Read), ("write", Direction::Write)];
        options.choice("only", &directions, &mut self.reporter).unwrap_or(self.direction)
    }

    /// What a connector must know to cut a stream into records.
    fn stream_needs(&mut self, options: &mut Options<'_>) -> StreamNeeds {
        let texts = |words: Vec<Word>| words.into_iter().map(|word| word.text).collect::<Vec<_>>();
        let columns = options.texts("columns", &mut self.reporter);
        for column in &columns {
            // Listed columns come first, in their order, when a record is written from nothing.
            self.program.columns.intern(&column.text);
        }
        let context = match options.table("context", &mut self.reporter) {
            Some((_, span)) if self.format != Format::Xml => {
                self.reporter.error(span, "only XML records have elements around them; remove context");
                BTreeMap::new()
            }
            Some((table, _)) => table
                .iter()
                .map(|(name, paths)| (name.get_ref().to_string(), texts(words(paths, "a path", &mut self.reporter))))
                .collect(),
            None => BTreeMap::new(),
        };
        StreamNeeds {
            context,
            split: self.split(options),
            clearing: self.clearing(options),
            group_by: texts(options.texts("group_by", &mut self.reporter)),
            record_paths: texts(options.texts("record", &mut self.reporter)),
            namespaces: self
                .namespaces
                .iter()
                .map(|(prefix, uris)| (prefix.clone(), uris.iter().map(|uri| uri.to_string()).collect()))
                .collect(),
            // Known when every line was read.
            columns: Vec::new(),
        }
    }

    /// Fields and repeating groups, and what follows from all of them together.
    fn body(&mut self, options: &mut Options<'_>) {
        let shape = lists::shape(&self.entity);
        let mut root = match options.table("fields", &mut self.reporter) {
            Some((table, _)) => self.object(table, shape, ""),
            None => Object::default(),
        };
        if let Some((table, _)) = options.table("each", &mut self.reporter) {
            self.each_tables(&mut root, table, shape, "");
        }
        if root.members.is_empty() && self.reporter.errors() == 0 {
            self.reporter.error(0..0, "the mapping has no field; add lines below [fields]");
        }
        root.needs_content = false;
        self.program.root = root;
        self.add_directions(shape);
        self.link_variables();
        self.check_shared_places();
    }

    fn add_directions(&mut self, shape: Shape) {
        for (field, mut leaf) in std::mem::take(&mut self.directions) {
            let is_field = matches!(shape, Shape::Any) || matches!(shape.at(&field.text), Some(Shape::Code { .. }));
            if !is_field || self.program.root.member(&field.text).is_some() {
                let message = format!("\"{}\" is no free field for the direction of an amount", field.text);
                self.reporter.error(field.span, message);
                continue;
            }
            leaf.path = field.text.as_str().into();
            let node = Node::Leaf(Box::new(leaf));
            self.program.root.members.push(crate::program::Member { name: field.text.into(), node });
        }
    }

    /// Finds the line of every field that predicates compare with.
    fn link_variables(&mut self) {
        let names = std::mem::take(&mut self.variables);
        let spans = std::mem::take(&mut self.variable_spans);
        for (field, span) in names.into_iter().zip(spans) {
            let mut leaf = None;
            self.program.leaves(&mut |candidate| {
                if *candidate.path == *field {
                    leaf = Some(candidate.clone());
                }
            });
            if leaf.as_ref().is_some_and(|leaf: &Leaf| !leaf.when.only_compares()) {
                let message = format!("\"{field}\" is asked for by a condition and has one itself; keep one of them");
                self.reporter.error(span, message);
            } else if leaf.is_none() {
                self.reporter.error(span, format!("\"${field}\" names a field that has no line of its own"));
            }
            self.program.variables.push(Variable { field, leaf });
        }
    }

    /// Two lines that write one place cannot both be read back, unless each owns a part of it.
    fn check_shared_places(&mut self) {
        let mut seen: Vec<(Arc<str>, &Place, &Conditions)> = Vec::new();
        let mut shared = Vec::new();
        self.program.leaves(&mut |leaf| {
            if !leaf.is_two_way() || leaf.sign == Some(crate::program::Sign::Direction) {
                return;
            }
            let group: Arc<str> = leaf.path.rsplit_once('.').map_or("", |(group, _)| group).into();
            if matches!(leaf.source, crate::program::Source::Tagged(_)) {
                // A tag and the text behind it never touch each other.
                return;
            }
            for place in leaf.source.places() {
                let is_relative = matches!(place, Place::Path(_));
                let shares = |(other, known, when): &(Arc<str>, &Place, &Conditions)| {
                    *known == place && (!is_relative || **other == *group) && !when.exclude(&leaf.when)
                };
                if seen.iter().any(shares) {
                    let is_part = matches!(leaf.source, crate::program::Source::Part(_));
                    shared.push((
                        is_part,
                        format!("{} is written by several lines, \"{}\" among them", leaf.place, leaf.path),
                    ));
                }
                seen.push((Arc::clone(&group), place, &leaf.when));
            }
        });
        let mut is_conditional = false;
        self.program.leaves(&mut |leaf| is_conditional |= !leaf.when.is_none());
        self.program.is_conditional = is_conditional;
        self.program.entangled = !shared.is_empty();
        for (_, message) in shared.into_iter().filter(|(is_part, _)| !is_part) {
            self.reporter.warning(0..0, format!("{message}; mark all but one with only = \"read\""));
        }
    }

    fn constants(&mut self, options: &mut Options<'_>) {
        let Some((table, _)) = options.table("constants", &mut self.reporter) else { return };
        for (place, value) in table {
            let word = Word { text: place.get_ref().to_string(), span: place.span() };
            let place = self.place(&word);
            let value = options::word(value, "a constant", &mut self.reporter);
            if let (Some(place), Some(value)) = (place, value) {
                self.program.constants.push((place, value.text.into()));
            }
        }
    }

    /// How an XML record is written: its element, and the order of elements.
    fn outline(&mut self, options: &mut Options<'_>, stream: &StreamNeeds) -> XmlOutline {
        let record_by = options.table("record_by", &mut self.reporter);
        let sequence = options.table("sequence", &mut self.reporter);
        let mut outline = XmlOutline::default();
        if self.format != Format::Xml {
            return outline;
        }
        for record in &stream.record_paths {
            let word = Word { text: record.trim_start_matches('/').to_owned(), span: 0..0 };
            outline.roots.extend(self.path(&word).and_then(|path| path.steps.last()?.names.first().copied()));
        }
        if outline.roots.is_empty() {
            self.reporter.error(0..0, "an XML mapping names the element of a record: record = \"/ubl:Invoice\"");
        }
        if let Some((table, span)) = record_by {
            outline.choice = self.record_choice(table, span, &stream.record_paths);
        }
        for (parent, children) in sequence.into_iter().flat_map(|(table, _)| table.iter()) {
            let parent = Word { text: parent.get_ref().to_string(), span: parent.span() };
            let children = words(children, "a sequence", &mut self.reporter);
            let mut names = |word: &Word| -> Vec<Vec<usize>> {
                let path = if word.text == "/" { None } else { self.path(word) };
                path.into_iter().flat_map(|path| path.steps).map(|step| step.names).collect()
            };
            let parents = names(&parent);
            let children = children.iter().filter_map(|word| names(word).pop()).collect();
            outline.sequences.push(Sequence { parents, children });
        }
        // The rule with the longest parent path speaks first.
        outline.sequences.sort_by_key(|sequence| std::cmp::Reverse(sequence.parents.len()));
        outline
    }

    fn record_choice(&mut self, table: &DeTable<'_>, span: Range<usize>, records: &[String]) -> Option<RecordChoice> {
        let mut options = Options::new(table, span);
        let field = options.text("field", &mut self.reporter)?;
        let (values, _) = options.table("values", &mut self.reporter)?;
        let mut choice = RecordChoice { field: field.text.into(), values: Vec::new() };
        for (value, record) in values {
            let Some(word) = options::word(record, "a record", &mut self.reporter) else { continue };
            match records.iter().position(|known| *known == word.text) {
                Some(index) => choice.values.push((value.get_ref().as_ref().into(), index)),
                None => {
                    let message = format!("\"{}\" is none of the mapping's records", word.text);
                    self.reporter.unknown(word.span, message, &word.text, records.iter().map(String::as_str));
                }
            }
        }
        options.finish("record_by", &[], &mut self.reporter);
        Some(choice)
    }

    /// Documents inside the record that are observed on their own, ahead of its own document.
    fn embeds(&mut self, file_name: &str, table: &DeTable<'_>) -> Vec<Embedded> {
        let outer = self.entity.clone();
        // The lines of the record's own document write the same places.
        self.direction = Direction::Read;
        let mut embedded = Vec::new();
        for (key, value) in table {
            let name = key.get_ref().to_string();
            let DeValue::Table(inner) = value.get_ref() else {
                self.reporter.error(value.span(), "an embedded document is a table with fields");
                continue;
            };
            let mut options = Options::new(inner, key.span());
            let fills = options.text("fills", &mut self.reporter).map_or_else(|| name.clone(), |word| word.text);
            let entity = options.text("entity", &mut self.reporter).map_or_else(|| name.clone(), |word| word.text);
            match entity.parse() {
                Ok(entity) => self.entity = entity,
                Err(_) => {
                    self.reporter.error(key.span(), format!("\"{entity}\" is no entity; say entity = \"customer\""))
                }
            }
            self.base = options.text("at", &mut self.reporter).and_then(|word| self.path(&word));
            self.key(&mut options, false);
            self.body(&mut options);
            options.finish("an embedded document", &EMBED, &mut self.reporter);
            self.base = None;
            let program = std::mem::take(&mut self.program);
            let version = self.hasher.finalize().to_hex()[..16].to_owned();
            let mapping = Mapping::new(
                &format!("{file_name}#{name}"),
                self.entity.clone(),
                self.format,
                version,
                program,
                XmlOutline::default(),
                StreamNeeds::default(),
                Vec::new(),
            );
            embedded.push(Embedded { field: fills.into(), mapping: Arc::new(mapping) });
        }
        self.entity = outer;
        embedded
    }

    pub(crate) fn is_flat(&self) -> bool {
        self.format == Format::Csv
    }

    /// A place of a line: a column, or a path below the base of an embedded document.
    pub(crate) fn place(&mut self, word: &Word) -> Option<Place> {
        if self.is_flat() {
            if word.text.is_empty() {
                self.reporter.error(word.span.clone(), "a column without a name cannot be mapped; name it in the file");
                return None;
            }
            return Some(Place::Column(self.program.columns.intern(&word.text)));
        }
        let path = self.path(word)?;
        Some(Place::Path(match &self.base {
            Some(base) => path.below(base),
            None => path,
        }))
    }

    /// A path, without regard to the base of an embedded document.
    pub(crate) fn path(&mut self, word: &Word) -> Option<Path> {
        let syntax = match self.format {
            Format::Csv => {
                self.reporter.error(word.span.clone(), "a table has columns, no paths");
                return None;
            }
            Format::Xml => Syntax::Xml,
            Format::Json => Syntax::Json,
        };
        let mut scope = PathScope {
            syntax,
            namespaces: &self.namespaces,
            names: &mut self.program.names,
            variables: &mut self.variables,
        };
        let parsed = Path::parse(&word.text, &mut scope);
        self.variable_spans.resize(self.variables.len(), word.span.clone());
        match parsed {
            Ok(path) => Some(path),
            Err(PathError::Syntax(reason)) => {
                self.reporter.error(word.span.clone(), format!("\"{}\" is no path: {reason}", word.text));
                None
            }
            Err(PathError::Prefix(prefix)) => {
                let known: Vec<String> = self.namespaces.keys().cloned().collect();
                let message = format!("the prefix \"{prefix}\" stands for no namespace; add it below [namespaces]");
                self.reporter.unknown(word.span.clone(), message, &prefix, known.iter().map(String::as_str));
                None
            }
        }
    }

    pub(crate) fn need(&mut self, field: &Arc<str>, groups: Vec<Vec<usize>>) {
        let needed = groups.into_iter().filter(|slots| !slots.is_empty());
        self.program.needed.extend(needed.map(|slots| NeededColumns { field: Arc::clone(field), slots }));
    }

    fn repeats_rows(&self) -> bool {
        self.is_flat() && has_rows(&self.program.root)
    }

    fn key_columns(&self) -> Vec<String> {
        let columns = self.program.key.iter().filter_map(|key| match key.place {
            Place::Column(slot) => self.program.columns.names.get(slot),
            Place::Path(_) => None,
        });
        columns.map(|name| name.to_string()).collect()
    }
}

fn has_rows(object: &Object) -> bool {
    object.members.iter().any(|member| match &member.node {
        Node::Object(inner) => has_rows(inner),
        Node::List(list) => list.each.is_some(),
        Node::Leaf(_) => false,
    })
}

/// The findings that do not stop a mapping from being used.
pub(crate) fn warnings(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    findings.into_iter().filter(|finding| finding.severity == Severity::Warning).collect()
}
