//! A hub on RabbitMQ, and everything that can be wrong with a broker: one clear line each, and its exit code.

use std::process::Command;

use test_servers::RabbitMq;

use crate::directory::{Directory, Ended, command, customers};

/// A directory whose bus is at an address.
fn on(url: &str) -> Directory {
    let directory = Directory::new();
    directory.edit("hub/passerelle.toml", "[bus]", &format!("[bus]\nurl = \"{url}\""));
    directory
}

fn end(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Checks a broker, with variables over the directory's configuration.
fn check(directory: &Directory, variables: &[(&str, &str)]) -> Ended {
    let mut command = command(&["bus", "check", "--dir", &directory.hub()]);
    command.envs(variables.iter().copied());
    end(command)
}

/// One line that says what is wrong, with its code and without the password.
#[track_caller]
fn told(ended: Ended, exit: i32, code: &str, part: &str) {
    let ended = ended.with(exit);
    let lines: Vec<&str> = ended.err.lines().collect();
    assert_eq!(lines.len(), 1, "{}", ended.err);
    let said = lines[0].contains(part) && lines[0].ends_with(&format!("[{code}]")) && !lines[0].contains("sesame");
    assert!(said, "{part}: {}", lines[0]);
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
