//! Ports for servers that go and come back.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

/// Below the ports that Linux gives to outgoing connections.
///
/// A port of that range could be taken by a client while its server is down. Worse, a client that tries to connect to
/// it again and again is given that very port some day, and connects to itself.
const RANGE: std::ops::Range<u16> = 15_000..32_000;

/// What this process has given out.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port of the loopback that nobody listens on now, that this process is not given again, and that no outgoing
/// connection takes.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let width = u64::from(RANGE.end - RANGE.start);
    // Other test processes search at the same time, so each search begins elsewhere.
    let start = RandomState::new().build_hasher().finish();
    let candidates = (0..width).map(|step| RANGE.start + u16::try_from((start % width + step) % width).unwrap_or(0));
    let is_free = |port: &u16| !given.contains(port) && TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let port = candidates.into_iter().find(is_free).expect("a free port of the loopback");
    given.insert(port);
    port
}
