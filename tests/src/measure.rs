//! What the benchmark programs share: what they are told, the customers that they load, and what they look at.
//!
//! A program starts servers of its own, measures the hub and a bare program on them in one run, and prints JSON lines.
//! It measures with what the operating system and the servers count themselves; nothing in the hub knows of it.

#![allow(clippy::float_arithmetic, reason = "rates and shares are not money")]

pub mod arguments;
pub mod database;
pub mod engines;
pub mod export;
pub mod flow;
pub mod metered;
pub mod rows;
pub mod site;
pub mod stages;
pub mod usage;
pub mod worker;

use std::time::Duration;

use serde_json::{Value, json};

/// How many a second; 0 when it took no time.
pub fn rate(count: u64, time: Duration) -> u64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { (count as f64 / seconds) as u64 } else { 0 }
}

/// A number with two decimals, for people who read the lines.
pub fn rounded(number: f64) -> Value {
    json!((number * 100.0).round() / 100.0)
}

/// Seconds with two decimals.
pub fn seconds(time: Duration) -> Value {
    rounded(time.as_secs_f64())
}

/// How many of something there are for one of something else, with two decimals.
pub fn per(count: u64, of: u64) -> Value {
    rounded(count as f64 / of.max(1) as f64)
}

/// Prints one line of results.
#[allow(clippy::print_stdout, reason = "a benchmark tells its figures")]
pub fn tell(line: &Value) {
    println!("{line}");
}

/// Prints text for people.
#[allow(clippy::print_stdout, reason = "a benchmark tells what it can be told")]
fn tell_text(text: &str) {
    println!("{text}");
}
