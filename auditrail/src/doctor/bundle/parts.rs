//! What goes into the bundle, file by file.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::super::Subject;
use super::super::finding::{self, Finding};
use crate::{layout, show};

/// Bytes of a log's end, and of a service's metrics.
const MOST: u64 = 4 << 20;

/// Files that are listed of a directory with everything below it.
const MOST_LISTED: usize = 10_000;

/// How long a service may take to hand out its metrics.
const PATIENCE: Duration = Duration::from_secs(5);

/// Every file of the bundle: its name and its text.
pub(super) fn all(subject: &Subject<'_>, findings: &[Finding]) -> Vec<(String, String)> {
    let mut parts = vec![
        ("versions.txt".to_owned(), versions(subject)),
        ("doctor.txt".to_owned(), finding::lines(findings)),
        ("configuration.txt".to_owned(), settings(subject)),
        ("environment.txt".to_owned(), variables()),
        ("status.txt".to_owned(), layout::page(subject.running(), &[])),
        ("status.json".to_owned(), status(subject)),
        ("stores.txt".to_owned(), stores(subject)),
    ];
    parts.extend(metrics(subject));
    for (index, path) in subject.arguments.log.iter().enumerate() {
        let text = end(path).unwrap_or_else(|error| format!("{} cannot be read: {error}\n", path.display()));
        parts.push((format!("logs/{index}.log"), text));
    }
    parts
}

fn versions(subject: &Subject<'_>) -> String {
    let mut text = format!(
        "auditrail {} ({}, {})\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let services = subject.running().iter();
    text.extend(services.map(|service| format!("{} {}, running\n", service.service, service.version)));
    text
}

fn settings(subject: &Subject<'_>) -> String {
    match show::effective(subject.arguments.config.as_deref()) {
        Ok(settings) => show::lines(&settings),
        Err(error) => format!("the settings cannot be told: {error:#}\n"),
    }
}

/// Names alone: values may be secrets.
fn variables() -> String {
    let ours = |name: &String| ["AUDITRAIL_", "DD_"].iter().any(|prefix| name.starts_with(prefix));
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(ours);
    let mut names: Vec<String> = names.map(|name| format!("{name} is set\n")).collect();
    names.sort();
    names.concat()
}

fn status(subject: &Subject<'_>) -> String {
    let all = json!({"services": subject.running(), "account": crate::account::rows(subject.running())});
    serde_json::to_string_pretty(&all).unwrap_or_else(|error| error.to_string()) + "\n"
}

/// Names and sizes of everything that collector and shipper keep; contents are audit events.
fn stores(subject: &Subject<'_>) -> String {
    let (mut text, mut left) = (String::new(), MOST_LISTED);
    for dir in [&subject.placed.collector.queue.dir, &subject.placed.shipper.spool.dir] {
        list(dir, &mut text, &mut left);
    }
    if left == 0 {
        text.push_str("and more\n");
    }
    text
}

fn list(dir: &Path, text: &mut String, left: &mut usize) {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return text.push_str(&format!("{}: {error}\n", dir.display())),
    };
    let mut entries: Vec<fs::DirEntry> = entries.flatten().take(*left).collect();
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        *left = left.saturating_sub(1);
        let Ok(metadata) = entry.metadata() else { continue };
        match metadata.is_dir() && *left > 0 {
            true => list(&entry.path(), text, left),
            false => text.push_str(&format!("{:>14}  {}\n", metadata.len(), entry.path().display())),
        }
    }
}

/// The metrics of every service, where it has them on this machine.
fn metrics(subject: &Subject<'_>) -> Vec<(String, String)> {
    let configuration = &subject.placed.configuration;
    let collector = Some(("collector", subject.placed.collector.http_listen));
    let shipper = Some(("shipper", subject.placed.shipper.http_listen));
    let router = configuration.section::<router::Config>().ok().map(|own| ("router", own.http_listen));
    let insight = configuration.section::<insight::Config>().ok().map(|own| ("insight", own.http_listen));
    let each = [collector, router, shipper, insight].into_iter().flatten();
    let told = each.map(|(name, address)| {
        let text = fetched(address).unwrap_or_else(|error| format!("{address} does not tell: {error}\n"));
        (format!("metrics/{name}.txt"), text)
    });
    told.collect()
}

fn fetched(listen: SocketAddr) -> std::io::Result<String> {
    let host = match listen.ip() {
        everywhere if everywhere.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host,
    };
    let address = SocketAddr::new(host, listen.port());
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.contains(" 200 ") {
        true => Ok(body.to_owned()),
        false => Err(std::io::Error::other(head.lines().next().unwrap_or("no answer").to_owned())),
    }
}

/// The end of a file.
fn end(path: &Path) -> std::io::Result<String> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MOST)))?;
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
