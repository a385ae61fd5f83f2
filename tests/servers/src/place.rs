//! Where a server lives, and as whom it runs.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use tempfile::TempDir;

use crate::process::guard;

/// Where programs are found when the tester's environment does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is done with a folder that outlives the test process, once its servers had the time to end.
const SWEEP: &str = r#"read -r _ || { sleep 3; rm -rf -- "$1"; }"#;

/// A user as `/etc/passwd` has him.
struct User {
    id: u32,
    group_id: u32,
}

impl User {
    fn find(name: &str) -> Option<Self> {
        let users = fs::read_to_string("/etc/passwd").ok()?;
        let mut fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let user = fields.find(|fields| fields.first() == Some(&name))?;
        Some(User { id: user.get(2)?.parse().ok()?, group_id: user.get(3)?.parse().ok()? })
    }
}

/// A temporary folder and the user that owns it; it goes when this value goes.
pub(crate) struct Place {
    folder: TempDir,
    /// Who the server runs as; absent when the tester is no superuser, and the server simply runs as him.
    user: Option<User>,
    /// Removes the folder when the test process is killed.
    sweeper: Child,
}

impl Place {
    /// A new place for a server that runs as this user, or as `nobody` where there is none of that name.
    pub(crate) fn new(user: &str) -> Self {
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let user = is_root.then(|| User::find(user).or_else(|| User::find("nobody")).expect("an unprivileged user"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sweeper = guard(SWEEP, &[&folder.path().display().to_string()]).expect("a shell");
        let place = Place { folder, user, sweeper };
        place.give(place.folder.path());
        place
    }

    fn give(&self, path: &Path) {
        if let Some(user) = &self.user {
            chown(path, Some(user.id), Some(user.group_id)).expect("the superuser gives files away");
        }
    }

    /// A path in it.
    pub(crate) fn path(&self, inner: &str) -> PathBuf {
        self.folder.path().join(inner)
    }

    /// The same as text, for files and variables that name it.
    pub(crate) fn text(&self, inner: &str) -> String {
        self.path(inner).display().to_string()
    }

    /// Makes a folder in it.
    pub(crate) fn folder(&self, inner: &str) {
        let path = self.path(inner);
        fs::create_dir(&path).expect("a folder in a new place");
        self.give(&path);
    }

    /// Writes a file in it that only the server's user may read.
    pub(crate) fn file(&self, inner: &str, content: &str) {
        let path = self.path(inner);
        fs::write(&path, content).expect("a file in a new place");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a file of ours");
        self.give(&path);
    }

    /// A program that runs as the server's user in this place, with nothing of the tester's environment but the path.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let program = program.as_ref();
        let mut command = match &self.user {
            Some(User { id, group_id }) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={id}")).arg(format!("--regid={group_id}"));
                command.arg("--clear-groups").arg(program);
                command
            }
            None => Command::new(program),
        };
        let path = std::env::var_os("PATH").unwrap_or_else(|| PATH.into());
        command.env_clear().env("PATH", path).env("LC_ALL", "C.UTF-8").current_dir(self.folder.path());
        command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.sweeper.kill();
        let _ = self.sweeper.wait();
    }
}
