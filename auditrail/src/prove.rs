//! `prove`: the chain from the events of a request to the receipts of what was sent of them.
//!
//! Promises: a receipt is shown only when the line itself was in its body, by origin, queue and number, never because
//! of a name that a client chose; nothing running is needed, the directories suffice; exit 0 only when there is one.

use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::Args;
use lake::Location;
use proto::v1::{DeliveryReceipt, ReceiptsReply, ReceiptsRequest};
use serde_json::{Value, json};
use shipper::Destination;

use crate::data::Data;
use crate::exit::Failure;
use crate::lake_reach::Reach;
use crate::moment::{Moment, written};
use crate::placed::Placed;
use crate::print::bytes;
use crate::recording::{Recording, Source};
use crate::say;
use crate::shippers::{Output, Shippers, Where, ask};

mod found;

use found::{Found, events};

/// `auditrail prove`.
#[derive(Debug, Args)]
pub(crate) struct Prove {
    /// The request.
    #[arg(long, value_name = "ID")]
    audit_id: String,
    /// The lake that has the event. Default: that of the configuration, or of the data directory.
    #[arg(long, value_name = "URL")]
    lake: Option<String>,
    #[command(flatten)]
    reach: Reach,
    /// Only events of this moment or later: `2026-11-23T06:00:00Z` (`2026-11-23T06:00`,
    /// `2026-11-23`), or how long ago, as `24h`.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only events before this moment.
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// How to print.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
    #[command(flatten)]
    place: Where,
}

/// Where receipts are read.
enum Receipts {
    /// From running shippers.
    Asked(Shippers),
    /// From the directories, where none runs.
    OnDisk(std::path::PathBuf),
}

/// Exit 0 when a receipt shows that an event of the request was taken.
///
/// # Errors
/// When the lake cannot be read or has no such event, or there are no receipts to look at.
pub(crate) fn prove(arguments: &Prove) -> Result<ExitCode, Failure> {
    let placed =
        Placed::read(arguments.place.config.as_deref(), &arguments.place.data).map_err(Failure::usage)?;
    let lake = arguments.lake_of(&placed)?;
    let found = arguments.events_in(&lake)?;
    let receipts = Receipts::of(&arguments.place, &placed)?;
    let mut chains = Vec::new();
    for event in found {
        let of_it = receipts.of_event(&event)?;
        chains.push((event, of_it));
    }
    say::result(&match arguments.output {
        Output::Json => serde_json::to_string_pretty(&as_json(&chains))? + "\n",
        Output::Table => chains.iter().map(|(event, receipts)| words(event, receipts)).collect(),
    })?;
    let proven = chains.iter().any(|(_, receipts)| !receipts.is_empty());
    Ok(if proven { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Prove {
    fn lake_of(&self, placed: &Placed) -> anyhow::Result<Location> {
        if let Some(url) = &self.lake {
            return Ok(self.reach.to(url));
        }
        let configured = placed.shipper.destinations.values().find_map(|destination| match destination {
            Destination::Lake(lake) => Some(lake.location()),
            _ => None,
        });
        match configured {
            Some(location) => Ok(location),
            None => Ok(Location::of(&Data::in_directory(&self.place.data).lake()?)),
        }
    }

    fn events_in(&self, location: &Location) -> anyhow::Result<Vec<Found>> {
        let recording = Recording {
            lake: Some(location.url.clone()),
            reach: location.clone().into(),
            since: self.since,
            until: self.until,
            ..Recording::default()
        };
        let Source::Lake(lake, files) = recording.find()?.with_audit_id(&self.audit_id)? else {
            bail!("{location} is no lake")
        };
        let mut found = Vec::new();
        for file in &files {
            found.extend(events(&lake, file, &self.audit_id)?);
        }
        if found.is_empty() {
            bail!(
                "no event in the lake at {location} has the audit ID `{}`; only the lake knows which line an event was",
                self.audit_id
            );
        }
        Ok(found)
    }
}

impl Receipts {
    fn of(place: &Where, placed: &Placed) -> Result<Receipts, Failure> {
        let dir = placed.shipper.spool.dir.clone();
        match place.ask()? {
            Ok(shippers) => Ok(Receipts::Asked(shippers)),
            Err(_) if place.address.is_empty() && dir.is_dir() => Ok(Receipts::OnDisk(dir)),
            Err(silent) => Err(Failure::Failed(anyhow!(
                "no shipper answers ({silent}), and there is no directory of spools at {}; name one of them with \
                 --address, --config or --data",
                dir.display()
            ))),
        }
    }

    fn of_event(&self, event: &Found) -> anyhow::Result<Vec<DeliveryReceipt>> {
        let request = ReceiptsRequest {
            origin: event.origin.clone(),
            queue: event.queue.clone(),
            number: event.number,
            ..ReceiptsRequest::default()
        };
        match self {
            Receipts::OnDisk(dir) => {
                all(request, |request| shipper::receipts_in(dir, request).map_err(|error| anyhow!(error)))
            }
            Receipts::Asked(shippers) => {
                let mut receipts = Vec::new();
                for shipper in &shippers.each {
                    receipts.extend(all(request.clone(), |request| {
                        ask!(shippers, shipper.clone().receipts(request.clone()))
                    })?);
                }
                Ok(receipts)
            }
        }
    }
}

/// All pages.
fn all(
    mut request: ReceiptsRequest,
    ask: impl Fn(&ReceiptsRequest) -> anyhow::Result<ReceiptsReply>,
) -> anyhow::Result<Vec<DeliveryReceipt>> {
    let mut receipts = Vec::new();
    loop {
        let reply = ask(&request)?;
        receipts.extend(reply.receipts);
        request.page = reply.next_page;
        if request.page.is_empty() {
            return Ok(receipts);
        }
    }
}

fn as_json(chains: &[(Found, Vec<DeliveryReceipt>)]) -> Value {
    let chain =
        |(event, receipts): &(Found, Vec<DeliveryReceipt>)| json!({"event": event, "receipts": receipts});
    Value::Array(chains.iter().map(chain).collect())
}

fn words(event: &Found, receipts: &[DeliveryReceipt]) -> String {
    let time = event.time_us.map_or_else(|| "at an unknown time".to_owned(), written);
    let mut text = format!("{} {} {time}\n", event.audit_id, event.stage);
    let queue = if event.queue.is_empty() { "unknown".to_owned() } else { hexadecimal(&event.queue) };
    text.push_str(&format!("  line {} of {}, queue {queue}\n", event.number, event.origin));
    text.push_str(&format!("  in the lake: {}\n", event.file));
    for receipt in receipts {
        let DeliveryReceipt { destination, lines, events, status, .. } = receipt;
        let answer = if *status == 0 { "written".to_owned() } else { format!("answered {status}") };
        text.push_str(&format!(
            "  {destination}: {answer} {}\n    sha256 {} of {}\n    {events} events, lines {}\n",
            written(receipt.time_us),
            hexadecimal(&receipt.sha256),
            bytes(receipt.bytes),
            lines.chars().take(200).collect::<String>(),
        ));
    }
    if receipts.is_empty() {
        text.push_str("  no receipt: it was not sent, or longer ago than receipts are kept\n");
    }
    text
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
