//! Peers that vanish in a network that drops packets: a server in a network namespace of its own, PostgreSQL outside of it.
//!
//! If this process may create no namespaces (it is not root, or the system is not Linux), the packets are not dropped; a
//! relay forgets the connections, and the test does what PostgreSQL would do by its keep-alives. The rest of the test is
//! unchanged.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use tokio::process::Command;

use super::holders;
use crate::support::process::{ExternalDatabase, Keyfold, Server, until};
use crate::support::relay::Relay;
use crate::support::servers::Postgres;
use crate::support::user::TestUser;
use keyfold::postgres::private_cluster::programs;

/// A namespace with one way out, to an address of this machine. It goes with its test.
struct Namespace {
    name: String,
    /// The first three numbers of its network.
    network: String,
}

impl Namespace {
    /// Creates a namespace; none if this process may not.
    async fn create() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !cfg!(target_os = "linux") || !rustix::process::getuid().is_root() {
            return None;
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let name = format!("kf-{process}-{number}");
        let (outside, inside) = (format!("kfo{process}{number}"), format!("kfi{process}{number}"));
        let network = format!("10.213.{}", (process + number) % 256);
        let namespace = Self { name, network };
        let (name, network) = (&namespace.name, &namespace.network);
        run(&format!("ip netns add {name}")).await;
        run(&format!("ip link add {outside} type veth peer name {inside} netns {name}")).await;
        run(&format!("ip address add {network}.1/24 dev {outside}")).await;
        run(&format!("ip link set {outside} up")).await;
        for command in [
            format!("ip address add {network}.2/24 dev {inside}"),
            format!("ip link set {inside} up"),
            "ip link set lo up".to_owned(),
            "nft add table inet test".to_owned(),
            "nft add chain inet test in { type filter hook input priority 0 ; }".to_owned(),
            "nft add chain inet test out { type filter hook output priority 0 ; }".to_owned(),
        ] {
            namespace.run(&command).await;
        }
        Some(namespace)
    }

    async fn run(&self, command: &str) {
        run(&format!("ip netns exec {} {command}", self.name)).await;
    }

    /// Drops what comes from and goes to these ports of PostgreSQL, or of its clients, in both directions.
    async fn drop_packets(&self, end: &str, ports: &[u16]) {
        let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
        let ports = ports.join(", ");
        // The source port of an outgoing packet is the destination port of the answer.
        let (out, back) = if end == "client" { ("sport", "dport") } else { ("dport", "sport") };
        self.run(&format!("nft add rule inet test out tcp {out} {{ {ports} }} drop")).await;
        self.run(&format!("nft add rule inet test in tcp {back} {{ {ports} }} drop")).await;
    }

    async fn drop_nothing(&self) {
        self.run("nft flush table inet test").await;
    }

    /// PostgreSQL at the other end of the way out.
    async fn postgres(&self) -> Postgres {
        let address = format!("{}.1", self.network);
        Postgres::of(&programs().unwrap(), &address, "").await
    }

    /// A server inside.
    fn keyfold(&self, postgres: &Postgres) -> Keyfold {
        let keyfold = postgres.keyfold().started_by(&["ip", "netns", "exec", &self.name]);
        let listen = format!("{}.2:0", self.network);
        keyfold.set("KEYFOLD_LISTEN", &listen).set("KEYFOLD_METRICS_LISTEN", "off")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let delete = ["netns", "delete", &self.name];
        let _ = std::process::Command::new("ip").args(delete).status();
    }
}

async fn run(command: &str) {
    let words: Vec<_> = command.split(' ').collect();
    let done = Command::new(words[0]).args(&words[1..]).output().await;
    let done = done.unwrap_or_else(|error| panic!("{command}: {error}"));
    assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
}

async fn creates(ada: &TestUser, title: &str) -> bool {
    ada.create(&json!({"title": title})).await.status == 201
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_a_network_forgets_are_replaced_and_given_up_by_both_sides() {
    let Some(namespace) = Namespace::create().await else {
        return behind_a_relay().await;
    };
    let postgres = namespace.postgres().await;
    let server = namespace.keyfold(&postgres).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let link = postgres.session().await;
    let sessions = "select client_port, pid from pg_stat_activity
                    where client_port > 0 and pid <> pg_backend_pid() and client_addr = $1::text::inet";
    let address = format!("{}.2", namespace.network);
    let before = link.client.query(sessions, &[&address]).await.unwrap();
    let ports: Vec<_> =
        before.iter().map(|row| u16::try_from(row.get::<_, i32>(0)).unwrap()).collect();
    assert!(ports.len() >= 3, "{ports:?}");
    let held = holders(&postgres.connection()).await;
    namespace.drop_packets("client", &ports).await;
    until("the node goes on", async || creates(&ada, "Milk").await).await;
    let holds = holders(&postgres.connection()).await;
    assert!(holds.len() == 1 && holds != held, "{held:?} {holds:?}");
    // As PostgreSQL does by itself, within some 20 seconds.
    until("PostgreSQL has given up the sessions of before", async || {
        let now = link.client.query(sessions, &[&address]).await.unwrap();
        let ports = now.iter().map(|row| row.get::<_, i32>(0));
        !ports.into_iter().any(|port| before.iter().any(|row| row.get::<_, i32>(0) == port))
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_vanishes_is_replaced_within_a_minute_and_changes_nothing_when_it_is_back() {
    let Some(namespace) = Namespace::create().await else {
        return behind_a_relay().await;
    };
    let postgres = namespace.postgres().await;
    let vanished = namespace.keyfold(&postgres).serve().await;
    let ada = TestUser::sign_up(&vanished.url, "ada@example.com").await;
    namespace.drop_packets("server", &[postgres.port()]).await;
    // It waits for as long as PostgreSQL takes to give up the other one's session.
    let server = postgres.keyfold().serve().await;
    replaced(&ada, vanished, server, async || namespace.drop_nothing().await).await;
}

/// A server has taken the place of another one, which comes back.
async fn replaced(
    ada: &TestUser,
    mut vanished: Server,
    server: Server,
    comes_back: impl AsyncFnOnce(),
) {
    ada.at(&server.url).create_task("Milk").await;
    ada.list("").await.expect(503);
    comes_back().await;
    vanished.process.err.say("another Keyfold server already uses this database").await;
    ada.create(&json!({"title": "Bread"})).await.expect(503);
    vanished.get("/health/ready").send().await.expect(503);
    assert_eq!(ada.at(&server.url).titles().await, ["Milk"]);
    server.stop().await;
    until("the other one has its place again", async || creates(ada, "Eggs").await).await;
    assert_eq!(ada.titles().await, ["Milk", "Eggs"]);
    vanished.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_server_is_replaced_where_no_packets_can_be_dropped() {
    behind_a_relay().await;
}

/// The relay forgets what there is and relays nothing new; the session that was forgotten is ended as PostgreSQL would.
async fn behind_a_relay() {
    let database = ExternalDatabase::new().await;
    let relay = Relay::to(&database).await;
    let keyfold = database.keyfold(crate::support::app::SECRET);
    let keyfold = keyfold.set("KEYFOLD_PUBLIC_URL", crate::support::process::PUBLIC_URL);
    let vanished = keyfold.clone().set("DATABASE_URL", &relay.url).serve().await;
    let ada = TestUser::sign_up(&vanished.url, "ada@example.com").await;
    let held = holders(&database.connection).await;
    // Nothing of it gets through, and what it opens anew is refused.
    relay.close();
    let replacing = async { keyfold.serve().await };
    let giving_up = async {
        let link = database.connection.connect().await.unwrap();
        // By then the waiting server has seen that the other one is silent.
        until("somebody waits", async || {
            let silent = "select state_change < clock_timestamp() - interval '9 seconds' from pg_stat_activity where pid = $1";
            link.client.query_one(silent, &[&held[0]]).await.unwrap().get(0)
        })
        .await;
        link.client.query_one("select pg_terminate_backend($1)", &[&held[0]]).await.unwrap();
    };
    let (server, ()) = tokio::join!(replacing, giving_up);
    replaced(&ada, vanished, server, async || relay.open()).await;
}
