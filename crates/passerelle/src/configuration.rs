//! The user's directory: read whole, everything wrong reported at once, turned into what a hub is told.
//!
//! Nothing here opens a connector or touches the network: `check` works on any machine.

mod assemble;
mod environment;
mod finding;
mod layouts;
mod lint;
mod load;
mod pack_files;
mod packs;
mod reference;
mod rules;
mod secrets;
mod settings;
mod shape;
mod source;
pub mod time_span;

#[cfg(test)]
mod tests;

pub use finding::{Finding, Severity, nearest};
pub use load::{Configuration, HUB_FILE, load, load_hub_file};
pub use pack_files::{PackFiles, Way};
pub use packs::{FOLDER as PACKS_FOLDER, Packs};
pub use reference::connector_reference;
pub use rules::load_rules;
pub use settings::{HubFile, LogFormat, LogLevel, LogSettings, StoreSettings};
pub use source::SourceText;

use csv_drop::CsvDrop;
use json_drop::JsonDrop;
use layout_drop::LayoutDrop;
use rest_api::RestApi;
use xml_export::XmlExport;

/// The one list of connectors that this binary knows.
pub fn registry() -> connector::Registry {
    connector::Registry::default()
        .with::<CsvDrop>()
        .with::<LayoutDrop>()
        .with::<XmlExport>()
        .with::<JsonDrop>()
        .with::<RestApi>()
}
