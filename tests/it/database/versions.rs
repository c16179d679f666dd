//! Every major version of PostgreSQL that packages have: a whole story on a private cluster of each.

use std::path::PathBuf;

use keyfold::postgres::private_cluster::programs;
use reqwest::Method;
use serde_json::json;

use crate::support::process::{DataDirectory, Keyfold, PUBLIC_URL, Server, until};
use crate::support::servers::binaries;
use crate::support::user::{PASSWORD, TestUser};

/// A user signs up, keeps tasks and their history, ends sessions; keys rotate, read models are rebuilt, the server is killed
/// and stopped, and `keyfold doctor` finds no fault.
async fn the_whole_story_is_told_on(programs: PathBuf) {
    let data = DataDirectory::new("version");
    let keyfold = Keyfold::in_directory(&data)
        .set("KEYFOLD_POSTGRES_BIN", programs.to_str().unwrap())
        .set("KEYFOLD_PUBLIC_URL", PUBLIC_URL)
        .set("KEYFOLD_KEY_LEAD", "1s")
        .set("KEYFOLD_KEY_ROTATION", "400d");
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let milk = ada.create_task("Milk").await;
    let path = ada.tasks(&format!("/{}", milk["id"].as_str().unwrap()));
    let bread = json!({"title": "Bread", "tags": ["home"], "priority": "high"});
    let keyed = ada.request(Method::POST, &ada.tasks("")).header("idempotency-key", "one");
    let once = keyed.json(&bread).send().await.expect(201);
    let keyed = ada.request(Method::POST, &ada.tasks("")).header("idempotency-key", "one");
    assert_eq!(keyed.json(&bread).send().await.expect(201), once, "it is done once");
    ada.request(Method::PATCH, &path).json(&json!({"completed": true})).send().await.expect(200);
    ada.request(Method::DELETE, &path).send().await.expect(204);
    assert_eq!(ada.titles().await, ["Bread"]);
    ada.request(Method::POST, &ada.tasks("/undo")).send().await.expect(200);
    let history = ada.request(Method::GET, &ada.tasks("/history")).send().await.expect(200);
    assert_eq!(history["changes"].as_array().map(Vec::len), Some(5), "{history}");

    let elsewhere = TestUser::sign_in(&server.url, &ada.email).await;
    let others = ada.request(Method::DELETE, "/api/auth/sessions?except=current").send().await;
    assert!(others.status.is_success(), "{}", others.text);
    elsewhere.list("").await.expect(401);
    rotate(&keyfold, &server).await;
    keyfold.print(&["replay"]).await;
    keyfold.print(&["doctor"]).await;

    // PostgreSQL is recovered, and told nothing of the end.
    server.kill().await;
    let server = keyfold.serve().await;
    let again = TestUser::sign_in(&server.url, &ada.email).await;
    assert_eq!(again.titles().await, ["Milk", "Bread"]);
    let new = json!({"currentPassword": PASSWORD, "newPassword": "another correct horse"});
    again.request(Method::POST, "/api/auth/password").json(&new).send().await.expect(200);
    keyfold.print(&["sessions", "end"]).await;
    until("ended sessions are refused", async || again.list("").await.status == 401).await;
    server.stop().await;
    let found = keyfold.print(&["doctor"]).await;
    assert!(!found.lines().any(|line| line.starts_with("error")), "{found}");
}

/// Another key signs, and tokens of both are accepted.
async fn rotate(keyfold: &Keyfold, server: &Server) {
    let before = TestUser::sign_up(&server.url, "grace@example.com").await;
    let kid = keyfold.print(&["keys", "rotate"]).await;
    let kid = kid.split(' ').next().unwrap();
    let signs = async || {
        let user = TestUser::sign_in(&server.url, &before.email).await;
        jsonwebtoken::decode_header(&user.token).unwrap().kid.as_deref() == Some(kid)
    };
    until("the new key signs", signs).await;
    before.list("").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_story_is_told_on_the_version_of_the_system() {
    the_whole_story_is_told_on(programs().unwrap()).await;
}

/// A test for each version that comes as a package.
macro_rules! versions {
    ($($(#[$where:meta])? $name:ident: $major:literal;)*) => {
        $(
            $(#[$where])?
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                the_whole_story_is_told_on(binaries($major)).await;
            }
        )*
    };
}

versions! {
    // There is no package for others.
    #[cfg(target_arch = "x86_64")]
    the_whole_story_is_told_on_version_14: 14;
    the_whole_story_is_told_on_version_16: 16;
    the_whole_story_is_told_on_version_17: 17;
    the_whole_story_is_told_on_version_18: 18;
}
