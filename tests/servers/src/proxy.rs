//! A TCP proxy on the loopback that can cut, refuse, fall silent and be slow.

#[cfg(test)]
mod tests;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::ports::free_port;

/// The most bytes that travel as one piece.
const PIECE_BYTES_MAX: usize = 16 * 1024;
/// The most pieces that are on their way in one direction of a connection: a slow proxy slows its clients down.
const PIECES_MAX: usize = 64;
/// How long it waits when the machine does not let it accept a connection.
const ACCEPT_DELAY: Duration = Duration::from_millis(10);

/// What a proxy has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Connections that the proxy ended, by [`cut`](Proxy::cut) or because they had lost bytes.
    pub cut: u64,
    /// Connections that ended because nobody listens at the target.
    pub failed: u64,
    /// Bytes that went to the target.
    pub bytes_to: u64,
    /// Bytes that came from the target.
    pub bytes_from: u64,
    /// Bytes that were swallowed in silence.
    pub bytes_swallowed: u64,
}

#[derive(Default)]
struct Counters {
    accepted: AtomicU64,
    open: AtomicU64,
    cut: AtomicU64,
    failed: AtomicU64,
    bytes_to: AtomicU64,
    bytes_from: AtomicU64,
    bytes_swallowed: AtomicU64,
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::SeqCst);
}

/// What the connections of a proxy share.
struct Shared {
    target: u16,
    counters: Counters,
    delay_micros: AtomicU64,
    /// How often everything was cut; a connection ends when the number changes.
    cuts: watch::Sender<u64>,
    is_silent: watch::Sender<bool>,
}

impl Shared {
    fn is_silent(&self) -> bool {
        *self.is_silent.borrow()
    }

    fn delay(&self) -> Duration {
        Duration::from_micros(self.delay_micros.load(Ordering::SeqCst))
    }

    async fn wait_until_heard(&self) {
        // The sender is part of this very value, so it cannot be gone.
        let _ = self.is_silent.subscribe().wait_for(|is_silent| !is_silent).await;
    }
}

/// A way to a server of the loopback, with faults on demand. Everything ends when this value goes.
///
/// It needs the tokio runtime that it was made in for as long as it lives.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    /// The task that accepts connections; absent while they are refused.
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl Proxy {
    /// A proxy to a port of the loopback, that passes everything. The target may be down.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn to(target: u16) -> Self {
        let (cuts, is_silent) = (watch::Sender::new(0), watch::Sender::new(false));
        let (counters, delay_micros) = (Counters::default(), AtomicU64::new(0));
        let shared = Arc::new(Shared { target, counters, delay_micros, cuts, is_silent });
        let proxy = Proxy { port: free_port(), shared, listening: Mutex::new(None) };
        proxy.pass().await;
        proxy
    }

    /// Where it listens, the same for its whole life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection with a reset, as when one end dies. New ones are accepted.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|count| *count += 1);
    }

    /// Ends every connection, and refuses new ones until [`pass`](Proxy::pass).
    pub async fn refuse(&self) {
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = listening {
            task.abort();
            // The port is closed once the task has ended; that it was aborted is no news.
            let _ = task.await;
        }
        self.cut();
    }

    /// Swallows every byte in both directions until [`pass`](Proxy::pass), as when a cable is pulled: connections stay
    /// open, new ones are accepted, nobody answers, and an end that closes is not heard of by the other.
    pub fn swallow(&self) {
        self.shared.is_silent.send_replace(true);
    }

    /// Passes everything again. Connections that were silent are cut first: their bytes would not fit together.
    ///
    /// # Panics
    /// When somebody else took the port while connections were refused.
    pub async fn pass(&self) {
        if self.shared.is_silent() {
            self.cut();
            self.shared.is_silent.send_replace(false);
        }
        if self.listening.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return;
        }
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("the port of the proxy");
        let task = tokio::spawn(listen(listener, self.shared.clone()));
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Lets every piece travel for so long, in each direction, from now on. Zero is the beginning.
    pub fn delay(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.shared.delay_micros.store(micros, Ordering::SeqCst);
    }

    /// What it has seen so far.
    pub fn counts(&self) -> Counts {
        let counters = &self.shared.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Counts {
            accepted: get(&counters.accepted),
            open: get(&counters.open),
            cut: get(&counters.cut),
            failed: get(&counters.failed),
            bytes_to: get(&counters.bytes_to),
            bytes_from: get(&counters.bytes_from),
            bytes_swallowed: get(&counters.bytes_swallowed),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let listening = self.listening.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        listening.into_iter().for_each(|task| task.abort());
        self.cut();
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((near, _)) = listener.accept().await else {
            // The machine is out of something that others may give back.
            tokio::time::sleep(ACCEPT_DELAY).await;
            continue;
        };
        add(&shared.counters.accepted, 1);
        add(&shared.counters.open, 1);
        // Before the task begins: what is cut from now on concerns this connection.
        let cuts = shared.cuts.subscribe();
        let shared = shared.clone();
        tokio::spawn(async move {
            serve(near, &shared, cuts).await;
            shared.counters.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Serves one connection to its end.
async fn serve(mut near: TcpStream, shared: &Shared, mut cuts: watch::Receiver<u64>) {
    let mut far = None;
    let is_cut = tokio::select! {
        // First: what was silent is cut before anything passes again.
        biased;
        _ = cuts.changed() => true,
        () = connect_and_carry(&mut near, &mut far, shared) => false,
    };
    if is_cut {
        add(&shared.counters.cut, 1);
        // A reset instead of an orderly end; a socket that has gone already needs none.
        let _ = near.set_zero_linger();
        let _ = far.as_ref().map(TcpStream::set_zero_linger);
    }
}

async fn connect_and_carry(near: &mut TcpStream, far: &mut Option<TcpStream>, shared: &Shared) {
    // In silence the target does not hear of a new connection.
    shared.wait_until_heard().await;
    let Ok(connected) = TcpStream::connect(("127.0.0.1", shared.target)).await else {
        add(&shared.counters.failed, 1);
        return;
    };
    // Small messages are the rule here, and none should wait for a second one.
    let _ = (near.set_nodelay(true), connected.set_nodelay(true));
    let (near_read, near_write) = near.split();
    let (far_read, far_write) = far.insert(connected).split();
    // When one end breaks, the other one is closed too; when one is done sending, the other may still answer.
    let _ = tokio::try_join!(
        carry(near_read, far_write, &shared.counters.bytes_to, shared),
        carry(far_read, near_write, &shared.counters.bytes_from, shared),
    );
}

/// Carries the bytes of one direction until it ends.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    passed: &AtomicU64,
    shared: &Shared,
) -> io::Result<()> {
    let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let reading = async move {
        let mut buffer = vec![0; PIECE_BYTES_MAX];
        loop {
            let read = from.read(&mut buffer).await;
            if shared.is_silent() {
                match read {
                    Ok(count @ 1..) => add(&shared.counters.bytes_swallowed, count),
                    // Nobody hears that this end has gone; the connection is cut when the silence ends.
                    Ok(0) | Err(_) => shared.wait_until_heard().await,
                }
                continue;
            }
            let count = read?;
            // The other half ends only by an error of its own, which then ends this one too.
            if count == 0 || sender.send((Instant::now(), buffer[..count].to_vec())).await.is_err() {
                return Ok(());
            }
        }
    };
    let writing = async move {
        while let Some((since, piece)) = pieces.recv().await {
            let delay = shared.delay();
            if !delay.is_zero() {
                tokio::time::sleep_until(since + delay).await;
            }
            if shared.is_silent() {
                add(&shared.counters.bytes_swallowed, piece.len());
                continue;
            }
            to.write_all(&piece).await?;
            add(passed, piece.len());
        }
        to.shutdown().await
    };
    tokio::try_join!(reading, writing).map(drop)
}
