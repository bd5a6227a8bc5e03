//! What a request was, by its line: whether it was only tried, and which name was given to what it created.
//!
//! Promise: a dry run is one whether the query says so or the options in the body do, where the event has a body.

use audit::Event;
use serde::Deserialize;

#[derive(Deserialize)]
struct Options {
    #[serde(default, rename = "dryRun")]
    dry_run: Vec<String>,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
}

/// Whether the query of a path asks to only try.
pub(crate) fn asks_to_try(uri: &str) -> bool {
    uri.split_once('?').is_some_and(|(_, query)| {
        query.split('&').any(|part| part.starts_with("dryRun=") && part != "dryRun=")
    })
}

/// Whether nothing came of the request, by what it asked for.
pub(super) fn is_dry_run(uri: &str, event: Option<&Event<'_>>) -> bool {
    // A deletion has its options in the body.
    let options = event.filter(|event| event.verb().starts_with("delete")).and_then(Event::request_object);
    let options = options.and_then(|body| serde_json::from_slice::<Options>(body).ok());
    asks_to_try(uri) || options.is_some_and(|options| !options.dry_run.is_empty())
}

/// The name of what was created, by the answer.
pub(super) fn given_name(event: &Event<'_>) -> Option<String> {
    let object: Object = serde_json::from_slice(event.response_object()?).ok()?;
    Some(object.metadata.name).filter(|name| !name.is_empty())
}
