//! Carrying faults out. Each lane has its victims to itself, waits until it may go on, and heals each fault before the next.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use test_servers::{PostgreSql, Proxy, RabbitMq, Stop};
use tokio::runtime::Handle;

use super::plan::{Class, Lane};
use super::run::Run;
use super::site::LEASE_TIME;
use super::worker::Worker;

/// Goes through the faults of a lane; `idle` is called while it waits for the other lanes, `carry_out` for each fault.
fn go_through(
    lane: Lane,
    faults: &[(Class, u64)],
    run: &Run,
    mut idle: impl FnMut(),
    mut carry_out: impl FnMut(Class, &mut Rng),
) {
    for (class, seed) in faults {
        while !run.may_begin(lane) {
            idle();
            if !run.pause(Duration::from_millis(50)) {
                return;
            }
        }
        let mut random = Rng::with_seed(*seed);
        carry_out(*class, &mut random);
        if run.is_broken() {
            return;
        }
        run.end(*class);
        // Some work gets done before the next one.
        let rest = between(&mut random, 200, 1_500);
        let until = run.elapsed() + rest;
        while run.elapsed() < until && run.pause(Duration::from_millis(50)) {
            idle();
        }
    }
}

/// A time between two numbers of milliseconds.
fn between(random: &mut Rng, min: u64, max: u64) -> Duration {
    Duration::from_millis(random.u64(min..=max))
}

/// The faults of workers.
pub(super) fn workers(workers: &Mutex<&mut Vec<Worker>>, faults: &[(Class, u64)], run: &Run) {
    let locked = || workers.lock().unwrap_or_else(PoisonError::into_inner);
    go_through(
        Lane::Workers,
        faults,
        run,
        || locked().iter_mut().for_each(|worker| worker.keep(run)),
        |class, random| {
            let mut workers = locked();
            // Now and then the whole hub.
            let victims = if random.u32(..5) == 0 { 0..workers.len() } else { one(workers.len(), random) };
            let (victims, others) = split(&mut workers, victims);
            harm(class, victims, others, random, run);
        },
    );
}

fn one(count: usize, random: &mut Rng) -> std::ops::Range<usize> {
    let number = random.usize(..count);
    number..number + 1
}

/// The workers in a range, and all others.
fn split(workers: &mut [Worker], victims: std::ops::Range<usize>) -> (Vec<&mut Worker>, Vec<&mut Worker>) {
    let (mut those, mut others) = (Vec::new(), Vec::new());
    for (number, worker) in workers.iter_mut().enumerate() {
        if victims.contains(&number) { those.push(worker) } else { others.push(worker) }
    }
    (those, others)
}

fn harm(class: Class, mut victims: Vec<&mut Worker>, mut others: Vec<&mut Worker>, random: &mut Rng, run: &Run) {
    let names: Vec<String> = victims.iter().map(|worker| worker.name.clone()).collect();
    let names = names.join(", ");
    let lease = u64::try_from(LEASE_TIME.as_millis()).unwrap_or(u64::MAX);
    match class {
        Class::RestartWorker => {
            run.begin(Lane::Workers, class, &format!("{names} stopped in order and started again"));
            victims.iter_mut().for_each(|worker| worker.stop(run));
        }
        Class::SuspendWorker => {
            let time = between(random, lease * 3 / 2, lease * 5 / 2);
            run.begin(Lane::Workers, class, &format!("{names} suspended for {} ms", time.as_millis()));
            victims.iter().for_each(|worker| worker.signal("STOP"));
            wait_beside(time, &mut others, run);
            victims.iter().for_each(|worker| worker.signal("CONT"));
        }
        _ => {
            let time = between(random, 0, lease * 2);
            run.begin(
                Lane::Workers,
                class,
                &format!("{names} killed, and started again after {} ms", time.as_millis()),
            );
            victims.iter_mut().for_each(|worker| worker.kill());
            wait_beside(time, &mut others, run);
        }
    }
    for worker in victims.into_iter().chain(others) {
        worker.forget();
        worker.start();
    }
}

/// Waits, and watches over the workers that are not victims now.
fn wait_beside(time: Duration, others: &mut [&mut Worker], run: &Run) {
    let until = run.elapsed() + time;
    while run.elapsed() < until && run.pause(Duration::from_millis(50)) {
        others.iter_mut().for_each(|worker| worker.keep(run));
    }
}

/// The faults of the broker.
pub(super) fn broker(broker: &mut RabbitMq, faults: &[(Class, u64)], run: &Run) {
    go_through(Lane::Broker, faults, run, || {}, |class, random| starve(class, broker, random, run));
}

fn starve(class: Class, broker: &mut RabbitMq, random: &mut Rng, run: &Run) {
    let node = random.usize(..broker.count());
    match class {
        Class::RestartBroker => {
            let is_killed = random.bool();
            let how = if is_killed { "all nodes killed" } else { "all nodes stopped in order" };
            run.begin(Lane::Broker, class, &format!("{how}, and started again"));
            if is_killed {
                broker.kill_all();
            } else {
                broker.stop_all();
            }
            broker.start_all();
        }
        Class::KillLeader => {
            // Any queue does; which node leads it is the broker's affair.
            let queues: Vec<String> = broker.queues().into_iter().map(|queue| queue.name).collect();
            let queue = random.choice(&queues).cloned().expect("a hub that has declared its queues");
            run.begin(Lane::Broker, class, &format!("the leader of {queue} killed, and started again"));
            let killed = broker.kill_leader(&queue);
            run.pause(between(random, 0, 4_000));
            broker.start(killed);
        }
        _ => {
            let time = between(random, 500, 6_000);
            run.begin(Lane::Broker, class, &format!("node {node} has no memory for {} ms", time.as_millis()));
            broker.set_memory_alarm(node, true);
            run.pause(time);
            broker.set_memory_alarm(node, false);
        }
    }
}

/// The faults of PostgreSQL.
pub(super) fn store(store: &mut PostgreSql, faults: &[(Class, u64)], run: &Run) {
    go_through(
        Lane::Store,
        faults,
        run,
        || {},
        |class, random| {
            let time = between(random, 0, 3_000);
            let stop = if random.bool() { Stop::Fast } else { Stop::Immediate };
            let how = match class {
                Class::RestartStore => format!("stopped ({stop:?})"),
                _ => "killed".to_owned(),
            };
            run.begin(
                Lane::Store,
                class,
                &format!("PostgreSQL {how}, and started again after {} ms", time.as_millis()),
            );
            match class {
                Class::RestartStore => store.stop(stop),
                _ => store.kill(),
            }
            run.pause(time);
            store.start();
        },
    );
}

/// The proxies before the servers.
pub(super) struct Ways<'r> {
    pub broker: &'r [Proxy],
    pub store: &'r Proxy,
    pub runtime: &'r Handle,
}

/// The faults of connections.
pub(super) fn connections(ways: &Ways<'_>, faults: &[(Class, u64)], run: &Run) {
    go_through(
        Lane::Connections,
        faults,
        run,
        || {},
        |class, random| {
            let (name, proxies): (_, Vec<&Proxy>) = match class {
                Class::CutStore => ("PostgreSQL", vec![ways.store]),
                _ if random.bool() => ("all nodes of RabbitMQ", ways.broker.iter().collect()),
                _ => ("one node of RabbitMQ", random.choice(ways.broker).into_iter().collect()),
            };
            let time = between(random, 500, 5_000);
            let how = ["cut", "refused", "silent"][random.usize(..3)];
            run.begin(
                Lane::Connections,
                class,
                &format!("connections to {name}: {how}, healed after {} ms", time.as_millis()),
            );
            for proxy in &proxies {
                match how {
                    "cut" => proxy.cut(),
                    "refused" => ways.runtime.block_on(proxy.refuse()),
                    _ => proxy.swallow(),
                }
            }
            run.pause(time);
            proxies.iter().for_each(|proxy| ways.runtime.block_on(proxy.pass()));
        },
    );
}
