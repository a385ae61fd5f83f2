//! Encrypted connections: who the broker is, and who the hub is.

use std::path::{Path, PathBuf};

use bus::rabbitmq::{RabbitMqBus, RabbitMqOptions, TlsFiles};
use bus::{Bus, BusError};
use tempfile::TempDir;
use test_servers::Certificates;

use crate::broker::{House, QUEUE, ids, message, options, take};

/// The certificates of a hub in a folder.
struct Folder(TempDir);

impl Folder {
    fn new(certificates: &Certificates) -> Self {
        let folder = TempDir::new().unwrap();
        let files = [
            ("ca.pem", &certificates.authority),
            ("hub.pem", &certificates.client.certificate),
            ("hub.key", &certificates.client.key),
            ("empty.pem", &String::new()),
        ];
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        Folder(folder)
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        (!name.is_empty()).then(|| self.0.path().join(name))
    }

    fn tls(&self, ca: &str, certificate: &str, key: &str) -> TlsFiles {
        TlsFiles { ca_file: self.file(ca), certificate_file: self.file(certificate), key_file: self.file(key) }
    }
}

fn bus(house: &House, host: &str, tls: TlsFiles) -> RabbitMqBus {
    let (port, _) = house.broker.certificates();
    let url = format!("amqps://guest:guest@{host}:{port}/{}", house.name);
    RabbitMqBus::new(&url, RabbitMqOptions { tls, ..options() }).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_works_over_tls_with_certificates_on_both_sides() {
    let Some(house) = House::new() else { return };
    let folder = Folder::new(house.broker.certificates().1);
    let bus = bus(&house, "localhost", folder.tls("ca.pem", "hub.pem", "hub.key"));
    bus.declare(&[QUEUE]).await.unwrap();
    bus.publish((0..3).map(message).collect()).await.unwrap();
    let mut subscription = bus.subscribe(&QUEUE, 10).await.unwrap();
    assert_eq!(ids(&take(subscription.as_mut(), 3).await.unwrap()), ["0", "1", "2"]);
}

/// How often a broker may close the connection before its alert was read: then nobody can know why.
const RESETS_MAX: usize = 20;

async fn check(house: &House, host: &str, tls: TlsFiles, expected: &str) {
    let bus = bus(house, host, tls);
    let mut refused = bus.declare(&[QUEUE]).await;
    for _ in 0..RESETS_MAX {
        if !matches!(&refused, Err(BusError::Unreachable(reason)) if reason.contains("reset by peer")) {
            break;
        }
        refused = bus.declare(&[QUEUE]).await;
    }
    assert!(matches!(&refused, Err(BusError::Refused(reason)) if reason.contains(expected)), "{expected}: {refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_certificates_is_told_with_the_setting_that_mends_it() {
    let Some(house) = House::new() else { return };
    let folder = Folder::new(house.broker.certificates().1);
    let right = || folder.tls("ca.pem", "hub.pem", "hub.key");
    // The certificate is for a name, and this is an address.
    check(&house, "127.0.0.1", right(), "host of bus.url").await;
    check(&house, "localhost", folder.tls("", "hub.pem", "hub.key"), "bus.ca_file").await;
    check(&house, "localhost", folder.tls("hub.pem", "hub.pem", "hub.key"), "bus.ca_file").await;
    check(&house, "localhost", folder.tls("ca.pem", "", ""), "bus.certificate_file").await;
    check(&house, "localhost", folder.tls("ca.pem", "hub.pem", ""), "go together").await;
    check(&house, "localhost", folder.tls("empty.pem", "", ""), "no certificate in it").await;
    check(&house, "localhost", folder.tls("ca.pem", "hub.pem", "empty.pem"), "bus.key_file").await;
    let gone = TlsFiles { ca_file: Some(Path::new("gone.pem").to_owned()), ..right() };
    check(&house, "localhost", gone, "gone.pem").await;
}
