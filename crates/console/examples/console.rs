//! The console over a small company's data, for looking at it: `cargo run -p console --example console [PORT]`.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

#[path = "../tests/support/company.rs"]
mod company;
#[path = "../tests/support/fake.rs"]
mod fake;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(8321), |text| text.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let store = Arc::new(fake::Fake::new());
    let (mut console, _readiness) = company::console(store.clone(), company::systems(), Arc::default());
    console.metrics = Some(console::recorder()?);
    let shutdown = CancellationToken::new();
    let stepping = async {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        for tick in 0i64.. {
            ticks.tick().await;
            // Bursts with pauses between them, as drops have.
            if tick % 20 < 9 {
                store.step(7 + tick % 5);
            }
        }
        Ok(())
    };
    tokio::select! {
        ended = console::serve(listener, console, shutdown.clone()) => Ok(ended?),
        ended = stepping => ended,
        signal = tokio::signal::ctrl_c() => Ok(signal?),
    }
}
