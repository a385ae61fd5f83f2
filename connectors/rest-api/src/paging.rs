//! A collection and its pages: asking for one, and taking an answer apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use canonical::record::Json;
use connector::Fault;
use reqwest::header::{CONTENT_TYPE, LINK};
use serde_json::value::RawValue;
use url::Url;

use crate::checkpoint::{Identity, Position, Progress};
use crate::client::{Answer, Call, Client};
use crate::configuration::{Paging, QueryValue};
use crate::document::{Path, class, hash, scalar};
use crate::link;
use crate::template::{Places, add_query, url};

/// A collection and how to walk through it.
pub(crate) struct Collection {
    pub(crate) client: Arc<Client>,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, QueryValue>,
    /// The parameter that limits the collection to what changed.
    pub(crate) since_parameter: Option<String>,
    pub(crate) items: Path,
    pub(crate) key: Option<Path>,
    pub(crate) paging: Paging,
    pub(crate) pages_max: u64,
}

/// One item of a page.
pub(crate) struct Entry {
    pub(crate) raw: Vec<u8>,
    /// `None` when it is nested too deeply to be read.
    pub(crate) value: Option<Json>,
    pub(crate) identity: Identity,
}

/// What one step through a collection gave.
pub(crate) struct Step {
    /// Items that were not read before in this state, in the order of the source.
    pub(crate) fresh: Vec<Entry>,
    /// Whether the collection ends here.
    pub(crate) over: bool,
}

/// A page as it was answered.
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    /// The cursor or link to the next page.
    pub(crate) next: Option<String>,
}

/// Why a page could not be had.
pub(crate) enum NoPage {
    /// The system does not accept the cursor or link any more.
    Expired(String),
    Fault(Fault),
}

impl Collection {
    /// Reads on from the run's position, and moves it.
    pub(crate) async fn step(&self, progress: &mut Progress) -> Result<Step, Fault> {
        match &self.paging {
            Paging::None => self.only_page(progress).await,
            Paging::Page { size_parameter: Some(_), overlap: true, .. } => self.by_overlap(progress, 1).await,
            Paging::Page { parameter, first, overlap, .. } => self.by_page(progress, parameter, *first, *overlap).await,
            Paging::Offset { overlap, .. } => self.by_overlap(progress, *overlap).await,
            Paging::Cursor { .. } | Paging::Link { .. } => self.by_successor(progress).await,
        }
    }

    async fn only_page(&self, progress: &mut Progress) -> Result<Step, Fault> {
        let page = self.page(progress, self.url(progress, &[])).await?;
        Ok(Step { fresh: page.entries, over: true })
    }

    pub(crate) fn linked(&self, from: &Url, link: &str) -> Result<Url, Fault> {
        match from.join(link) {
            Ok(url) if self.client.owns(&url) => Ok(url),
            Ok(url) => Err(Fault::halt(format!(
                "GET {}: the next page is at {}, where no credentials are sent; if that is the system, put it into base_url",
                from.path(),
                url.origin().ascii_serialization()
            ))),
            Err(error) => {
                Err(Fault::halt(format!("GET {}: the link to the next page is no URL: {error}", from.path())))
            }
        }
    }

    /// The collection's URL with all parameters of this run.
    pub(crate) fn url(&self, progress: &Progress, places: &[(&str, u64)]) -> Url {
        let mut url = url(&self.client.base, &self.path, Places::default());
        add_query(&mut url, &self.query, Places::default());
        if let (Some(parameter), Some(since)) = (&self.since_parameter, &progress.since) {
            url.query_pairs_mut().append_pair(parameter, since);
        }
        for (parameter, number) in places {
            url.query_pairs_mut().append_pair(parameter, &number.to_string());
        }
        url
    }

    /// A page of a kind that cannot expire.
    pub(crate) async fn page(&self, progress: &mut Progress, url: Url) -> Result<Page, Fault> {
        self.fetch(progress, url).await.map_err(|no_page| match no_page {
            NoPage::Expired(reason) => Fault::halt(reason),
            NoPage::Fault(fault) => fault,
        })
    }

    pub(crate) async fn fetch(&self, progress: &mut Progress, url: Url) -> Result<Page, NoPage> {
        progress.pages += 1;
        if progress.pages > self.pages_max {
            let reason =
                format!("GET {}: no end after {} pages; raise pages_max if that is right", url.path(), self.pages_max);
            return Err(NoPage::Fault(Fault::halt(reason)));
        }
        let call = Call::get(url);
        let answer = self.client.send(&call).await.map_err(|failure| NoPage::Fault(failure.into()))?;
        if answer.status.is_client_error() {
            let reason = format!("{}: answered {}; check path and query of the stream", call.place(), answer.status);
            let at_successor = matches!(progress.position, Position::Cursor(_) | Position::Link(_));
            return Err(match answer.status.as_u16() {
                400 | 404 | 410 | 422 if at_successor => NoPage::Expired(reason),
                _ => NoPage::Fault(Fault::halt(reason)),
            });
        }
        self.parse(&answer).map_err(|reason| NoPage::Fault(Fault::retry(format!("{}: {reason}", call.place()))))
    }

    /// Takes a page apart; an error tells in what the answer is not as agreed, never what it says.
    fn parse(&self, answer: &Answer) -> Result<Page, String> {
        let body = answer.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&answer.body);
        let mut next = match &self.paging {
            Paging::Link { next: None } => answer
                .headers
                .get_all(LINK)
                .iter()
                .find_map(|value| link::next(value.to_str().ok()?))
                .map(str::to_owned),
            _ => None,
        };
        if body.is_empty() && answer.status.as_u16() == 204 {
            return Ok(Page { entries: Vec::new(), next });
        }
        let root: &RawValue = serde_json::from_slice(body).map_err(|error| not_json(answer, &error))?;
        let items = self
            .items
            .get_raw(root)
            .ok_or_else(|| format!("the answer has no \"{}\"; is items the path of the array?", self.items))?;
        let items: Vec<&RawValue> = serde_json::from_str(items.get()).map_err(|_| {
            let path =
                if self.items == Path::default() { "the answer".to_owned() } else { format!("\"{}\"", self.items) };
            format!("{path} is {} and not an array; is items the path of the array?", class(items))
        })?;
        if let Paging::Cursor { next: path, .. } | Paging::Link { next: Some(path) } = &self.paging {
            next =
                Path::new(path).get_raw(root).and_then(|raw| Json::read_raw(raw).ok()).and_then(|value| scalar(&value));
        }
        Ok(Page { entries: items.into_iter().map(|item| self.entry(item)).collect(), next })
    }

    fn entry(&self, item: &RawValue) -> Entry {
        let raw = item.get().as_bytes().to_vec();
        let value = Json::read_raw(item).ok();
        let content = hash(&raw);
        let key = self.key.as_ref().zip(value.as_ref()).and_then(|(path, value)| scalar(path.get(value)?));
        Entry { raw, value, identity: Identity { key: key.map_or(content, |key| hash(key.as_bytes())), content } }
    }
}

fn not_json(answer: &Answer, error: &serde_json::Error) -> String {
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("no content type");
    let kind = kind.split(';').next().unwrap_or(kind).trim();
    if kind.contains("json") {
        // The position without the parser's words, which may quote the text.
        return format!(
            "answered {} with broken JSON at line {}, column {}",
            answer.status,
            error.line(),
            error.column()
        );
    }
    format!("answered {} with {kind} instead of JSON; is there a login page or a proxy in between?", answer.status)
}
