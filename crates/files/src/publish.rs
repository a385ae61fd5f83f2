//! Files that appear whole and exactly once, even if a consumer takes them away at once.
//!
//! The protocol, for one file with the name `ID` in the folder `.passerelle` beside where it will appear:
//!
//! 1. `ID.members` lists what the file carries; `ID.part` is written; both are made durable.
//! 2. `ID.part` is renamed to `ID.ready`: from here on the file *will* be published, by whoever comes next.
//! 3. `ID.members` is renamed to `ID.sent`: from here on it is known what was sent, after the file itself is gone, too.
//! 4. `ID.ready` is renamed to its final name; then the trigger, prepared before, is renamed to its own.
//!
//! After a crash, `ID.ready` or a prepared trigger means: finish. Neither of them, but `ID.sent`: published.
//! Nothing of these: never staged, and whatever `ID.part` is there may be written again. A look-up that finds nothing of
//! these leaves `ID.void`, after which `ID` is never staged: its answer stays true also when the process that was to
//! publish the file was only suspended, and goes on after somebody else has asked.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use connector::Fault;

use crate::Problem;
use crate::archive::sync_folder;

/// Where the files of a target appear; [`publisher_settings!`](crate::publisher_settings) documents the fields.
#[derive(Clone, Debug)]
pub struct PublisherSettings {
    /// The folder that files appear in.
    pub folder: PathBuf,
    /// The suffix of the trigger file.
    pub trigger: Option<String>,
    /// For how many days it is remembered what was sent.
    pub markers_kept_days: u32,
}

/// A file that is to appear.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Its identity: a file with an identity that was published before does not appear again. Letters, digits, `.` and `-`.
    pub id: String,
    /// Its name inside the folder.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
    /// What it carries, to be asked for later: one line each.
    pub members: Vec<String>,
}

/// A file could not be published.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}", path = .path.display())]
pub struct NotPublished {
    /// Where it went wrong.
    pub path: PathBuf,
    /// What went wrong.
    pub error: io::Error,
    /// Whether nothing can appear any more: the call can be repeated in another batch.
    /// Otherwise the file may have appeared, or will when it is asked for.
    pub certain: bool,
}

/// Makes files appear in a folder.
#[derive(Clone, Debug)]
pub struct Publisher {
    folder: PathBuf,
    staging: PathBuf,
    trigger: Option<String>,
    fuse: Option<Arc<AtomicUsize>>,
}

impl Publisher {
    /// Opens the folder, making it where it is missing, and forgets what was sent too long ago.
    ///
    /// # Errors
    /// [`Fault`]s name the folder that cannot be made or written to.
    pub fn open(settings: PublisherSettings, directory: &Path) -> Result<Self, Fault> {
        let folder = directory.join(&settings.folder);
        let staging = folder.join(".passerelle");
        let fault = |error: &io::Error| Problem::fault(&folder.display(), error);
        fs::create_dir_all(&staging).map_err(|error| fault(&error))?;
        if settings.trigger.as_deref().is_some_and(|trigger| trigger.is_empty() || trigger.contains('/')) {
            return Err(Fault::halt("trigger must be a suffix such as \".ok\""));
        }
        let publisher = Publisher { folder: folder.clone(), staging, trigger: settings.trigger, fuse: None };
        let age = Duration::from_secs(u64::from(settings.markers_kept_days) * 24 * 60 * 60);
        publisher.forget(age).map_err(|error| fault(&error))?;
        Ok(publisher)
    }

    /// For conformance tests: the publisher stops as if its process had died once it has made so many steps.
    #[must_use]
    pub fn with_fuse(mut self, steps: Arc<AtomicUsize>) -> Self {
        self.fuse = Some(steps);
        self
    }

    /// The folder that files appear in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes a file appear, unless one with its identity did before.
    ///
    /// The call may have been abandoned by whoever made it, and be looked up already: it then publishes nothing that
    /// was not staged when it got its turn, so that a look-up which said "not applied" stays true.
    ///
    /// # Errors
    /// Says whether the file can still appear.
    pub fn publish(&self, file: &NewFile, abandoned: &AtomicBool) -> Result<(), NotPublished> {
        let failed =
            |certain: bool| move |error: io::Error| NotPublished { path: self.folder.join(&file.name), error, certain };
        let lock = self.lock().map_err(failed(true))?;
        if abandoned.load(Ordering::SeqCst) {
            return Err(failed(true)(io::Error::other("the call was abandoned")));
        }
        if self.is_void(&file.id).map_err(failed(true))? {
            return Err(failed(true)(io::Error::other("the call was looked up and is not to be carried out any more")));
        }
        let state = self.is_staged(&file.id).and_then(|staged| Ok((staged, self.is_sent(&file.id)?)));
        let (staged, sent) = state.map_err(failed(false))?;
        if !staged
            && !sent
            && let Err(error) = self.stage(file)
        {
            let certain = !self.is_staged(&file.id).unwrap_or(true);
            return Err(failed(certain)(error));
        }
        self.finish(&file.id).map_err(failed(false))?;
        drop(lock);
        Ok(())
    }

    /// What a published file carries; `None` when no file with this identity was published: then none ever will be.
    /// A file that was staged before a crash is published first.
    ///
    /// # Errors
    /// The folder cannot be read or written to.
    pub fn members(&self, id: &str) -> io::Result<Option<HashSet<String>>> {
        let _lock = self.lock()?;
        self.finish(id)?;
        match fs::read_to_string(self.staged(id, "sent")) {
            Ok(text) => Ok(Some(text.lines().skip(1).map(str::to_owned).collect())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !self.is_void(id)? {
                    self.write(&self.staged(id, "void"), b"")?;
                    self.sync(&self.staging)?;
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Two calls on one folder never interleave: not those of a call that was abandoned, and not those of another process.
    fn lock(&self) -> io::Result<File> {
        let lock = File::options().create(true).append(true).open(self.staging.join("lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    fn staged(&self, id: &str, suffix: &str) -> PathBuf {
        self.staging.join(format!("{id}.{suffix}"))
    }

    fn is_staged(&self, id: &str) -> io::Result<bool> {
        self.staged(id, "ready").try_exists()
    }

    fn is_sent(&self, id: &str) -> io::Result<bool> {
        self.staged(id, "sent").try_exists()
    }

    fn is_void(&self, id: &str) -> io::Result<bool> {
        self.staged(id, "void").try_exists()
    }

    fn step(&self) -> io::Result<()> {
        let Some(fuse) = &self.fuse else { return Ok(()) };
        let left = fuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(|_| ()).map_err(|_| io::Error::other("the fuse has blown"))
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.step()?;
        let mut file = File::create(path)?;
        file.write_all(content)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        fs::rename(from, to)
    }

    fn sync(&self, folder: &Path) -> io::Result<()> {
        self.step()?;
        sync_folder(folder)
    }

    /// Steps 1 and 2.
    fn stage(&self, file: &NewFile) -> io::Result<()> {
        let (part, members) = (self.staged(&file.id, "part"), self.staged(&file.id, "members"));
        let staged = (|| {
            // The final name comes first, so that whoever finishes needs nothing but this folder.
            let list = std::iter::once(file.name.as_str()).chain(file.members.iter().map(String::as_str));
            self.write(&members, list.collect::<Vec<_>>().join("\n").as_bytes())?;
            self.write(&part, &file.content)?;
            if self.trigger.is_some() {
                self.write(&self.staged(&file.id, "trigger"), b"")?;
            }
            self.sync(&self.staging)?;
            self.rename(&part, &self.staged(&file.id, "ready"))
        })();
        if staged.is_err() && self.fuse.is_none() {
            // A full disk should not stay full because of us.
            for path in [part, members, self.staged(&file.id, "trigger")] {
                fs::remove_file(path).ok();
            }
        }
        staged?;
        self.sync(&self.staging)
    }

    /// Steps 3 and 4, from wherever they were interrupted. Does nothing for an identity that was never staged.
    fn finish(&self, id: &str) -> io::Result<()> {
        let (ready, sent) = (self.staged(id, "ready"), self.staged(id, "sent"));
        let staged = self.is_staged(id)?;
        if staged && !self.is_sent(id)? {
            self.rename(&self.staged(id, "members"), &sent)?;
            self.sync(&self.staging)?;
        }
        let trigger = self.staged(id, "trigger");
        let triggers = self.is_sent(id)? && trigger.try_exists()?;
        if !staged && !triggers {
            return Ok(());
        }
        let text = fs::read_to_string(&sent)?;
        let name = text.lines().next().unwrap_or_default();
        let path = self.folder.join(name);
        if staged {
            self.rename(&ready, &path)?;
            self.sync(&self.folder)?;
            self.sync(&self.staging)?;
        }
        if triggers {
            let suffix = self.trigger.as_deref().unwrap_or_default();
            if suffix.is_empty() {
                return fs::remove_file(&trigger);
            }
            self.rename(&trigger, &self.folder.join(format!("{name}{suffix}")))?;
            self.sync(&self.folder)?;
        }
        Ok(())
    }

    fn forget(&self, age: Duration) -> io::Result<()> {
        for entry in fs::read_dir(&self.staging)? {
            let entry = entry?;
            let path = entry.path();
            let forgettable = path.extension().is_some_and(|suffix| suffix != "ready" && suffix != "trigger");
            let old = entry.metadata()?.modified()?.elapsed().is_ok_and(|elapsed| elapsed >= age);
            if forgettable && old {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
