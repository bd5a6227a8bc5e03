//! One destination, opened: its spool, its dead letters, where batches come in and what takes them out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chassis::Stop;
use futures_util::future::{BoxFuture, OptionFuture};
use proto::v1::{DestinationStatus, StoreStatus};
use queue::Opened;
use tokio::sync::watch;

use crate::apart::Apart;
use crate::block::Blocks;
use crate::config::{Config, Destination, Limit, Retry};
use crate::dead::DeadLetters;
use crate::deliver::Delivery;
use crate::error::OpenError;
use crate::gone;
use crate::hold::Hold;
use crate::housekeeping::Housekeeper;
use crate::intake::{Carrier, Repacker, carried};
use crate::letters::Letters;
use crate::metrics::Metrics;
use crate::parcel::Packer;
use crate::receipts::{RECEIPTS, Receipts};
use crate::sink::{self, Sink, file::FileSink, lake::LakeSink, stdout::StdoutSink};
use crate::spool::{NotOpened, Spool};
use crate::standing::{Seen, Standing};
use crate::take::{FULL, Taker, Turns};

/// The directory of a destination's spool, in the destination's own.
pub(crate) const SPOOL: &str = "spool";

/// Marks the directory of a destination that a shipper did not have when it started.
const ABSENT: &str = "absent";

/// Notes that nothing is sent to the destination with this directory from now on.
pub(crate) fn mark_absent(dir: &Path) {
    if let Err(error) = std::fs::write(dir.join(ABSENT), []) {
        tracing::warn!(dir = %dir.display(), %error, "it cannot be noted that this is no destination now");
    }
}

/// Brings it into the books that this was no destination for a while.
fn note_absence(dir: &Path, spool: &Spool, name: &str) -> Result<(), OpenError> {
    if !dir.join(ABSENT).exists() {
        return Ok(());
    }
    let noted = spool.rejoin().map_err(|error| error.to_string());
    let noted =
        noted.and_then(|()| std::fs::remove_file(dir.join(ABSENT)).map_err(|error| error.to_string()));
    noted.map_err(|why| OpenError::State { destination: name.to_owned(), dir: dir.to_owned(), why })
}

/// A destination that batches can be pushed to and that can be delivered to.
pub(crate) struct Opening {
    pub(crate) name: String,
    kind: &'static str,
    target: String,
    pub(crate) spool: Spool,
    pub(crate) standing: Arc<Standing>,
    pub(crate) taker: Taker,
    pub(crate) hold: Hold,
    way_out: WayOut,
    retry: Retry,
    limit: Limit,
    /// Where what was used of a day's budget is written down.
    budget: PathBuf,
}

/// How events leave.
enum WayOut {
    Carried { packer: Arc<dyn Repacker>, carrier: Arc<dyn Carrier>, dead: Arc<DeadLetters> },
    File(crate::config::File),
    Stdout,
    Lake(crate::config::Lake),
}

impl Opening {
    /// Opens the spool of `name` and what belongs to it. Blocking.
    pub(crate) fn open(
        config: &Config,
        name: &str,
        destination: &Destination,
        turns: Arc<Turns>,
    ) -> Result<Opening, OpenError> {
        let dir = config.spool.dir.join(name);
        // What the configuration alone can say is said before anything is made on disk.
        let prepared = Prepared::new(destination)
            .map_err(|why| OpenError::Configuration { destination: name.to_owned(), why })?;
        let spool = open_spool(&dir.join(SPOOL), name, config.spool.max_size.as_u64())?;
        note_absence(&dir, &spool, name)?;
        let state = |why: String| OpenError::State { destination: name.to_owned(), dir: dir.clone(), why };
        let hold = Hold::of(&dir, name).map_err(|error| state(format!("its hold: {error}")))?;
        let receipts = Receipts::open(&dir.join(RECEIPTS), &config.receipts)
            .map_err(|error| state(format!("its receipts: {error}")))?;
        receipts.into_iter().for_each(|receipts| spool.keep_receipts(receipts));
        let standing = Arc::new(Standing::new(Metrics::of(name)));
        let (packer, way_out) = prepared.with_dead_letters(|| {
            let most = config.dead_letters.max_size.as_u64();
            DeadLetters::open(&dir.join("dead-letters"), most, spool.id())
                .map_err(|source| OpenError::Spool { destination: name.to_owned(), source })
        })?;
        if let WayOut::Carried { dead, .. } = &way_out {
            gone::recover(&spool, dead).map_err(|why| state(format!("its dead letters: {why}")))?;
        }
        let limit = config.limits.get(name).cloned().unwrap_or_default();
        let packer = if limit.bytes_per_day.is_some() { Arc::new(Apart(packer)) } else { packer };
        let budget = dir.join("budget");
        let taker =
            Taker { name: name.to_owned(), spool: spool.clone(), packer, standing: standing.clone(), turns };
        Ok(Opening {
            name: name.to_owned(),
            kind: destination.kind(),
            target: destination.target(),
            spool,
            standing,
            taker,
            hold,
            way_out,
            retry: config.retry,
            limit,
            budget,
        })
    }

    /// Delivers until `stop` is requested.
    pub(crate) fn deliver(&self, hurry: watch::Receiver<bool>, stop: Stop) -> BoxFuture<'static, ()> {
        let (spool, standing) = (self.spool.clone(), self.standing.clone());
        let sink: Box<dyn Sink> = match &self.way_out {
            WayOut::Carried { packer, carrier, dead } => {
                let (packer, carrier, dead) = (packer.clone(), carrier.clone(), dead.clone());
                let (name, retry, limit) = (self.name.clone(), self.retry, self.limit.clone());
                let delivery = Delivery {
                    name,
                    spool,
                    packer,
                    carrier,
                    dead,
                    standing,
                    retry,
                    limit,
                    budget: self.budget.clone(),
                    hold: self.hold.watch(),
                };
                return Box::pin(Arc::new(delivery).run(stop));
            }
            WayOut::File(file) => Box::new(FileSink::new(file, spool.clone())),
            WayOut::Stdout => Box::new(StdoutSink::new(Box::new(std::io::stdout()), spool.clone())),
            WayOut::Lake(lake) => Box::new(LakeSink::new(lake.location(), spool.clone())),
        };
        let keeping = match &self.way_out {
            WayOut::Lake(lake) => Some(Housekeeper::of(&self.name, lake).run(stop.clone())),
            _ => None,
        };
        let delivering = sink::run(sink, spool, standing, self.retry, hurry, self.hold.watch(), stop);
        Box::pin(async move {
            tokio::join!(delivering, OptionFuture::from(keeping));
        })
    }

    /// Its dead letters; None where lines are written, and no intake refuses any.
    pub(crate) fn letters(&self) -> Option<Letters<'_>> {
        let WayOut::Carried { dead, .. } = &self.way_out else { return None };
        let (spool, packer) = (&self.spool, self.taker.packer.as_ref());
        Some(Letters { destination: &self.name, spool, dead, packer })
    }

    /// What keeps events from leaving, and what keeps them from coming in.
    fn problem(&self, seen: &Seen, spool: &StoreStatus) -> String {
        let mut problems = vec![seen.problem.clone()];
        if let Some((_, words)) = &seen.over_budget
            && spool.records > 0
        {
            problems.push(words.clone());
        }
        problems.splice(0..0, self.hold.held().map(|held| held.words));
        if seen.full && spool.records > 0 {
            problems.push(format!("the spool is full, and batches wait before it or are shed; {FULL}"));
        }
        if !spool.problem.is_empty() {
            problems.push(format!("the spool cannot be written: {}", spool.problem));
        }
        problems.retain(|problem| !problem.is_empty());
        problems.join("; ")
    }

    /// How far its delivery is; none when it has nothing to send, or an operator holds it.
    pub(crate) fn steps(&self) -> Option<u64> {
        self.standing.steps(self.spool.events() > 0 && self.hold.held().is_none())
    }

    pub(crate) fn status(&self) -> DestinationStatus {
        let seen = self.standing.seen();
        let spool = self.spool.status();
        let held_by_operator = self.hold.held().is_some();
        let state = match () {
            () if held_by_operator || seen.held => "held",
            () if seen.since.is_some() => "retrying",
            () if spool.records > 0 => "delivering",
            () => "idle",
        };
        let problem = self.problem(&seen, &spool);
        DestinationStatus {
            name: self.name.clone(),
            r#type: self.kind.to_owned(),
            target: self.target.clone(),
            state: state.to_owned(),
            problem,
            spool: Some(spool),
            accounts: self.spool.accounts(),
            requests: seen.requests,
            retries: seen.retries,
            sent_bytes: seen.sent_bytes,
            last_success_us: seen.last_success_us,
            backfilled_events: seen.backfilled,
            dead_letters: match &self.way_out {
                WayOut::Carried { dead, .. } => Some(dead.status()),
                _ => None,
            },
            held_by_operator,
            receipts: self.spool.receipts().map(Receipts::status),
            canaries: self.standing.arrived.status(),
        }
    }
}

/// A destination whose configuration can work.
enum Prepared {
    Carried(Arc<dyn Repacker>, Arc<dyn Carrier>),
    Blocks(WayOut),
}

impl Prepared {
    fn new(destination: &Destination) -> Result<Prepared, String> {
        Ok(match destination {
            Destination::File(file) => Prepared::Blocks(WayOut::File(file.clone())),
            Destination::Stdout(_) => Prepared::Blocks(WayOut::Stdout),
            Destination::Lake(lake) => {
                check_lake(&lake.location())?;
                Prepared::Blocks(WayOut::Lake(lake.clone()))
            }
            carried_one => {
                let (packer, carrier) = carried(carried_one)?;
                Prepared::Carried(packer, carrier)
            }
        })
    }

    fn with_dead_letters(
        self,
        open: impl FnOnce() -> Result<DeadLetters, OpenError>,
    ) -> Result<(Arc<dyn Packer>, WayOut), OpenError> {
        Ok(match self {
            Prepared::Carried(packer, carrier) => {
                let dead = Arc::new(open()?);
                (packer.clone(), WayOut::Carried { packer, carrier, dead })
            }
            Prepared::Blocks(way_out) => (Arc::new(Blocks), way_out),
        })
    }
}

/// A lake that cannot be reached now is no error at start; an address that is none is.
fn check_lake(location: &::lake::Location) -> Result<(), String> {
    match ::lake::Lake::at(location) {
        Err(error @ ::lake::LakeError::Url { .. }) => Err(error.to_string()),
        Err(error) => {
            tracing::warn!("{error}");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

fn open_spool(dir: &Path, name: &str, max_bytes: u64) -> Result<Spool, OpenError> {
    let destination = name.to_owned();
    let (spool, opened) = Spool::open(dir, max_bytes).map_err(|error| match error {
        NotOpened::Queue(source) => OpenError::Spool { destination, source },
        NotOpened::State(why) => OpenError::State { destination, dir: dir.to_owned(), why },
    })?;
    tell(name, &opened);
    Ok(spool)
}

fn tell(name: &str, opened: &Opened) {
    if opened.damaged_records > 0 {
        let (records, bytes) = (opened.damaged_records, opened.damaged_bytes);
        tracing::error!(
            destination = name,
            records,
            bytes,
            "damage in the spool was set aside and is accounted for"
        );
    }
    if !opened.clean && !opened.fresh {
        tracing::info!(
            destination = name,
            replayed = opened.replayed,
            "the spool was not closed cleanly; all was checked"
        );
    }
}
