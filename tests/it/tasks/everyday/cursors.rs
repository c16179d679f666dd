//! Pages of a list that changes meanwhile.

use serde_json::{Value, json};

use super::*;

const SORTS: [&str; 5] = ["created", "updated", "due", "priority", "position"];

/// Nine tasks that are different in what one can sort by.
async fn nine(app: &TestApp, user: &TestUser) -> Vec<Value> {
    let mut tasks = Vec::new();
    for number in 0..9 {
        let priority = ["none", "low", "medium", "high"][number * 7 % 4];
        let due = (number % 3 != 0).then(|| format!("2026-12-{}", 30 - number));
        let task = json!({"title": format!("task {number}"), "priority": priority, "due": due});
        tasks.push(user.create(&task).await.expect(201));
        wait(app);
    }
    tasks
}

/// The next page, if there is one.
async fn next(user: &TestUser, query: &str, page: &Value) -> Option<Value> {
    let cursor = page["nextCursor"].as_str()?;
    Some(super::page(user, &format!("{query}&cursor={cursor}")).await)
}

/// The titles on this page and all that follow.
async fn rest(user: &TestUser, query: &str, mut page: Value) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        found.extend(titles(&page).into_iter().map(str::to_owned));
        match next(user, query, &page).await {
            Some(next) => page = next,
            None => return found,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_without_gap_or_repeat_in_every_order() {
    let (app, ada) = ada().await;
    nine(&app, &ada).await;
    for sort in SORTS {
        for order in ["asc", "desc"] {
            let query = format!("?sort={sort}&order={order}");
            let whole = page(&ada, &query).await;
            assert_eq!((titles(&whole).len(), &whole["nextCursor"]), (9, &Value::Null));
            for limit in [1, 2, 8, 9] {
                let query = format!("{query}&limit={limit}");
                let first = page(&ada, &query).await;
                assert_eq!(rest(&ada, &query, first).await, titles(&whole), "{query}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_nobody_changes_is_on_exactly_one_page_however_the_list_changes_meanwhile() {
    let (app, ada) = ada().await;
    let mut tasks = nine(&app, &ada).await;
    for (sort, order) in SORTS.into_iter().flat_map(|sort| [(sort, "asc"), (sort, "desc")]) {
        let query = format!("?sort={sort}&order={order}&limit=2");
        let whole = page(&ada, &format!("?sort={sort}&order={order}")).await;
        let whole: Vec<_> = whole["tasks"].as_array().unwrap().clone();
        let first = page(&ada, &query).await;
        let second = next(&ada, &query, &first).await.unwrap();
        // Gone: one that was seen, the one that the cursor names, and one that was not seen yet.
        let gone = [&whole[0], &whole[3], &whole[6]];
        for task in gone {
            delete(&ada, task).await;
        }
        // Others come, before and after the cursor, whatever the order.
        for priority in ["none", "high"] {
            let due = if priority == "none" { "2026-01-01" } else { "2027-01-01" };
            let task =
                json!({"title": format!("new {priority}"), "priority": priority, "due": due});
            let task = ada.create(&task).await.expect(201);
            relocate(&ada, &task, &json!({"before": id(&whole[1])})).await.expect(200);
        }
        let mut seen: Vec<_> = [titles(&first), titles(&second)].concat();
        let later = match next(&ada, &query, &second).await {
            Some(third) => rest(&ada, &query, third).await,
            None => Vec::new(),
        };
        seen.extend(later.iter().map(String::as_str).filter(|title| !title.starts_with("new")));
        let expected: Vec<_> = whole.iter().filter(|task| task["id"] != whole[6]["id"]).collect();
        let expected: Vec<_> =
            expected.iter().map(|task| task["title"].as_str().unwrap()).collect();
        assert_eq!(seen, expected, "{query}");
        for task in page(&ada, "").await["tasks"].as_array().unwrap() {
            delete(&ada, task).await;
        }
        tasks = nine(&app, &ada).await;
    }
    assert_eq!(tasks.len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_good_for_the_order_it_came_from_and_says_so() {
    let (app, ada) = ada().await;
    nine(&app, &ada).await;
    let cursor = page(&ada, "?limit=1&sort=due").await["nextCursor"].clone();
    let cursor = cursor.as_str().unwrap();
    for query in [
        format!("?cursor={cursor}"),
        format!("?cursor={cursor}&sort=priority"),
        "?cursor=nonsense".to_owned(),
        format!("?cursor={}", "a".repeat(1_000)),
    ] {
        ada.list(&query).await.expect_invalid(&[(
            "cursor",
            "CURSOR_INVALID",
            "must be the nextCursor of a page with the same sort",
        )]);
    }
    let empty = ada.list("?cursor=").await;
    empty.expect_invalid(&[("cursor", "CURSOR_EMPTY", "must not be empty")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_goes_on_under_a_filter_and_after_a_restart() {
    let (mut app, ada) = ada().await;
    nine(&app, &ada).await;
    let query = "?sort=due&order=desc&limit=2&priority=low&priority=high&priority=medium";
    let whole = page(&ada, &query.replace("&limit=2", "")).await;
    let first = page(&ada, query).await;
    assert_eq!((&first["total"], titles(&first).len()), (&whole["total"], 2));
    app.restart().await;
    assert_eq!(rest(&ada, query, first).await, titles(&whole));
}
