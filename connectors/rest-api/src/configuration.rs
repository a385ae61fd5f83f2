//! What an integrator writes: the doc comments of these fields are the published reference.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use connector::SecretReference;
use schemars::JsonSchema;
use serde::Deserialize;

/// `kind = "rest-api"`: reads JSON collections page by page, and creates, updates and removes JSON resources.
///
/// Proxies of the environment (`HTTP_PROXY` and the like) are not used: what a hub talks to is in its configuration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestApi {
    /// Where the API starts, such as `https://crm.example.com/api/v2`. All paths are appended to it.
    /// Redirects and next links are followed only inside its scheme, host and port.
    pub base_url: String,
    /// How the hub says who it is. Default: not at all.
    #[serde(default)]
    pub auth: Authentication,
    /// Headers of every request, such as a version of the API. Not for secrets: use `auth`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How long one request may take, in milliseconds, the answer's body included: 1 to 600000, default 30000.
    #[serde(default = "defaults::timeout_ms")]
    pub timeout_ms: u64,
    /// How long connecting may take, TLS included, in milliseconds: 1 to 600000, default 10000.
    #[serde(default = "defaults::connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// The largest body that is read, in bytes after decompression: 1 to 1 GiB, default 16 MiB.
    #[serde(default = "defaults::body_bytes_max")]
    pub body_bytes_max: u64,
    /// At most this many requests a second, over all streams and the target of this system. Default: no limit.
    pub requests_per_second: Option<NonZeroU32>,
    /// How often a request that was certainly not carried out, or that only reads, is repeated at once: 0 to 10,
    /// default 3. Beyond it the hub waits and tries again.
    #[serde(default = "defaults::retries_max")]
    pub retries_max: u32,
    /// The longest wait between two such repetitions, in milliseconds: 0 to 60000, default 5000.
    /// When the system asks for a longer one (`Retry-After`), the hub waits instead.
    #[serde(default = "defaults::retry_wait_ms_max")]
    pub retry_wait_ms_max: u64,
    /// A PEM file with certificates of authorities that are trusted beside those of the machine,
    /// relative to the user's directory.
    pub root_certificate_file: Option<PathBuf>,
    /// The streams by name.
    #[serde(default)]
    pub streams: BTreeMap<String, Stream>,
    /// What can be written, by entity (`customer`, `invoice`, …).
    #[serde(default)]
    pub targets: BTreeMap<String, TargetResource>,
    /// At most this many changes are handed over in one call of the hub, one after the other: 1 to 1000, default 20.
    #[serde(default = "defaults::batch_count_max")]
    pub batch_count_max: usize,
    /// How long such a call may take, in milliseconds; what was not begun by then is begun in the next one.
    /// More than `timeout_ms`, at most 600000; default 60000.
    #[serde(default = "defaults::call_timeout_ms")]
    pub call_timeout_ms: u64,
}

/// How the hub says who it is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Authentication {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// The user's name.
        username: String,
        /// Where the password is.
        password: SecretReference,
    },
    /// `Authorization: Bearer …` with a token that does not change (RFC 6750).
    Bearer {
        /// Where the token is.
        token: SecretReference,
    },
    /// A key in a header of its own.
    ApiKeyHeader {
        /// The header's name, such as `X-Api-Key`.
        header: String,
        /// Where the key is.
        key: SecretReference,
    },
    /// OAuth 2.0 client credentials (RFC 6749, 4.4). The token is kept until shortly before it ends,
    /// and asked for anew when the API answers 401.
    Oauth2 {
        /// Where tokens are given out: a whole URL, or a path after `base_url`.
        token_url: String,
        /// The client's identifier.
        client_id: String,
        /// Where the client's secret is.
        client_secret: SecretReference,
        /// The scope to ask for, if any.
        scope: Option<String>,
        /// The audience to ask for, where the server wants one.
        audience: Option<String>,
        /// Where the server expects the client's credentials.
        #[serde(default)]
        credentials_in: CredentialsIn,
    },
}

/// Where a token server expects the client's credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialsIn {
    /// In `Authorization: Basic …`, which every server must understand.
    #[default]
    Header,
    /// In the form, as `client_id` and `client_secret`.
    Body,
}

/// One collection that is read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// The collection's path after `base_url`, such as `/customers`.
    pub path: String,
    /// Parameters of every request, such as `{ sort = "id", limit = 100 }`.
    #[serde(default)]
    pub query: BTreeMap<String, QueryValue>,
    /// Where the array of items is in an answer: field names separated by dots, such as `data.items`.
    /// Default: the answer itself is the array.
    #[serde(default)]
    pub items: String,
    /// How the collection is divided into pages. Default: it is not.
    #[serde(default)]
    pub paging: Paging,
    /// Reads only what changed since the last run. Default: every run reads the whole collection.
    pub since: Option<Since>,
    /// Where an item's key is, such as `id`: rows that are read twice, because pages overlap, are known by it.
    /// Default: the whole content of the item.
    pub key: Option<String>,
    /// The most pages that one run reads: a collection that never ends is stopped. 1 to 10 million, default 100000.
    #[serde(default = "defaults::pages_max")]
    pub pages_max: u64,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum QueryValue {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Flag(bool),
}

/// How a collection is divided into pages.
///
/// `page` and `offset` need a stable sort (say so in `query`, if the API does not sort by itself).
/// Rows that move between two requests are not lost, because pages are made to overlap: where the row that was read
/// last does not come back, reading steps back until it finds rows that it knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// One request gives everything.
    #[default]
    None,
    /// By page number.
    Page {
        /// The parameter with the page's number; default `page`.
        #[serde(default = "defaults::page")]
        parameter: String,
        /// The number of the first page; default 1.
        #[serde(default = "defaults::first")]
        first: u64,
        /// The parameter with the size of a page, such as `per_page`. With it, pages of different sizes are asked for,
        /// chosen so that each overlaps the one before.
        /// Without it, the page before is read again after each page, to find the rows that moved into it: that costs
        /// twice the requests, and a row that moves away and back between two of them is only found by the next run.
        size_parameter: Option<String>,
        /// The largest size of a page to ask for: 20 to 1000, default 100.
        #[serde(default = "defaults::size")]
        size: u64,
        /// Whether pages are made to overlap; default true.
        /// With `false`, rows that move during a run are only found by the next full run.
        #[serde(default = "defaults::yes")]
        overlap: bool,
    },
    /// By the number of items to pass over. The size of a page, if it can be chosen, belongs into `query`.
    Offset {
        /// The parameter with the number of items to pass over; default `offset`.
        #[serde(default = "defaults::offset")]
        parameter: String,
        /// By how many items a page overlaps the one before: 0 to 100 and less than a page has, default 1.
        /// With 0, rows that move during a run are only found by the next full run.
        #[serde(default = "defaults::overlap")]
        overlap: u64,
    },
    /// By a cursor that each answer gives for the next request.
    Cursor {
        /// The parameter with the cursor; default `cursor`.
        #[serde(default = "defaults::cursor")]
        parameter: String,
        /// Where the next cursor is in an answer, such as `paging.next`. Absent, null or empty: that was the last page.
        next: String,
    },
    /// By a link to the next page.
    Link {
        /// Where the link is in an answer. Default: the `Link` header with `rel="next"` (RFC 8288).
        next: Option<String>,
    },
}

/// Reads only what changed since the last run.
///
/// A run starts where the last one ended, less the overlap; items that were read in the same state before are dropped.
/// When the items are not sorted by the field, the next run starts where this one did: nothing that changed during
/// the run is missed, but everything is read twice. So have them sorted by it, where the API can.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// The parameter that limits the answer to what changed at or after a value, such as `updated_since`.
    pub parameter: String,
    /// Where an item tells that value, such as `updated_at`.
    pub field: String,
    /// What the value looks like: `timestamp` (RFC 3339; UTC when it names no offset), `date` (2026-01-31),
    /// `seconds` or `milliseconds` since 1970, `number` (a counter that only grows), `text` (ordered as text),
    /// or a pattern such as `%Y-%m-%d %H:%M:%S`, read as UTC when it has no `%z`. Default `timestamp`.
    #[serde(default = "defaults::format")]
    pub format: String,
    /// How far a run goes back before the last value, for rows that become visible late: days for dates, counts for
    /// `number`, else seconds; not for `text`. 0 to 31 million, default 0.
    #[serde(default)]
    pub overlap: i64,
    /// Where the first run starts, in the same format. Default: at the very beginning, without the parameter.
    pub from: Option<String>,
}

/// What can be done to the resources of one entity.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetResource {
    /// Where the system's own key is in a resource, such as `id`.
    pub key: String,
    /// Where the resource is in an answer to a write or a look-up by key, such as `data`. Default: the answer itself.
    #[serde(default)]
    pub answer: String,
    /// The field of the resource that keeps our reference (the master id), such as `external_id`.
    /// Without it, a resource can be found by its own key alone.
    pub reference_field: Option<String>,
    /// The field of the resource that keeps the version of the master, a whole number.
    /// With it, a write of unknown outcome is settled by one look-up, and a newer state is never overwritten by an
    /// older one. Without it, the content is compared before the write is repeated.
    pub version_field: Option<String>,
    /// How a resource is found again after a lost answer, and before one is created.
    #[serde(default)]
    pub lookup: Lookup,
    /// How a resource is created. Absent: the hub proposes the keys, and `update` must create what is not there.
    pub create: Option<Write>,
    /// How a resource is changed. Absent: what was created is never changed, and a change is rejected.
    pub update: Option<Write>,
    /// How a resource is removed. Absent: a removal leaves the resource as it is.
    pub remove: Option<Remove>,
    /// Whether a resource that somebody removed in the system is created again when it changes; default true.
    /// With `false` the change is rejected.
    #[serde(default = "defaults::yes")]
    pub recreate: bool,
    /// A header with a value that is the same in every attempt at one change, such as `Idempotency-Key`,
    /// for systems that carry out such a request only once.
    pub idempotency_header: Option<String>,
    /// Further statuses that mean "this document is refused", such as 500 for an API that has no better one.
    /// 400, 409, 422 and most other 4xx mean it anyhow. 401 and 403 stop all deliveries until somebody acts, 408, 425,
    /// 429 and 503 make them wait, and after another 5xx a look-up tells what happened, unless they are listed here.
    #[serde(default)]
    pub refusals: Vec<u16>,
}

/// How a resource is found again.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The path of one resource, with `{key}`, such as `/customers/{key}`.
    pub by_key: Option<String>,
    /// The path of the collection that is asked by our reference, such as `/customers`. It may contain `{reference}`.
    pub by_reference: Option<String>,
    /// The parameters of that question, with `{reference}`, such as `{ external_id = "{reference}" }`.
    #[serde(default)]
    pub query: BTreeMap<String, QueryValue>,
    /// Where the found resources are in the answer. Default: the answer itself is the array.
    #[serde(default)]
    pub items: String,
}

/// A method that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Creates, or does what the system says.
    Post,
    /// Replaces the whole resource.
    Put,
    /// Changes the fields that are sent.
    Patch,
    /// Removes the resource.
    Delete,
}

/// A request that writes a resource.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// The method: `POST`, `PUT` or `PATCH`.
    pub method: Method,
    /// The path after `base_url`; `{key}` stands for the system's key and `{reference}` for ours.
    pub path: String,
    /// The field that the resource is wrapped in, such as `customer`. Default: the resource is the whole body.
    #[serde(default)]
    pub within: String,
    /// Sends only the outermost fields that differ from what the system was last known to hold, and null for those
    /// that are gone (a JSON merge patch, RFC 7396); default false.
    #[serde(default)]
    pub differences: bool,
    /// With `differences`: goes into objects as well, so that of an object inside only the fields that differ are sent,
    /// as RFC 7396 has it; for systems that keep what is not sent there too; default false.
    #[serde(default)]
    pub nested: bool,
    /// The body's media type; default `application/json`.
    #[serde(default = "defaults::content_type")]
    pub content_type: String,
}

/// A request that removes a resource.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// The method; default `DELETE`.
    #[serde(default = "defaults::delete")]
    pub method: Method,
    /// The path after `base_url`; `{key}` stands for the system's key and `{reference}` for ours.
    pub path: String,
    /// The body, for systems that archive instead: such as `{ status = "archived" }`. Default: no body.
    #[serde(default)]
    pub fields: serde_json::Map<String, serde_json::Value>,
}

mod defaults {
    use super::Method;

    pub(super) fn timeout_ms() -> u64 {
        30_000
    }
    pub(super) fn connect_timeout_ms() -> u64 {
        10_000
    }
    pub(super) fn call_timeout_ms() -> u64 {
        60_000
    }
    pub(super) fn body_bytes_max() -> u64 {
        16 * 1024 * 1024
    }
    pub(super) fn retries_max() -> u32 {
        3
    }
    pub(super) fn retry_wait_ms_max() -> u64 {
        5_000
    }
    pub(super) fn batch_count_max() -> usize {
        20
    }
    pub(super) fn pages_max() -> u64 {
        100_000
    }
    pub(super) fn page() -> String {
        "page".to_owned()
    }
    pub(super) fn first() -> u64 {
        1
    }
    pub(super) fn size() -> u64 {
        100
    }
    pub(super) fn yes() -> bool {
        true
    }
    pub(super) fn offset() -> String {
        "offset".to_owned()
    }
    pub(super) fn overlap() -> u64 {
        1
    }
    pub(super) fn cursor() -> String {
        "cursor".to_owned()
    }
    pub(super) fn format() -> String {
        "timestamp".to_owned()
    }
    pub(super) fn content_type() -> String {
        "application/json".to_owned()
    }
    pub(super) fn delete() -> Method {
        Method::Delete
    }
}
