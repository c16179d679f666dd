//! A rolling restart behind nginx, configured as `docs/running.md` shows.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::app::SECRET;
use crate::support::postgres::new_directory;
use crate::support::process::{ExternalDatabase, Keyfold, Server, until};
use crate::support::tools::{Tool, program};
use crate::support::user::TestUser;

/// Host name that clients use.
const NAME: &str = "id.example.com";

/// Around the configuration of `docs/running.md`: the rest of a packaged nginx's configuration. `@…@` is filled in.
const AROUND: &str = "\
daemon off;
master_process off;
pid @directory@/nginx.pid;
error_log @directory@/error.log warn;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path @directory@/body;
    proxy_temp_path @directory@/proxy;
    fastcgi_temp_path @directory@/fastcgi;
    uwsgi_temp_path @directory@/uwsgi;
    scgi_temp_path @directory@/scgi;
@shown@
}
";

/// The configuration of `docs/running.md`, with the addresses of a test, and without TLS.
fn shown(directory: &Path, port: u16, nodes: [u16; 2]) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/running.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, shown) = page.split_once("```nginx\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let listen = format!("127.0.0.1:{port}");
    let [first, second] = nodes.map(|node| format!("127.0.0.1:{node}"));
    let directory = directory.to_str().unwrap();
    let replaced = [
        ("443 ssl", listen.as_str()),
        ("ssl_certificate ", "# "),
        ("ssl_certificate_key ", "# "),
        ("10.0.0.11:8000", &first),
        ("10.0.0.12:8000", &second),
    ];
    let filled = replaced.into_iter().fold(shown.to_owned(), |text, (documented, actual)| {
        assert!(text.contains(documented), "the page shows {documented}");
        text.replace(documented, actual)
    });
    AROUND.replace("@directory@", directory).replace("@shown@", &filled)
}

/// nginx, a client that finds it under its name, and the URL.
async fn nginx(directory: &Path, nodes: [u16; 2]) -> (Tool, Client, String) {
    let port = free_port();
    let file = directory.join("nginx.conf");
    fs::write(&file, shown(directory, port, nodes)).unwrap();
    let mut command = program("nginx");
    command.arg("-p").arg(directory).arg("-c").arg(file);
    let nginx = Tool::start(&mut command);
    let client = Client::builder().resolve(NAME, ([127, 0, 0, 1], port).into()).build().unwrap();
    let url = format!("http://{NAME}:{port}");
    until("nginx answers", async || client.get(&url).send().await.is_ok()).await;
    (nginx, client, url)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Reads, adds and changes tasks until it is told to stop; returns the number of requests by method and status, and the
/// titles of the acknowledged tasks.
async fn work(
    client: Client,
    (url, user): (String, TestUser),
    stop: Arc<AtomicBool>,
) -> (BTreeMap<String, usize>, Vec<String>) {
    let (mut statuses, mut added) = (BTreeMap::new(), Vec::new());
    let tasks = format!("{url}{}", user.tasks(""));
    let mut note = |method: &str, response: &reqwest::Response| {
        *statuses.entry(format!("{method} {}", response.status().as_u16())).or_insert(0) += 1;
    };
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let title = format!("task {number}");
        let send = async |method: &Method, url: &str, body: Option<serde_json::Value>| {
            let request = client.request(method.clone(), url).bearer_auth(&user.token);
            let request = match body {
                Some(body) => request.json(&body),
                None => request,
            };
            request.send().await.unwrap()
        };
        let created = send(&Method::POST, &tasks, Some(json!({"title": title}))).await;
        note("POST", &created);
        let place =
            created.headers().get("location").map(|place| place.to_str().unwrap().to_owned());
        if let Some(place) = place {
            added.push(title);
            let task = format!("{url}{place}");
            let changed = send(&Method::PATCH, &task, Some(json!({"completed": true}))).await;
            note("PATCH", &changed);
            let read = send(&Method::GET, &task, None).await;
            note("GET", &read);
        }
    }
    (statuses, added)
}

/// A node at a port, which is asked for long enough before it goes that the other one can be asked instead.
fn node(database: &ExternalDatabase, port: u16) -> Keyfold {
    database
        .keyfold(SECRET)
        .set("KEYFOLD_CLUSTER", "true")
        .set("KEYFOLD_PUBLIC_URL", &format!("https://{NAME}"))
        .set("KEYFOLD_TRUSTED_PROXIES", "1")
        .set("KEYFOLD_STOP_DELAY", "3s")
        .set("KEYFOLD_LISTEN", &format!("127.0.0.1:{port}"))
}

/// Results of the clients' requests.
pub struct Met {
    /// Number of requests by method and status.
    pub statuses: BTreeMap<String, usize>,
    /// Number of tasks added.
    pub added: usize,
    /// From the first node's stop until both were back.
    pub took: Duration,
}

/// Restarts two nodes behind nginx, one after the other, while clients work.
pub async fn rolling_restart() -> Met {
    let database = ExternalDatabase::new().await;
    let directory = new_directory("nginx");
    let ports = [free_port(), free_port()];
    let nodes = ports.map(|port| node(&database, port));
    let mut servers: Vec<Server> = Vec::new();
    for node in &nodes {
        servers.push(node.serve().await);
    }
    let (nginx, client, url) = nginx(&directory, ports).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for number in 0..6 {
        let user = TestUser::sign_up(&servers[0].url, &format!("user{number}@example.com")).await;
        clients.spawn(work(client.clone(), (url.clone(), user), Arc::clone(&stop)));
    }
    let (began, mut anew) = (Instant::now(), Vec::new());
    for (node, server) in nodes.iter().zip(servers) {
        server.stop().await;
        let again = node.serve().await;
        until("the node takes requests", async || {
            again.get("/health/ready").send().await.status == 200
        })
        .await;
        anew.push(again);
    }
    let took = began.elapsed();
    stop.store(true, Ordering::Relaxed);
    let mut met = Met { statuses: BTreeMap::new(), added: 0, took };
    while let Some(worked) = clients.join_next().await {
        let (statuses, titles) = worked.unwrap();
        met.added += titles.len();
        for (status, count) in statuses {
            *met.statuses.entry(status).or_insert(0) += count;
        }
    }
    drop(nginx);
    fs::remove_dir_all(directory).unwrap();
    met
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_nginx_as_documented_is_noticed_by_no_client() {
    let Met { statuses, added, .. } = rolling_restart().await;
    let all_well = ["GET 200", "PATCH 200", "POST 201"].map(|status| (status.to_owned(), added));
    assert_eq!(statuses, BTreeMap::from(all_well));
}
