//! `passerelle mapping`: what mappings there are, and whether they are sound.

mod copy;
mod examples;
mod infer;
mod show;
mod test;

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::cli::{MappingAction, MappingCheck, MappingList};
use crate::configuration::{Finding, PackFiles, Packs, Severity, SourceText, nearest};
use crate::failure::{Exit, Failure};
use crate::output::{self, Table, counted};

/// Lists, shows, checks, tests or drafts mappings.
///
/// # Errors
/// An unknown mapping, or a file that cannot be read.
pub async fn mapping(action: &MappingAction) -> Result<Exit, Failure> {
    match action {
        MappingAction::List(arguments) => list(arguments),
        MappingAction::Show(arguments) => show::show(arguments).await,
        MappingAction::Copy(arguments) => copy::copy(arguments),
        MappingAction::Check(arguments) => check(arguments),
        MappingAction::Test(arguments) => test::test(arguments).await,
        MappingAction::Infer(arguments) => infer::infer(arguments),
    }
}

/// The packs that can be used from a place, which need not be a user's directory.
pub fn packs(directory: &Path) -> Packs {
    let mut findings = Vec::new();
    let packs = Packs::load(Some(directory), &mut findings);
    findings.iter().for_each(|finding| output::note(finding.render()));
    packs
}

/// Compiles a mapping; everything that is wrong with it is printed.
///
/// # Errors
/// An unknown mapping, or one that is wrong.
pub fn compile(packs: &Packs, name: &str) -> Result<Arc<mapping::Mapping>, Failure> {
    let Some(compiled) = packs.compile(name) else {
        let hint = match nearest(name, packs.names()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "`passerelle mapping list` shows what there is".to_owned(),
        };
        return Err(Failure::usage("config.unknown-mapping", format!("there is no mapping \"{name}\"; {hint}")));
    };
    let errors = compiled.findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.for_each(|finding| output::note(finding.render()));
    compiled.mapping.ok_or_else(Failure::told)
}

/// The layout of the files that a mapping is for, where its pack has one.
///
/// # Errors
/// A layout that is no TOML.
pub fn layout(packs: &Packs, name: &str) -> Result<Option<serde_json::Value>, Failure> {
    let pack = name.split_once('/').map_or(name, |(pack, _)| pack);
    packs.layout(pack).transpose().map_err(|finding| {
        output::note(finding.render());
        Failure::told()
    })
}

/// What the pack of a mapping says about its files; nothing, where it has no `files.toml`.
///
/// # Errors
/// A `files.toml` that cannot be understood.
pub fn files(packs: &Packs, name: &str) -> Result<PackFiles, Failure> {
    let pack = name.split_once('/').map_or(name, |(pack, _)| pack);
    packs.files(pack).unwrap_or_else(|| Ok(PackFiles::default())).map_err(|finding| {
        output::note(finding.render());
        Failure::told()
    })
}

fn list(arguments: &MappingList) -> Result<Exit, Failure> {
    let packs = packs(&arguments.place.dir);
    let own: Vec<&str> = packs.own_names().collect();
    let mut values = Vec::new();
    let mut table = Table::new(&["mapping", "entity", "format", "from"]);
    for name in packs.names() {
        let mapping = packs.compile(name).and_then(|compiled| compiled.mapping);
        let described = mapping.as_ref().map(|mapping| (mapping.entity().to_string(), mapping.format().to_string()));
        let (entity, format) = described.unwrap_or_else(|| ("cannot be used".to_owned(), String::new()));
        let from = if own.contains(&name) { "own" } else { "shipped" };
        values.push(json!({ "mapping": name, "entity": entity, "format": format, "from": from }));
        table.row([name.to_owned(), entity, format, from.to_owned()]);
    }
    if arguments.json {
        output::json(&values)
    } else {
        table.print("no mappings")
    }
    Ok(Exit::Done)
}

fn check(arguments: &MappingCheck) -> Result<Exit, Failure> {
    let packs = packs(&arguments.place.dir);
    let mut findings = Vec::new();
    for file in &arguments.files {
        let text = std::fs::read_to_string(file).map_err(|error| Failure::file("cannot be read", file, &error))?;
        let pack = file.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
        let name = file.display().to_string();
        let source = Arc::new(SourceText { name: name.clone(), text });
        findings.extend(packs.compile_source(pack, &name, &source).findings);
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if arguments.json {
        output::json(&findings.iter().map(Finding::to_json).collect::<Vec<_>>());
    } else {
        findings.iter().for_each(|finding| output::note(finding.render()));
        let counts = [(arguments.files.len(), "file"), (errors, "error"), (findings.len() - errors, "warning")];
        output::line(counts.map(|(count, thing)| counted(count, thing)).join(", "));
    }
    Ok(if errors > 0 { Exit::Usage } else { Exit::Done })
}
