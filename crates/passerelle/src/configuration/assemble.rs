//! From the files of a system to what the hub is told about it.

use std::sync::Arc;

use canonical::entity::Entity;
use hub::{Filter, Schedule, Stream, Subscription, System};
use mapping::{Format, Mapping};

use super::finding::{Code, Finding, Severity};
use super::load::SystemSource;
use super::packs::Packs;
use super::settings::{Export, Findings, StreamSettings};
use super::source::Part;

/// The system as the hub takes it; `None` when something in it is wrong, which is then reported.
pub(super) fn system(source: &SystemSource, packs: &Packs, findings: &mut Vec<Finding>) -> Option<System> {
    let file = source.file.as_ref()?;
    let assembler = Assembler { source, packs };
    let before = errors(findings);
    let streams = file
        .streams
        .iter()
        .filter_map(|(name, settings)| {
            Some((Arc::from(name.as_str()), Arc::new(assembler.stream(name, settings, findings)?)))
        })
        .collect();
    let mut subscriptions = std::collections::BTreeMap::new();
    for (name, settings) in &file.subscriptions {
        let Ok(entity) = name.parse::<Entity>() else { continue };
        let path = ["subscriptions", name, "mapping"];
        let Some(mapping) = assembler.mapping(&path, &settings.mapping, Some(&entity), findings) else { continue };
        let filter = Filter::new(settings.filter.clone());
        subscriptions.insert(entity, Subscription { mapping, filter, surplus: settings.surplus });
    }
    let connector = source.connector.clone()?;
    (errors(findings) == before).then(|| System {
        name: source.name.as_str().into(),
        tenant: file.tenant.as_str().into(),
        kind: source.kind.clone(),
        connector,
        streams,
        subscriptions,
    })
}

fn errors(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| finding.severity == Severity::Error).count()
}

struct Assembler<'a> {
    source: &'a SystemSource,
    packs: &'a Packs,
}

impl Assembler<'_> {
    fn stream(&self, name: &str, settings: &StreamSettings, findings: &mut Vec<Finding>) -> Option<Stream> {
        let mapping = self.mapping(&["streams", name, "mapping"], &settings.mapping, None, findings);
        let schedule = self.schedule(name, settings, findings);
        Some(Stream {
            mapping: mapping?,
            export: match settings.export {
                Export::Full => store::Export::Full,
                Export::Delta => store::Export::Delta,
            },
            schedule: schedule?,
            missing: settings.missing,
            removals_percent_max: settings.removals_percent_max,
            refuse_fatal: settings.findings == Findings::Refuse,
        })
    }

    /// A mapping by name, if it can be used for records of this connector; with an entity, if documents of it can be
    /// written by it.
    fn mapping(
        &self,
        path: &[&str],
        name: &str,
        entity: Option<&Entity>,
        findings: &mut Vec<Finding>,
    ) -> Option<Arc<Mapping>> {
        let place = self.source.place(path, Part::Value);
        let Some(compiled) = self.packs.compile(name) else {
            let message = format!(
                "there is no mapping \"{name}\"; it would be mappings/{name}.toml, or one of the shipped ones \
                 (passerelle mapping list)"
            );
            findings.push(Finding::error(Code::UnknownMapping, place, message).suggesting(name, self.packs.names()));
            return None;
        };
        for finding in compiled.findings {
            let is_known = findings.contains(&finding);
            // What deserves a look in a shipped mapping is not the user's business.
            if !is_known && finding.severity == Severity::Error {
                findings.push(finding);
            }
        }
        let mapping = compiled.mapping?;
        if let Some(entity) = entity.filter(|entity| *entity != mapping.entity()) {
            let message = format!("\"{name}\" is a mapping for \"{}\", not for \"{entity}\"", mapping.entity());
            findings.push(Finding::error(Code::UnfitMapping, place, message));
            return None;
        }
        if entity.is_some() && mapping.only_reads() {
            let message = format!("\"{name}\" only reads; what is subscribed needs a mapping whose lines write");
            findings.push(Finding::error(Code::UnfitMapping, place, message));
            return None;
        }
        match format_of(&self.source.kind) {
            Some(format) if format != mapping.format() => {
                let (kind, wrong) = (&self.source.kind, mapping.format());
                let message =
                    format!("{kind} works on {format} records, and \"{name}\" is a mapping for {wrong} records");
                findings.push(Finding::error(Code::UnfitMapping, place, message));
                None
            }
            _ => Some(mapping),
        }
    }

    fn schedule(&self, name: &str, settings: &StreamSettings, findings: &mut Vec<Finding>) -> Option<Schedule> {
        let mut wrong = |field: &str, message: String| {
            let place = self.source.place(&["streams", name, field], Part::Value);
            findings.push(Finding::error(Code::Schedule, place, message));
            None
        };
        match (&settings.every, &settings.cron, &settings.zone) {
            (Some(_), Some(_), _) => {
                wrong("cron", "a stream is read by every or by cron; remove one of them".to_owned())
            }
            (_, None, Some(_)) => {
                wrong("zone", "a time zone goes with cron; remove it, or add cron = \"…\"".to_owned())
            }
            (Some(every), None, None) if every.0.is_zero() => {
                wrong("every", "a stream cannot be read every 0 seconds; use at least 1ms".to_owned())
            }
            (Some(every), None, None) => Some(Schedule::Every(every.0)),
            (None, Some(cron), zone) => match Schedule::cron(cron, zone.as_deref().unwrap_or("UTC")) {
                Ok(schedule) => Some(schedule),
                Err(error @ hub::ScheduleError::Cron { .. }) => wrong("cron", error.to_string()),
                Err(error @ hub::ScheduleError::Zone(_)) => wrong("zone", error.to_string()),
            },
            (None, None, None) => Some(Schedule::Manual),
        }
    }
}

/// The shape of a connector's records, where it has only one.
pub fn format_of(kind: &str) -> Option<Format> {
    match kind {
        "csv-drop" | "layout-drop" => Some(Format::Csv),
        "xml-export" => Some(Format::Xml),
        "rest-api" | "json-drop" => Some(Format::Json),
        _ => None,
    }
}
