//! A small HTTP server whose manners the test chooses, good and bad.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// What the server does with a request.
#[derive(Clone)]
pub enum Manner {
    /// Answers with these bytes, status line and headers included.
    Answer(Arc<dyn Fn(&str) -> String + Send + Sync>),
    /// Reads the request and never answers.
    Silent,
}

impl Manner {
    /// Answers 200 with a body of this type.
    pub fn body(content_type: &'static str, body: impl Into<String>) -> Self {
        let body = body.into();
        Manner::Answer(Arc::new(move |_| {
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
        }))
    }

    /// Answers 200 with JSON.
    pub fn json(body: impl Into<String>) -> Self {
        Manner::body("application/json", body)
    }

    /// Redirects every path to one that is redirected again.
    pub fn redirects() -> Self {
        Manner::Answer(Arc::new(|path| {
            let next = if path.starts_with("/here") { "/there" } else { "/here" };
            format!("HTTP/1.1 302 Found\r\nlocation: {next}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }))
    }
}

struct Shared {
    manner: Mutex<Manner>,
    /// Whether the server was dropped; those that are silent wait for it.
    ended: Mutex<bool>,
    changed: Condvar,
}

/// A server on a free port of this machine. It ends when this value goes.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Starts one.
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared { manner: Mutex::new(manner), ended: Mutex::new(false), changed: Condvar::new() });
        let serving = shared.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if *serving.ended.lock().unwrap_or_else(PoisonError::into_inner) {
                    return;
                }
                let shared = serving.clone();
                std::thread::spawn(move || serve(&connection, &shared));
            }
        });
        Server { address, shared }
    }

    /// Behaves differently from the next request on.
    pub fn behave(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        *self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.changed.notify_all();
        // One more connection wakes the listener, which then sees that it has ended.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(connection: &TcpStream, shared: &Shared) {
    let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
    // The requests that are served here have no body: they end with their headers.
    lines.by_ref().take_while(|line| !line.is_empty()).for_each(drop);
    let manner = shared.manner.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match manner {
        Manner::Answer(answer) => {
            let mut connection = connection;
            // The hub may have given up by now, which is its own affair.
            let _ = connection.write_all(answer(&path).as_bytes());
        }
        Manner::Silent => {
            let ended = shared.ended.lock().unwrap_or_else(PoisonError::into_inner);
            drop(shared.changed.wait_while(ended, |ended| !*ended));
        }
    }
}
