//! The configuration fields that all file connectors share.
//!
//! `serde(flatten)` and `deny_unknown_fields` do not go together, and a user is better served by one flat table;
//! so the macros add the shared fields, with their documentation, to a connector's own struct.

/// Default of `settle_ms`.
pub fn settle_ms() -> u64 {
    2_000
}

/// Default of `batch_records_max`.
pub fn batch_records_max() -> usize {
    1_000
}

/// Default of `batch_bytes_max`: 4 MiB.
pub fn batch_bytes_max() -> usize {
    4 << 20
}

/// Default of `file_bytes_max`: 64 GiB.
pub fn file_bytes_max() -> u64 {
    64 << 30
}

/// Default of `markers_kept_days`.
pub fn markers_kept_days() -> u32 {
    90
}

/// Declares the configuration struct of a stream: the fields of a pick-up, then the connector's own.
///
/// The struct implements [`PickUpFields`](crate::PickUpFields).
#[macro_export]
macro_rules! pick_up_settings {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, ::serde::Deserialize, ::schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        $visibility struct $name {
            /// The folder that files are dropped in, relative to the user's directory. Only its own files are read,
            /// not those of folders inside it.
            pub folder: std::path::PathBuf,
            /// One pattern, or a list of patterns, that a file's name must match: `*` stands for any characters,
            /// `?` for one; upper and lower case are the same. Default: the connector's usual extensions, also `.gz` and `.zip`.
            /// Hidden files and names that end in `.tmp`, `.part`, `.filepart` or `.crdownload` are never taken.
            #[serde(default)]
            pub files: Option<$crate::Patterns>,
            /// The order in which files are read: by `name` (default), or by the time they were last `modified`.
            #[serde(default)]
            pub order: $crate::Order,
            /// A file is complete when a second one with this suffix is there: with `.ok`, either `NAME.csv.ok` or
            /// `NAME.ok` for `NAME.csv`. It is removed when the file is put away. Default: none, files settle by time.
            #[serde(default)]
            pub trigger: Option<String>,
            /// Without a trigger, a file is complete when its size and time of change stood still for this many milliseconds.
            #[serde(default = "files::settings::settle_ms")]
            pub settle_ms: u64,
            /// Where files go that were read, relative to the user's directory; default: `archive` inside the folder.
            /// `"keep"` leaves them where they are; at most 2000 files can be kept.
            #[serde(default)]
            pub archive: Option<std::path::PathBuf>,
            /// Where files go that could not be read at all, relative to the user's directory; default: `reject` inside the folder.
            #[serde(default)]
            pub reject: Option<std::path::PathBuf>,
            /// The encoding of the files, such as `utf-8`, `windows-1252`, `iso-8859-15` or `utf-16le`. A byte order mark
            /// goes before it. Default: what the format says by itself, else `utf-8`.
            #[serde(default)]
            pub encoding: Option<String>,
            /// At most this many records are handed over at once.
            #[serde(default = "files::settings::batch_records_max")]
            pub batch_records_max: usize,
            /// Once a batch has this many bytes it is handed over; a single larger record still goes through.
            #[serde(default = "files::settings::batch_bytes_max")]
            pub batch_bytes_max: usize,
            /// A larger file, measured after decompression, is refused.
            #[serde(default = "files::settings::file_bytes_max")]
            pub file_bytes_max: u64,
            $($own)*
        }

        impl $crate::PickUpFields for $name {
            fn pick_up(&self) -> $crate::PickUpSettings {
                $crate::PickUpSettings {
                    folder: self.folder.clone(),
                    files: self.files.clone(),
                    order: self.order,
                    trigger: self.trigger.clone(),
                    settle_ms: self.settle_ms,
                    archive: self.archive.clone(),
                    reject: self.reject.clone(),
                    encoding: self.encoding.clone(),
                    batch_records_max: self.batch_records_max,
                    batch_bytes_max: self.batch_bytes_max,
                    file_bytes_max: self.file_bytes_max,
                }
            }
        }
    };
}

/// Declares the configuration struct of a target for one entity: where its files appear, then the connector's own fields.
///
/// The struct implements [`PublisherFields`](crate::PublisherFields).
#[macro_export]
macro_rules! publisher_settings {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, ::serde::Deserialize, ::schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        $visibility struct $name {
            /// The folder that files appear in, relative to the user's directory. It is made when it is missing.
            /// A folder `.passerelle` inside it holds what is being written and what was sent; leave it there.
            pub folder: std::path::PathBuf,
            /// The name of a file. `{batch}` stands for the batch's name, `{entity}` for the entity; where a file holds
            /// one record, `{key}` stands for the record's key and `{version}` for its version.
            pub file: String,
            /// A second, empty file with the name of the first one and this suffix appears after it, such as `.ok`. Default: none.
            #[serde(default)]
            pub trigger: Option<String>,
            /// The encoding of the files. A value that it cannot express is refused. Default: `utf-8`.
            #[serde(default)]
            pub encoding: Option<String>,
            /// For how many days it is remembered what was sent. Longer than the longest outage of the hub.
            #[serde(default = "files::settings::markers_kept_days")]
            pub markers_kept_days: u32,
            $($own)*
        }

        impl $crate::PublisherFields for $name {
            fn publisher(&self) -> $crate::PublisherSettings {
                $crate::PublisherSettings {
                    folder: self.folder.clone(),
                    trigger: self.trigger.clone(),
                    markers_kept_days: self.markers_kept_days,
                }
            }
        }
    };
}

/// Declares the configuration struct that says how changes are gathered: so many make a batch by default.
///
/// The struct converts into [`Batching`](connector::Batching).
#[macro_export]
macro_rules! gather_settings {
    ($visibility:vis struct $name:ident { changes_max: $changes_max:literal }) => {
        /// How changes are gathered into files: a batch closes on count or on age, whichever comes first.
        #[derive(Clone, Copy, Debug, ::serde::Deserialize, ::schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        $visibility struct $name {
            /// At most this many changes go into one batch: one file for each entity, or one for each record.
            pub changes_max: usize,
            /// A batch closes once its oldest change has waited for this many milliseconds.
            pub age_ms_max: u64,
        }

        impl Default for $name {
            fn default() -> Self {
                $name { changes_max: $changes_max, age_ms_max: 1_000 }
            }
        }

        impl From<$name> for ::connector::Batching {
            fn from(gather: $name) -> Self {
                ::connector::Batching {
                    count_max: gather.changes_max.max(1),
                    age_max: std::time::Duration::from_millis(gather.age_ms_max),
                    stops: true,
                    ..::connector::Batching::default()
                }
            }
        }
    };
}
