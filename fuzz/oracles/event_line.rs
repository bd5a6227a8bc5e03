//! An event is what its line says.
//!
//! Promises: what passes as a JSON object is one to serde_json, and the other way round; a well-formed line is an
//! event exactly when its fields have their types; every field that is read is the last one of its name that is not
//! null, with serde_json's text; no line breaks anything.

use super::tree::Tree;
use audit::{Attributes, Event, Level, ObjectRef, Stage, User, is_json_object};
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// Nesting beyond this is refused; a shorter line cannot be nested so deep.
const DEEPEST: usize = 10_000;

const STRINGS: [&str; 9] = [
    "kind",
    "apiVersion",
    "level",
    "auditID",
    "stage",
    "requestURI",
    "verb",
    "userAgent",
    "requestReceivedTimestamp",
];
const OBJECTS: [&str; 5] = ["user", "impersonatedUser", "objectRef", "responseStatus", "annotations"];

/// Holds what is said of a line against what serde_json says.
pub fn holds(line: &[u8]) {
    if line.len() >= DEEPEST {
        return;
    }
    let begins = line.iter().find(|byte| !b" \t\n\r".contains(byte));
    let well_formed = serde_json::from_slice::<IgnoredAny>(line).is_ok() && begins == Some(&b'{');
    assert_eq!(is_json_object(line), well_formed, "{}", line.escape_ascii());
    let scanned = Event::scan(line);
    if let Ok(event) = &scanned {
        ask_everything(event);
    }
    let tree = if well_formed { Tree::read(line).filter(Tree::is_text) } else { None };
    let Some(tree) = tree else { return };
    match &scanned {
        Ok(event) => says(event, &tree),
        Err(why) => assert!(!is_event(&tree), "{why}: {}", line.escape_ascii()),
    }
}

/// Whether a tree is an event's.
fn is_event(tree: &Tree) -> bool {
    let is = |name: &'static str, fits: fn(&Tree) -> bool| {
        tree.all(name).all(|value| fits(value) || *value == Tree::Leaf(b"null".to_vec()))
    };
    let text = |name: &str| tree.last(name).and_then(Tree::text);
    let is_one_of = |name: &str, known: &[&str]| text(name).is_none_or(|text| known.contains(&&*text));
    STRINGS.into_iter().chain(["stageTimestamp"]).all(|name| is(name, |value| value.text().is_some()))
        && OBJECTS.into_iter().all(|name| is(name, |value| matches!(value, Tree::Object(_))))
        && is("sourceIPs", |value| matches!(value, Tree::List(_)))
        && is_one_of("kind", &["Event"])
        && is_one_of("apiVersion", &["audit.k8s.io/v1", "audit.k8s.io/v1beta1"])
        && text("level").is_some_and(|name| Level::from_name(name.as_bytes()).is_some())
        && text("stage").is_some_and(|name| Stage::from_name(name.as_bytes()).is_some())
}

/// The text of a field; empty when absent, and when it is something else.
fn text_of(tree: &Tree, name: &str) -> String {
    tree.last(name).and_then(Tree::text).unwrap_or_default()
}

fn says(event: &Event<'_>, tree: &Tree) {
    assert!(is_event(tree), "{}", event.line().escape_ascii());
    let texts = [
        (event.level().name().into(), "level"),
        (event.stage().name().into(), "stage"),
        (event.audit_id(), "auditID"),
        (event.request_uri(), "requestURI"),
        (event.verb(), "verb"),
        (event.user_agent(), "userAgent"),
        (event.request_received(), "requestReceivedTimestamp"),
        (event.stage_timestamp(), "stageTimestamp"),
    ];
    for (text, name) in texts {
        assert_eq!(text, text_of(tree, name), "{name} of {}", event.line().escape_ascii());
    }
    assert_eq!(event.request_object().map(printed), tree.last("requestObject").map(Tree::print));
    assert_eq!(event.response_object().map(printed), tree.last("responseObject").map(Tree::print));
    same_texts(event.source_ips(), tree.last("sourceIPs"));
    says_user(event.user(), tree.last("user"));
    says_user(event.impersonated_user(), tree.last("impersonatedUser"));
    says_object(event.object_ref(), tree.last("objectRef"));
    says_status(event, tree.last("responseStatus"));
    says_annotations(event, tree.last("annotations"));
}

fn printed(text: &[u8]) -> Vec<u8> {
    Tree::read(text).map(|tree| tree.print()).unwrap_or_default()
}

/// Whether all values of a key are text or null, as in every event that the API server takes.
fn is_typed(tree: &Tree, name: &str) -> bool {
    tree.all(name).all(|value| value.text().is_some() || *value == Tree::Leaf(b"null".to_vec()))
}

fn same_texts<'a>(found: impl Iterator<Item = Cow<'a, str>>, list: Option<&Tree>) {
    let texts: Vec<String> = list.map_or(&[][..], Tree::elements).iter().filter_map(Tree::text).collect();
    assert_eq!(found.collect::<Vec<_>>(), texts);
}

fn says_user(user: Option<User<'_>>, tree: Option<&Tree>) {
    assert_eq!(user.is_some(), tree.is_some_and(|tree| !tree.members().is_empty()));
    let (Some(user), Some(tree)) = (user, tree) else { return };
    assert_eq!(user.username(), text_of(tree, "username"));
    assert_eq!(user.uid().unwrap_or_default(), text_of(tree, "uid"));
    assert_eq!(user.extra().map(printed), tree.last("extra").map(Tree::print));
    same_texts(user.groups(), tree.last("groups"));
}

fn says_object(object: Option<ObjectRef<'_>>, tree: Option<&Tree>) {
    assert_eq!(object.is_some(), tree.is_some());
    let (Some(object), Some(tree)) = (object, tree) else { return };
    for (text, name) in [
        (object.resource, "resource"),
        (object.namespace, "namespace"),
        (object.name, "name"),
        (object.uid, "uid"),
        (object.api_group, "apiGroup"),
        (object.api_version, "apiVersion"),
        (object.subresource, "subresource"),
    ] {
        assert!(text == text_of(tree, name) || !is_typed(tree, name), "{name}: {text}");
    }
}

fn says_status(event: &Event<'_>, tree: Option<&Tree>) {
    let text = |name| tree.and_then(|tree| tree.last(name)).and_then(Tree::text);
    assert_eq!(event.reason().map(Cow::into_owned), text("reason"));
    assert_eq!(event.message().map(Cow::into_owned), text("message"));
    let code = tree.and_then(|tree| tree.last("code")).map(Tree::print);
    let number = code.and_then(|code| serde_json::from_slice::<u16>(&code).ok());
    assert_eq!(event.code(), number);
}

fn says_annotations(event: &Event<'_>, tree: Option<&Tree>) {
    let members = tree.map_or(&[][..], Tree::members);
    let texts: Vec<(String, String)> =
        members.iter().filter_map(|(key, value)| Some((super::tree::name(key)?, value.text()?))).collect();
    for (key, _) in &texts {
        let wanted = tree.map(|tree| text_of(tree, key));
        let typed = tree.is_some_and(|tree| is_typed(tree, key));
        assert!(event.annotation(key).map(Cow::into_owned) == wanted || !typed, "{key}");
    }
    let found = event.annotations().map(|(key, value)| (key.into_owned(), value.into_owned()));
    assert_eq!(found.collect::<Vec<_>>(), texts);
}

/// Everything that can be asked of an event.
fn ask_everything(event: &Event<'_>) {
    let _ = (event.audit_id(), event.request_uri(), event.user_agent(), event.code(), event.reason());
    let _ = (event.message(), event.source_ips().count(), event.object_ref());
    let _ = (event.request_received_micros(), event.stage_micros(), event.annotations().count());
    let _ = (event.annotation("a"), event.request_object(), event.response_object());
    for user in event.user().into_iter().chain(event.impersonated_user()) {
        let _ = (user.username(), user.uid(), user.groups().count(), user.extra());
    }
    let attributes = Attributes::of(event);
    assert_eq!(attributes.resource_request, event.object_ref().is_some());
    assert_eq!(attributes.verb, event.verb());
}
