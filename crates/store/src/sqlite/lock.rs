//! One hub per directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::StoreError;

const LOCK_FILE: &str = "passerelle.lock";

/// The lock that a running hub holds on the directory of its store. It is free when this value is dropped, and the
/// system frees it when the process ends, however it ends; the file itself stays.
pub(super) struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// Takes the lock of the directory that a store's file lies in.
    pub fn take(store: &Path) -> Result<DirectoryLock, StoreError> {
        let path = lock_path(store);
        let storage = |error: std::io::Error| StoreError::Storage {
            place: path.display().to_string(),
            reason: error.to_string(),
        };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(storage)?;
        // Somebody who only asks whether a hub runs holds the lock for a moment; a hub holds it for long.
        let mut tries_left = 5;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(storage(error)),
                Err(TryLockError::WouldBlock) if tries_left > 0 => {
                    tries_left -= 1;
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::InUse {
                        place: directory(store).display().to_string(),
                        holder: holder(&mut file),
                    });
                }
            }
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(storage)?;
        writeln!(file, "{}", std::process::id()).map_err(storage)?;
        Ok(DirectoryLock { file })
    }

    /// Whether a hub holds the lock.
    pub fn is_taken(store: &Path) -> bool {
        let Ok(file) = File::open(lock_path(store)) else { return false };
        match file.try_lock_shared() {
            Ok(()) => {
                release(&file);
                false
            }
            Err(error) => matches!(error, TryLockError::WouldBlock),
        }
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        release(&self.file);
    }
}

/// Frees a lock at once.
///
/// Closing the file is not enough: a child that another thread starts at this moment has a copy of it until it runs its
/// own program, and the lock would last as long as the last copy.
fn release(file: &File) {
    // When this fails, the lock goes with the last copy.
    let _ = file.unlock();
}

fn directory(store: &Path) -> &Path {
    match store.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn lock_path(store: &Path) -> PathBuf {
    directory(store).join(LOCK_FILE)
}

/// Who holds the lock, with a leading space, where the file tells.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(32).read_to_string(&mut text));
    match text.trim().parse::<u32>() {
        Ok(process) if read.is_ok() => format!(" (process {process})"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_file_in_a_child_keeps_no_lock() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("store.db");
        let lock = DirectoryLock::take(&store).unwrap();
        // What a child has of every file between its beginning and its program.
        let copy = lock.file.try_clone().unwrap();
        assert!(DirectoryLock::is_taken(&store));
        drop(lock);
        assert!(!DirectoryLock::is_taken(&store), "a copy holds a lock that was given back");
        drop(DirectoryLock::take(&store).unwrap());
        drop(copy);
    }
}
