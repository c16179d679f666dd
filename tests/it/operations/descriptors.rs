//! File descriptors: connections take no more than are left.

use reqwest::Client;
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::app::SECRET;
use crate::support::process::{ExternalDatabase, Server};
use crate::support::user::PASSWORD;

/// So many connections that nothing is sent on.
async fn idle(server: &Server, count: usize) -> Vec<TcpStream> {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(TcpStream::connect(address).await.unwrap());
    }
    streams
}

/// Signs a user up, and checks that the server is ready.
async fn is_served(server: &Server, client: &Client) {
    let url = &server.url;
    let ada = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
    let signed_up = client.post(format!("{url}/api/auth/signup")).json(&ada).send().await.unwrap();
    assert_eq!(signed_up.status(), 201);
    let ready = client.get(format!("{url}/health/ready")).send().await.unwrap();
    assert_eq!(ready.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_soft_limit_of_descriptors_limits_nobody() {
    let database = ExternalDatabase::new().await;
    let server = database.keyfold(SECRET).with_descriptors("-Sn 128").serve().await;
    let _idle = idle(&server, 300).await;
    is_served(&server, &Client::new()).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_leave_descriptors_for_the_database_and_for_other_clients() {
    let database = ExternalDatabase::new().await;
    let server = database.keyfold(SECRET).with_descriptors("-n 256").serve().await;
    let _idle = idle(&server, 300).await;
    let another = Client::builder().local_address(Some([127, 0, 0, 2].into())).build().unwrap();
    is_served(&server, &another).await;
    server.stop().await;
}
