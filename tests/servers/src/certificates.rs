//! Certificates for one test run, signed by an authority that nobody else knows.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// The name that the server's certificate is for.
const SERVER_NAME: &str = "localhost";

/// An authority, and what it signed; all of it in PEM.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The authority's certificate.
    pub authority: String,
    /// The server's, for the name `localhost` and for no address.
    pub server: Identity,
    /// A client's.
    pub client: Identity,
}

/// A certificate and its private key, in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl Certificates {
    /// Makes an authority, a server's certificate and a client's.
    ///
    /// # Panics
    /// When the machine has no random numbers.
    pub fn new() -> Self {
        let mut authority = named("Passerelle's test authority", &[]);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = authority.self_signed(&key).expect("a certificate that signs itself").pem();
        let issuer = Issuer::new(authority, key);
        let server = sign(named("a broker", &[SERVER_NAME]), &issuer);
        let client = sign(named("a hub", &[]), &issuer);
        Certificates { authority: certificate, server, client }
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

fn named(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("names of hosts");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn sign(params: CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Identity {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, issuer).expect("a signed certificate").pem();
    Identity { certificate, key: key.serialize_pem() }
}
