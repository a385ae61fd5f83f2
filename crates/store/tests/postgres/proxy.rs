//! A way to the server that loses what it is told to lose.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What happens to the next COMMIT.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Loses {
    Nothing = 0,
    /// The server carries it out, and its answer is lost with the connection.
    Answer = 1,
    /// The connection is lost before the server hears of it.
    Request = 2,
    /// The same, and nobody reaches the server from then on until nothing is to be lost.
    Server = 3,
}

/// What is lost while nobody reaches the server.
const AWAY: u8 = 4;

/// A proxy on a port of its own, for as long as it lives.
pub struct Proxy {
    port: u16,
    loses: Arc<AtomicU8>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub async fn to(server: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let loses = Arc::new(AtomicU8::new(Loses::Nothing as u8));
        let shared = Arc::clone(&loses);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, Arc::clone(&shared)));
            }
        });
        Proxy { port, loses, task }
    }

    pub fn url(&self) -> String {
        format!("postgres://hub@127.0.0.1:{}/hub?sslmode=disable", self.port)
    }

    /// Loses the next COMMIT in this way, and nothing else.
    pub fn lose(&self, what: Loses) {
        self.loses.store(what as u8, Ordering::SeqCst);
    }

    /// Whether nobody reaches the server.
    pub fn is_away(&self) -> bool {
        self.loses.load(Ordering::SeqCst) == AWAY
    }

    /// Whether what was to be lost was lost.
    pub fn has_lost(&self) -> bool {
        self.loses.load(Ordering::SeqCst) == Loses::Nothing as u8
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, server: u16, loses: Arc<AtomicU8>) {
    while loses.load(Ordering::SeqCst) == AWAY {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let (mut up, mut down) = ([0_u8; 65_536], [0_u8; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(count @ 1..) = read else { return };
                let is_commit = up[..count].windows(7).any(|part| part == b"COMMIT\0");
                let lost = if is_commit { loses.swap(Loses::Nothing as u8, Ordering::SeqCst) } else { 0 };
                if lost == Loses::Server as u8 {
                    loses.store(AWAY, Ordering::SeqCst);
                }
                if lost == Loses::Request as u8 || loses.load(Ordering::SeqCst) == AWAY {
                    return;
                }
                if server.write_all(&up[..count]).await.is_err() {
                    return;
                }
                if lost == Loses::Answer as u8 {
                    let _ = server.read(&mut down).await;
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Ok(count @ 1..) = read else { return };
                if client.write_all(&down[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
