//! `passerelle mapping copy`: a shipped pack as files of the user's own.

use std::fs;

use crate::cli::MappingCopy;
use crate::configuration::{PACKS_FOLDER, Packs, nearest};
use crate::failure::{Exit, Failure};
use crate::output::{self, counted};

/// Copies a shipped pack; from then on the copy goes before it.
///
/// # Errors
/// An unknown pack, a pack of that name in the user's directory already, or files that cannot be written.
pub fn copy(arguments: &MappingCopy) -> Result<Exit, Failure> {
    let MappingCopy { pack, place } = arguments;
    let Some(files) = Packs::shipped(pack) else {
        let hint = match nearest(pack, Packs::shipped_names()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "`passerelle mapping list` shows what there is".to_owned(),
        };
        return Err(Failure::usage("config.unknown-mapping", format!("no pack \"{pack}\" is shipped; {hint}")));
    };
    let folder = place.dir.join(PACKS_FOLDER);
    let target = folder.join(pack);
    if target.exists() {
        let message = format!("{}: it is there already; nothing was changed", target.display());
        return Err(Failure::usage("cli.file", message));
    }
    for (path, content) in &files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(&folder);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, content));
        written.map_err(|error| Failure::file("cannot be written", &path, &error))?;
    }
    output::line(format!(
        "{} in {}; they go before the shipped pack",
        counted(files.len() as u64, "file"),
        target.display()
    ));
    if files.iter().any(|(path, _)| path.ends_with("system.example.toml")) {
        output::line(format!(
            "{} is a system to begin with: copy it to {}",
            target.join("system.example.toml").display(),
            place.dir.join(format!("systems/{pack}.toml")).display()
        ));
    }
    Ok(Exit::Done)
}
