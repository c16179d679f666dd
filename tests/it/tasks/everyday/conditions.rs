//! Entity tags: no body for a version that the client has, and no overwriting of a version that it has not seen.

use reqwest::Method;
use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn every_task_and_list_has_an_entity_tag_which_is_its_version() {
    let (_app, ada) = ada().await;
    let [milk, _bread] = tasks(&ada, ["Milk", "Bread"]).await;
    let tag_of = async |rest: &str| ada.list(rest).await.header("etag").to_owned();
    assert_eq!(tag_of("").await, tag(2));
    assert_eq!(tag_of("?q=milk&sort=due").await, tag(2));
    assert_eq!(tag_of(&format!("/{}", id(&milk))).await, tag(1));
    let changed = patch(&ada, &milk, &json!({"title": "Oat milk"})).await;
    assert_eq!((changed.header("etag"), &changed.json()["version"]), (tag(3), &json!(v(3))));
    assert_eq!(tag_of(&format!("/{}", id(&milk))).await, tag(3));
    assert_eq!(tag_of("").await, tag(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_has_is_not_sent_again_until_it_changes() {
    let (_app, ada) = ada().await;
    let [milk, _bread] = tasks(&ada, ["Milk", "Bread"]).await;
    let one = format!("/{}", id(&milk));
    for (rest, current) in
        [("", tag(2)), ("?completed=false&limit=1", tag(2)), (one.as_str(), tag(1))]
    {
        let ask = async |tags: &str| {
            let request = ada.request(Method::GET, &ada.tasks(rest));
            request.header("if-none-match", tags).send().await
        };
        for tags in [
            current.to_owned(),
            format!("W/{current}"),
            format!("\"x\", {current}"),
            "*".to_owned(),
        ] {
            let reply = ask(&tags).await;
            assert_eq!((reply.status.as_u16(), reply.text.as_str()), (304, ""), "{rest} {tags}");
            let headers = (reply.header("etag"), reply.header("cache-control"));
            assert_eq!(headers, (current, "no-store"));
        }
        let whole = ada.list(rest).await;
        for tags in
            [tag(0), tag(99), "\"1\"", "\"2\"", "\"2.AAAAAAAA\"", "\"1.AAAAAAAA\"", "nonsense"]
        {
            let reply = ask(tags).await;
            assert_eq!((reply.status, reply.text), (whole.status, whole.text.clone()));
        }
    }
    patch(&ada, &milk, &json!({"completed": true})).await.expect(200);
    for (rest, current) in [("", tag(2)), (one.as_str(), tag(1))] {
        let request = ada.request(Method::GET, &ada.tasks(rest)).header("if-none-match", current);
        let reply = request.send().await;
        assert_eq!((reply.status.as_u16(), reply.header("etag")), (200, tag(3)), "{rest}");
    }
}

/// The ways to change one task, and what they send.
fn changes(task: &Value, other: &Value) -> Vec<(Method, String, Value)> {
    let path = format!("/{}", id(task));
    vec![
        (Method::PUT, path.clone(), json!({"title": "Mine"})),
        (Method::PATCH, path.clone(), json!({"title": "Mine"})),
        (Method::PATCH, path.clone(), json!({})),
        (Method::POST, format!("{path}/move"), json!({"after": id(other)})),
        (Method::POST, format!("{path}/restore"), json!({"version": v(1)})),
        (Method::DELETE, path, json!({})),
    ]
}

async fn send_if(
    user: &TestUser,
    (method, rest, body): &(Method, String, Value),
    condition: &str,
) -> Reply {
    let request = user.request(method.clone(), &user.tasks(rest)).json(body);
    request.header("if-match", condition).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_do_not_overwrite_each_other() {
    let (app, ada) = ada().await;
    let [milk, bread] = tasks(&ada, ["Milk", "Bread"]).await;
    let theirs = patch(&ada, &milk, &json!({"title": "Theirs"})).await.expect(200);
    let before = events(&app).await;
    for change in changes(&milk, &bread) {
        let (mixed, earlier) =
            (format!("W/{}, {}", tag(3), tag(1)), format!("{}, {}", tag(1), tag(2)));
        let of_another_history = "\"3.AAAAAAAA\"";
        for stale in [tag(1), tag(2), tag(99), "\"3\"", of_another_history, &mixed, &earlier] {
            let reply = send_if(&ada, &change, stale).await;
            assert_eq!(problem(&reply, 412), expected::mismatch(&theirs), "{change:?} {stale}");
            assert_eq!(reply.header("etag"), tag(3));
        }
        // A tag that a proxy has weakened is told apart from a change by another client.
        let weak = send_if(&ada, &change, &format!("W/{}", tag(3))).await;
        weak.expect_invalid(&[(
            "If-Match",
            "IF_MATCH_INVALID",
            "has only weak entity tags, which never match (RFC 9110, section 13.1.1): send the version of the body in \
             double quotes",
        )]);
    }
    assert_eq!(events(&app).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_has_seen_the_last_version_changes_it() {
    let (_app, ada) = ada().await;
    let [milk, bread] = tasks(&ada, ["Milk", "Bread"]).await;
    for change in changes(&milk, &bread) {
        let seen = ada.list(&format!("/{}", id(&milk))).await.header("etag").to_owned();
        for condition in [format!("\"0\", {seen}"), "*".to_owned()] {
            let current = ada.list(&format!("/{}", id(&milk))).await;
            if current.status == 404 {
                let reply = send_if(&ada, &change, &condition).await;
                assert_eq!(problem(&reply, 404), expected::no_task());
                continue;
            }
            let reply = send_if(&ada, &change, &condition).await;
            assert!(reply.status.is_success(), "{change:?} {condition} {}", reply.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_a_whole_list_is_done_to_the_version_that_was_seen() {
    let (app, ada) = ada().await;
    let milk = ada.create_task("Milk").await;
    patch(&ada, &milk, &json!({"title": "Oat milk"})).await.expect(200);
    ada.request(Method::POST, &ada.tasks("/undo")).send().await.expect(200);
    let (before, list) = (events(&app).await, page(&ada, "").await);
    let create = json!({"op": "create", "task": {"title": "Mine"}});
    let wholes = [
        (Method::POST, "/batch".to_owned(), json!({"commands": [create]})),
        (Method::POST, "/import".to_owned(), json!({"tasks": [{"title": "Mine"}]})),
        (Method::POST, "/redo".to_owned(), json!({})),
        (Method::POST, "/undo".to_owned(), json!({})),
    ];
    for change in &wholes {
        let reply = send_if(&ada, change, tag(2)).await;
        assert_eq!(problem(&reply, 412), expected::mismatch(&list), "{change:?}");
        assert_eq!(reply.header("etag"), tag(3));
    }
    assert_eq!(events(&app).await, before);
    for (version, change) in (3..).zip([&wholes[2], &wholes[3], &wholes[0], &wholes[1]]) {
        let reply = send_if(&ada, change, tag(version)).await;
        reply.expect(200);
        assert_eq!(reply.header("etag"), tag(version + 1), "{change:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_is_no_list_of_entity_tags_is_refused() {
    let (app, ada) = ada().await;
    let [milk, bread] = tasks(&ada, ["Milk", "Bread"]).await;
    let before = events(&app).await;
    let message =
        "must be * or a list of entity tags such as \"7.Zk3x_9Qa\", in their double quotes";
    for change in changes(&milk, &bread) {
        for malformed in ["1", "\"1", "", "*, \"1\""] {
            let reply = send_if(&ada, &change, malformed).await;
            reply.expect_invalid(&[("If-Match", "IF_MATCH_INVALID", message)]);
        }
        let many = vec![tag(1); 33].join(",");
        let reply = send_if(&ada, &change, &many).await;
        let message = "must have at most 32 entity tags";
        reply.expect_invalid(&[("If-Match", "IF_MATCH_TOO_MANY", message)]);
    }
    assert_eq!(events(&app).await, before);
}
