//! The demo's directory: the user's directory of the hub, the houses of the other systems, and what they drop.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use include_dir::{Dir, include_dir};

use super::engines::Engines;

/// What the demo consists of: configuration, files that systems drop, the CRM's first contacts, the expected end.
static DEMO: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/demo");

/// Where the hub's configuration says that the CRM is; the address in front of this path may change.
const CRM_PATH: &str = "/api\"";

/// The demo's directory.
pub struct Stage {
    /// The user's directory; everything of the demo is inside it.
    pub directory: PathBuf,
    /// Whether the demo ran here before.
    pub is_repeat: bool,
}

impl Stage {
    /// Sets the stage in a directory: makes what is missing and leaves what is there as it is.
    ///
    /// # Errors
    /// When the directory holds something else, or cannot be written.
    pub fn set(directory: Option<&Path>, engines: &Engines) -> anyhow::Result<Self> {
        let directory = match directory {
            Some(directory) => directory.to_owned(),
            None => temporary()?,
        };
        let is_repeat = directory.join("outside/crm/contacts.json").exists();
        let is_empty = match std::fs::read_dir(&directory) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", directory.display())),
        };
        if !is_empty && !is_repeat {
            bail!("{} is not empty and no demo; name an empty directory or a new one", directory.display());
        }
        std::fs::create_dir_all(&directory).with_context(|| format!("{} cannot be made", directory.display()))?;
        // Child processes get absolute paths, so that they do not depend on where they are started.
        let directory = directory.canonicalize()?;
        let stage = Stage { directory, is_repeat };
        stage.furnish()?;
        engines.furnish(&stage.directory)?;
        Ok(stage)
    }

    fn furnish(&self) -> anyhow::Result<()> {
        for folder in ["in/erp", "in/billing", "in/bank", "out/ledger", "secrets", "outside/crm", "outside/ledger"] {
            std::fs::create_dir_all(self.directory.join(folder))?;
        }
        let hub = DEMO.get_dir("hub").context("the demo's configuration is not in this binary")?;
        self.copy_missing(hub, Path::new("hub"), &self.directory)?;
        let crm = DEMO.get_dir("crm").context("the demo's contacts are not in this binary")?;
        self.copy_missing(crm, Path::new("crm"), &self.directory.join("outside/crm"))?;
        let token = self.token_file();
        if !token.exists() {
            let secret: String = std::iter::repeat_with(fastrand::alphanumeric).take(32).collect();
            write_secret(&token, &secret)?;
        }
        Ok(())
    }

    fn copy_missing(&self, folder: &Dir<'_>, root: &Path, to: &Path) -> anyhow::Result<()> {
        for inner in folder.dirs() {
            self.copy_missing(inner, root, to)?;
        }
        for file in folder.files() {
            let to = to.join(file.path().strip_prefix(root)?);
            if !to.exists() {
                if let Some(parent) = to.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                std::fs::write(&to, file.contents()).with_context(|| format!("{} cannot be written", to.display()))?;
            }
        }
        Ok(())
    }

    /// A path inside the directory.
    pub fn path(&self, inner: &str) -> PathBuf {
        self.directory.join(inner)
    }

    /// The file with the CRM's token.
    pub fn token_file(&self) -> PathBuf {
        self.path("secrets/crm-token")
    }

    /// Drops what a system has to give, each file moved in whole, in the order of the names.
    pub fn drop_inputs(&self, system: &str) -> anyhow::Result<usize> {
        let folder = DEMO.get_dir(format!("inputs/{system}"));
        let mut files: Vec<_> = folder.context("the demo's files are not in this binary")?.files().collect();
        files.sort_by_key(|file| file.path());
        for file in &files {
            let name = file.path().file_name().context("a file without a name")?;
            self.drop_file(system, &name.to_string_lossy(), file.contents())?;
        }
        Ok(files.len())
    }

    /// Drops one file into a system's folder, moved in whole.
    pub fn drop_file(&self, system: &str, name: &str, content: &[u8]) -> anyhow::Result<()> {
        let folder = self.path("in").join(system);
        let unfinished = folder.join(format!("{name}.part"));
        std::fs::write(&unfinished, content).with_context(|| format!("{} cannot be written", unfinished.display()))?;
        Ok(std::fs::rename(&unfinished, folder.join(name))?)
    }

    /// The address at which the configuration looks for the CRM.
    pub fn crm_address(&self) -> anyhow::Result<SocketAddr> {
        let text = std::fs::read_to_string(self.path("systems/crm.toml"))?;
        let url = crm_url(&text).context("systems/crm.toml names no base_url of the form \"http://ADDRESS/api\"")?;
        url.parse().with_context(|| format!("systems/crm.toml: \"{url}\" is no address with a port"))
    }

    /// Tells the configuration where the CRM is, if it is elsewhere than it says.
    pub fn point_at_crm(&self, address: SocketAddr) -> anyhow::Result<()> {
        let file = self.path("systems/crm.toml");
        let text = std::fs::read_to_string(&file)?;
        let known = crm_url(&text).context("systems/crm.toml names no base_url of the form \"http://ADDRESS/api\"")?;
        let now = address.to_string();
        if known != now {
            let moved = text.replace(&format!("http://{known}{CRM_PATH}"), &format!("http://{now}{CRM_PATH}"));
            std::fs::write(&file, moved)?;
        }
        Ok(())
    }

    /// Gives the console a port that is free now, if its own is taken; returns its address.
    pub fn free_console(&self) -> anyhow::Result<SocketAddr> {
        let file = self.path("passerelle.toml");
        let text = std::fs::read_to_string(&file)?;
        let known = text.lines().find_map(|line| line.strip_prefix("listen = \"")?.strip_suffix('"'));
        let known = known.context("passerelle.toml names no listen = \"ADDRESS\"")?;
        let address: SocketAddr = known.parse().context("passerelle.toml: listen is no address with a port")?;
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
        let free = TcpListener::bind(SocketAddr::new(address.ip(), 0))?.local_addr()?;
        std::fs::write(&file, text.replace(&format!("listen = \"{known}\""), &format!("listen = \"{free}\"")))?;
        Ok(free)
    }

    /// Where it is noted that the company has gone on, so that its end is open.
    pub fn lived_on(&self) -> PathBuf {
        self.path("outside/went-on.log")
    }
}

/// A file of the demo, as it is in this binary.
pub fn original(path: &str) -> anyhow::Result<&'static [u8]> {
    let file = DEMO.get_file(path).with_context(|| format!("{path} is not in this binary"))?;
    Ok(file.contents())
}

fn crm_url(text: &str) -> Option<&str> {
    let start = text.find("base_url = \"http://")? + "base_url = \"http://".len();
    let length = text[start..].find(CRM_PATH)?;
    Some(&text[start..start + length])
}

/// A new directory among the machine's temporary ones. It stays, so that one can look at it afterwards.
fn temporary() -> anyhow::Result<PathBuf> {
    loop {
        let suffix: String = std::iter::repeat_with(fastrand::lowercase).take(6).collect();
        let directory = std::env::temp_dir().join(format!("passerelle-demo-{suffix}"));
        match std::fs::create_dir(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("{} cannot be made", directory.display())),
        }
    }
}

/// Writes a secret into a file that only the owner may read, in the place of an earlier one.
pub fn write_secret(file: &Path, secret: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(file, "{secret}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_stage_is_set_once_and_then_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("new");
        let stage = Stage::set(Some(&directory), &Engines::default()).unwrap();
        assert!(!stage.is_repeat);
        assert_eq!(std::fs::metadata(stage.token_file()).unwrap().permissions().mode() & 0o777, 0o600);
        let token = std::fs::read(stage.token_file()).unwrap();
        std::fs::write(stage.path("systems/erp.toml"), "# mine").unwrap();
        let again = Stage::set(Some(&directory), &Engines::default()).unwrap();
        assert!(again.is_repeat);
        assert_eq!(std::fs::read(again.token_file()).unwrap(), token);
        assert_eq!(std::fs::read_to_string(again.path("systems/erp.toml")).unwrap(), "# mine");
        assert_eq!(again.drop_inputs("erp").unwrap(), 2);
    }

    #[test]
    fn a_directory_with_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("thesis.tex"), "x").unwrap();
        let Err(error) = Stage::set(Some(folder.path()), &Engines::default()) else { panic!("it was taken") };
        assert!(error.to_string().contains("is not empty and no demo"), "{error}");
    }

    #[test]
    fn addresses_are_told_to_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage::set(Some(&folder.path().join("demo")), &Engines::default()).unwrap();
        let elsewhere: SocketAddr = "127.0.0.1:49152".parse().unwrap();
        assert_ne!(stage.crm_address().unwrap(), elsewhere);
        stage.point_at_crm(elsewhere).unwrap();
        assert_eq!(stage.crm_address().unwrap(), elsewhere);
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let file = stage.path("passerelle.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("127.0.0.1:8600", &taken.local_addr().unwrap().to_string())).unwrap();
        let given = stage.free_console().unwrap();
        assert_ne!(given, taken.local_addr().unwrap());
        assert!(std::fs::read_to_string(&file).unwrap().contains(&given.to_string()));
    }
}
