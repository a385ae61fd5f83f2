//! A headless Chromium with a driver and a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use thirtyfour::{By, ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};

/// How long the page may take to show something, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked at.
const LOOK_DELAY: Duration = Duration::from_millis(20);

/// Everything that talks to the outside, and everything that a container lacks, is switched off.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
];

/// The browser and its driver on this machine.
pub struct Programs {
    chromium: PathBuf,
    driver: PathBuf,
}

/// Finds them; `None`, said in one loud line, when one is missing.
pub fn programs() -> Option<Programs> {
    let paths: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let find = |name: &str| {
        let found = paths.iter().map(|path| path.join(name)).find(|path| path.is_file());
        if found.is_none() {
            eprintln!(
                "NOT RUN: the page is not looked at, because {name} is missing (Debian: chromium, chromium-driver)"
            );
        }
        found
    };
    Some(Programs { chromium: find("chromium")?, driver: find("chromedriver")? })
}

/// The driver's process. It ends, with every browser of this folder, when this value goes.
struct Driver {
    child: Child,
    folder: TempDir,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Both may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let mark = format!("--user-data-dir={}", self.folder.path().display());
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let command = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            if command.split(|byte| *byte == 0).any(|argument| argument == mark.as_bytes()) {
                let _ = Command::new("kill").arg("-9").arg(process.file_name()).status();
            }
        }
    }
}

/// A browser with one page.
pub struct Browser {
    page: WebDriver,
    _driver: Driver,
    pictures: Option<PathBuf>,
}

impl Browser {
    /// Starts a driver on a free port, and a browser.
    pub async fn start(programs: &Programs) -> Self {
        // The only way in which this fails is that a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(&programs.driver)
            .args(["--port=0", "--log-level=SEVERE"])
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let driver = Driver { child, folder };
        let started = lines.map_while(Result::ok).find(|line| line.contains("started successfully on port"));
        let line = started.expect("the driver tells its port");
        let port = line.trim_end_matches('.').rsplit(' ').next().unwrap().to_owned();
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(programs.chromium.to_str().unwrap()).unwrap();
        for flag in FLAGS {
            capabilities.add_arg(flag).unwrap();
        }
        capabilities.add_arg(&format!("--user-data-dir={}", driver.folder.path().display())).unwrap();
        let page = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await.unwrap();
        let pictures = std::env::var_os("PASSERELLE_SCREENSHOTS").map(PathBuf::from);
        Browser { page, _driver: driver, pictures }
    }

    /// Closes the page and the browser.
    pub async fn quit(self) {
        self.page.quit().await.unwrap();
    }

    pub async fn goto(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    pub async fn url(&self) -> String {
        self.page.current_url().await.unwrap().to_string()
    }

    pub async fn resize(&self, width: u32, height: u32) {
        self.page.set_window_rect(0, 0, width, height).await.unwrap();
    }

    /// What a script returns.
    pub async fn script(&self, script: &str) -> Value {
        self.page.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// The text of all elements of a selector, as a person sees it, on one line.
    async fn text(&self, selector: &str) -> String {
        let script = "return [...document.querySelectorAll(arguments[0])].map(element => element.innerText ?? element.textContent).join('\\n')";
        let answer = self.page.execute(script, vec![Value::from(selector)]).await;
        // While one page follows another there is none to ask.
        let text = answer.ok().and_then(|answer| answer.json().as_str().map(str::to_owned)).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Waits until an element shows all these texts.
    pub async fn shows(&self, selector: &str, texts: &[&str]) {
        let begun = Instant::now();
        loop {
            let shown = self.text(selector).await;
            if texts.iter().all(|text| shown.contains(text)) {
                return;
            }
            if begun.elapsed() > PATIENCE {
                self.picture("failed").await;
                panic!("{selector} does not show all of {texts:?}, but:\n{shown}");
            }
            tokio::time::sleep(LOOK_DELAY).await;
        }
    }

    /// The left edge of an element.
    pub async fn left_of(&self, selector: &str) -> f64 {
        self.page.find(By::Css(selector)).await.unwrap().rect().await.unwrap().x
    }

    pub async fn type_into(&self, selector: &str, keys: &str) {
        self.page.find(By::Css(selector)).await.unwrap().send_keys(keys).await.unwrap();
    }

    pub async fn click(&self, selector: &str) {
        self.page.find(By::Css(selector)).await.unwrap().click().await.unwrap();
    }

    /// Clicks the first link with this text.
    pub async fn click_link(&self, text: &str) {
        self.page.find(By::LinkText(text)).await.unwrap().click().await.unwrap();
    }

    /// Keeps a picture of the whole page, if somebody wants to look at it.
    pub async fn picture(&self, name: &str) {
        let Some(folder) = &self.pictures else { return };
        std::fs::create_dir_all(folder).unwrap();
        self.page.screenshot(&Path::new(folder).join(format!("{name}.png"))).await.unwrap();
    }
}
