//! A real Prometheus that scrapes real servers under load: every query is answered, and the scraped series are the
//! registered ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;
use url::Url;

use super::queries::{Language, Query, of_dashboards, of_rules};
use super::registry::{Registry, in_prometheus};
use super::{ALERTS, RECORDING, array, text};
use crate::support::app::SECRET;
use crate::support::postgres::new_directory;
use crate::support::process::{ExternalDatabase, PUBLIC_URL, Server, until};
use crate::support::tools::program;
use crate::support::user::{PASSWORD, TestUser};
use crate::tidy::{assert_none, root};

/// Metrics that this load does not move, with the reason.
const NOT_MOVED: [(&str, &str); 1] = [(
    "db_client_connection_timeouts_total",
    "readers would have to wait for longer than they may",
)];

/// Parts of queries that have no answer under this load, with the reason.
const EMPTY: [(&str, &str); 3] = [
    ("ALERTS{", "nothing goes on for long enough"),
    ("error_type!=\"\"", "no statement fails"),
    ("error_type=\"cancelled\"", "no client goes away"),
];

/// A Prometheus of the test's own.
struct Prometheus {
    _child: Child,
    directory: PathBuf,
    url: Url,
}

impl Prometheus {
    /// Starts one that reads the metrics of some servers, four times a second, and evaluates the rules.
    async fn scraping(servers: &[&Server]) -> Self {
        let directory = new_directory("prometheus");
        let targets: Vec<_> = servers
            .iter()
            .map(|server| server.metrics.strip_prefix("http://").unwrap())
            .map(|place| place.strip_suffix("/metrics").unwrap())
            .collect();
        // JSON is YAML.
        let config = json!({
            "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "500ms"},
            "rule_files": [root().join(RECORDING), root().join(ALERTS)],
            "scrape_configs": [{"job_name": "keyfold", "static_configs": [{"targets": targets}]}],
        });
        fs::write(directory.join("prometheus.yml"), config.to_string()).unwrap();
        let log = directory.join("log");
        let child = program("prometheus")
            .arg(format!("--config.file={}", directory.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .expect("`make test` installs Prometheus");
        let mut url = None;
        until("Prometheus listens", async || {
            url = listening(&fs::read_to_string(&log).unwrap());
            url.is_some()
        })
        .await;
        let prometheus = Self { _child: child, directory, url: url.unwrap() };
        until("Prometheus is ready", async || {
            let ready = reqwest::get(prometheus.url.join("-/ready").unwrap()).await;
            ready.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        prometheus
    }

    /// Answer to a request, which has to be a success.
    async fn ask(&self, path: &str, parameter: (&str, &str)) -> Value {
        let mut url = self.url.join(path).unwrap();
        url.query_pairs_mut().append_pair(parameter.0, parameter.1);
        let answer: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        assert_eq!(answer["status"], "success", "{}: {answer}", parameter.1);
        answer["data"].clone()
    }

    /// Series that answer a query, with their values.
    async fn query(&self, query: &str) -> Vec<Value> {
        let data = self.ask("api/v1/query", ("query", query)).await;
        array(&data["result"]).cloned().collect()
    }

    /// Waits until something has this value at least.
    async fn shows(&self, query: &str, least: f64) {
        until(query, async || {
            let result = self.query(query).await;
            let value = result.first().and_then(|it| it["value"][1].as_str());
            value.is_some_and(|value| value.parse::<f64>().unwrap() >= least)
        })
        .await;
    }

    /// Every series of the servers.
    async fn series(&self) -> Vec<BTreeMap<String, String>> {
        let data = self.ask("api/v1/series", ("match[]", "{job=\"keyfold\"}")).await;
        serde_json::from_value(data).unwrap()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// URL from its log line that says that it listens.
fn listening(log: &str) -> Option<Url> {
    let (_, rest) = log.split_once("msg=\"Listening on\"")?;
    let (_, address) = rest.split_once("address=")?;
    let (address, _) = address.split_once('\n')?;
    Some(Url::parse(&format!("http://{}/", address.split_whitespace().next()?)).unwrap())
}

/// Two servers on one database that hash one password at a time, and a collector that is away.
async fn servers() -> (Server, Server) {
    let database = ExternalDatabase::new().await;
    let away = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let keyfold = database
        .keyfold(SECRET)
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{away}"))
        .set("KEYFOLD_CLUSTER", "true")
        .set("KEYFOLD_PUBLIC_URL", PUBLIC_URL)
        .set("KEYFOLD_HASH_THREADS", "1")
        .set("KEYFOLD_HASH_QUEUE", "1");
    tokio::join!(keyfold.serve(), keyfold.serve())
}

async fn sign_in(server: &Server, email: &str, password: &str) -> u16 {
    let body = json!({"email": email, "password": password});
    server.post("/api/auth/signin").json(&body).send().await.status.as_u16()
}

/// A token like another one, of a key that never was.
fn of_unknown_key(token: &str) -> String {
    // {"typ":"at+jwt","alg":"RS256","kid":"nobody"}
    let header = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJSUzI1NiIsImtpZCI6Im5vYm9keSJ9";
    let (_, rest) = token.split_once('.').unwrap();
    format!("{header}.{rest}")
}

/// Requests of every kind, well and badly meant, to both servers.
async fn load(servers: [&Server; 2], round: u32) {
    let [here, there] = servers;
    let email = format!("ada{round}@example.com");
    let ada = TestUser::sign_up(&here.url, &email).await;
    let again = json!({"email": email, "password": PASSWORD, "name": "Ada"});
    here.post("/api/auth/signup").json(&again).send().await.expect(409);
    for number in 0..11 {
        let stranger = format!("stranger{round}-{number}@example.com");
        assert_eq!(sign_in(here, &stranger, "wrong horse battery").await, 401);
        assert_eq!(sign_in(here, &email, "wrong horse battery").await, 401);
    }
    let at_once = join_all((0..8).map(|_| sign_in(here, &email, PASSWORD))).await;
    assert!(at_once.contains(&200) && at_once.contains(&503), "{at_once:?}");

    for number in 0..5 {
        ada.create_task(&format!("Task {number}")).await;
        ada.at(&there.url).list("").await.expect(200);
    }
    ada.with_token("none").list("").await.expect(401);
    ada.with_token(&of_unknown_key(&ada.token)).list("").await.expect(401);
    let cookie = format!("better-auth.session_token={}", ada.session_token);
    here.get("/api/auth/token").header("cookie", &cookie).send().await.expect(200);
    ada.sign_out().await.expect(200);
    until("the other node refuses the session", async || {
        ada.at(&there.url).list("").await.status == 401
    })
    .await;

    let ada = TestUser::sign_in(&here.url, &email).await;
    for (current, status) in [("wrong horse battery", 400), (PASSWORD, 200)] {
        let body = json!({"currentPassword": current, "newPassword": "another horse battery"});
        let change = ada.request(Method::POST, "/api/auth/password").json(&body);
        change.send().await.expect(status);
    }
}

/// A request whose body never comes: it is being answered for as long as this is held.
async fn unfinished(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = "POST /api/auth/signin HTTP/1.1\r\nhost: keyfold.test\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// True if a query may have no answer under this load.
fn may_be_empty(query: &Query) -> bool {
    let mut parts = NOT_MOVED.iter().chain(&EMPTY).map(|(part, _)| *part);
    parts.any(|part| query.text.contains(part))
}

/// Asserts that the scraped series have registered names, labels and values, and that no registered series is missing.
fn assert_registered(series: &[BTreeMap<String, String>]) {
    let registry = Registry::read();
    let known = registry.series();
    let values: BTreeMap<_, _> = registry
        .attributes
        .iter()
        .filter(|(_, attribute)| !attribute.values.is_empty())
        .map(|(name, attribute)| (in_prometheus(name), &attribute.values))
        .collect();
    let mut read = BTreeSet::new();
    let mut broken = Vec::new();
    for labels in series {
        let name = &labels["__name__"];
        // Series that Prometheus adds to every scrape, recorded series, and the series that names the program.
        if name == "up"
            || name == "target_info"
            || name.starts_with("scrape_")
            || name.contains(':')
            || name.starts_with("ALERTS")
        {
            continue;
        }
        read.insert(name.as_str());
        for (label, value) in labels.iter().filter(|(label, _)| *label != "__name__") {
            let is_label = known.get(name).is_some_and(|labels| labels.contains(label));
            let is_value = values.get(label).is_none_or(|values| values.contains(value));
            if !is_label || !is_value {
                broken.push(format!("{name}: {label}={value}"));
            }
        }
    }
    assert_none("what is exported is registered", broken);
    let missing = known.keys().filter(|name| !read.contains(name.as_str()));
    let missing = missing.filter(|name| !NOT_MOVED.iter().any(|(other, _)| other == name));
    assert_none("what is registered is exported", missing.cloned());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_that_reads_servers_under_load_answers_every_query() {
    let (here, there) = servers().await;
    let prometheus = Prometheus::scraping(&[&here, &there]).await;
    prometheus.shows("sum(up{job=\"keyfold\"})", 2.0).await;
    // A new series has not grown yet; the second round makes every counter grow.
    load([&here, &there], 1).await;
    prometheus.shows("sum(keyfold_password_changes_total{outcome=\"success\"})", 1.0).await;
    prometheus.shows("sum(keyfold_telemetry_export_failures_total)", 1.0).await;
    load([&here, &there], 2).await;
    let unfinished = unfinished(&here).await;
    for grown in [
        "sum(increase(keyfold_sign_ins_total{outcome=\"success\"}[5m]))",
        "sum(increase(keyfold_sign_in_failures_total{streak=\"persistent\"}[5m]))",
        "sum(increase(keyfold_refusals_total{reason=\"hash_queue\"}[5m]))",
        "sum(increase(keyfold_token_verifications_total{reason=\"unknown_key\"}[5m]))",
        "sum(increase(keyfold_password_changes_total{outcome=\"success\"}[5m]))",
        "keyfold:sign_in_failures:ratio_rate5m",
    ] {
        prometheus.shows(grown, 0.01).await;
    }

    let queries = of_dashboards();
    let queries = queries.iter().filter(|query| query.language == Language::Promql);
    let rules = of_rules();
    let (recording, alerts): (Vec<_>, Vec<_>) =
        rules.iter().partition(|rule| rule.place.starts_with(RECORDING));
    for query in queries.chain(recording) {
        if may_be_empty(query) {
            prometheus.query(&query.text).await;
        } else {
            until(&format!("{}: {}", query.place, query.text), async || {
                !prometheus.query(&query.text).await.is_empty()
            })
            .await;
        }
    }
    drop(unfinished);
    for alert in alerts {
        prometheus.query(&alert.text).await;
    }
    assert_registered(&prometheus.series().await);

    let rules = prometheus.ask("api/v1/rules", ("type", "")).await;
    let rules: Vec<_> = array(&rules["groups"]).flat_map(|group| array(&group["rules"])).collect();
    assert_eq!(rules.len(), of_rules().len());
    let broken = rules.iter().filter(|rule| text(rule, "health") != "ok");
    assert_none("every rule was evaluated", broken.map(ToString::to_string));
    here.stop().await;
    there.stop().await;
}
