//! The pages on refusals, roles and slow requests, and the API beside them.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{Open, answered, encoded, lines, links};

#[tokio::test]
async fn refusals_are_told_with_who_what_and_why_and_each_row_leads_to_its_events() {
    let (open, lines) = (Open::filled(), lines());
    let mut refused = answered(&lines, |code| matches!(code, 403 | 429));
    // An eviction that a PodDisruptionBudget holds back is a refusal.
    refused.retain(|event| {
        event["responseStatus"]["code"] == 403 || event["objectRef"]["subresource"] == "eviction"
    });
    let report = open.json("/api/denied").await["denied"].clone();
    let rows = report["refused"].as_array().unwrap();
    let count = |rows: &[Value]| rows.iter().map(|row| row["count"].as_u64().unwrap()).sum::<u64>();
    assert!(!rows.is_empty() && count(rows) == refused.len() as u64, "{report}");
    let (_, page) = open.get("/refused").await;
    assert!(page.contains("401 and 403 of everybody") && page.contains("no role allows it"), "{page}");
    assert!(page.contains("data-copy=\"fix-") && page.contains("kind: Role"), "{page}");
    let row = &rows[0];
    let (subject, verb) = (row["subject"].as_str().unwrap(), row["verb"].as_str().unwrap());
    let link = links(&page, "/search?subject=").remove(0);
    let found = open.json(&format!("/api{link}")).await;
    let events = found["events"].as_array().unwrap();
    assert!(events.len() as u64 >= row["count"].as_u64().unwrap().min(200), "{link}: {found}");
    assert!(events.iter().all(|event| event["user"] == subject && event["verb"] == verb), "{found}");
    let one = open.json(&format!("/api/denied?user={}&verb={verb}", encoded(subject))).await;
    let rows = one["denied"]["refused"].as_array().unwrap();
    assert!(rows.contains(row) && rows.iter().all(|row| row["subject"] == subject), "{one}");
    let named = open.get("/refused?name=web-*&range=7d").await.1;
    assert!(named.contains("name=\"name\" value=\"web-*\""), "{named}");
    assert!(links(&named, "/refused?range=1h").iter().all(|link| link.ends_with("&name=web-%2A")), "{named}");
    let none = open.get("/refused?user=nobody-has-this-name").await.1;
    assert!(none.contains("Nothing was refused that fits"), "{none}");
}

#[tokio::test]
async fn a_subject_is_chosen_for_the_least_roles_that_allow_all_it_was_allowed() {
    let open = Open::filled();
    let (_, page) = open.get("/rbac?range=7d").await;
    let link = links(&page, "/rbac?user=system%3Aserviceaccount").remove(0);
    assert!(link.ends_with("&range=7d"), "{link}");
    let (code, one) = open.get(&link).await;
    assert!(
        code == StatusCode::OK && one.contains("kind: ClusterRole") && one.contains("asked again"),
        "{one}"
    );
    let told = open.json(&format!("/api{link}")).await["rbac"].clone();
    let proposed = &told["proposed"];
    assert!(proposed["requests"].as_u64() > Some(0), "{told}");
    assert_eq!(proposed["requests"], proposed["allowed"]);
    let requests: u64 =
        told["uses"].as_array().unwrap().iter().map(|row| row["allowed"].as_u64().unwrap()).sum();
    assert_eq!(json!(requests), told["subjects"][0]["allowed"]);
    let events = open.json(&format!("/api{}", links(&one, "/search?subject=").remove(0))).await;
    assert!(!events["events"].as_array().unwrap().is_empty(), "{events}");
    let (_, wanted) = open.get(&format!("{link}&mode=fix")).await;
    assert!(wanted.contains("<option value=\"fix\" selected>"), "{wanted}");
    let (_, none) = open.get("/rbac?user=nobody-has-this-name").await;
    assert!(none.contains("Nobody of this name asked"), "{none}");
}

#[tokio::test]
async fn slow_requests_are_told_over_time_by_what_they_are_and_with_their_objectives() {
    let open = Open::filled();
    let report = open.json("/api/slow").await["slow"].clone();
    let (_, page) = open.get("/slow").await;
    assert!(page.contains("<path class=\"p99\"") && page.contains("What takes the time"), "{page}");
    assert!(page.contains("Objectives") && page.contains("Meant to last"), "{page}");
    let groups = report["groups"].as_array().unwrap();
    assert!(!groups.is_empty() && groups[0]["client"] == "" && groups[0]["verb"] != "", "{report}");
    let by_client = open.json("/api/slow?by=client&slo=mixin").await["slow"].clone();
    assert!(by_client["groups"].as_array().unwrap().iter().all(|group| group["verb"] == ""), "{by_client}");
    assert_eq!(
        (&by_client["requests"], &by_client["objectives"]["preset"]),
        (&report["requests"], &json!("mixin"))
    );
    let (_, lists) = open.get("/slow?verb=list&range=30d").await;
    assert!(links(&lists, "/slow?range=7d").iter().all(|link| link.ends_with("&verb=list")), "{lists}");
    let link = links(&lists, "/search?verb=list").remove(0);
    let found = open.json(&format!("/api{link}")).await;
    assert!(!found["events"].as_array().unwrap().is_empty(), "{link}: {found}");
    let (_, none) = open.get("/slow?user=nobody-has-this-name").await;
    assert!(none.contains("No request of this time fits"), "{none}");
}

#[tokio::test]
async fn pages_of_an_empty_lake_and_of_one_that_went_away_say_so() {
    let open = Open::empty();
    for (path, words) in [
        ("/refused", "Nothing was refused that fits"),
        ("/rbac", "Nobody of this name asked"),
        ("/slow", "No request of this time fits"),
    ] {
        let (code, page) = open.get(path).await;
        assert!(code == StatusCode::OK && page.contains(words), "{path}: {page}");
    }
    std::fs::remove_dir_all(open.directory.path()).unwrap();
    for path in ["/", "/refused", "/rbac", "/slow", "/search", "/event?audit_id=x"] {
        let (code, page) = open.get(path).await;
        assert!(
            code == StatusCode::SERVICE_UNAVAILABLE && page.contains("cannot list its files"),
            "{path}: {page}"
        );
    }
    for path in ["/api/denied", "/api/rbac", "/api/slow"] {
        assert_eq!(open.get(path).await.0, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
}
