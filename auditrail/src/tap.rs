//! `tap`: events as they pass, with what becomes of them.
//!
//! Promises: it never holds up the pipe; what it was too slow for is counted and said; every router that answers is
//! watched, and what cannot be watched is named.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use audit::Event;
use proto::Caller;
use proto::v1::{TapRequest, Tapped};
use serde_json::json;
use tokio::sync::mpsc;

use crate::cli::Status;
use crate::exit::Failure;
use crate::filter::Out;
use crate::shippers::Where;
use crate::spelt::{self, shown};
use crate::{say, status};

/// `auditrail tap`.
#[derive(Debug, clap::Args)]
pub(crate) struct Tap {
    /// Which events, in the words of a route's `match`: `verbs: [delete]`, `{codes: [4xx], not: {users: [bob]}}`.
    #[arg(long = "where", value_name = "EXPR", default_value = "")]
    condition: String,
    /// End after so many events.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Print one JSON object per event, with its line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

/// Exit 0 when everything that was asked for was shown.
///
/// # Errors
/// When the condition cannot be meant, or no router answers.
pub(crate) fn tap(arguments: &Tap) -> Result<ExitCode, Failure> {
    let condition = condition(&arguments.condition).map_err(Failure::usage)?;
    let Where { address, config, data, credentials } = arguments.place.clone();
    let asking = Status { json: false, watch: false, address, config, data, credentials };
    let calling = status::caller(&asking)?;
    let urls = status::places(&asking, calling.scheme())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shown = runtime.block_on(async {
        let mut events = listen(&calling, &urls, condition).await?;
        let mut out = Out::stdout();
        let mut left = arguments.limit.unwrap_or(u64::MAX);
        while left > 0 {
            let Some(event) = events.recv().await else { return Err(anyhow!("the routers stopped")) };
            out.line(words(&event?, arguments.json)?.as_bytes())?;
            out.flush()?;
            left -= 1;
        }
        Ok(())
    });
    say::unless_enough(shown)?;
    Ok(ExitCode::SUCCESS)
}

/// The JSON of a condition, as the router takes it; an empty one stays empty.
fn condition(written: &str) -> anyhow::Result<String> {
    if written.trim().is_empty() {
        return Ok(String::new());
    }
    let _: audit::Match = serde_saphyr::from_str(written).map_err(|error| anyhow!("--where: {error}"))?;
    let value: serde_json::Value =
        serde_saphyr::from_str(written).map_err(|error| anyhow!("--where: {error}"))?;
    Ok(value.to_string())
}

/// Events of every router that answers.
async fn listen(
    calling: &Caller,
    urls: &[String],
    condition: String,
) -> anyhow::Result<mpsc::Receiver<anyhow::Result<Tapped>>> {
    let (events, received) = mpsc::channel(64);
    let mut silent = Vec::new();
    for url in urls {
        let mut router = calling.router(url)?;
        match router.tap(TapRequest { r#where: condition.clone(), limit: 0 }).await {
            Ok(answer) => {
                let (mut stream, events, url) = (answer.into_inner(), events.clone(), url.clone());
                tokio::spawn(async move {
                    while let Some(event) = stream.message().await.transpose() {
                        let event =
                            event.map_err(|error| anyhow!("{url}: {}", status::why(&error, error.message())));
                        let broken = event.is_err();
                        if events.send(event).await.is_err() || broken {
                            break;
                        }
                    }
                });
            }
            Err(error) => silent.push(format!("{url}: {}", status::why(&error, error.message()))),
        }
    }
    if silent.len() == urls.len() {
        return Err(anyhow!(
            "no router answers ({}); name its gRPC address with --address",
            silent.join("; ")
        ));
    }
    Ok(received)
}

/// An event in a line.
fn words(tapped: &Tapped, json: bool) -> anyhow::Result<String> {
    let event = Event::scan(&tapped.event).context("the router sent a line that is no event")?;
    if json {
        let line: Box<serde_json::value::RawValue> =
            serde_json::from_str(&String::from_utf8_lossy(&tapped.event)).context("the line is no JSON")?;
        let to: Vec<_> = tapped
            .destinations
            .iter()
            .map(|to| json!({"destination": to.destination, "kept": to.kept, "cause": to.cause}))
            .collect();
        #[derive(serde::Serialize)]
        struct Told<'t> {
            origin: &'t str,
            number: u64,
            missed: u64,
            destinations: Vec<serde_json::Value>,
            event: Box<serde_json::value::RawValue>,
        }
        let told = Told {
            origin: &tapped.origin,
            number: tapped.number,
            missed: tapped.missed,
            destinations: to,
            event: line,
        };
        return Ok(spelt::json(serde_json::to_string(&told)?));
    }
    Ok(text(tapped, &event))
}

fn text(tapped: &Tapped, event: &Event<'_>) -> String {
    let user = event.user().map(|user| user.username().into_owned()).unwrap_or_default();
    let what = match event.object_ref() {
        None => event.request_uri().into_owned(),
        Some(object) => {
            let parts = [&object.namespace, &object.resource, &object.name, &object.subresource];
            parts
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(|part| &**part)
                .collect::<Vec<_>>()
                .join("/")
        }
    };
    let code = event.code().map(|code| code.to_string()).unwrap_or_default();
    let to = tapped.destinations.iter().map(|to| match to.kept {
        true => to.destination.clone(),
        false => format!("not {} ({})", to.destination, to.cause),
    });
    let to = to.collect::<Vec<_>>().join(", ");
    let missed =
        if tapped.missed > 0 { format!("  ({} missed before)", tapped.missed) } else { String::new() };
    let (time, stage, verb) = (event.stage_timestamp(), event.stage().name(), event.verb());
    shown(&format!("{time}  {stage:<16} {code:>3}  {verb} {what}  by {user}  -> {to}{missed}"))
}
