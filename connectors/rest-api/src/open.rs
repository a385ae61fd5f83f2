//! From a configuration to an open system: everything that can be wrong with a configuration is found here.

use std::fs;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use canonical::entity::Entity;
use connector::{Batching, Connector, Fault, OpenContext, Ports, Source, Split};
use reqwest::Certificate;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::authentication::Authenticator;
use crate::client::Client;
use crate::configuration::{Authentication, Paging, RestApi, Since, Stream};
use crate::document::Path;
use crate::mark::Format;
use crate::pace::Pace;
use crate::paging::Collection;
use crate::resource::Resource;
use crate::source::{Marks, RestSource};
use crate::target::RestTarget;
use crate::template::unknown_place;
use crate::walk::PAGE_SIZE_MIN;

#[async_trait]
impl Connector for RestApi {
    const KIND: &'static str = "rest-api";

    async fn open(self, context: &OpenContext) -> Result<Ports, Fault> {
        check_limits(&self)?;
        let client = Arc::new(client(&self, context)?);
        let mut ports = Ports::default();
        for (name, stream) in &self.streams {
            let source = source(name, stream, context.stream(name).split, &client)?;
            ports.sources.insert(name.clone(), Box::new(source) as Box<dyn Source>);
        }
        if self.targets.is_empty() {
            return Ok(ports);
        }
        ports.batching = Batching {
            count_max: self.batch_count_max,
            age_max: Duration::ZERO,
            assigns_keys: self.targets.values().any(|target| target.create.is_some()),
            concurrency: 1,
            timeout: Duration::from_millis(self.call_timeout_ms),
            // Each change is a request of its own, whatever became of the one before it.
            stops: false,
        };
        let mut resources = std::collections::BTreeMap::new();
        for (name, target) in self.targets {
            let entity: Entity = name.parse().map_err(|error| Fault::halt(format!("targets.{name}: {error}")))?;
            resources.insert(entity, Resource::new(&name, target)?);
        }
        // A call ends a little before the hub gives it up, so that its results are not thrown away.
        let call_timeout = Duration::from_millis(self.call_timeout_ms * 9 / 10);
        ports.target = Some(Box::new(RestTarget::new(client, resources, call_timeout)));
        Ok(ports)
    }
}

fn check_limits(configuration: &RestApi) -> Result<(), Fault> {
    let check = |name: &str, value: u64, range: RangeInclusive<u64>| {
        if range.contains(&value) {
            return Ok(());
        }
        Err(Fault::halt(format!("{name}: {value} is not between {} and {}", range.start(), range.end())))
    };
    check("timeout_ms", configuration.timeout_ms, 1..=600_000)?;
    check("connect_timeout_ms", configuration.connect_timeout_ms, 1..=600_000)?;
    check("body_bytes_max", configuration.body_bytes_max, 1..=1 << 30)?;
    check("retries_max", configuration.retries_max.into(), 0..=10)?;
    check("retry_wait_ms_max", configuration.retry_wait_ms_max, 0..=60_000)?;
    check("batch_count_max", configuration.batch_count_max as u64, 1..=1_000)?;
    if !configuration.targets.is_empty() {
        check("call_timeout_ms", configuration.call_timeout_ms, configuration.timeout_ms + 1..=600_000)?;
    }
    for (name, stream) in &configuration.streams {
        check(&format!("streams.{name}.pages_max"), stream.pages_max, 1..=10_000_000)?;
        if let Paging::Offset { overlap, .. } = stream.paging {
            check(&format!("streams.{name}.paging.overlap"), overlap, 0..=100)?;
        }
        if let Paging::Page { size, .. } = stream.paging {
            check(&format!("streams.{name}.paging.size"), size, PAGE_SIZE_MIN..=1_000)?;
        }
        if let Some(since) = &stream.since {
            let overlap = u64::try_from(since.overlap).unwrap_or(u64::MAX);
            check(&format!("streams.{name}.since.overlap"), overlap, 0..=31_000_000)?;
        }
    }
    Ok(())
}

fn client(configuration: &RestApi, context: &OpenContext) -> Result<Client, Fault> {
    let base = base_url(&configuration.base_url)?;
    if base.scheme() == "http" && !matches!(configuration.auth, Authentication::None) && !is_loopback(&base) {
        tracing::warn!(system = context.system, "credentials are sent without encryption: base_url is not https");
    }
    let mut certificates = Vec::new();
    if let Some(path) = &configuration.root_certificate_file {
        let path = context.directory.join(path);
        let halt = |reason: String| Fault::halt(format!("root_certificate_file: {}: {reason}", path.display()));
        let pem = fs::read(&path).map_err(|error| halt(error.to_string()))?;
        certificates = Certificate::from_pem_bundle(&pem).map_err(|_| halt("is not a PEM file".to_owned()))?;
        if certificates.is_empty() {
            return Err(halt("has no certificate".to_owned()));
        }
    }
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody else may have been faster; then theirs is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let token_url_is_https = matches!(&configuration.auth, Authentication::Oauth2 { token_url, .. }
        if token_url.to_ascii_lowercase().starts_with("https:"));
    let mut http = reqwest::Client::builder()
        .user_agent(concat!("passerelle/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers(configuration)?)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .timeout(Duration::from_millis(configuration.timeout_ms))
        .connect_timeout(Duration::from_millis(configuration.connect_timeout_ms));
    http = if base.scheme() == "https" || token_url_is_https {
        certificates.into_iter().fold(http, reqwest::ClientBuilder::add_root_certificate)
    } else {
        // Without TLS in play, a machine without certificates of its own must do.
        http.tls_certs_only(certificates)
    };
    let http = http.build().map_err(|error| {
        let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        Fault::halt(format!("TLS cannot be set up: {cause}; are the machine's ca-certificates installed?"))
    })?;
    Ok(Client {
        http,
        authenticator: Authenticator::new(&configuration.auth, &base, &context.directory)?,
        base,
        pace: Pace::new(configuration.requests_per_second),
        timeout: Duration::from_millis(configuration.timeout_ms),
        body_bytes_max: configuration.body_bytes_max,
        retries_max: configuration.retries_max,
        retry_wait_max: Duration::from_millis(configuration.retry_wait_ms_max),
    })
}

/// A base URL without anything that would be lost or leaked when paths are appended.
fn base_url(text: &str) -> Result<Url, Fault> {
    // The text itself is not repeated: it may hold a password.
    let halt = |reason: &str| Fault::halt(format!("base_url: {reason}"));
    let url = Url::parse(text).map_err(|error| halt(&format!("is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(halt("must start with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(halt("must not hold a user or password; use [connector.auth]"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(halt("must not have parameters; use query of the stream"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn headers(configuration: &RestApi) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    for (name, value) in &configuration.headers {
        let halt = || Fault::halt(format!("headers.{name}: the name or value cannot stand in a header"));
        let name: HeaderName = name.parse().map_err(|_| halt())?;
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| halt())?);
    }
    Ok(headers)
}

fn source(name: &str, stream: &Stream, split: Option<Split>, client: &Arc<Client>) -> Result<RestSource, Fault> {
    if let Some(place) = unknown_place(&stream.path, &[]) {
        return Err(Fault::halt(format!("streams.{name}.path: nothing fills {place}")));
    }
    Ok(RestSource {
        name: name.to_owned(),
        collection: Collection {
            client: Arc::clone(client),
            path: stream.path.clone(),
            query: stream.query.clone(),
            since_parameter: stream.since.as_ref().map(|since| since.parameter.clone()),
            items: Path::new(&stream.items),
            key: stream.key.as_deref().map(Path::new),
            paging: stream.paging.clone(),
            pages_max: stream.pages_max,
        },
        marks: stream.since.as_ref().map(|since| marks(name, since)).transpose()?,
        split,
        file: stream.path.as_str().into(),
        ended: None,
    })
}

fn marks(name: &str, since: &Since) -> Result<Marks, Fault> {
    let format =
        Format::new(&since.format).map_err(|reason| Fault::halt(format!("streams.{name}.since.format: {reason}")))?;
    if let Some(from) = &since.from
        && format.read_text(from).is_none()
    {
        return Err(Fault::halt(format!("streams.{name}.since.from: does not have the format {}", since.format)));
    }
    Ok(Marks { field: Path::new(&since.field), format, overlap: since.overlap, from: since.from.clone() })
}
