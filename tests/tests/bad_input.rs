//! Bad input, each with a clear one-line error and nothing lost: through the real binary, as people and systems use it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a test that cannot run must be heard")]

#[path = "bad_input/files.rs"]
mod files;
#[path = "bad_input/formats.rs"]
mod formats;
#[path = "bad_input/hub.rs"]
mod hub;
#[path = "bad_input/large.rs"]
mod large;
#[path = "bad_input/place.rs"]
mod place;
#[path = "bad_input/rest.rs"]
mod rest;
