//! `dead-letters`: events that no intake took.
//!
//! Promises: nothing is sent again or dropped that was not named; what was not done is said with its reason, and the
//! exit code is 1 then.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use proto::v1::{
    DeadLetter, DeadLetterFilter, DropDeadLettersRequest, GetDeadLetterRequest, ListDeadLettersRequest,
    RetryDeadLettersRequest, Skipped,
};
use serde_json::json;

use crate::exit::Failure;
use crate::moment::written;
use crate::print::bytes;
use crate::say;
use crate::shippers::{Output, Where, ask};
use crate::spelt;

/// `auditrail dead-letters`.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List them with their causes, oldest first.
    List(List),
    /// Show one with the intake's words and its event.
    Show(Show),
    /// Send them again, one of them with an edited event if need be.
    Retry(Retry),
    /// Remove them for good; the account keeps them as dead.
    Drop(Drop),
}

/// Which letters.
#[derive(Debug, Args)]
struct Filter {
    /// Those of this destination.
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// Those of this cause, or of causes that begin so: `rejected`.
    #[arg(long, value_name = "CAUSE")]
    cause: Option<String>,
}

/// Which letters, named one by one or by a filter.
#[derive(Debug, Args)]
struct Chosen {
    #[command(flatten)]
    filter: Filter,
    /// This one, as `list` names it; may be given several times.
    #[arg(long, value_name = "ID", conflicts_with_all = ["destination", "cause"],
          required_unless_present_any = ["destination", "cause"])]
    id: Vec<String>,
}

/// How to print, and where to ask.
#[derive(Debug, Args)]
struct Common {
    /// How to print.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
    #[command(flatten)]
    place: Where,
}

/// `auditrail dead-letters list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    /// Print at most so many.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    limit: usize,
    #[command(flatten)]
    common: Common,
}

/// `auditrail dead-letters show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// As `list` names it.
    #[arg(value_name = "ID")]
    id: String,
    /// Print the event alone, as it is.
    #[arg(long)]
    event: bool,
    #[command(flatten)]
    common: Common,
}

/// `auditrail dead-letters retry`.
#[derive(Debug, Args)]
pub(crate) struct Retry {
    #[command(flatten)]
    chosen: Chosen,
    /// Instead of the letter's event, what this file holds: a JSON object; `-` is stdin.
    #[arg(long, value_name = "FILE", requires = "id")]
    edit: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// `auditrail dead-letters drop`.
#[derive(Debug, Args)]
pub(crate) struct Drop {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    common: Common,
}

/// Exit 0 when all that was asked for is done.
///
/// # Errors
/// When no shipper answers, or it refuses.
pub(crate) fn dead_letters(arguments: &DeadLetters) -> Result<ExitCode, Failure> {
    match arguments {
        DeadLetters::List(list) => self::list(list),
        DeadLetters::Show(show) => self::show(show),
        DeadLetters::Retry(retry) => self::retry(retry),
        DeadLetters::Drop(drop) => self::drop_for_good(drop),
    }
}

impl Filter {
    fn to_proto(&self) -> DeadLetterFilter {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        DeadLetterFilter { destination: text(&self.destination), cause: text(&self.cause) }
    }
}

impl Chosen {
    /// As a request wants it: by ids, or by a filter.
    fn to_proto(&self) -> (Vec<String>, Option<DeadLetterFilter>) {
        (self.id.clone(), self.id.is_empty().then(|| self.filter.to_proto()))
    }
}

fn list(arguments: &List) -> Result<ExitCode, Failure> {
    let shippers = arguments.common.place.shippers()?;
    let (mut letters, mut more) = (Vec::new(), false);
    for mut shipper in shippers.each.clone() {
        let mut request =
            ListDeadLettersRequest { filter: Some(arguments.filter.to_proto()), ..Default::default() };
        loop {
            let reply = ask!(shippers, shipper.list_dead_letters(request.clone()))?;
            letters.extend(reply.letters);
            request.page = reply.next_page;
            if request.page.is_empty() || letters.len() >= arguments.limit {
                break;
            }
        }
        more |= !request.page.is_empty() || letters.len() > arguments.limit;
        letters.truncate(arguments.limit);
    }
    say::result(&match arguments.common.output {
        Output::Json => spelt::json(serde_json::to_string_pretty(&letters)?) + "\n",
        Output::Table => table(&letters),
    })?;
    if more {
        say::aside(&format!("there are more than these {}; see --limit", letters.len()));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(letters: &[DeadLetter]) -> String {
    if letters.is_empty() {
        return "no dead letters\n".to_owned();
    }
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table.set_header(["id", "died", "cause", "line", "bytes", "answer"]);
    for letter in letters {
        table.add_row([
            letter.id.clone(),
            written(letter.dead_us),
            letter.cause.clone(),
            place(letter),
            bytes(letter.read_bytes),
            printable(&letter.answer).chars().take(60).collect(),
        ]);
    }
    format!("{table}\n")
}

/// Where the line was read.
fn place(letter: &DeadLetter) -> String {
    let origin = letter.origin.as_ref().map_or_else(String::new, ToString::to_string);
    format!("{origin} #{}", letter.number)
}

/// What an intake said, without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if audit::is_hidden(c) { ' ' } else { c }).collect()
}

fn show(arguments: &Show) -> Result<ExitCode, Failure> {
    let (shippers, mut shipper) = arguments.common.place.one()?;
    let reply = ask!(shippers, shipper.get_dead_letter(GetDeadLetterRequest { id: arguments.id.clone() }))?;
    let letter = reply.letter.ok_or_else(|| anyhow!("the shipper gives no letter"))?;
    if arguments.event {
        let mut out = crate::filter::Out::stdout();
        say::unless_enough(out.line(&reply.event).and_then(|()| out.flush()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let event = String::from_utf8_lossy(&reply.event);
    say::result(&match arguments.common.output {
        Output::Json => {
            let mut shown = serde_json::to_value(&letter)?;
            shown["event"] = json!(event);
            spelt::json(serde_json::to_string_pretty(&shown)?) + "\n"
        }
        Output::Table => format!(
            "{}\n  Destination: {}\n  Cause: {}\n  Answer: {}\n  Died: {}\n  Read: {}, {}, {}\n\n{event}\n",
            letter.id,
            letter.destination,
            letter.cause,
            printable(&letter.answer),
            written(letter.dead_us),
            written(letter.read_us),
            place(&letter),
            bytes(letter.read_bytes),
        ),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn retry(arguments: &Retry) -> Result<ExitCode, Failure> {
    let event = arguments.edit.as_deref().map(read).transpose()?.unwrap_or_default();
    if arguments.edit.is_some() && event.trim_ascii().is_empty() {
        return Err(Failure::usage(anyhow!(
            "--edit names an empty file: write the event there, a JSON object"
        )));
    }
    let (shippers, mut shipper) = arguments.common.place.one()?;
    let (ids, filter) = arguments.chosen.to_proto();
    let mut request = RetryDeadLettersRequest { ids, filter, event, page: String::new() };
    let mut done = Done::new("retried", "on their way again");
    loop {
        let reply = ask!(shippers, shipper.retry_dead_letters(request.clone()))?;
        done.add(reply.retried, reply.skipped);
        request.page = reply.next_page;
        if request.page.is_empty() {
            return done.tell(arguments.common.output);
        }
    }
}

fn drop_for_good(arguments: &Drop) -> Result<ExitCode, Failure> {
    let (shippers, mut shipper) = arguments.common.place.one()?;
    let (ids, filter) = arguments.chosen.to_proto();
    let mut request = DropDeadLettersRequest { ids, filter, page: String::new() };
    let mut done = Done::new("dropped", "dropped");
    loop {
        let reply = ask!(shippers, shipper.drop_dead_letters(request.clone()))?;
        done.add(reply.dropped, reply.skipped);
        request.page = reply.next_page;
        if request.page.is_empty() {
            return done.tell(arguments.common.output);
        }
    }
}

fn read(file: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    let mut event = Vec::new();
    let named = || format!("`{}` cannot be read", file.display());
    if crate::policy_file::is_stdin(file) {
        std::io::stdin().read_to_end(&mut event).with_context(named)?;
    } else {
        event = std::fs::read(file).with_context(named)?;
    }
    Ok(event)
}

/// What was done so far.
struct Done {
    name: &'static str,
    words: &'static str,
    count: u64,
    skipped: Vec<Skipped>,
}

impl Done {
    fn new(name: &'static str, words: &'static str) -> Done {
        Done { name, words, count: 0, skipped: Vec::new() }
    }

    fn add(&mut self, count: u64, skipped: Vec<Skipped>) {
        self.count += count;
        self.skipped.extend(skipped);
    }

    /// Prints it; exit 1 when something was not done.
    fn tell(&self, output: Output) -> Result<ExitCode, Failure> {
        let noun = if self.count == 1 { "dead letter" } else { "dead letters" };
        say::result(&match output {
            Output::Json => {
                let all = json!({self.name: self.count, "skipped": self.skipped});
                serde_json::to_string_pretty(&all)? + "\n"
            }
            Output::Table => format!("{} {noun} {}\n", self.count, self.words),
        })?;
        self.skipped.iter().for_each(|skipped| say::aside(&format!("{}: {}", skipped.id, skipped.why)));
        Ok(if self.skipped.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
