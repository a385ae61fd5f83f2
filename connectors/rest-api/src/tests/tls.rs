//! A server with a certificate of an authority that the machine does not know.
//!
//! The files under `tls/` were made for this test alone, last for a hundred years, and are valid for 127.0.0.1 only;
//! the authority's own key was thrown away.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use connector::{Fault, Source};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

use super::open;

/// Answers requests over TLS, one per connection, until the test is over.
fn serve() -> SocketAddr {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/tls");
    let certificate = CertificateDer::from_pem_file(directory.join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(directory.join("server.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let configuration = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let configuration = Arc::new(configuration);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let tls = rustls::ServerConnection::new(Arc::clone(&configuration)).unwrap();
            let mut stream = rustls::StreamOwned::new(tls, connection.unwrap());
            // A client that does not trust us ends the handshake here.
            if stream.read(&mut [0; 4096]).is_err() {
                continue;
            }
            let body = r#"[{"id": 1}]"#;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        }
    });
    address
}

async fn source(address: SocketAddr, authority: Option<&str>) -> Box<dyn Source> {
    let mut table = json!({"streams": {"customers": {"path": "/customers"}}});
    if let Some(authority) = authority {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/tls").join(authority);
        table["root_certificate_file"] = json!(path);
    }
    let mut ports = open(&format!("https://{address}"), table).await.unwrap();
    ports.sources.remove("customers").unwrap()
}

#[tokio::test]
async fn a_server_is_trusted_only_through_its_authority() {
    let address = serve();
    let batch = source(address, Some("authority.pem")).await.read(None).await.unwrap().unwrap();
    assert_eq!(batch.items.len(), 1);
    // An authority that has nothing to do with it: the server's own certificate is none.
    let fault = source(address, Some("server.pem")).await.read(None).await.unwrap_err();
    assert!(matches!(&fault, Fault::Halt { reason } if reason.contains("not trusted")), "{fault:?}");
}
