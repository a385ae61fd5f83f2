//! The only place that touches the network.

use std::error::Error;
use std::time::Duration;

use connector::Fault;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use crate::authentication::Authenticator;
use crate::pace::{Pace, backoff, retry_after};

/// Talks to one system; shared by its streams and its target.
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) base: Url,
    pub(crate) authenticator: Authenticator,
    pub(crate) pace: Pace,
    pub(crate) timeout: Duration,
    pub(crate) body_bytes_max: u64,
    pub(crate) retries_max: u32,
    pub(crate) retry_wait_max: Duration,
}

/// One request, which may be sent several times.
pub(crate) struct Call {
    method: Method,
    url: Url,
    body: Option<(Vec<u8>, String)>,
    headers: HeaderMap,
    /// When all of it must be over; `None`: each attempt has its own time.
    deadline: Option<Instant>,
    /// Statuses that would be a failure, and are an answer here.
    answers: Vec<u16>,
}

/// An answer that its caller must make sense of: neither a refusal of our credentials nor a system in trouble.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The request was certainly not carried out.
    Down { reason: String, after: Option<Duration> },
    /// The request was sent; whether it was carried out is not known.
    Lost { reason: String },
    /// Somebody must act.
    Halt { reason: String },
}

impl Failure {
    /// The same, for a request that came before the one that matters, which therefore was not carried out.
    pub(crate) fn before_the_call(self) -> Self {
        match self {
            Failure::Lost { reason } => Failure::Down { reason, after: None },
            other => other,
        }
    }
}

impl From<Failure> for Fault {
    /// For requests that only read: whether they were carried out does not matter.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Down { reason, after } => Fault::Retry { reason, after },
            Failure::Lost { reason } => Fault::retry(reason),
            Failure::Halt { reason } => Fault::Halt { reason },
        }
    }
}

const REDIRECTS_MAX: usize = 5;

impl Call {
    pub(crate) fn get(url: Url) -> Self {
        Call::new(Method::GET, url)
    }

    pub(crate) fn new(method: Method, url: Url) -> Self {
        Call { method, url, body: None, headers: HeaderMap::new(), deadline: None, answers: Vec::new() }
    }

    pub(crate) fn body(mut self, body: Vec<u8>, content_type: &str) -> Self {
        self.body = Some((body, content_type.to_owned()));
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    pub(crate) fn answers(mut self, statuses: &[u16]) -> Self {
        self.answers = statuses.to_vec();
        self
    }

    /// How messages name the request. No parameters: they may tell about persons.
    pub(crate) fn place(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }

    /// Reading twice does no harm; writing twice is for the hub to decide, after a look-up.
    fn only_reads(&self) -> bool {
        self.method == Method::GET
    }

    fn is_over(&self, wait: Duration) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() + wait >= deadline)
    }
}

impl Client {
    /// Whether a URL belongs to the system: same scheme, host and port. Credentials go nowhere else.
    pub(crate) fn owns(&self, url: &Url) -> bool {
        url.origin() == self.base.origin() && url.username().is_empty() && url.password().is_none()
    }

    /// Sends a request, and repeats it a few times where that is harmless and promises something.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, Failure> {
        for attempt in 0.. {
            let failure = match self.attempt(call).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let wait = match &failure {
                Attempt::Busy { after, .. } => after.unwrap_or_else(|| backoff(attempt, self.retry_wait_max)),
                Attempt::Troubled(_) if call.only_reads() => backoff(attempt, self.retry_wait_max),
                Attempt::Troubled(_) | Attempt::Final(_) => return Err(failure.into()),
            };
            if attempt >= self.retries_max || wait > self.retry_wait_max || call.is_over(wait) {
                return Err(failure.into());
            }
            tracing::debug!(place = call.place(), attempt, wait_ms = wait.as_millis(), "request is repeated");
            tokio::time::sleep(wait).await;
        }
        Err(Failure::Down { reason: format!("{}: not sent", call.place()), after: None })
    }

    /// One attempt: redirects are followed, and a token that was refused is renewed once.
    async fn attempt(&self, call: &Call) -> Result<Answer, Attempt> {
        let place = call.place();
        let mut url = call.url.clone();
        let mut renewed = false;
        let mut redirects = 0;
        loop {
            let (response, signature) = self.once(call, url.clone()).await?;
            let status = response.status();
            if status == StatusCode::UNAUTHORIZED && !renewed && self.authenticator.renew(&signature).await {
                renewed = true;
                continue;
            }
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                redirects += 1;
                url = self.redirected(call, &response, &url, redirects).map_err(Attempt::Final)?;
                continue;
            }
            return self.judge(call, &place, response).await;
        }
    }

    async fn once(&self, call: &Call, url: Url) -> Result<(Response, crate::authentication::Signature), Attempt> {
        let place = call.place();
        // What does not fit into this call of the hub fits into the next one, which may follow at once.
        let late =
            || Failure::Down { reason: format!("{place}: no time was left to send it"), after: Some(Duration::ZERO) };
        let left = || match call.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => Err(Attempt::Final(late())),
            left => Ok(left.map_or(self.timeout, |left| left.min(self.timeout))),
        };
        if !self.pace.turn(call.deadline).await {
            return Err(Attempt::Final(late()));
        }
        let request = self.http.request(call.method.clone(), url).headers(call.headers.clone());
        let signed = self.authenticator.sign(&self.http, request, left()?).await;
        let (mut request, signature) = signed.map_err(Attempt::Final)?;
        request = request.timeout(left()?);
        if !call.headers.contains_key(ACCEPT) {
            request = request.header(ACCEPT, "application/json");
        }
        if let Some((body, content_type)) = &call.body {
            request = request.header(CONTENT_TYPE, content_type).body(body.clone());
        }
        let response = request.send().await.map_err(|error| match describe(&place, &error) {
            Failure::Down { reason, after } => Attempt::Busy { reason, after },
            // Whoever did not answer in time once would make us wait as long again.
            failure @ Failure::Lost { .. } if !error.is_timeout() => Attempt::Troubled(failure),
            failure => Attempt::Final(failure),
        })?;
        Ok((response, signature))
    }

    /// Where a redirect leads, if it may be followed.
    fn redirected(&self, call: &Call, response: &Response, from: &Url, count: usize) -> Result<Url, Failure> {
        let place = call.place();
        let halt = |reason: String| Failure::Halt { reason };
        if count > REDIRECTS_MAX {
            return Err(halt(format!("{place}: redirected more than {REDIRECTS_MAX} times; check base_url and path")));
        }
        let status = response.status();
        let keeps_method = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        if !call.only_reads() && !keeps_method {
            return Err(halt(format!("{place}: answered {status} to a write; check base_url and path")));
        }
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let Some(url) = location.and_then(|location| from.join(location).ok()) else {
            return Err(halt(format!("{place}: answered {status} without a place to go to")));
        };
        if !self.owns(&url) {
            let origin = url.origin().ascii_serialization();
            return Err(halt(format!(
                "{place}: redirected to {origin}, where no credentials are sent; if that is the system, put it into base_url"
            )));
        }
        Ok(url)
    }

    /// Reads the body, and sorts out what is no answer.
    async fn judge(&self, call: &Call, place: &str, response: Response) -> Result<Answer, Attempt> {
        let status = response.status();
        let reason = || format!("{place}: answered {status}");
        match status.as_u16() {
            401 | 403 if !call.answers.contains(&status.as_u16()) => Err(Attempt::Final(Failure::Halt {
                reason: format!("{place}: answered {status}; check [connector.auth] and the rights of its user"),
            })),
            // 408 and 425 are given by servers that did not take the request in.
            408 | 425 | 429 | 503 if !call.answers.contains(&status.as_u16()) => {
                Err(Attempt::Busy { reason: reason(), after: retry_after(response.headers()) })
            }
            500.. if !call.answers.contains(&status.as_u16()) => {
                Err(Attempt::Troubled(Failure::Lost { reason: reason() }))
            }
            _ => {
                let headers = response.headers().clone();
                match read_body(place, response, self.body_bytes_max).await {
                    Ok(body) => Ok(Answer { status, headers, body }),
                    Err(Failure::Halt { reason }) if !call.only_reads() => {
                        Err(Attempt::Final(Failure::Lost { reason }))
                    }
                    Err(failure @ Failure::Lost { .. }) => Err(Attempt::Troubled(failure)),
                    Err(failure) => Err(Attempt::Final(failure)),
                }
            }
        }
    }
}

/// Why one attempt gave no answer.
enum Attempt {
    /// Certainly not carried out, and worth another attempt.
    Busy { reason: String, after: Option<Duration> },
    /// Perhaps carried out, and worth another attempt if that does no harm.
    Troubled(Failure),
    /// Another attempt promises nothing.
    Final(Failure),
}

impl From<Attempt> for Failure {
    fn from(attempt: Attempt) -> Self {
        match attempt {
            Attempt::Busy { reason, after } => Failure::Down { reason, after },
            Attempt::Troubled(failure) | Attempt::Final(failure) => failure,
        }
    }
}

/// Reads a body up to a limit, which holds after decompression.
pub(crate) async fn read_body(place: &str, mut response: Response, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if (body.len() + chunk.len()) as u64 > bytes_max => {
                return Err(Failure::Halt {
                    reason: format!(
                        "{place}: the answer has more than {bytes_max} bytes; ask for smaller pages or raise body_bytes_max"
                    ),
                });
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(describe(place, &error).after_sending()),
        }
    }
}

impl Failure {
    /// Once headers came back, the request was sent, whatever the error looks like.
    fn after_sending(self) -> Self {
        match self {
            Failure::Down { reason, .. } => Failure::Lost { reason },
            other => other,
        }
    }
}

/// What an error of the network means. The URL stays out of the message: parameters may tell about persons.
pub(crate) fn describe(place: &str, error: &reqwest::Error) -> Failure {
    let cause = innermost(error);
    if error.is_builder() {
        return Failure::Halt { reason: format!("{place}: the request cannot be built: {cause}") };
    }
    if is_certificate_refused(error) {
        return Failure::Halt {
            reason: format!(
                "{place}: the server's certificate is not trusted: {cause}; root_certificate_file can name its authority"
            ),
        };
    }
    if error.is_connect() {
        return Failure::Down { reason: format!("{place}: cannot connect: {cause}"), after: None };
    }
    if error.is_timeout() {
        return Failure::Lost {
            reason: format!("{place}: no whole answer in time; look at the system, or raise timeout_ms"),
        };
    }
    Failure::Lost { reason: format!("{place}: the connection was lost: {cause}") }
}

fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| "no cause is known".to_owned(), ToString::to_string)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| {
        // An IO error hides what it was made of from `source`.
        match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => cause.source(),
        }
    })
}

fn is_certificate_refused(error: &reqwest::Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<rustls::Error>())
        .any(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
}
