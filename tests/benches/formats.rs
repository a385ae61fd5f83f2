//! Files of the standards, read to checked documents and written again, beside what the library underneath does with the
//! same bytes: quick-xml for UBL, CII and camt, the `csv` crate for FEC.
//!
//! `cargo bench -p passerelle-tests --bench formats -- camt` measures one pack; without a word, all of them.
//!
//! The inputs are the packs' own examples, many times over.
//! All stages of a pack are measured in turns, so that a busy machine slows all of them; the best round of each counts.
//! Writing includes that files appear whole and last (each is synchronised), which the library alone does not do; what
//! it costs is the difference between the last two lines of a pack.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]
#![allow(clippy::float_arithmetic, reason = "rates are not money")]

#[path = "formats/library.rs"]
mod library;
#[path = "formats/subject.rs"]
mod subject;
#[allow(dead_code, reason = "shared with the tests of the packs, which use all of it")]
#[path = "../tests/packs/support.rs"]
mod support;

use std::time::{Duration, Instant};

use subject::{Input, Subject};

/// What is measured: the mapping, the example, what is repeated in it, and what is counted.
const INPUTS: &[Input] = &[
    Input { pack: "ubl-2.1/invoice", example: "invoice.xml", repeated: None, times: 90, unit: "invoices" },
    Input { pack: "cii-d16b/invoice", example: "invoice.xml", repeated: None, times: 90, unit: "invoices" },
    Input { pack: "camt/payment", example: "payment.xml", repeated: Some("Ntry"), times: 200, unit: "entries" },
    Input { pack: "fec/entry", example: "entry.csv", repeated: Some("lines"), times: 2_000, unit: "lines" },
];

const ROUNDS: usize = 15;

/// Something to measure.
struct Stage<'a> {
    name: &'static str,
    run: Box<dyn FnMut() + 'a>,
    best: Duration,
}

impl<'a> Stage<'a> {
    fn new(name: &'static str, run: impl FnMut() + 'a) -> Self {
        Stage { name, run: Box::new(run), best: Duration::MAX }
    }

    fn run(&mut self) {
        let begun = Instant::now();
        (self.run)();
        self.best = begun.elapsed().min(self.best);
    }
}

fn main() {
    let word = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for input in INPUTS.iter().filter(|input| word.as_ref().is_none_or(|word| input.pack.contains(word.as_str()))) {
        measure(&Subject::new(input, &runtime));
    }
}

fn measure(subject: &Subject<'_>) {
    let mut stages = vec![
        Stage::new("read by the library", || subject.read_by_library()),
        Stage::new("files to checked documents", || subject.read()),
    ];
    if subject.is_written() {
        stages.push(Stage::new("written by the library", || subject.write_by_library()));
        stages.push(Stage::new("documents to records", || subject.write_records()));
        stages.push(Stage::new("documents to files", || subject.write_files()));
    }
    for _ in 0..ROUNDS {
        stages.iter_mut().for_each(Stage::run);
    }
    let Subject { units, bytes, .. } = subject;
    let Input { pack, unit, .. } = subject.input;
    println!("{pack}: {units} {unit} in {bytes} bytes");
    println!("    {:<30} {:>12} {:>8}  of the library's speed", "", format!("{unit}/s"), "MB/s");
    let mut library = Duration::ZERO;
    for stage in &stages {
        let seconds = stage.best.as_secs_f64();
        let (rate, megabytes) = (*units as f64 / seconds, *bytes as f64 / seconds / 1e6);
        print!("    {:<30} {rate:>12.0} {megabytes:>8.1}", stage.name);
        if stage.name.ends_with("by the library") {
            library = stage.best;
            println!();
        } else {
            println!("  {:.3}", library.as_secs_f64() / seconds);
        }
    }
    if !subject.is_written() {
        println!("    the mapping is read only");
    }
}
