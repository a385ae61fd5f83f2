//! From the configuration of a file connector to its open ports.

use std::collections::BTreeMap;
use std::path::Path;

use canonical::entity::Entity;
use connector::{Batching, Fault, OpenContext, Ports, Source, StreamContext, Target};

use crate::{EntityFiles, FileSource, FileTarget, Format, PickUp, PickUpSettings, Publisher, PublisherSettings};

/// The pick-up fields of a stream; [`pick_up_settings!`](crate::pick_up_settings) writes it.
pub trait PickUpFields {
    /// The fields that all file connectors share.
    fn pick_up(&self) -> PickUpSettings;
}

/// The configuration of a stream of files, as a connector knows it.
pub trait StreamSettings: PickUpFields {
    /// What reads the files.
    type Format: Format;
    /// Which names are taken when the configuration does not say; compressed files are added.
    const FILES: &'static [&'static str];

    /// How the second file of each drop is called, where the stream joins one.
    fn companion(&self) -> Option<&str> {
        None
    }

    /// The format of the files; `told` is what the mapping says about the stream.
    ///
    /// # Errors
    /// [`Fault::Halt`] names the field that cannot work.
    fn format(self, pick_up: &PickUp, told: &StreamContext) -> Result<Self::Format, Fault>;
}

/// The publisher fields of a target; [`publisher_settings!`](crate::publisher_settings) writes it.
pub trait PublisherFields {
    /// The fields that all file targets share.
    fn publisher(&self) -> PublisherSettings;
}

/// The configuration of the files of one entity, as a connector knows it.
pub trait TargetSettings: PublisherFields {
    /// The files, which appear through this publisher.
    ///
    /// # Errors
    /// [`Fault::Halt`] names the field that cannot work.
    fn files(self, publisher: Publisher) -> Result<EntityFiles, Fault>;
}

/// Opens the folders of a file connector: its streams by name, and its targets by entity.
///
/// # Errors
/// As [`Connector::open`](connector::Connector::open); the reason begins with the table of the configuration.
pub fn open_ports<S: StreamSettings, T: TargetSettings>(
    streams: BTreeMap<String, S>,
    targets: BTreeMap<String, T>,
    batching: Batching,
    context: &OpenContext,
) -> Result<Ports, Fault> {
    let mut sources: BTreeMap<String, Box<dyn Source>> = BTreeMap::new();
    for (name, stream) in streams {
        let source = open_stream(stream, &context.stream(&name), &context.directory);
        let source = source.map_err(|fault| at(&format!("streams.{name}"), fault))?;
        sources.insert(name, Box::new(source));
    }
    let mut entities = BTreeMap::new();
    for (name, target) in targets {
        let (entity, files) =
            open_target(&name, target, &context.directory).map_err(|fault| at(&format!("targets.{name}"), fault))?;
        entities.insert(entity, files);
    }
    let target = (!entities.is_empty()).then(|| Box::new(FileTarget::new(entities)) as Box<dyn Target>);
    Ok(Ports { sources, target, batching })
}

fn open_stream<S: StreamSettings>(
    stream: S,
    told: &StreamContext,
    directory: &Path,
) -> Result<FileSource<S::Format>, Fault> {
    let mut pick_up = PickUp::new(stream.pick_up(), directory, S::FILES)?;
    if let Some(second) = stream.companion() {
        pick_up = pick_up.with_companion(second)?;
    }
    let format = stream.format(&pick_up, told)?;
    Ok(FileSource::new(pick_up, format))
}

fn open_target<T: TargetSettings>(name: &str, target: T, directory: &Path) -> Result<(Entity, EntityFiles), Fault> {
    let publisher = Publisher::open(target.publisher(), directory)?;
    let files = target.files(publisher)?;
    let entity = name.parse().map_err(|error| Fault::halt(format!("{error}")))?;
    Ok((entity, files))
}

/// Says in which table of the configuration a fault is.
fn at(table: &str, fault: Fault) -> Fault {
    match fault {
        Fault::Halt { reason } => Fault::Halt { reason: format!("{table}: {reason}") },
        Fault::Retry { reason, after } => Fault::Retry { reason: format!("{table}: {reason}"), after },
    }
}
