//! `passerelle init`: a commented user's directory that runs.

use std::fs;
use std::path::Path;

use crate::cli::Init;
use crate::failure::{Exit, Failure};
use crate::output;

/// The files of a new directory, in the order in which people read them.
const FILES: [(&str, &str); 12] = [
    ("passerelle.toml", include_str!("../../init/passerelle.toml")),
    ("systems/erp.toml", include_str!("../../init/systems/erp.toml")),
    ("systems/crm.toml", include_str!("../../init/systems/crm.toml")),
    ("mappings/erp/customer.toml", include_str!("../../init/mappings/erp/customer.toml")),
    ("mappings/crm/customer.toml", include_str!("../../init/mappings/crm/customer.toml")),
    ("mappings/erp/examples/customer.csv", include_str!("../../init/mappings/erp/examples/customer.csv")),
    ("mappings/erp/examples/customer.json", include_str!("../../init/mappings/erp/examples/customer.json")),
    ("mappings/erp/examples/stream.toml", include_str!("../../init/mappings/erp/examples/stream.toml")),
    ("mappings/crm/examples/customer.csv", include_str!("../../init/mappings/crm/examples/customer.csv")),
    ("mappings/crm/examples/customer.json", include_str!("../../init/mappings/crm/examples/customer.json")),
    ("in/erp/customers-example.csv", include_str!("../../init/in/erp/customers-example.csv")),
    (".gitignore", include_str!("../../init/gitignore")),
];

/// Makes a user's directory.
///
/// # Errors
/// When the directory is not empty, or cannot be written.
pub fn init(arguments: &Init) -> Result<Exit, Failure> {
    let directory = &arguments.dir;
    fs::create_dir_all(directory).map_err(|error| Failure::file("cannot be made", directory, &error))?;
    let mut entries = fs::read_dir(directory).map_err(|error| Failure::file("cannot be listed", directory, &error))?;
    if entries.next().is_some() {
        let message =
            format!("{} is not empty; name a new directory, so that nothing of yours is changed", directory.display());
        return Err(Failure::usage("init.not-empty", message));
    }
    for (name, text) in FILES {
        write(&directory.join(name), text)?;
    }
    for (name, _) in FILES {
        output::line(format!("  {}", directory.join(name).display()));
    }
    let dir = directory.display();
    output::line(format!(
        "\nA user's directory with an ERP that drops customers and a CRM that is fed them. Next:\n\
         \x20 passerelle check {dir}\n\
         \x20 passerelle run {dir} --once\n\
         \x20 passerelle customers list --dir {dir}"
    ));
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(path, text)).map_err(|error| Failure::file("cannot be written", path, &error))
}
