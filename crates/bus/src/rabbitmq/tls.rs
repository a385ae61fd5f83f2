//! Encrypted connections: whom the hub trusts, and who it is.

use std::io;
use std::path::Path;

use lapin::tcp::{AsyncTcpStream, RustlsConnector, RustlsConnectorConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::options::TlsFiles;
use crate::BusError;

/// Connects, encrypted when the address says so: then the broker must show a certificate for the host of the address.
pub(super) async fn connect(
    uri: AMQPUri,
    properties: ConnectionProperties,
    files: &TlsFiles,
) -> Result<lapin::Result<Connection>, BusError> {
    if uri.scheme == AMQPScheme::AMQP {
        return Ok(Connection::connect_uri(uri, properties).await);
    }
    let connector = connector(files)?;
    let runtime = match lapin::runtime::default_runtime() {
        Ok(runtime) => runtime,
        Err(error) => return Ok(Err(error)),
    };
    let connected = Connection::connector(
        uri,
        runtime,
        async move |uri, runtime| {
            let authority = &uri.authority;
            let addresses: Vec<_> = tokio::net::lookup_host((authority.host.as_str(), authority.port)).await?.collect();
            let plain = AsyncTcpStream::connect(&runtime, addresses).await?;
            Ok(plain.into_rustls(&connector, &authority.host).await?)
        },
        properties,
    );
    Ok(connected.await)
}

fn connector(files: &TlsFiles) -> Result<RustlsConnector, BusError> {
    let config = match &files.ca_file {
        // Only this authority: a house that has its own does not trust the world's.
        Some(path) => RustlsConnectorConfig::default().with_parsable_certificates(certificates("ca_file", path)?),
        None => RustlsConnectorConfig::new_with_native_certs().map_err(|error| {
            BusError::Refused(format!(
                "the authorities of the operating system cannot be read ({error}); install its package of \
                 certificates, or set bus.ca_file"
            ))
        })?,
    };
    let connector = match (&files.certificate_file, &files.key_file) {
        (None, None) => config.connector_with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let certificates = certificates("certificate_file", certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("key_file", key, &error))?;
            config.connector_with_single_cert(certificates, key)
        }
        _ => {
            let reason = "bus.certificate_file and bus.key_file go together; set both or none";
            return Err(BusError::Refused(reason.to_owned()));
        }
    };
    connector.map_err(|error| {
        BusError::Refused(format!(
            "TLS cannot be set up: {error}; look at bus.ca_file, bus.certificate_file and bus.key_file"
        ))
    })
}

fn certificates(field: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, BusError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(unusable(field, path, &"there is no certificate in it")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unusable(field, path, &error)),
    }
}

fn unusable(field: &str, path: &Path, reason: &dyn std::fmt::Display) -> BusError {
    BusError::Refused(format!("bus.{field}, {}: {reason}; a file in PEM is wanted", path.display()))
}

/// Why a connection was not made, when it is about certificates: trying again does not help then.
pub(super) fn refusal(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let remedy = match error {
        rustls::Error::InvalidCertificate(_) => {
            "its certificate must be for the host of bus.url and be signed by an authority of bus.ca_file"
        }
        rustls::Error::AlertReceived(_) => {
            "it wants a certificate that it knows; look at bus.certificate_file and bus.key_file"
        }
        _ => return None,
    };
    Some(format!("RabbitMQ and TLS: {error}; {remedy}"))
}
