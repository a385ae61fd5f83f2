//! The page of a running hub in a real browser: watched without a reload, searched, and followed to what was rejected.
//!
//! `PASSERELLE_SCREENSHOTS=DIR` keeps a picture of each step.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a test that cannot run must be heard")]

#[path = "browser/chromium.rs"]
mod chromium;
#[path = "browser/company.rs"]
mod company;

use chromium::Browser;
use passerelle_tests::serving::Serving;

#[test]
fn the_flow_is_watched_searched_and_followed() {
    let Some(programs) = chromium::programs() else { return };
    let directory = company::directory();
    let hub = Serving::start(directory.root());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let browser = runtime.block_on(Browser::start(&programs));
    runtime.block_on(async {
        watch(&browser, &hub, &directory).await;
        search(&browser).await;
        follow_to_rejects(&browser).await;
        browse(&browser, &hub).await;
    });
    runtime.block_on(browser.quit());
}

/// Systems stand left and right of the master, and the counters move while somebody looks.
async fn watch(browser: &Browser, hub: &Serving, directory: &passerelle_tests::directory::Directory) {
    browser.goto(&format!("http://{}/", hub.address)).await;
    browser.shows(".sources", &["erp", "customers", "invoices", "nothing read yet"]).await;
    browser.shows(".targets", &["crm", "ledger"]).await;
    let (sources, master, targets) =
        (browser.left_of(".sources").await, browser.left_of("#master").await, browser.left_of(".targets").await);
    assert!(sources < master && master < targets, "{sources} {master} {targets}");
    browser.picture("1-empty").await;
    // A page that is loaded again would forget this.
    browser.script("window.loadedOnce = true").await;
    company::drop_files(directory);
    browser.shows("#master", &["Customers 3"]).await;
    browser.shows(".sources", &["3 created", "1 rejected"]).await;
    browser.shows(".targets", &["3 delivered", "5 delivered", "nothing in its queue"]).await;
    browser.shows("#attention", &["Rejected: 1", "adds up", "none"]).await;
    browser.shows("#recent", &["customers-1.csv", "invoices-1.csv"]).await;
    assert_eq!(browser.script("return window.loadedOnce === true").await, true, "the page was loaded again");
    browser.picture("2-moved").await;
}

/// An invoice number leads to its story: the file's line, and who took it.
async fn search(browser: &Browser) {
    browser.type_into("#q", "F-2026-0002\u{e007}").await;
    browser.shows("h1", &["F-2026-0002"]).await;
    let url = browser.url().await;
    assert!(url.contains("/masters/m") && !url.contains("F-2026"), "{url}");
    browser.shows(".timeline", &["invoices-1.csv, line 3", "ledger took version"]).await;
    browser.shows("main", &["belongs to customer m", "Menuiserie Le Goff", "1234.50", "invoices-1.csv"]).await;
    browser.picture("3-story").await;
}

/// From the story to its file, and to what of the file was rejected and why.
async fn follow_to_rejects(browser: &Browser) {
    browser.click_link("invoices-1.csv").await;
    browser.shows("h1", &["invoices-1.csv"]).await;
    browser.shows("main", &["1 rejected", "line 4"]).await;
    browser.picture("4-drop").await;
    browser.click_link("Rejects").await;
    browser.shows("h1", &["Rejects"]).await;
    browser.shows("main", &["invoices-1.csv", "line 4", "\"TOTAL\"", "mapping.number"]).await;
    browser.click("main summary").await;
    browser.shows("main", &["F-2026-0003;12/02/2026;C3;much"]).await;
    browser.picture("5-rejects").await;
}

/// Every other place of the navigation opens, and nothing of it is broken in the browser's eyes.
async fn browse(browser: &Browser, hub: &Serving) {
    for place in ["Masters", "Drops", "Parked", "Waiting", "Tasks", "Flow"] {
        browser.click_link(place).await;
        browser.shows("title", &[place]).await;
        browser.picture(&format!("6-{}", place.to_lowercase())).await;
    }
    let errors = browser
        .script("return performance.getEntriesByType('resource').filter(entry => entry.responseStatus >= 400).length")
        .await;
    assert_eq!(errors, 0, "something that the page needs is not there");
    browser.resize(420, 900).await;
    browser.goto(&format!("http://{}/", hub.address)).await;
    browser.shows("#master", &["Customers"]).await;
    let overflow = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(browser.script(overflow).await, true, "a small window scrolls sideways");
    browser.picture("7-small").await;
    browser.click_link("Drops").await;
    assert_eq!(browser.script(overflow).await, true, "a small window scrolls sideways");
    browser.picture("8-small-drops").await;
}
