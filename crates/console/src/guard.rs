//! What stands before every handler: who may ask, for how long, and what browsers are told.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::ApiProblem;
use crate::problem::Problem;
use crate::shared::Shared;

/// Nothing but our own files, nothing inline, no frame around us.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What every answer tells the browser.
fn headers() -> [(HeaderName, &'static str); 6] {
    [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ]
}

/// Refuses foreign hosts, bounds the answer in number and time, and adds the headers.
pub(crate) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let programs = request.uri().path().starts_with("/api/");
    let mut response = match admit(&shared, request, next).await {
        Ok(response) => response,
        Err(problem) if programs => problem.json(),
        Err(problem) => problem.into_response(),
    };
    let answer = response.headers_mut();
    for (name, value) in headers() {
        answer.insert(name, HeaderValue::from_static(value));
    }
    // Pages hold personal data: no copy of them stays on a disk.
    answer.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn admit(shared: &Shared, request: Request, next: Next) -> Result<Response, Problem> {
    if !is_loopback(request.headers()) {
        return Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "This console answers on this machine only.",
            "Open it as http://localhost or http://127.0.0.1 with its port; from another machine, use an SSH tunnel.",
        ));
    }
    let Ok(_permit) = shared.requests.try_acquire() else {
        return Err(Problem::busy("Too many requests are being answered just now."));
    };
    tokio::time::timeout(shared.console.limits.answer_max, next.run(request))
        .await
        .map_err(|_| Problem::busy("The answer took too long."))
}

/// A request that changes something and comes from this console or from a program, not from a page of another site.
///
/// A browser says where a request comes from, and no page can make it say otherwise; programs say nothing. That the body
/// must be JSON makes a browser ask first whether another site may send it, which is never allowed here.
pub(crate) struct SameSite;

impl<S: Sync> FromRequestParts<S> for SameSite {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiProblem> {
        if is_of_this_site(&parts.headers) {
            return Ok(SameSite);
        }
        let title = "A page of another site cannot change anything here.";
        let remedy = "Use this console, the command line, or a program that sends no Origin.";
        Err(Problem::new(StatusCode::FORBIDDEN, title, remedy).into())
    }
}

/// Whether a request says that it comes from this host and port, or does not say where it comes from.
fn is_of_this_site(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    if sites.any(|site| site != "same-origin" && site != "none") {
        return false;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    headers.get_all(header::ORIGIN).iter().all(|origin| {
        let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        origin.zip(host).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host))
    })
}

/// Whether the request names this machine's loopback, whatever the port.
/// A page of another site that rebinds its own name to 127.0.0.1 still sends that name.
fn is_loopback(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: &[&str], expected: bool) {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_str(host).unwrap());
        }
        assert_eq!(is_loopback(&headers), expected, "{hosts:?}");
    }

    #[test]
    fn pages_of_other_sites_change_nothing() {
        let check = |told: &[(&'static str, &'static str)], expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("localhost:8080"));
            for (name, value) in told {
                headers.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(is_of_this_site(&headers), expected, "{told:?}");
        };
        check(&[], true);
        check(&[("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "none")], true);
        for origin in
            ["http://evil.example", "http://localhost:8081", "https://localhost:8080", "null", "localhost:8080"]
        {
            check(&[("origin", origin)], false);
        }
        check(&[("origin", "http://localhost:8080"), ("origin", "http://evil.example")], false);
        for site in ["cross-site", "same-site", "same-origin, none"] {
            check(&[("sec-fetch-site", site)], false);
        }
    }

    #[test]
    fn only_loopback_names_are_answered() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:65535"] {
            check(&[host], true);
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org",
            "127.0.0.1.example.org:80",
            "::1",
            "localhost:",
            "0.0.0.0",
            "localhost:80x",
        ] {
            check(&[host], false);
        }
        check(&[], false);
        check(&["localhost", "example.org"], false);
    }
}
