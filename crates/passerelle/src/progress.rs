//! Progress of a reading, for people who wait.

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
