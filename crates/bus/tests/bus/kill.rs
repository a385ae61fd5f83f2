//! Real crashes: a process that publishes and consumes is killed with SIGKILL at moments drawn from a seed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bus::embedded::{EmbeddedBus, EmbeddedOptions};
use bus::{Bus, Delivered, Message, Queue, Route};
use tempfile::TempDir;

const ROUNDS: u64 = 10;
const QUEUES: usize = 2;

/// Tells the process to be killed its directory, its first number and its seed.
const ORDERS: &str = "PASSERELLE_TEST_BUS_KILL";

fn queue(at: usize) -> Queue {
    Queue::Observed(u32::try_from(at).unwrap())
}

fn open(directory: &Path) -> EmbeddedBus {
    let options = EmbeddedOptions {
        // Small, so that kills fall into flushes, checkpoints and steps of giving back space.
        acknowledge_delay_ms_max: 3,
        free_bytes_max: 64 << 10,
        read_ahead_bytes_max: 64 << 10,
        ..EmbeddedOptions::default()
    };
    EmbeddedBus::open(directory, options).unwrap()
}

/// One line at a time reaches the pipe whole, and only lines that end count.
fn say(line: String) {
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Publishes numbers from `number` on and says which are confirmed.
async fn publish(bus: Arc<EmbeddedBus>, at: usize, mut number: u64, mut random: fastrand::Rng) {
    loop {
        let end = number + random.u64(1..6);
        let messages = (number..end)
            .map(|number| Message {
                route: Route::Queue(queue(at)),
                id: number.to_string(),
                content_type: "application/cloudevents+json",
                body: number.to_string().repeat(random.usize(1..4_000)).into_bytes(),
            })
            .collect();
        bus.publish(messages).await.unwrap();
        (number..end).for_each(|number| say(format!("C {at} {number}\n")));
        number = end;
    }
}

/// Receives, says so, and acknowledges out of order what it said that it would.
async fn consume(bus: Arc<EmbeddedBus>, at: usize, mut random: fastrand::Rng) {
    let mut subscription = bus.subscribe(&queue(at), 16).await.unwrap();
    let mut held: Vec<Delivered> = Vec::new();
    loop {
        if held.len() < 16 {
            let received = subscription.receive(4).await.unwrap();
            received.iter().for_each(|message| say(format!("R {at} {}\n", message.id)));
            held.extend(received);
        }
        random.shuffle(&mut held);
        let done = held.split_off(random.usize(0..held.len()));
        done.iter().for_each(|message| say(format!("A {at} {}\n", message.id)));
        let receipts: Vec<_> = done.iter().map(|message| message.receipt).collect();
        subscription.acknowledge(&receipts).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is the process that the other test kills"]
async fn a_process_to_kill() {
    let orders = std::env::var(ORDERS).unwrap();
    let mut orders = orders.splitn(3, ' ');
    let (first, seed): (u64, u64) = (orders.next().unwrap().parse().unwrap(), orders.next().unwrap().parse().unwrap());
    let bus = Arc::new(open(Path::new(orders.next().unwrap())));
    // The test harness has begun a line of its own.
    say("\n".to_owned());
    bus.declare(&[queue(0), queue(1)]).await.unwrap();
    let mut random = fastrand::Rng::with_seed(seed);
    let tasks: Vec<_> = (0..QUEUES)
        .flat_map(|at| {
            [
                tokio::spawn(publish(Arc::clone(&bus), at, first, random.fork())),
                tokio::spawn(consume(Arc::clone(&bus), at, random.fork())),
            ]
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// What was ever said about one queue.
#[derive(Default)]
struct Told {
    confirmed: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
    /// What the last process received, in its order.
    received: Vec<u64>,
}

/// Lets a process work, kills it after so many lines, and notes every line that it finished.
fn live_and_die(directory: &Path, first: u64, seed: u64, line_count: usize, told: &mut [Told]) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "kill::a_process_to_kill", "--nocapture", "--test-threads=1"])
        .env(ORDERS, format!("{first} {seed} {}", directory.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    let mut count = 0;
    while lines.read_line(&mut line).unwrap() > 0 {
        let mut words = line.strip_suffix('\n').unwrap_or_default().split(' ');
        if let (Some(kind), Some(Ok(at)), Some(Ok(number)), None) =
            (words.next(), words.next().map(str::parse::<usize>), words.next().map(str::parse::<u64>), words.next())
        {
            let told = &mut told[at];
            match kind {
                "C" => assert!(told.confirmed.insert(number), "{number} confirmed twice"),
                "R" => told.received.push(number),
                "A" => drop(told.acknowledged.insert(number)),
                other => panic!("{other}"),
            }
            count += 1;
            if count == line_count {
                child.kill().unwrap();
            }
        }
        line.clear();
    }
    let status = child.wait().unwrap();
    assert!(!status.success() && status.code().is_none(), "it was not killed but ended by itself: {status}");
    assert!(count >= line_count);
}

/// Everything that waits in a queue, in order, without acknowledging it.
async fn waiting(bus: &EmbeddedBus, at: usize) -> Vec<u64> {
    let (count, _) = bus.depth(&queue(at)).await.unwrap();
    let mut subscription = bus.subscribe(&queue(at), usize::MAX).await.unwrap();
    let mut waiting = Vec::new();
    while (waiting.len() as u64) < count {
        for message in subscription.receive(1000).await.unwrap() {
            assert!(message.body.starts_with(message.id.as_bytes()), "the body of {}", message.id);
            assert!(message.redelivered, "{} was there before this process", message.id);
            waiting.push(message.id.parse().unwrap());
        }
    }
    waiting
}

#[tokio::test]
async fn a_killed_process_loses_nothing_confirmed() {
    let directory = TempDir::new().unwrap();
    let mut random = fastrand::Rng::with_seed(20_261_121);
    let mut told: Vec<Told> = (0..QUEUES).map(|_| Told::default()).collect();
    let mut before: Vec<Vec<u64>> = vec![Vec::new(); QUEUES];
    let mut first = 0;
    for round in 0..ROUNDS {
        told.iter_mut().for_each(|told| told.received.clear());
        live_and_die(directory.path(), first, round, random.usize(20..1_500), &mut told);
        let bus = open(directory.path());
        for (at, told) in told.iter().enumerate() {
            let waiting = waiting(&bus, at).await;
            assert!(waiting.is_sorted_by(|one, next| one < next), "round {round}: the order {waiting:?}");
            assert!(told.received.is_sorted_by(|one, next| one < next), "round {round}: {:?}", told.received);
            let again = before[at].len().min(told.received.len());
            assert_eq!(told.received[..again], before[at][..again], "round {round}: what was left comes first");
            let there: BTreeSet<u64> = waiting.iter().copied().collect();
            let lost: Vec<&u64> =
                told.confirmed.iter().filter(|n| !there.contains(n) && !told.acknowledged.contains(n)).collect();
            assert!(lost.is_empty(), "round {round}: queue {at} lost {lost:?}");
            let last = waiting.last().max(told.confirmed.last()).max(told.received.last());
            first = first.max(last.map_or(0, |last| last + 1));
            before[at] = waiting;
        }
    }
    let confirmed: usize = told.iter().map(|told| told.confirmed.len()).sum();
    let acknowledged: usize = told.iter().map(|told| told.acknowledged.len()).sum();
    assert!(confirmed > 500 && acknowledged > 200, "too little happened: {confirmed} {acknowledged}");
}
