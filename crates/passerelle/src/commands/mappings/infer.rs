//! `passerelle mapping infer`: a commented draft of a mapping from a sample file.

mod draft;
mod guess;
mod nature;
mod sample;
mod vocabulary;

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use self::draft::Draft;
use self::guess::Column;
use self::nature::Nature;
use self::sample::{Sample, Told};
use self::vocabulary::{CUSTOMER, Entry, INVOICE, PAYMENT};
use crate::cli::{InferredEntity, MappingInfer};
use crate::configuration::{Packs, Severity, SourceText};
use crate::failure::{Exit, Failure};
use crate::output;

/// So much of a sample is looked at.
const SAMPLE_BYTES_MAX: u64 = 8 << 20;

/// Drafts a mapping, and prints it.
///
/// # Errors
/// A file that cannot be read, or is no delimited text.
pub fn infer(arguments: &MappingInfer) -> Result<Exit, Failure> {
    let mut bytes = Vec::new();
    let unreadable = |error: std::io::Error| Failure::file("cannot be read", &arguments.file, &error);
    let file = File::open(&arguments.file).map_err(unreadable)?;
    file.take(SAMPLE_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    let told = Told { encoding: arguments.encoding.clone(), delimiter: arguments.delimiter, header: arguments.header };
    let name = arguments.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let text = drafted(&name, &bytes, &told, arguments.entity)
        .map_err(|reason| Failure::usage("cli.file", format!("{}: {reason}", arguments.file.display())))?;
    ensure_compiles(&text)?;
    output::raw(text.as_bytes());
    Ok(Exit::Done)
}

/// The text of a draft.
///
/// # Errors
/// What the file is instead of delimited text.
fn drafted(file: &str, bytes: &[u8], told: &Told, entity: InferredEntity) -> Result<String, String> {
    let (entity, entries): (&str, &[Entry]) = match entity {
        InferredEntity::Customer => ("customer", CUSTOMER),
        InferredEntity::Invoice => ("invoice", INVOICE),
        InferredEntity::Payment => ("payment", PAYMENT),
    };
    let sample = Sample::of(bytes, told)?;
    let columns: Vec<Column> = (0..sample.columns.len()).map(|number| column(&sample, number)).collect();
    let guesses = guess::guesses(&columns, entries);
    let draft = Draft { file, entity, sample: &sample, columns: &columns, guesses: &guesses };
    Ok(draft.text())
}

fn column(sample: &Sample, number: usize) -> Column {
    let different: HashSet<&str> = sample.values(number).collect();
    let count = sample.values(number).count();
    Column {
        name: sample.columns[number].clone(),
        nature: Nature::of(sample.values(number)),
        is_unique: count == sample.rows.len() && different.len() == count,
        filled: (count * 100).checked_div(sample.rows.len()).unwrap_or(0),
    }
}

/// A draft that does not compile is a mistake of this program.
fn ensure_compiles(text: &str) -> Result<(), Failure> {
    let packs = Packs::load(None::<&Path>, &mut Vec::new());
    let source = Arc::new(SourceText { name: "draft".to_owned(), text: text.to_owned() });
    let compiled = packs.compile_source("", "draft", &source);
    let errors: Vec<String> = compiled
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(crate::configuration::Finding::render)
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Failure::bug(format!("the draft is wrong: {}", errors.join("\n")))) }
}

#[cfg(test)]
mod tests;
