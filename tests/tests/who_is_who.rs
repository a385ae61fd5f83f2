//! Who is who in a hub: what resembles each other becomes one, what is doubtful is asked, and what was decided is undone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "who_is_who/bad.rs"]
mod bad;
#[path = "who_is_who/evidence.rs"]
mod evidence;
#[path = "who_is_who/judgements.rs"]
mod judgements;
#[path = "who_is_who/overrides.rs"]
mod overrides;
#[path = "who_is_who/support.rs"]
mod support;
