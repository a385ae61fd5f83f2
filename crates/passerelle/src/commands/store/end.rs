//! What FROM and TO of a copy mean.

use std::path::{Path, PathBuf};

use connector::SecretReference;
use url::Url;

use crate::configuration::{HUB_FILE, StoreSettings, load_hub_file};
use crate::failure::Failure;
use crate::output;
use crate::place::StorePlace;

/// The embedded store in a folder that is no user's directory.
const FILE: &str = "store.db";

/// One end of a copy.
pub(super) struct End {
    /// Where the store is.
    pub place: StorePlace,
    /// The user's directory that tells of it, where one does.
    pub directory: Option<PathBuf>,
}

impl End {
    /// What the text means; `flag` is where the password of an address would be named.
    ///
    /// # Errors
    /// When a directory cannot be read, an address makes no sense, or its password is not there.
    pub fn parse(text: &str, password: Option<&SecretReference>, flag: &str) -> Result<Self, Failure> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Self::of_address(text, password, flag);
        }
        if password.is_some() {
            let message = format!("{flag} goes with an address such as postgres://USER@HOST/DATABASE, not with {text}");
            return Err(Failure::usage("cli.unknown", message));
        }
        let path = Path::new(text.strip_prefix("sqlite:").unwrap_or(text));
        if path.join(HUB_FILE).is_file() {
            return Self::of_directory(path);
        }
        let is_folder = path.is_dir() || text.ends_with('/');
        let file = if is_folder { path.join(FILE) } else { path.to_owned() };
        Ok(End { place: StorePlace::File(file, StoreSettings::default().options()), directory: None })
    }

    fn of_address(address: &str, password: Option<&SecretReference>, flag: &str) -> Result<Self, Failure> {
        if Url::parse(address).is_ok_and(|url| url.password().is_some()) {
            output::note(format!(
                "passerelle: a password on the command line can be seen by others on this machine; use {flag} env:NAME \
                 or file:PATH"
            ));
        }
        let settings =
            StoreSettings { url: Some(address.to_owned()), password: password.cloned(), ..StoreSettings::default() };
        Ok(End { place: StorePlace::of(Path::new("."), &settings)?, directory: None })
    }

    fn of_directory(directory: &Path) -> Result<Self, Failure> {
        let (hub_file, findings) = load_hub_file(directory);
        let Some(hub_file) = hub_file else {
            findings.iter().for_each(|finding| output::note(finding.render()));
            return Err(Failure::told());
        };
        Ok(End { place: StorePlace::of(directory, &hub_file.store)?, directory: Some(directory.to_owned()) })
    }
}
