//! How the hub says who it is: fixed credentials, or a token that is asked for.

use std::path::Path;
use std::time::Duration;

use connector::{Fault, Secret};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use crate::client::{Failure, describe, read_body};
use crate::configuration::{Authentication, CredentialsIn};
use crate::template::{Places, url};

/// Credentials, resolved once when the system is opened. No formatter prints them.
pub(crate) enum Authenticator {
    None,
    Basic { username: String, password: Secret },
    Bearer(Secret),
    Header { name: HeaderName, value: HeaderValue },
    Tokens(TokenServer),
}

/// A server that gives out tokens for client credentials (RFC 6749, 4.4).
pub(crate) struct TokenServer {
    url: Url,
    client_id: String,
    client_secret: Secret,
    scope: Option<String>,
    audience: Option<String>,
    credentials_in: CredentialsIn,
    /// One token for all who talk to the system; the lock makes them wait for one request instead of making many.
    token: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    text: SecretString,
    /// `None`: until the API answers 401.
    ends: Option<Instant>,
}

/// What a request was signed with, so that a refused token is forgotten, and no newer one.
pub(crate) struct Signature(Option<SecretString>);

const TOKEN_BODY_BYTES_MAX: u64 = 64 * 1024;
/// A token is not used in its last moments: it must outlive the request that carries it.
const TOKEN_MARGIN: Duration = Duration::from_secs(30);
const TOKEN_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

impl Authenticator {
    /// Resolves the secrets of a configuration.
    pub(crate) fn new(configuration: &Authentication, base: &Url, directory: &Path) -> Result<Self, Fault> {
        Ok(match configuration {
            Authentication::None => Authenticator::None,
            Authentication::Basic { username, password } => {
                Authenticator::Basic { username: username.clone(), password: password.resolve(directory)? }
            }
            Authentication::Bearer { token } => Authenticator::Bearer(token.resolve(directory)?),
            Authentication::ApiKeyHeader { header, key } => {
                let name = header
                    .parse()
                    .map_err(|_| Fault::halt(format!("auth.header: \"{header}\" is not the name of a header")))?;
                let mut value = HeaderValue::from_str(key.resolve(directory)?.expose())
                    .map_err(|_| Fault::halt("auth.key: the secret has characters that no header can carry"))?;
                value.set_sensitive(true);
                Authenticator::Header { name, value }
            }
            Authentication::Oauth2 { token_url, client_id, client_secret, scope, audience, credentials_in } => {
                let url = if token_url.contains("://") {
                    Url::parse(token_url).map_err(|error| {
                        Fault::halt(format!("auth.token_url: \"{token_url}\" is not a URL: {error}"))
                    })?
                } else {
                    url(base, token_url, Places::default())
                };
                Authenticator::Tokens(TokenServer {
                    url,
                    client_id: client_id.clone(),
                    client_secret: client_secret.resolve(directory)?,
                    scope: scope.clone(),
                    audience: audience.clone(),
                    credentials_in: *credentials_in,
                    token: Mutex::new(None),
                })
            }
        })
    }

    /// Adds the credentials to a request; asks for a token first, for at most this long, when there is none.
    pub(crate) async fn sign(
        &self,
        http: &reqwest::Client,
        request: RequestBuilder,
        timeout: Duration,
    ) -> Result<(RequestBuilder, Signature), Failure> {
        Ok(match self {
            Authenticator::None => (request, Signature(None)),
            Authenticator::Basic { username, password } => {
                (request.basic_auth(username, Some(password.expose())), Signature(None))
            }
            Authenticator::Bearer(token) => (request.bearer_auth(token.expose()), Signature(None)),
            Authenticator::Header { name, value } => (request.header(name, value), Signature(None)),
            Authenticator::Tokens(server) => {
                let token = server.token(http, timeout).await?;
                (request.bearer_auth(token.expose_secret()), Signature(Some(token)))
            }
        })
    }

    /// Forgets a token that the API refused; `false` when a new one cannot be had.
    pub(crate) async fn renew(&self, refused: &Signature) -> bool {
        let (Authenticator::Tokens(server), Some(refused)) = (self, &refused.0) else { return false };
        let mut token = server.token.lock().await;
        if token.as_ref().is_some_and(|token| token.text.expose_secret() == refused.expose_secret()) {
            *token = None;
        }
        true
    }
}

impl TokenServer {
    async fn token(&self, http: &reqwest::Client, timeout: Duration) -> Result<SecretString, Failure> {
        let mut token = self.token.lock().await;
        if let Some(token) = token.as_ref()
            && token.ends.is_none_or(|ends| Instant::now() < ends)
        {
            return Ok(token.text.clone());
        }
        let new = self.ask(http, timeout).await?;
        let text = new.text.clone();
        *token = Some(new);
        Ok(text)
    }

    async fn ask(&self, http: &reqwest::Client, timeout: Duration) -> Result<Token, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            access_token: SecretString,
            expires_in: Option<u64>,
        }
        let place = format!("POST {}", self.url.path());
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        form.extend(self.audience.as_deref().map(|audience| ("audience", audience)));
        let mut request = http.post(self.url.clone()).timeout(timeout);
        match self.credentials_in {
            CredentialsIn::Header => {
                request = request.basic_auth(&self.client_id, Some(self.client_secret.expose()));
            }
            CredentialsIn::Body => {
                form.push(("client_id", &self.client_id));
                form.push(("client_secret", self.client_secret.expose()));
            }
        }
        let asked = Instant::now();
        let response = request.form(&form).send().await.map_err(|error| describe(&place, &error).before_the_call())?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            let after = crate::pace::retry_after(response.headers());
            return Err(Failure::Down { reason: format!("{place}: the token server answered {status}"), after });
        }
        if !status.is_success() {
            return Err(Failure::Halt {
                reason: format!(
                    "{place}: the token server answered {status}; check token_url, client_id, client_secret and scope in [connector.auth]"
                ),
            });
        }
        let body = read_body(&place, response, TOKEN_BODY_BYTES_MAX).await.map_err(Failure::before_the_call)?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| Failure::Down {
            reason: format!("{place}: the token server's answer has no access_token"),
            after: None,
        })?;
        let ends = answer.expires_in.map(|seconds| {
            let age = Duration::from_secs(seconds).min(TOKEN_AGE_MAX);
            // A token that lives shorter than the margin is used for half its life.
            asked + age.saturating_sub(TOKEN_MARGIN).max(age / 2)
        });
        Ok(Token { text: answer.access_token, ends })
    }
}
