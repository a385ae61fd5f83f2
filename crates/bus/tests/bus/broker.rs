//! A RabbitMQ broker for one test, and a way to it that can be cut.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::watch;

const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// A broker of its own: free ports, own directories, stopped by its own process id.
pub struct Broker {
    pub port: u16,
    directory: TempDir,
    server: Child,
    port_mapper: Child,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Writes the files that the server reads, and says what it needs in its environment.
fn prepare(directory: &Path, port: u16, node_port: u16, mapper_port: u16) -> Vec<(&'static str, String)> {
    let at = |name: &str| directory.join(name).display().to_string();
    for name in ["mnesia", "log", "gen", "home"] {
        fs::create_dir(directory.join(name)).unwrap();
    }
    fs::write(at("env.conf"), "").unwrap();
    fs::write(at("enabled_plugins"), "[].\n").unwrap();
    let settings =
        format!("listeners.tcp.1 = 127.0.0.1:{port}\nlog.console = false\ndisk_free_limit.absolute = 50MB\n");
    fs::write(at("rabbitmq.conf"), settings).unwrap();
    fs::write(at("inetrc"), "{lookup,[file]}.\n{host,{127,0,0,1},[\"localhost\"]}.\n").unwrap();
    let erlang = "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none";
    vec![
        ("HOME", at("home")),
        ("ERL_INETRC", at("inetrc")),
        ("ERL_EPMD_PORT", mapper_port.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_CONF_ENV_FILE", at("env.conf")),
        ("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf")),
        ("RABBITMQ_NODENAME", format!("hub{port}@localhost")),
        ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_NODE_PORT", port.to_string()),
        ("RABBITMQ_DIST_PORT", node_port.to_string()),
        ("RABBITMQ_MNESIA_BASE", at("mnesia")),
        ("RABBITMQ_LOG_BASE", at("log")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", at("gen")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", at("enabled_plugins")),
        ("RABBITMQ_PID_FILE", at("pid")),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", erlang.to_owned()),
    ]
}

impl Broker {
    /// Starts a broker and waits until it accepts connections; `None` when RabbitMQ is not installed.
    pub async fn start() -> Option<Self> {
        if !Path::new(SERVER).exists() {
            return None;
        }
        let directory = TempDir::new().unwrap();
        let (port, node_port, mapper_port) = (free_port(), free_port(), free_port());
        let environment = prepare(directory.path(), port, node_port, mapper_port);
        let start = |command: &mut Command| {
            let command = command.envs(environment.iter().cloned()).process_group(0);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let port_mapper =
            start(Command::new("epmd").args(["-port", &mapper_port.to_string(), "-address", "127.0.0.1"]));
        let server = start(&mut Command::new(SERVER));
        let broker = Broker { port, directory, server, port_mapper };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(120), "the broker does not start");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Some(broker)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Ok(pid) = fs::read_to_string(self.directory.path().join("pid")) {
            let _ = Command::new("kill").args(["-TERM", pid.trim()]).status();
            let _ = self.server.wait();
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = self.port_mapper.kill();
        let _ = self.port_mapper.wait();
    }
}

/// A way to the broker that can be cut, as if a process died or a cable was pulled.
pub struct Way {
    pub port: u16,
    cut: watch::Sender<u64>,
    is_blocked: Arc<AtomicBool>,
}

impl Way {
    pub async fn to(target: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, cuts) = watch::channel(0);
        let is_blocked = Arc::new(AtomicBool::new(false));
        let blocked = Arc::clone(&is_blocked);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if blocked.load(Ordering::SeqCst) {
                    continue;
                }
                let mut cuts = cuts.clone();
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let mut far = tokio::net::TcpStream::connect(("127.0.0.1", target)).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Way { port, cut, is_blocked }
    }

    /// Ends every connection without a word.
    pub fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }

    /// Lets nobody through, or everybody again.
    pub fn block(&self, is_blocked: bool) {
        self.is_blocked.store(is_blocked, Ordering::SeqCst);
    }
}
