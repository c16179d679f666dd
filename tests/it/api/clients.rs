//! Other ecosystems: the promises of the OpenAPI document and the JWKS hold for tools that know nothing of Keyfold.
//!
//! Their sources are in `tests/clients`; `make test` installs what they need.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keyfold::base::clock::Clock;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::app::TestApp;
use crate::support::postgres::{new_directory, new_schema};
use crate::support::tools::{self, Tool, python, run};
use crate::support::user::TestUser;

#[tokio::test(flavor = "multi_thread")]
async fn redocly_finds_nothing_to_improve_in_the_document() {
    let directory = new_directory("redocly");
    let mut lint = node_tool("redocly");
    lint.args(["lint", "--lint-config=error", "--config"]).arg(clients().join("redocly.yaml"));
    run(lint.arg(write_document(&directory))).await;
    fs::remove_dir_all(directory).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_conforms_to_the_openapi_specification() {
    let directory = new_directory("openapi-spec-validator");
    let document = write_document(&directory);
    run(python().args(["-m", "openapi_spec_validator"]).arg(document)).await;
    fs::remove_dir_all(directory).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typescript_client_made_from_the_document_compiles_and_runs_the_whole_flow() {
    let app = TestApp::in_real_time().await;
    let directory = new_directory("typescript");
    copy_sources(&directory);
    // A field with a default may be left out of a request; without the option its type would demand it.
    let mut generate = node_tool("openapi-typescript");
    generate.arg(write_document(&directory)).arg("--default-non-nullable=false");
    run(generate.arg("--output").arg(directory.join("schema.d.ts"))).await;
    run(node_tool("tsc").arg("--project").arg(&directory)).await;
    run(node(&directory.join("flow.js")).arg(app.url())).await;
    fs::remove_dir_all(directory).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn jose_verifies_access_tokens_through_the_jwks() {
    let app = TestApp::in_real_time().await;
    let ada = app.sign_up("ada@example.com").await;
    assert_claims(&verified_by_jose(&app, &ada).await, &app, &ada);
}

#[tokio::test(flavor = "multi_thread")]
async fn pyjwt_verifies_access_tokens_through_the_jwks() {
    let app = TestApp::in_real_time().await;
    let ada = app.sign_up("ada@example.com").await;
    let mut verify = python();
    verify.arg(clients().join("verify_pyjwt.py")).args([&app.url(), &ada.token]);
    // The server is on this machine, whatever proxy leads out of it.
    assert_claims(&run(verify.env("no_proxy", "*")).await, &app, &ada);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_verifier_of_rfc_9068_accepts_access_tokens_for_their_own_audience_alone() {
    let billing = "https://billing.example.com";
    let app = TestApp::on(new_schema().await, Clock::system(), |config| {
        config.tokens.audiences = vec![billing.to_owned()];
    });
    let app = app.await.unwrap();
    let ada = app.sign_up("ada@example.com").await;
    let script = clients().join("verify-rfc9068.mjs");
    let verified = async |audience: &str, token: &str| {
        let claims = run(node(&script).args([&app.url(), audience, token])).await;
        serde_json::from_str::<Value>(&claims).unwrap()
    };
    assert_claims(&verified(&app.url(), &ada.token).await.to_string(), &app, &ada);
    let path = format!("/api/auth/token?audience={billing}");
    let fresh = app.get(&path).bearer(&ada.session_token).send().await.expect(200);
    let token = fresh["token"].as_str().unwrap();
    let claims = verified(billing, token).await;
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!(billing), &json!(ada.id)));
    let message = "The access token is meant for another audience";
    ada.with_token(token).list("").await.expect_problem(401, "WRONG_AUDIENCE", message);
}

/// The key sets of these verifiers keep their copy for as long as they may, and do not look again when they meet a key they
/// do not know.
#[tokio::test(flavor = "multi_thread")]
async fn jose_notices_no_rotation_in_real_time() {
    let app = TestApp::on(new_schema().await, Clock::system(), |config| {
        config.keys.lead = Duration::from_secs(4);
        config.keys.rotation = Duration::from_secs(8);
        config.tokens.lifetime = Duration::from_mins(1);
    });
    let app = app.await.unwrap();
    let script = clients().join("soak-jose.mjs");
    let printed = run(node(&script).args([&app.url(), "18", "2"])).await;
    let seen: Value = serde_json::from_str(&printed).unwrap();
    let (rotations, verifications) = (&seen["rotations"], &seen["verifications"]);
    assert!(rotations.as_u64() >= Some(2) && verifications.as_u64() >= Some(100), "{seen}");
    assert_eq!((&seen["failures"], &seen["maxAge"]), (&json!(0), &json!(2)), "{seen}");
}

/// A signature proves a sign-in, not a live session: a verifier elsewhere accepts a token until it expires. The server
/// checks the session as well, so there a token ends at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_outlives_its_session_but_the_server_refuses_the_token() {
    let app = TestApp::in_real_time().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.sign_out().await.expect(200);
    assert_claims(&verified_by_jose(&app, &ada).await, &app, &ada);
    ada.list("").await.expect_problem(401, "SESSION_ENDED", "The session has ended");
}

/// The verifier that `docs/verifying-tokens.md` shows.
#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_elsewhere_refuses_a_token_soon_after_its_session_has_ended() {
    let app = TestApp::in_real_time().await;
    let ada = app.sign_up("ada@example.com").await;
    let other = TestUser::sign_in(&app.url(), "ada@example.com").await;
    other.sign_out().await.expect(200);
    let mut verifier = python();
    verifier.arg(clients().join("verifier.py")).args([&app.url(), &ada.token]).env("no_proxy", "*");
    let mut verifier = Tool::start(&mut verifier);
    assert_eq!(verifier.line().await.as_deref(), Some("accepted"));
    ada.sign_out().await.expect(200);
    assert_eq!(verifier.line().await.as_deref(), Some("the session has ended"));
}

#[test]
fn the_documented_verifier_is_the_one_that_is_tested() {
    let file = fs::read_to_string(clients().join("verifier.py")).unwrap();
    let (_, shown) = file.split_once("# documented: begin\n").unwrap();
    let (shown, _) = shown.split_once("# documented: end\n").unwrap();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verifying-tokens.md");
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains(&format!("```python\n{shown}```\n")), "the page has to show:\n{shown}");
}

async fn verified_by_jose(app: &TestApp, user: &TestUser) -> String {
    let script = clients().join("verify-jose.mjs");
    run(node(&script).args([&app.url(), &user.token])).await
}

#[track_caller]
fn assert_claims(printed: &str, app: &TestApp, user: &TestUser) {
    let claims: Value = serde_json::from_str(printed).unwrap();
    let issued_at = claims["iat"].as_i64().unwrap();
    let expected = json!({
        "iss": app.url(), "aud": app.url(), "sub": user.id, "sid": user.session_id, "jti": claims["jti"],
        "client_id": "keyfold",
        "iat": issued_at, "exp": issued_at + 900,
        "email": user.email, "name": "Ada Lovelace", "emailVerified": false,
    });
    assert_eq!(claims, expected);
    assert!(claims["jti"].is_string());
}

fn clients() -> PathBuf {
    tools::tests("clients")
}

/// The document as this build makes it.
fn write_document(directory: &Path) -> PathBuf {
    let path = directory.join("openapi.json");
    fs::write(&path, keyfold::api::openapi::text()).unwrap();
    path
}

/// Copies the TypeScript sources, so that generated and compiled files do not touch the repository.
fn copy_sources(directory: &Path) {
    for entry in fs::read_dir(clients()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "ts" || extension == "json") {
            fs::copy(&path, directory.join(path.file_name().unwrap())).unwrap();
        }
    }
    symlink(clients().join("node_modules"), directory.join("node_modules")).unwrap();
}

/// Node with one of the scripts.
fn node(script: &Path) -> Command {
    tools::node(&clients(), script)
}

/// A command of an npm package.
fn node_tool(name: &str) -> Command {
    node(&clients().join("node_modules/.bin").join(name))
}
