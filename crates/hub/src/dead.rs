//! Dead: what a broker gave up on, because it was delivered far too often and never acknowledged. Only a crash loop does
//! that. It is set aside with its bytes, where an operator finds it, and everything else goes on.

use std::sync::Arc;

use bus::{BusError, Delivered, Queue, Subscription};

use crate::backoff::Backoff;
use crate::context::Context;
use crate::{deliver, resolve};

/// The code of what is parked here.
pub(crate) const CODE: &str = "bus.dead";

/// Why, in words.
pub(crate) const REASON: &str = "it was delivered too often without being acknowledged: the hub crashed again and again while it \
    had this message; look at its log, then retry or discard";

/// Runs until the hub stops.
pub(crate) async fn run(context: Arc<Context>) {
    let mut backoff = Backoff::new(&context.settings.limits);
    let mut waiting = context.outages.waiting();
    while !context.stop.is_cancelled() {
        let served = match context.bus.subscribe(&Queue::Dead, context.settings.limits.prefetch).await {
            Ok(subscription) => {
                waiting.over();
                serve(&context, subscription, &mut backoff).await
            }
            // The embedded bus gives up on nothing, and has no such queue.
            Err(BusError::Unroutable(_)) => return context.stop.cancelled().await,
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            waiting.because(&error, || tracing::warn!(%error, "dead messages wait for the bus"));
            if !context.pause(&mut backoff).await {
                return;
            }
        }
    }
}

async fn serve(
    context: &Context,
    mut subscription: Box<dyn Subscription>,
    backoff: &mut Backoff,
) -> Result<(), BusError> {
    loop {
        let messages = tokio::select! {
            biased;
            () = context.stop.cancelled() => return Ok(()),
            messages = subscription.receive(context.settings.limits.prefetch) => messages?,
        };
        for message in &messages {
            if !park(context, message).await {
                return Ok(());
            }
            subscription.acknowledge(&[message.receipt]).await?;
        }
        backoff.reset();
    }
}

/// Parks a message where it died; returns `false` when the hub stops before that was possible.
async fn park(context: &Context, message: &Delivered) -> bool {
    tracing::error!(id = message.id, died_in = ?message.died_in, code = CODE, "a message was delivered too often");
    match &message.died_in {
        Some(Queue::Delivery(system)) => deliver::park_dead(context, system, message).await,
        _ => resolve::park_dead(context, message).await,
    }
}
