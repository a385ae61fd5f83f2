//! A hub on RabbitMQ, and everything that can be wrong with a broker: one clear line each, and its exit code.

use std::time::Duration;

use test_servers::RabbitMq;

use crate::directory::{Directory, Ended, command, customers, end, told};
use crate::running::{Running, wait_until};

/// A directory whose bus is at an address.
fn on(url: &str) -> Directory {
    let directory = Directory::new();
    directory.edit("hub/passerelle.toml", "[bus]", &format!("[bus]\nurl = \"{url}\""));
    directory
}

/// Checks a broker, with variables over the directory's configuration.
fn check(directory: &Directory, variables: &[(&str, &str)]) -> Ended {
    let mut command = command(&["bus", "check", "--dir", &directory.hub()]);
    command.envs(variables.iter().copied());
    end(command)
}

#[test]
fn an_embedded_bus_has_no_broker_to_compare() {
    let ended = check(&Directory::new(), &[]).with(0);
    assert!(ended.out.contains("the bus is embedded"), "{}", ended.out);
}

#[test]
fn a_broker_that_is_not_there_is_told_in_one_line() {
    let port = test_servers::free_port();
    let directory = on(&format!("amqp://hub:sesame@127.0.0.1:{port}"));
    told(check(&directory, &[]), 3, "bus.unreachable", "refused");
    told(end(command(&["run", &directory.hub(), "--once"])), 3, "bus.unreachable", "refused");
    told(check(&directory, &[("PASSERELLE__BUS__URL", "somewhere")]), 2, "bus.refused", "bus.url");
    told(
        check(&directory, &[("PASSERELLE__BUS__PASSWORD__ENV", "NO_SUCH_VARIABLE")]),
        2,
        "bus.refused",
        "bus.password",
    );
}

#[test]
fn a_hub_runs_on_a_broker_and_hears_in_one_line_what_is_wrong_with_it() {
    let Some(broker) = RabbitMq::one() else { return };
    for arguments in [
        &["add_vhost", "house"][..],
        &["add_user", "hub", "sesame"],
        &[
            "set_permissions",
            "-p",
            "house",
            "hub",
            r"^passerelle\.",
            r"^(passerelle\.|amq\.default$)",
            r"^passerelle\.",
        ],
        &["add_user", "weak", "sesame"],
        &["set_permissions", "-p", "house", "weak", "^$", r"^(passerelle\.|amq\.default$)", r"^passerelle\."],
    ] {
        broker.control(0, arguments);
    }
    let url = |user: &str, password: &str, vhost: &str| {
        format!("amqp://{user}{password}@127.0.0.1:{}/{vhost}", broker.port(0))
    };
    let directory = on(&url("hub", "", "house"));
    directory.write("hub/secrets/rabbitmq", "sesame\n");
    let with = |url: String| check(&directory, &[("PASSERELLE__BUS__URL", &url)]);
    let secret = ("PASSERELLE__BUS__PASSWORD__FILE", "secrets/rabbitmq");

    told(with(url("hub", ":sesame-street", "house")), 2, "bus.refused", "the password of bus.url");
    told(with(url("hub", ":sesame", "nowhere")), 2, "bus.refused", "rabbitmqctl add_vhost");
    told(with(url("weak", ":sesame", "house")), 2, "bus.refused", "needs configure, write and read");

    // Before the first start everything is missing; the hub makes it.
    let before = check(&directory, &[secret]).with(1);
    assert!(
        before.out.lines().count() >= 5 && before.out.contains("passerelle.delivery.crm is not there"),
        "{}",
        before.out
    );
    directory.write("hub/in/erp/customers-1.csv", customers(&[("1", "Martin", "Rennes"), ("2", "Durand", "Brest")]));
    let mut run = command(&["run", &directory.hub(), "--once"]);
    run.env(secret.0, secret.1);
    let run = end(run);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let written = directory.written();
    assert!(written.contains("Martin") && written.contains("Durand"), "{written}");
    assert!(!directory.path("hub/data/bus").exists(), "the embedded bus was made all the same");
    let after = check(&directory, &[secret]).with(0);
    assert!(after.out.contains("as needed"), "{}", after.out);

    // Another bound is told, and the hub works with the one that is there.
    let smaller = ("PASSERELLE__BUS__QUEUE_BYTES_MAX", "70000");
    let differs = check(&directory, &[secret, smaller]).with(1);
    let line = "the queue passerelle.delivery.crm has x-max-length-bytes 268435456, and 70000 is configured; the hub keeps to it";
    assert!(differs.out.lines().any(|found| found == line), "{}", differs.out);
    let mut run = command(&["run", &directory.hub(), "--once"]);
    run.envs([secret, smaller]);
    assert_eq!(end(run).code, Some(0));

    // A queue of another form: the broker has one of the hub's names for something else.
    let classic = "rabbit_amqqueue:declare(rabbit_misc:r(<<\"house\">>, queue, <<\"passerelle.delivery.other\">>), true, false, [], none, <<\"t\">>).";
    broker.control(0, &["eval", classic]);
    std::fs::rename(directory.path("hub/systems/crm.toml"), directory.path("hub/systems/other.toml")).unwrap();
    directory.edit("hub/passerelle.toml", "\"crm\"", "\"other\"");
    let differs = check(&directory, &[secret]).with(1);
    assert!(differs.out.contains("the hub does not start with it"), "{}", differs.out);
    let mut run = command(&["run", &directory.hub(), "--once"]);
    run.env(secret.0, secret.1);
    told(end(run), 2, "bus.topology", "passerelle.delivery.other");
}

#[test]
fn a_running_hub_waits_for_a_broker_that_goes_and_says_so_once() {
    let Some(mut broker) = RabbitMq::one() else { return };
    let directory = on(&broker.url(0));
    directory.edit("hub/systems/erp.toml", "\"10s\"", "\"500ms\"");
    let hub = Running::start_with(&directory, &[("PASSERELLE__LIMITS__RETRY_DELAY_MAX", "500ms")]);
    let drop_file = |name: &str, rows: &[(&str, &str, &str)]| {
        directory.write(&format!("hub/in/erp/{name}"), customers(rows));
    };
    drop_file("customers-1.csv", &[("1", "Martin", "Rennes")]);
    wait_until("the first customer is not delivered", || directory.written().contains("Martin"));
    broker.kill(0);
    let told = hub.line_with("the hub waits for the bus");
    assert!(told.contains("loses nothing"), "{told}");
    drop_file("customers-2.csv", &[("1", "Martin", "Rennes"), ("2", "Durand", "Brest")]);
    // For several rounds of tries nothing more is said of it.
    let said = hub.lines_until("no such line", Duration::from_secs(5)).unwrap_err();
    assert!(said.iter().all(|line| !line.contains("WARN") && !line.contains("ERROR")), "{said:#?}");
    broker.start(0);
    hub.line_with("the bus is back");
    wait_until("the second customer is not delivered", || directory.written().contains("Durand"));
    assert_eq!(directory.written().matches("Martin").count(), 1);
    assert_eq!(hub.stop("-TERM"), 0);
}
