//! RabbitMQ: one node, or a cluster of three on the loopback.

use std::path::Path;

use serde::Deserialize;

use crate::certificates::Certificates;
use crate::place::Place;
use crate::ports::free_port;
use crate::process::{PATIENCE, Process, accepts, poll};
use crate::tell_missing;

const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";

/// The share of the memory that a node may use: RabbitMQ's default, and one that it uses already.
const MEMORY_USUAL: &str = "0.4";
const MEMORY_NONE: &str = "0.00001";

/// Fewer schedulers that spin, and a distribution that listens on the loopback only.
const ERLANG: &str = "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none";

struct Node {
    name: String,
    /// Where it listens for AMQP.
    port: u16,
    /// Where it listens for the other nodes.
    node_port: u16,
    /// The name of its folder.
    folder: String,
    process: Option<Process>,
}

/// A queue, as a node of the cluster sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct QueueStatus {
    /// Its name.
    pub name: String,
    /// `rabbit@host` of the node that leads it; empty while there is none, and for classic queues.
    #[serde(default)]
    pub leader: String,
    /// The nodes that hold a copy; empty for classic queues.
    #[serde(default, deserialize_with = "names")]
    pub members: Vec<String>,
}

/// `rabbitmqctl` prints an empty text instead of an empty list.
fn names<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Names {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Names::deserialize(deserializer)? {
        Names::List(names) => names,
        Names::Text(name) => Some(name).filter(|name| !name.is_empty()).into_iter().collect(),
    })
}

/// A broker of one node or three. All of it is killed when this value goes.
///
/// Nodes are counted from 0. User and password are `guest`, the virtual host is `/`.
pub struct RabbitMq {
    nodes: Vec<Node>,
    /// Erlang's port mapper, which the nodes and `rabbitmqctl` find each other by.
    mapper: Process,
    mapper_port: u16,
    /// The port for encrypted connections, and the certificates of both sides.
    encrypted: Option<(u16, Certificates)>,
    place: Place,
}

impl RabbitMq {
    /// Starts one node and waits until it accepts connections; `None`, said in one loud line, without RabbitMQ.
    ///
    /// # Panics
    /// When it does not start.
    pub fn one() -> Option<Self> {
        Self::of(1, None)
    }

    /// The same with a second port for encrypted connections, on which a client must show its certificate too.
    ///
    /// # Panics
    /// When it does not start.
    pub fn encrypted() -> Option<Self> {
        Self::of(1, Some((free_port(), Certificates::new())))
    }

    /// Starts three nodes and waits until they are one cluster; `None`, said in one loud line, without RabbitMQ.
    ///
    /// # Panics
    /// When it does not start.
    pub fn three() -> Option<Self> {
        Self::of(3, None)
    }

    fn of(count: usize, encrypted: Option<(u16, Certificates)>) -> Option<Self> {
        let program = Path::new(PROGRAMS).join("rabbitmq-server");
        if !program.exists() {
            tell_missing(&program.display().to_string(), "rabbitmq-server");
            return None;
        }
        let place = Place::new("rabbitmq");
        place.folder("home");
        // Nodes and `rabbitmqctl` share it; a node would make one of its own otherwise.
        place.file("home/.erlang.cookie", "passerelle-tests");
        place.file("inetrc", "{lookup,[file]}.\n{host,{127,0,0,1},[\"localhost\"]}.\n");
        place.file("env.conf", "");
        place.file("enabled_plugins", "[].\n");
        let mapper_port = free_port();
        let mut mapper = place.command("epmd");
        mapper.args(["-port", &mapper_port.to_string(), "-address", "127.0.0.1"]);
        let mut mapper = Process::start("epmd", mapper, place.path("epmd.log"), "KILL");
        mapper.wait_until("does not accept connections", || accepts(mapper_port));
        let mut broker = RabbitMq { nodes: Vec::new(), mapper, mapper_port, encrypted, place };
        broker.nodes = (0..count).map(Node::new).collect();
        for node in 0..count {
            broker.furnish(node);
            // One after the other: a node joins those that it finds running.
            broker.start(node);
        }
        if count > 1 {
            broker.control(0, &["await_online_nodes", &count.to_string()]);
        }
        Some(broker)
    }

    /// Makes the folder of a node and the files that it reads.
    fn furnish(&self, node: usize) {
        let Node { port, folder, .. } = &self.nodes[node];
        self.place.folder(folder);
        for inner in ["mnesia", "log", "gen"] {
            self.place.folder(&format!("{folder}/{inner}"));
        }
        let mut settings =
            format!("listeners.tcp.1 = 127.0.0.1:{port}\nlog.console = false\ndisk_free_limit.absolute = 50MB\n");
        if let Some((port, certificates)) = &self.encrypted {
            let Certificates { authority, server, .. } = certificates;
            settings.push_str(&format!("listeners.ssl.1 = 127.0.0.1:{port}\n"));
            settings.push_str("ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n");
            for (option, content) in [("cacert", authority), ("cert", &server.certificate), ("key", &server.key)] {
                let file = format!("{folder}/{option}.pem");
                self.place.file(&file, content);
                settings.push_str(&format!("ssl_options.{option}file = {}\n", self.place.text(&file)));
            }
        }
        if self.nodes.len() > 1 {
            settings.push_str("cluster_partition_handling = pause_minority\n");
            settings.push_str("cluster_formation.peer_discovery_backend = classic_config\n");
            for (number, peer) in self.nodes.iter().enumerate() {
                settings.push_str(&format!("cluster_formation.classic_config.nodes.{} = {}\n", number + 1, peer.name));
            }
        }
        self.place.file(&format!("{folder}/rabbitmq.conf"), &settings);
    }

    /// The environment in which a node and its `rabbitmqctl` run.
    fn environment(&self, node: usize) -> Vec<(&'static str, String)> {
        let Node { name, port, node_port, folder, .. } = &self.nodes[node];
        let at = |inner: &str| self.place.text(&format!("{folder}/{inner}"));
        vec![
            ("HOME", self.place.text("home")),
            ("ERL_INETRC", self.place.text("inetrc")),
            ("ERL_EPMD_PORT", self.mapper_port.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_CONF_ENV_FILE", self.place.text("env.conf")),
            ("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf")),
            ("RABBITMQ_NODENAME", name.clone()),
            ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_NODE_PORT", port.to_string()),
            ("RABBITMQ_DIST_PORT", node_port.to_string()),
            ("RABBITMQ_MNESIA_BASE", at("mnesia")),
            ("RABBITMQ_LOG_BASE", at("log")),
            ("RABBITMQ_GENERATED_CONFIG_DIR", at("gen")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", self.place.text("enabled_plugins")),
            ("RABBITMQ_PID_FILE", at("pid")),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", ERLANG.to_owned()),
        ]
    }

    /// How many nodes there are, running or not.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// The port of a node, the same for its whole life.
    pub fn port(&self, node: usize) -> u16 {
        self.nodes[node].port
    }

    /// The URL of a node.
    pub fn url(&self, node: usize) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port(node))
    }

    /// The port for encrypted connections, and the certificates that go with it.
    ///
    /// # Panics
    /// When the broker was not started by [`encrypted`](RabbitMq::encrypted).
    pub fn certificates(&self) -> (u16, &Certificates) {
        let (port, certificates) = self.encrypted.as_ref().expect("a broker with encrypted connections");
        (*port, certificates)
    }

    /// The process ids of what runs: the port mapper's, and one for each node that is up.
    pub fn processes(&self) -> Vec<u32> {
        let nodes = self.nodes.iter().filter_map(|node| node.process.as_ref());
        std::iter::once(&self.mapper).chain(nodes).map(Process::id).collect()
    }

    /// Whether a node was started and not stopped or killed since.
    pub fn is_running(&self, node: usize) -> bool {
        self.nodes[node].process.is_some()
    }

    /// Starts a node that is down, on its old ports and folder, and waits until it accepts connections.
    ///
    /// A node of a cluster that was down whole may wait for the others: start all of it by
    /// [`start_all`](RabbitMq::start_all) then.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&mut self, node: usize) {
        self.spawn(node);
        self.wait_until_ready(node);
    }

    /// Starts all nodes that are down, at once, and waits until all accept connections.
    ///
    /// # Panics
    /// When one does not start.
    pub fn start_all(&mut self) {
        (0..self.count()).for_each(|node| self.spawn(node));
        (0..self.count()).for_each(|node| self.wait_until_ready(node));
    }

    fn spawn(&mut self, node: usize) {
        if self.is_running(node) {
            return;
        }
        let mut command = self.place.command(Path::new(PROGRAMS).join("rabbitmq-server"));
        command.envs(self.environment(node));
        let log = self.place.path(&format!("{}/output.log", self.nodes[node].folder));
        let name = format!("RabbitMQ's node {node}");
        self.nodes[node].process = Some(Process::start(name, command, log, "KILL"));
    }

    fn wait_until_ready(&mut self, node: usize) {
        let Node { port, process, .. } = &mut self.nodes[node];
        if let Some(process) = process {
            // It opens the port when everything else is done.
            process.wait_until("does not accept connections", || accepts(*port));
        }
    }

    /// Stops a node in order, if it runs.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self, node: usize) {
        if let Some(process) = self.nodes[node].process.take() {
            process.stop("TERM");
            self.wait_until_gone(node);
        }
    }

    /// `kill -9` for a node, if it runs.
    ///
    /// # Panics
    /// When something still listens on its port afterwards.
    pub fn kill(&mut self, node: usize) {
        if let Some(process) = self.nodes[node].process.take() {
            process.kill();
            self.wait_until_gone(node);
        }
    }

    /// Stops all nodes in order, the last one first.
    ///
    /// # Panics
    /// When one does not end.
    pub fn stop_all(&mut self) {
        (0..self.count()).rev().for_each(|node| self.stop(node));
    }

    /// `kill -9` for all nodes, as when the power fails.
    ///
    /// # Panics
    /// When something still listens on a port afterwards.
    pub fn kill_all(&mut self) {
        // All at once, so that none has the time to see the others go.
        for node in &mut self.nodes {
            node.process.take().into_iter().for_each(Process::kill);
        }
        (0..self.count()).for_each(|node| self.wait_until_gone(node));
    }

    fn wait_until_gone(&self, node: usize) {
        let port = self.port(node);
        assert!(poll(PATIENCE, || !accepts(port)), "somebody listens on port {port} of a node that was ended");
    }

    /// The first node that runs.
    fn any_running(&self) -> usize {
        (0..self.count()).find(|node| self.is_running(*node)).expect("a node that runs")
    }

    /// Runs `rabbitmqctl` on a node that runs, and returns what it printed. It takes one second or several.
    ///
    /// # Panics
    /// When it fails.
    pub fn control(&self, node: usize, arguments: &[&str]) -> String {
        let mut command = self.place.command(Path::new(PROGRAMS).join("rabbitmqctl"));
        command.envs(self.environment(node)).args(["-q", "-n", &self.nodes[node].name]).args(arguments);
        let output = command.stdin(std::process::Stdio::null()).output().expect("rabbitmqctl runs");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rabbitmqctl {}: {told}{wrong}", arguments.join(" "));
        told
    }

    /// The queues of the virtual host `/`, as a node that runs sees them.
    ///
    /// # Panics
    /// When no node answers.
    pub fn queues(&self) -> Vec<QueueStatus> {
        let listing = ["list_queues", "name", "leader", "members", "--formatter", "json"];
        let told = self.control(self.any_running(), &listing);
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error} in {told}"))
    }

    /// The node that leads a quorum queue now; `None` while none that runs does, and when there is no such queue.
    ///
    /// # Panics
    /// When no node answers.
    pub fn leader(&self, queue: &str) -> Option<usize> {
        let status = self.queues().into_iter().find(|status| status.name == queue)?;
        // For a moment after its end, the others still name the old one.
        (0..self.count()).find(|node| self.is_running(*node) && self.nodes[*node].name == status.leader)
    }

    /// `kill -9` for the node that leads a quorum queue, once there is one; returns which it was.
    ///
    /// # Panics
    /// When the queue gets no leader, or no node answers.
    pub fn kill_leader(&mut self, queue: &str) -> usize {
        let mut leader = None;
        poll(PATIENCE, || {
            leader = self.leader(queue);
            leader.is_some()
        });
        let leader = leader.unwrap_or_else(|| panic!("the queue {queue} has no leader"));
        self.kill(leader);
        leader
    }

    /// Sets off the memory alarm of a node, which blocks publishers on every node, or ends it. Both hold on return.
    ///
    /// # Panics
    /// When the node does not answer.
    pub fn set_memory_alarm(&self, node: usize, is_on: bool) {
        let share = if is_on { MEMORY_NONE } else { MEMORY_USUAL };
        self.control(node, &["set_vm_memory_high_watermark", share]);
    }
}

impl Node {
    fn new(number: usize) -> Self {
        let port = free_port();
        let (name, folder) = (format!("hub{port}@localhost"), format!("node{number}"));
        Node { name, port, node_port: free_port(), folder, process: None }
    }
}
