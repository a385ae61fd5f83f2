//! Putting files away: nothing is ever overwritten, and a file that came meanwhile under the same name stays.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::checkpoint::{Finished, Stamp};

/// Moves a finished file into a folder as `NAME.FINGERPRINT`, where the fingerprint's first eight digits keep names apart.
///
/// A file that is gone, or is another one by now, is left alone: a repeated call does nothing.
pub(crate) fn put_away(folder: &Path, into: &Path, finished: &Finished) -> io::Result<()> {
    let source = folder.join(&finished.stamp.name);
    match fs::metadata(&source) {
        Ok(metadata) if Stamp::of(&finished.stamp.name, &metadata) == finished.stamp => {}
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    fs::create_dir_all(into)?;
    let target = free_name(into, finished);
    match fs::rename(&source, &target) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy_over(&source, &target)?,
        // A call that was abandoned but still runs has moved it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    bring_back_if_other(&source, &target, &finished.stamp)?;
    sync_folder(into)?;
    sync_folder(folder)
}

/// Where a file of this name and fingerprint may have been put away, in order; a name may belong to another one.
pub(crate) fn put_away_as(into: &Path, name: &str, fingerprint: &str) -> Vec<PathBuf> {
    let Some(short) = fingerprint.get(..8) else { return Vec::new() };
    let first = into.join(format!("{name}.{short}"));
    let mut paths = vec![first];
    let mut copies = 2;
    loop {
        let next = into.join(format!("{name}.{short}-{copies}"));
        if next.symlink_metadata().is_err() {
            return paths;
        }
        paths.push(next);
        copies += 1;
    }
}

fn free_name(into: &Path, finished: &Finished) -> PathBuf {
    let short = finished.fingerprint.get(..8).unwrap_or(&finished.fingerprint);
    // What is no file has no fingerprint.
    let dot = if short.is_empty() { "" } else { "." };
    let name = format!("{}{dot}{short}", finished.stamp.name);
    let mut target = into.join(&name);
    let mut copies = 1;
    // The same content under the same name again is a fact of its own: its file is kept as well.
    while target.symlink_metadata().is_ok() {
        copies += 1;
        target = into.join(format!("{name}-{copies}"));
    }
    target
}

/// Between the look and the move, another file may have taken the name. It was not read, so it goes back.
fn bring_back_if_other(source: &Path, target: &Path, stamp: &Stamp) -> io::Result<()> {
    if Stamp::of(&stamp.name, &fs::metadata(target)?) == *stamp || source.symlink_metadata().is_ok() {
        return Ok(());
    }
    fs::rename(target, source)
}

/// A move to another file system: the copy is whole and durable before the source goes.
fn copy_over(source: &Path, target: &Path) -> io::Result<()> {
    let mut unfinished = target.as_os_str().to_owned();
    unfinished.push(".part");
    let unfinished = PathBuf::from(unfinished);
    let modified = fs::metadata(source)?.modified()?;
    fs::copy(source, &unfinished)?;
    let copy = File::options().write(true).open(&unfinished)?;
    copy.set_modified(modified)?;
    copy.sync_all()?;
    fs::rename(&unfinished, target)?;
    if let Some(folder) = target.parent() {
        sync_folder(folder)?;
    }
    fs::remove_file(source)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
