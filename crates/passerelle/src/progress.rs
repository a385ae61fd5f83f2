//! Progress of long work, for people who wait.

use hub::{Progress, StreamName};
use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar on standard error; nothing where that is no terminal.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar for a stream.
    pub fn new(name: &StreamName) -> Self {
        let bar = ProgressBar::new(0).with_message(format!("{}/{}", name.0, name.1));
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {bytes}/{total_bytes} {elapsed}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Bar(bar)
    }

    /// What moves the bar.
    pub fn teller(&self) -> Box<dyn FnMut(Progress) + Send> {
        let bar = self.0.clone();
        Box::new(move |progress: Progress| {
            bar.set_length(progress.bytes.unwrap_or_default());
            bar.set_position(progress.bytes_done.unwrap_or_default());
            bar.set_message(format!("{}: {} records", progress.drop_name, progress.outcomes.read));
        })
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// The progress of a copy on standard error; nothing where that is no terminal.
pub struct CopyBar(ProgressBar);

impl CopyBar {
    /// A bar for a copy.
    pub fn new() -> Self {
        let bar = ProgressBar::new(0).with_message("looking at both stores");
        if let Ok(style) = ProgressStyle::with_template("{msg:24} [{bar:30}] {human_pos}/{human_len} rows {elapsed}") {
            bar.set_style(style.progress_chars("=> "));
        }
        CopyBar(bar)
    }

    /// Moves the bar.
    pub fn tell(&self, progress: store::copy::Progress) {
        self.0.set_length(progress.all);
        self.0.set_position(progress.done);
        self.0.set_message(progress.table);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
