//! Filters, search, order and counts of a list.

use serde_json::{Value, json};

use super::*;

/// Titles, total and counts of the answer to a query.
async fn found(user: &TestUser, query: &str) -> (Vec<String>, u64, (u64, u64)) {
    let page = page(user, query).await;
    let number = |pointer: &str| page.pointer(pointer).and_then(Value::as_u64).unwrap();
    let titles = titles(&page).into_iter().map(str::to_owned).collect();
    (titles, number("/total"), (number("/counts/open"), number("/counts/completed")))
}

/// Expected result of a query that fits on one page.
#[track_caller]
fn all(titles: &[&str], open: u64, completed: u64) -> (Vec<String>, u64, (u64, u64)) {
    let titles: Vec<_> = titles.iter().map(|title| (*title).to_owned()).collect();
    (titles.clone(), titles.len() as u64, (open, completed))
}

/// Five tasks that are different in everything, a second between each.
async fn different() -> (TestApp, TestUser) {
    let (app, ada) = ada().await;
    for task in [
        json!({"title": "Žluťoučký kůň", "priority": "high", "due": "2026-12-24", "tags": ["Home", "shop"]}),
        json!({"title": "Straße", "priority": "low", "due": "2026-12-23T23:30:00-05:00", "completed": true}),
        json!({"title": "milk", "description": "At Żabka, ŁÓDŹ", "due": "2026-12-25", "tags": ["HOME"]}),
        json!({"title": "Bread", "priority": "medium", "tags": ["shop"], "completed": true}),
        json!({"title": "Crème brûlée", "description": "a horse (kůň)", "priority": "high"}),
    ] {
        ada.create(&task).await.expect(201);
        wait(&app);
    }
    (app, ada)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_is_a_page_with_nothing_on_it() {
    let (_app, ada) = ada().await;
    let nothing = json!({"tasks": [], "nextCursor": null, "total": 0,
                         "counts": {"open": 0, "completed": 0}, "version": v(0)});
    assert_eq!(page(&ada, "").await, nothing);
    assert_eq!(page(&ada, "?q=milk&sort=due&completed=true").await, nothing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_whole_tasks_with_total_and_counts_per_state() {
    let (_app, ada) = ada().await;
    let [milk, bread] = tasks(&ada, ["Milk", "Bread"]).await;
    let bread = patch(&ada, &bread, &json!({"completed": true})).await.expect(200);
    let expected = json!({"tasks": [milk, bread], "nextCursor": null, "total": 2,
                          "counts": {"open": 1, "completed": 1}, "version": v(3)});
    assert_eq!(page(&ada, "").await, expected);
    let done = json!({"tasks": [bread], "nextCursor": null, "total": 1,
                      "counts": {"open": 1, "completed": 1}, "version": v(3)});
    assert_eq!(page(&ada, "?completed=true").await, done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_filtered_by_completed_priority_tag_and_due_range() {
    let (_app, ada) = different().await;
    let (horse, street, milk, bread, cream) =
        ("Žluťoučký kůň", "Straße", "milk", "Bread", "Crème brûlée");
    for (query, expected) in [
        ("?completed=false", all(&[horse, milk, cream], 3, 2)),
        ("?completed=true", all(&[street, bread], 3, 2)),
        ("?priority=high", all(&[horse, cream], 2, 0)),
        ("?priority=none", all(&[milk], 1, 0)),
        ("?priority=low&priority=medium", all(&[street, bread], 0, 2)),
        ("?tag=home", all(&[horse, milk], 2, 0)),
        ("?tag=HOME&tag=Shop", all(&[horse], 1, 0)),
        ("?tag=beach", all(&[], 0, 0)),
        ("?dueFrom=2026-12-24", all(&[horse, milk], 2, 0)),
        // A day counts where the task is due, a moment as that moment.
        ("?dueUntil=2026-12-23", all(&[street], 0, 1)),
        ("?dueFrom=2026-12-24T04:30:00Z", all(&[street, milk], 1, 1)),
        (
            "?dueFrom=2026-12-24T05:30:00%2B01:00&dueUntil=2026-12-24T04:30:00Z",
            all(&[street], 0, 1),
        ),
        ("?dueFrom=2026-12-24&dueUntil=2026-12-24", all(&[horse], 1, 0)),
        ("?dueFrom=2026-12-25&dueUntil=2026-12-24", all(&[], 0, 0)),
    ] {
        assert_eq!(found(&ada, query).await, expected, "{query}");
    }
    let together = "?completed=true&priority=medium&tag=shop&q=BREAD&sort=due&order=desc";
    assert_eq!(found(&ada, together).await, all(&[bread], 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_finds_text_in_title_and_description_whatever_its_case_and_accents() {
    let (_app, ada) = different().await;
    let (horse, street, milk, cream) = ("Žluťoučký kůň", "Straße", "milk", "Crème brûlée");
    for (text, expected) in [
        ("kun", all(&[horse, cream], 2, 0)),
        ("KŮŇ", all(&[horse, cream], 2, 0)),
        ("zlutoucky", all(&[horse], 1, 0)),
        ("STRASSE", all(&[street], 0, 1)),
        ("lodz", all(&[milk], 1, 0)),
        ("żabka", all(&[milk], 1, 0)),
        ("cre%CC%80me", all(&[cream], 1, 0)),
        ("(ku", all(&[cream], 1, 0)),
        ("%25", all(&[], 0, 0)),
        ("beer", all(&[], 0, 0)),
    ] {
        assert_eq!(found(&ada, &format!("?q={text}")).await, expected, "{text}");
    }
    assert_eq!(found(&ada, "?q=").await.1, 5);
    // Two texts of one task are two texts.
    assert_eq!(found(&ada, "?q=milk%20at").await, all(&[], 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_sorted_by_created_updated_due_priority_and_position_either_way() {
    let (_app, ada) = different().await;
    let (horse, street, milk, bread, cream) =
        ("Žluťoučký kůň", "Straße", "milk", "Bread", "Crème brûlée");
    let list = page(&ada, "").await;
    let named = |title: &str| {
        list["tasks"].as_array().unwrap().iter().find(|task| task["title"] == title).unwrap()
    };
    relocate(&ada, named(cream), &json!({"before": id(named(horse))})).await.expect(200);
    patch(&ada, named(milk), &json!({"tags": []})).await.expect(200);
    for (query, expected) in [
        ("", [horse, street, milk, bread, cream]),
        ("?sort=created&order=desc", [cream, bread, milk, street, horse]),
        ("?sort=updated", [horse, street, bread, milk, cream]),
        ("?sort=updated&order=desc", [cream, milk, bread, street, horse]),
        // Tasks without a due date come last in either order.
        ("?sort=due", [horse, street, milk, bread, cream]),
        ("?sort=due&order=desc", [milk, street, horse, cream, bread]),
        ("?sort=priority", [milk, street, bread, horse, cream]),
        ("?sort=priority&order=desc", [cream, horse, bread, street, milk]),
        ("?sort=position", [cream, horse, street, milk, bread]),
        ("?sort=position&order=desc", [bread, milk, street, horse, cream]),
    ] {
        assert_eq!(found(&ada, query).await, all(&expected, 3, 2), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_total_counts_all_pages_and_the_counts_both_states() {
    let (_app, ada) = different().await;
    let first = found(&ada, "?limit=1&completed=true&sort=priority").await;
    assert_eq!(first, (vec!["Straße".to_owned()], 2, (3, 2)));
    let searched = found(&ada, "?limit=1&q=k").await;
    assert_eq!(searched, (vec!["Žluťoučký kůň".to_owned()], 3, (3, 0)));
}
