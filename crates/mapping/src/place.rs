//! Places in a record: a column, or a path of a small and writable subset of XPath.
//!
//! The same grammar serves XML (steps parted by `/`) and JSON (members parted by `.`).

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

use canonical::record::Name;

use crate::program::NameTable;

/// A place in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A column, by its number in the program's table of columns.
    Column(usize),
    /// A path from the record, or from the item of the repeating group.
    Path(Path),
}

/// A path into an XML element or a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub text: Arc<str>,
    pub steps: Vec<Step>,
    /// The attribute at the end, by its number in the program's table of names.
    pub attribute: Option<usize>,
}

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The name; or one for each alternative of the record's own element.
    pub names: Vec<usize>,
    pub predicates: Vec<Predicate>,
    /// The position among the fitting ones, counted from 0.
    pub position: Option<usize>,
    /// The step leads somewhere only where a single one fits.
    pub alone: bool,
}

/// A demand on an element: the text at a relative path equals a value, or there is something at that path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Predicate {
    pub path: Path,
    pub value: Operand,
}

/// What a predicate compares with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    /// Any of these texts, of which the first is written. The empty text stands for nothing there.
    Literals(Vec<Box<str>>),
    /// Any text, or nothing; the first of these is written.
    Open(Vec<Box<str>>),
    /// A field of the document, by its number in the program's table of variables.
    Variable(usize),
    /// Anything: the element or attribute is there.
    Exists,
    /// The text does not equal what the operand says.
    Not(Box<Operand>),
}

impl Operand {
    fn is_met<'v>(&self, text: Option<&str>, variable: &impl Fn(usize) -> Option<&'v str>) -> bool {
        match self {
            Operand::Literals(values) => values.iter().any(|value| **value == *text.unwrap_or_default()),
            Operand::Open(_) => true,
            Operand::Variable(number) => {
                let wanted = variable(*number);
                wanted.is_some() && text == wanted
            }
            Operand::Exists => text.is_some(),
            Operand::Not(unwanted) => !unwanted.is_met(text, variable),
        }
    }

    /// The field of the document that it compares with.
    pub(crate) fn variable(&self) -> Option<usize> {
        match self {
            Operand::Variable(number) => Some(*number),
            Operand::Not(inner) => inner.variable(),
            Operand::Literals(_) | Operand::Open(_) | Operand::Exists => None,
        }
    }
}

impl Predicate {
    /// Whether the text at the predicate's path, trimmed, is what it demands; `None` where there is no such place.
    pub(crate) fn is_met<'v>(&self, text: Option<&str>, variable: impl Fn(usize) -> Option<&'v str>) -> bool {
        self.value.is_met(text, &variable)
    }

    /// Whether a text that meets it is its condition alone, and no content: one that it names.
    pub(crate) fn names(&self, text: &str) -> bool {
        match &self.value {
            Operand::Open(values) => values.iter().any(|value| **value == *text),
            Operand::Not(_) => false,
            Operand::Literals(_) | Operand::Variable(_) | Operand::Exists => true,
        }
    }

    /// The text that makes a new element meet it; `None` where nothing is to be written.
    pub(crate) fn made_with<'p>(&'p self, variable: impl Fn(usize) -> Option<&'p str>) -> Option<&'p str> {
        match &self.value {
            Operand::Literals(values) | Operand::Open(values) => {
                values.first().map(|value| &**value).filter(|value| !value.is_empty())
            }
            Operand::Variable(number) => variable(*number),
            Operand::Exists | Operand::Not(_) => None,
        }
    }
}

/// Which language a path is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    Xml,
    Json,
}

/// What a path is parsed against.
pub(crate) struct PathScope<'s> {
    pub syntax: Syntax,
    /// Namespace URIs by prefix; the empty prefix stands for names without one.
    pub namespaces: &'s BTreeMap<String, Vec<Arc<str>>>,
    pub names: &'s mut NameTable,
    /// The document's fields that predicates speak of, in the order in which they were met.
    pub variables: &'s mut Vec<Box<str>>,
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathError {
    /// The grammar is broken.
    Syntax(&'static str),
    /// A prefix is not declared.
    Prefix(String),
}

impl Path {
    /// Parses a path. The leading `/` of an XML path is optional: paths start at the record.
    pub(crate) fn parse(text: &str, scope: &mut PathScope<'_>) -> Result<Self, PathError> {
        let text = text.trim();
        let relative = match scope.syntax {
            Syntax::Xml => text.strip_prefix('/').unwrap_or(text),
            Syntax::Json => text,
        };
        if relative.is_empty() {
            return Err(PathError::Syntax("the path is empty; \".\" stands for the record itself"));
        }
        let mut parser = Parser { rest: relative.chars().peekable(), scope };
        let path = parser.path(text)?;
        match parser.rest.next() {
            None => Ok(path),
            Some(_) => Err(PathError::Syntax("something follows the end of the path")),
        }
    }

    /// Whether a condition on the way compares with one of these fields of the document, given by their numbers.
    pub(crate) fn compares_with(&self, variables: &[usize]) -> bool {
        let compares =
            |predicate: &Predicate| predicate.value.variable().is_some_and(|variable| variables.contains(&variable));
        self.steps.iter().any(|step| step.predicates.iter().any(compares))
    }

    /// Whether a condition on the way compares with a field of the document.
    pub(crate) fn has_variables(&self) -> bool {
        self.steps.iter().any(|step| step.predicates.iter().any(|predicate| predicate.value.variable().is_some()))
    }

    /// Whether every field that a condition on the way asks for has a value, so that the path can be written.
    pub(crate) fn can_be_made(&self, variables: &[Option<String>]) -> bool {
        let has_value = |predicate: &Predicate| match &predicate.value {
            Operand::Variable(number) => variables.get(*number).is_some_and(Option::is_some),
            _ => true,
        };
        self.steps.iter().all(|step| step.predicates.iter().all(has_value))
    }

    /// This path below another one.
    pub(crate) fn below(&self, base: &Path) -> Path {
        let text = format!("{}/{}", base.text, self.text).into();
        let steps = base.steps.iter().chain(&self.steps).cloned().collect();
        Path { text, steps, attribute: self.attribute }
    }
}

/// Larger positions are mistakes: writing one makes everything before it.
const POSITION_MAX: usize = 1000;

struct Parser<'p, 's, 'n> {
    rest: Peekable<Chars<'p>>,
    scope: &'n mut PathScope<'s>,
}

impl Parser<'_, '_, '_> {
    fn separator(&self) -> char {
        match self.scope.syntax {
            Syntax::Xml => '/',
            Syntax::Json => '.',
        }
    }

    fn path(&mut self, text: &str) -> Result<Path, PathError> {
        let mut path = Path { text: text.into(), steps: Vec::new(), attribute: None };
        if text == "." {
            self.rest.next();
            return Ok(path);
        }
        loop {
            if self.scope.syntax == Syntax::Xml && self.rest.next_if_eq(&'@').is_some() {
                path.attribute = Some(self.name(true)?);
                return Ok(path);
            }
            let step = self.step()?;
            path.steps.push(step);
            let separator = self.separator();
            if self.rest.next_if_eq(&separator).is_none() {
                return Ok(path);
            }
        }
    }

    fn step(&mut self) -> Result<Step, PathError> {
        let mut step = Step { names: Vec::new(), predicates: Vec::new(), position: None, alone: false };
        if self.scope.syntax == Syntax::Xml && self.rest.next_if_eq(&'(').is_some() {
            loop {
                step.names.push(self.name(false)?);
                match self.rest.next() {
                    Some('|') => {}
                    Some(')') => break,
                    _ => return Err(PathError::Syntax("alternatives are written (a|b)")),
                }
            }
        } else {
            step.names.push(self.name(false)?);
        }
        while self.rest.next_if_eq(&'[').is_some() {
            self.bracket(&mut step)?;
        }
        Ok(step)
    }

    fn bracket(&mut self, step: &mut Step) -> Result<(), PathError> {
        if self.rest.peek().is_some_and(char::is_ascii_digit) {
            let digits = self.take_while(|character| character.is_ascii_digit());
            let position: usize = digits.parse().unwrap_or(0);
            if !(1..=POSITION_MAX).contains(&position) {
                return Err(PathError::Syntax("positions are counted from 1 to 1000"));
            }
            step.position = Some(position - 1);
        } else {
            self.condition(step)?;
        }
        match self.rest.next() {
            Some(']') => Ok(()),
            _ => Err(PathError::Syntax("a ] is missing")),
        }
    }

    fn condition(&mut self, step: &mut Step) -> Result<(), PathError> {
        let inside = self.take_while(|character| !matches!(character, '=' | '!' | ']' | '['));
        let negates = self.rest.next_if_eq(&'!').is_some();
        let compares = self.rest.next_if_eq(&'=').is_some();
        if negates && !compares {
            return Err(PathError::Syntax("a condition that excludes is written [child!='value']"));
        }
        if inside == "last()" && compares {
            step.alone = true;
            let only = self.rest.next_if_eq(&'1');
            return only
                .map(|_| ())
                .ok_or(PathError::Syntax("last() compares with 1 only: [last()=1], where there is one"));
        }
        if !compares && self.rest.peek() != Some(&']') {
            return Err(PathError::Syntax(
                "a condition is written [child='value'], [child!='value'], [@attribute='value'], [child], [2] or [last()=1]",
            ));
        }
        let path = Path::parse(&inside, self.scope)?;
        let value = match (compares, negates) {
            (true, true) => Operand::Not(Box::new(self.operand()?)),
            (true, false) => self.operand()?,
            (false, _) => Operand::Exists,
        };
        step.predicates.push(Predicate { path, value });
        Ok(())
    }

    fn operand(&mut self) -> Result<Operand, PathError> {
        match self.rest.next() {
            Some(quote @ ('\'' | '"')) => {
                let mut values = vec![self.quoted(quote)?];
                while self.rest.next_if_eq(&'|').is_some() {
                    if self.rest.next_if_eq(&'*').is_some() {
                        return Ok(Operand::Open(values));
                    }
                    let quote = self.rest.next_if(|character| matches!(character, '\'' | '"'));
                    let quote =
                        quote.ok_or(PathError::Syntax("alternatives are written 'a'|'b', or 'a'|* for any text"))?;
                    values.push(self.quoted(quote)?);
                }
                Ok(Operand::Literals(values))
            }
            Some('$') => {
                let field = self.take_while(|character| character != ']');
                let known = self.scope.variables.iter().position(|known| **known == *field);
                Ok(Operand::Variable(known.unwrap_or_else(|| {
                    self.scope.variables.push(field.into());
                    self.scope.variables.len() - 1
                })))
            }
            _ => Err(PathError::Syntax("a condition compares with 'text' or with $field")),
        }
    }

    /// The rest of a quoted text.
    fn quoted(&mut self, quote: char) -> Result<Box<str>, PathError> {
        let value = self.take_while(|character| character != quote);
        self.rest.next().map(|_| value.into()).ok_or(PathError::Syntax("a quote is not closed"))
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(character) = self.rest.next_if(|character| wanted(*character)) {
            taken.push(character);
        }
        taken
    }

    fn name(&mut self, attribute: bool) -> Result<usize, PathError> {
        match self.scope.syntax {
            Syntax::Json => self.member(),
            Syntax::Xml => self.qualified(attribute),
        }
    }

    /// A JSON member; quotes keep a point or bracket inside its name.
    fn member(&mut self) -> Result<usize, PathError> {
        let name = match self.rest.next_if(|character| *character == '\'') {
            Some(_) => {
                let name = self.take_while(|character| character != '\'');
                self.rest.next().ok_or(PathError::Syntax("a quote is not closed"))?;
                name
            }
            None => self.take_while(|character| !matches!(character, '.' | '[' | ']' | '=')),
        };
        if name.is_empty() {
            return Err(PathError::Syntax("a member's name is missing between two points"));
        }
        Ok(self.scope.names.intern(vec![Name::new("", &name)]))
    }

    fn qualified(&mut self, attribute: bool) -> Result<usize, PathError> {
        let is_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
        let first = self.take_while(is_name);
        if first.is_empty() {
            return Err(PathError::Syntax("a name is missing; only names, conditions and @attributes can be written"));
        }
        let (prefix, local) = match self.rest.next_if_eq(&':') {
            Some(_) => (first, self.take_while(is_name)),
            None => (String::new(), first),
        };
        // An attribute without prefix is in no namespace, whatever the default is.
        let uris: Vec<Arc<str>> = match (prefix.is_empty(), attribute, self.scope.namespaces.get(&prefix)) {
            (true, true, _) | (true, false, None) => vec!["".into()],
            (_, _, Some(uris)) => uris.clone(),
            (_, _, None) => return Err(PathError::Prefix(prefix)),
        };
        let local: Arc<str> = local.into();
        let names = uris.into_iter().map(|namespace| Name { namespace, local: Arc::clone(&local) }).collect();
        Ok(self.scope.names.intern(names))
    }
}
