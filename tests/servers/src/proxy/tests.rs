#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

use super::{Counts, Proxy};

const PATIENCE: Duration = Duration::from_secs(30);

/// A server that sends back what it gets, and the proxy in front of it.
async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    Proxy::to(port).await
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap()
}

/// Sends a text and waits until it has come back.
async fn ask(stream: &mut TcpStream, text: &str) -> std::io::Result<String> {
    stream.write_all(text.as_bytes()).await?;
    let mut answer = vec![0; text.len()];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("an answer or an end")?;
    Ok(String::from_utf8(answer).unwrap())
}

/// Waits until the counts are as they should be.
async fn until(proxy: &Proxy, what: &str, holds: impl Fn(Counts) -> bool) {
    let begun = Instant::now();
    while !holds(proxy.counts()) {
        assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", proxy.counts());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn what_is_sent_arrives_and_is_counted() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    assert_eq!(ask(&mut stream, "bonjour").await.unwrap(), "bonjour");
    drop(stream);
    until(&proxy, "closed", |counts| counts.open == 0).await;
    let expected = Counts { accepted: 1, bytes_to: 7, bytes_from: 7, ..Counts::default() };
    assert_eq!(proxy.counts(), expected);
}

#[tokio::test]
async fn what_is_larger_than_all_buffers_arrives_whole() {
    let proxy = echo().await;
    let (mut read, mut write) = connect(&proxy).await.into_split();
    let sent: Vec<u8> = (0..10_000_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let expected = sent.clone();
    let sending = tokio::spawn(async move {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut got = Vec::new();
    // That the sender is done must pass through, else this never ends.
    timeout(PATIENCE, read.read_to_end(&mut got)).await.unwrap().unwrap();
    sending.await.unwrap();
    assert!(got == expected, "{} bytes came back", got.len());
}

#[tokio::test]
async fn a_cut_ends_what_is_open_and_nothing_else() {
    let proxy = echo().await;
    let mut streams = [connect(&proxy).await, connect(&proxy).await];
    for stream in &mut streams {
        ask(stream, "one").await.unwrap();
    }
    proxy.cut();
    for stream in &mut streams {
        assert!(ask(stream, "two").await.is_err());
    }
    assert_eq!(ask(&mut connect(&proxy).await, "three").await.unwrap(), "three");
    assert_eq!(proxy.counts().cut, 2);
}

#[tokio::test]
async fn refused_connections_are_really_refused_until_they_pass_again() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    ask(&mut stream, "one").await.unwrap();
    proxy.refuse().await;
    assert!(ask(&mut stream, "two").await.is_err());
    let refused = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    proxy.pass().await;
    proxy.pass().await;
    assert_eq!(ask(&mut connect(&proxy).await, "three").await.unwrap(), "three");
}

#[tokio::test]
async fn in_silence_nobody_answers_and_no_end_is_heard_of() {
    let proxy = echo().await;
    let mut old = connect(&proxy).await;
    ask(&mut old, "one").await.unwrap();
    let leaving = connect(&proxy).await;
    until(&proxy, "two connections", |counts| counts.open == 2).await;
    proxy.swallow();
    old.write_all(b"nobody hears this").await.unwrap();
    until(&proxy, "swallowed", |counts| counts.bytes_swallowed == 17).await;
    let mut new = connect(&proxy).await;
    new.write_all(b"nor this").await.unwrap();
    drop(leaving);
    // Long enough for an answer that must not come.
    assert!(timeout(Duration::from_millis(100), new.read_u8()).await.is_err());
    assert_eq!(proxy.counts().open, 3);
    proxy.pass().await;
    for stream in [&mut old, &mut new] {
        assert!(ask(stream, "two").await.is_err(), "a connection with a hole went on");
    }
    until(&proxy, "all of them ended", |counts| counts.open == 0).await;
    assert_eq!(ask(&mut connect(&proxy).await, "three").await.unwrap(), "three");
    assert_eq!((proxy.counts().cut, proxy.counts().bytes_from), (3, 8));
}

#[tokio::test]
async fn a_delay_is_for_each_direction_and_keeps_the_order() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    let delay = Duration::from_millis(50);
    proxy.delay(delay);
    let begun = Instant::now();
    assert_eq!(ask(&mut stream, "one").await.unwrap(), "one");
    assert!(begun.elapsed() >= 2 * delay);
    let pieces: String = (0..500).map(|number| format!("{number} ")).collect();
    for piece in pieces.as_bytes().chunks(100) {
        assert_eq!(ask(&mut stream, std::str::from_utf8(piece).unwrap()).await.unwrap().as_bytes(), piece);
    }
}

#[tokio::test]
async fn a_target_that_is_down_ends_the_connection() {
    let proxy = Proxy::to(crate::free_port()).await;
    assert!(ask(&mut connect(&proxy).await, "one").await.is_err());
    until(&proxy, "ended", |counts| counts.open == 0).await;
    assert_eq!(proxy.counts().failed, 1);
}

#[tokio::test]
async fn the_end_of_the_proxy_ends_its_connections() {
    let proxy = echo().await;
    let port = proxy.port();
    let mut stream = connect(&proxy).await;
    ask(&mut stream, "one").await.unwrap();
    drop(proxy);
    assert!(ask(&mut stream, "two").await.is_err());
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
        assert!(begun.elapsed() < PATIENCE, "the port stays open");
    }
}
