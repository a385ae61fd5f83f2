//! Foreign consumers as `docs/consume.md` shows them: lapin alone, and Python's pika.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bus::rabbitmq::RabbitMqBus;
use bus::{Bus, Message, Route};
use tokio::sync::mpsc;

use crate::broker::{House, QUEUE, options};

#[path = "../../../../docs/examples/consume.rs"]
mod consume;

/// How long one event waits for its consumer before the next one is published.
const MOMENT: Duration = Duration::from_millis(200);
const TRIES_MAX: usize = 300;

fn docs(inner: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(inner)
}

fn event(key: &str, id: usize) -> Message {
    let body = format!(
        r#"{{"specversion":"1.0","id":"acme/m42/{id}","source":"/acme/master","type":"passerelle.changed.customer.v1","time":"2026-01-05T08:00:00Z","tenant":"acme","partitionkey":"0","operation":"upsert","version":"{id}","masterid":"m42","data":{{"kind":"company","legal_name":"Dupont SARL"}}}}"#
    );
    Message {
        route: Route::Public(key.into()),
        id: format!("acme/m42/{id}"),
        content_type: "application/cloudevents+json",
        body: body.into_bytes(),
    }
}

/// Publishes events, some for others, until the consumer tells of one: before it listens, nobody keeps them for it.
async fn publish_until_heard(bus: &RabbitMqBus, heard: &mut mpsc::UnboundedReceiver<String>) -> String {
    for id in 0..TRIES_MAX {
        let messages = vec![event("acme.invoice.upsert", 1_000_000 + id), event("acme.customer.upsert", id)];
        bus.publish(messages).await.unwrap();
        if let Ok(told) = tokio::time::timeout(MOMENT, heard.recv()).await {
            return told.expect("a consumer that runs");
        }
    }
    panic!("the consumer heard nothing of {TRIES_MAX} events");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_consumer_needs_lapin_alone() {
    let Some(house) = House::new() else { return };
    let bus = house.bus(options());
    bus.declare(&[QUEUE]).await.unwrap();
    let (told, mut heard) = mpsc::unbounded_channel();
    let url = house.url();
    let consumer = tokio::spawn(async move {
        let handle = |body: &[u8]| drop(told.send(String::from_utf8_lossy(body).into_owned()));
        consume::consume(&url, handle).await
    });
    let event = publish_until_heard(&bus, &mut heard).await;
    let event: serde_json::Value = serde_json::from_str(&event).unwrap();
    assert_eq!((&event["operation"], &event["data"]["legal_name"]), (&"upsert".into(), &"Dupont SARL".into()));
    consumer.abort();
}

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_consumer_needs_pika_alone() {
    let python = |arguments: &[&str]| {
        let mut command = Command::new("python3");
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    };
    if !python(&["-c", "import pika"]).status().is_ok_and(|status| status.success()) {
        // Written past the test harness, which hides what a passing test prints.
        writeln!(std::io::stderr(), "NOT RUN: Python's pika is missing; docs/examples/consume.py is not tried")
            .unwrap();
        return;
    }
    let Some(house) = House::new() else { return };
    let bus = house.bus(options());
    bus.declare(&[QUEUE]).await.unwrap();
    let script = docs("examples/consume.py").display().to_string();
    let mut running = Running(python(&[&script, &house.url()]).spawn().unwrap());
    let lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let (told, mut heard) = mpsc::unbounded_channel();
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(told.send(line))));
    let line = publish_until_heard(&bus, &mut heard).await;
    assert!(line.starts_with("acme/m42/") && line.ends_with(" upsert Dupont SARL"), "{line}");
}

#[test]
fn the_page_shows_the_programs_that_were_tried() {
    let page = std::fs::read_to_string(docs("consume.md")).unwrap();
    for (language, file) in [("rust", "examples/consume.rs"), ("python", "examples/consume.py")] {
        let program = std::fs::read_to_string(docs(file)).unwrap();
        assert!(page.contains(&format!("```{language}\n{program}```\n")), "docs/consume.md shows another {file}");
        let statements = program.lines().filter(|line| line.ends_with([';', ')', '{', ':', '}'])).count();
        assert!(statements <= 25, "{file} has {statements} lines");
    }
}
