//! The host of a request, in either version of HTTP.

use tokio::io::AsyncWriteExt;

use crate::api::connections::{connect, rest};
use crate::support::app::TestApp;

const INVALID: &str = "HTTP/1.1 400 Bad Request";

#[tokio::test]
async fn a_request_of_http_1_names_one_host_that_can_be() {
    let app = TestApp::spawn().await;
    for (hosts, status) in [
        ("host: localhost\r\n", "HTTP/1.1 200 OK"),
        ("host: localhost:8000\r\n", "HTTP/1.1 200 OK"),
        ("", INVALID),
        ("host: \r\n", INVALID),
        ("host: a\r\nhost: a\r\n", INVALID),
        ("host: a b\r\n", INVALID),
        ("host: user@a\r\n", INVALID),
    ] {
        let head = format!("GET /health/live HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
        let mut stream = connect(&app).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert_eq!(answer.lines().next(), Some(status), "{hosts:?}: {answer}");
        assert_eq!(answer.contains("INVALID_HOST"), status == INVALID, "{answer}");
    }
}

#[tokio::test]
async fn a_form_is_taken_in_http_2_as_in_http_1() {
    let app = TestApp::spawn().await;
    let body = "email=ada%40example.com&password=correct+horse+battery+staple&name=Ada";
    for (number, client) in [
        reqwest::Client::builder().http2_prior_knowledge(),
        reqwest::Client::builder().http1_only(),
    ]
    .into_iter()
    .enumerate()
    {
        let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let answer = client
            .post(format!("{}/signup", app.url()))
            .header("origin", app.url())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.replace("ada", &format!("ada{number}")))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 303);
    }
}
