//! Until when a piece of work is surely this worker's, by its own clock.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::watch;
use tokio::time::Instant;

/// Until when nobody else can have begun a piece of work. Renewing its lease moves the end.
///
/// A worker counts from the moment before it asked the store, the store from the moment at which it answered: so the
/// term is over before the store gives the work to another, as long as both clocks run at one speed. A clock that stands
/// still while the machine sleeps breaks that; then the target's own idempotence is what is left.
#[derive(Clone, Debug)]
pub(crate) struct Term(Arc<watch::Sender<Option<Instant>>>);

impl Term {
    /// The term of what nobody else can ever have.
    pub fn endless() -> Self {
        Term(Arc::new(watch::Sender::new(None)))
    }

    /// A term that lasts until then, unless it is prolonged.
    pub fn until(end: Instant) -> Self {
        Term(Arc::new(watch::Sender::new(Some(end))))
    }

    /// Moves the end.
    pub fn prolong(&self, end: Instant) {
        self.0.send_replace(Some(end));
    }

    /// Ends it now: another has the work already.
    pub fn end(&self) {
        self.0.send_replace(Some(Instant::now()));
    }

    /// Whether another may have the work.
    pub fn is_over(&self) -> bool {
        self.0.borrow().is_some_and(|end| end <= Instant::now())
    }

    /// Does something that must not outlast the term. `None` when the term ended first; then the rest of the work is
    /// dropped where it stood.
    ///
    /// The clock is looked at before every step: a process that was suspended does nothing more when it wakes up late.
    pub async fn within<F: Future>(&self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        let mut over = pin!(self.over());
        poll_fn(|context| {
            if over.as_mut().poll(context).is_ready() || self.is_over() {
                return Poll::Ready(None);
            }
            work.as_mut().poll(context).map(Some)
        })
        .await
    }

    /// Waits for the end.
    async fn over(&self) {
        let mut moved = self.0.subscribe();
        loop {
            let end = *moved.borrow_and_update();
            tokio::select! {
                () = reached(end) => return,
                // The sender is this value: it cannot go first.
                _ = moved.changed() => {}
            }
        }
    }
}

async fn reached(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(40);

    #[tokio::test]
    async fn what_takes_longer_than_the_term_is_cut_at_its_end() {
        let begun = Instant::now();
        let term = Term::until(begun + MOMENT);
        assert_eq!(term.within(async { 7 }).await, Some(7));
        assert_eq!(term.within(pending::<()>()).await, None);
        assert!(begun.elapsed() >= MOMENT);
        // Not even begun.
        let is_begun = std::cell::Cell::new(false);
        assert_eq!(term.within(async { is_begun.set(true) }).await, None);
        assert!(term.is_over() && !is_begun.get());
    }

    #[tokio::test]
    async fn a_term_that_is_prolonged_lasts_longer_and_one_that_is_ended_is_over_at_once() {
        let begun = Instant::now();
        let term = Term::until(begun + MOMENT);
        let renews = term.clone();
        tokio::spawn(async move { renews.prolong(begun + 3 * MOMENT) });
        assert_eq!(term.within(pending::<()>()).await, None);
        assert!(begun.elapsed() >= 3 * MOMENT);

        let term = Term::until(begun + Duration::from_secs(3_600));
        let loses = term.clone();
        tokio::spawn(async move { loses.end() });
        assert_eq!(term.within(pending::<()>()).await, None);
        assert_eq!(Term::endless().within(tokio::time::sleep(MOMENT)).await, Some(()));
    }

    #[tokio::test]
    async fn a_process_that_wakes_up_late_does_nothing_more() {
        let term = Term::until(Instant::now() + Duration::from_millis(20));
        let steps = std::cell::Cell::new(0);
        let work = poll_fn(|context| {
            steps.set(steps.get() + 1);
            // Suspended beyond the end, and called again before any timer could be.
            std::thread::sleep(Duration::from_millis(40));
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!(term.within(work).await, None);
        assert_eq!(steps.get(), 1);
    }
}
