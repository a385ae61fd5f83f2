//! `passerelle ingest`: one file, put where its stream picks it up, and read at once.

use std::path::Path;

use store::StoreError;

use super::collect::{Request, ending, known_stream, quiet_log};
use super::rejected;
use crate::cli::Ingest;
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::output;
use crate::pick_up::PickUp;
use crate::place::StorePlace;
use crate::session::{self, everything};

/// Imports one file.
///
/// # Errors
/// An unknown system or stream, a file that cannot be read or is not taken, or why the stream cannot be read.
pub async fn ingest(arguments: &Ingest) -> Result<Exit, Failure> {
    let configuration = session::configuration(&arguments.place.dir)?;
    crate::log::install(&quiet_log());
    let stream = stream_of(&configuration, arguments)?;
    let pick_up = pick_up(&configuration, &arguments.system, &stream)?;
    let place = configuration.store_place()?;
    require_own_version(&place).await?;
    let placed = pick_up.place(&arguments.file)?;
    let request = Request {
        system: arguments.system.clone(),
        stream: Some(stream),
        again: arguments.again,
        limits: arguments.waiting,
    };
    let result = request.carry_out(configuration).await;
    let waits_for = pick_up.waits_for(&placed.name).filter(|_| placed.is_still_there());
    if placed.is_still_there() && waits_for.is_none() && result.is_ok() {
        placed.take_back();
        return Err(not_taken(&arguments.file, &pick_up));
    }
    let run = result?;
    run.accounting.print(arguments.json);
    if let Some(partners) = waits_for {
        let (folder, partners) = (pick_up.folder.display(), partners.join(" or "));
        output::note(format!(
            "{} was put into {folder} and nothing of it is read yet: it waits for {partners}, which makes one drop with it; \
             ingest that file, too",
            placed.name
        ));
    }
    if !arguments.json {
        tell_rejects(&place, &arguments.system, &pick_up.drop_names(&placed.name)).await?;
    }
    session::tell_unreachable(&run.unreachable);
    Ok(ending(&run.accounting))
}

fn stream_of(configuration: &Configuration, arguments: &Ingest) -> Result<String, Failure> {
    known_stream(configuration, &arguments.system, arguments.stream.as_deref())?;
    if let Some(stream) = &arguments.stream {
        return Ok(stream.clone());
    }
    let system = configuration.systems.get(arguments.system.as_str());
    let names: Vec<String> =
        system.into_iter().flat_map(|system| system.streams.keys()).map(ToString::to_string).collect();
    match &names[..] {
        [only] => Ok(only.clone()),
        _ => {
            let message =
                format!("{} has several streams; say --stream, one of {}", arguments.system, names.join(", "));
            Err(Failure::usage("cli.unknown", message))
        }
    }
}

fn pick_up(configuration: &Configuration, system: &str, stream: &str) -> Result<PickUp, Failure> {
    let found = configuration.systems.get(system).and_then(|found| PickUp::of(&configuration.directory, found, stream));
    found.ok_or_else(|| {
        let message = format!("{system}/{stream} does not read files; use `passerelle collect {system} {stream}`");
        Failure::usage("ingest.no-folder", message)
    })
}

fn not_taken(file: &Path, pick_up: &PickUp) -> Failure {
    let patterns =
        pick_up.files.as_ref().map_or_else(|| "the usual ones of the connector".to_owned(), ToString::to_string);
    let message = format!(
        "{}: the stream did not take this file; its name must match `files` of the stream ({patterns}), and nothing may \
         stand before it in {}",
        file.display(),
        pick_up.folder.display(),
    );
    Failure::usage("ingest.not-taken", message)
}

/// The rejects of the file's drop, each in a line.
async fn tell_rejects(place: &StorePlace, system: &str, names: &[String]) -> Result<(), Failure> {
    let store = place.open_beside().await?;
    let filter = store::Filter { system: Some(system.to_owned()), ..everything() };
    let drops = store.drops(&filter).await?;
    let Some(drop) = drops.iter().find(|drop| names.contains(&drop.name)) else { return Ok(()) };
    if let Some(first) = drop.duplicate_of {
        output::note(format!("{} repeats drop {first}; --again reads it all the same", drop.name));
    }
    let rejects = store.rejects(&filter).await?;
    let of_drop: Vec<_> = rejects.iter().filter(|reject| reject.drop == drop.number).rev().collect();
    rejected::tell(&of_drop, |_| String::new());
    Ok(())
}

/// Nothing is put into the folder for a hub that cannot be started.
async fn require_own_version(place: &StorePlace) -> Result<(), Failure> {
    match place.open_beside().await {
        Err(error @ StoreError::Newer { .. }) => Err(error.into()),
        // A store that is not there yet is made, and an older one is upgraded, by the hub.
        _ => Ok(()),
    }
}
