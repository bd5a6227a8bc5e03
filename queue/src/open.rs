//! From a directory in any condition to a queue that works.
//!
//! Promises: a directory of a newer version, or in use, is left as it is; damage never keeps a queue from opening; what
//! was acknowledged is there unless its bytes are gone, and then that is said; the id stays only if the newest state
//! is proven.

mod restore;
mod survey;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::watch;

use crate::catalogue::Catalogue;
use crate::census;
use crate::clean;
use crate::damage::{Aside, Damaged};
use crate::directory;
use crate::error::{Failed, OpenError};
use crate::files::Files;
use crate::handover::{Handover, Operation};
use crate::index::{Batch, IndexError};
use crate::lock;
use crate::options::{Options, SMALLEST};
use crate::record::Place;
use crate::reserve::Reserve;
use crate::segment;
use crate::segment::active::Active;
use crate::store::Store;
use crate::usage::{Opened, Usage};
use crate::writer::{Writer, Wrong, snapshot};

use restore::Restored;
use survey::Survey;

/// Damaged records that are noted in one operation.
const NOTED: usize = 10_000;
/// Positions that are marked as removed in one operation.
const BURIED: usize = 100_000;

/// What a handle is made of.
pub(crate) struct Parts {
    pub(crate) store: Arc<Store>,
    pub(crate) handover: Arc<Handover>,
    pub(crate) committed: watch::Receiver<u64>,
    pub(crate) writer: JoinHandle<Result<(), Failed>>,
}

pub(crate) fn open(dir: &Path, options: Options) -> Result<(Parts, Opened), OpenError> {
    if options.max_bytes < SMALLEST {
        return Err(OpenError::TooSmall { bytes: options.max_bytes, least: SMALLEST });
    }
    options.format.map_or(Ok(()), |format| format.check(dir))?;
    directory::create(dir).map_err(OpenError::io("creating", dir))?;
    let lock = lock::take(dir)?;
    let survey = Survey::of(dir)?;
    options.format.map_or(Ok(()), |format| format.mark(dir))?;
    directory::create(&segment::directory(dir))
        .map_err(OpenError::io("creating", &segment::directory(dir)))?;
    let mark = clean::take(dir).map_err(OpenError::io("reading the mark of a clean stop in", dir))?;
    let mut restored = restore::restore(dir, &options, &survey, mark)?;
    let (aside, opened) = report(dir, &mut restored)?;
    let active = begin(dir, &options, &survey, &mut restored).map_err(|wrong| wrong.at(dir))?;
    let buried = restored.buried(dir, &survey).map_err(|wrong| wrong.at(dir))?;

    let notes: Vec<_> = opened.damaged.iter().filter_map(options.note).collect();
    let mut writer =
        writer(dir, options, lock, &survey, restored, aside, active).map_err(|wrong| wrong.at(dir))?;
    for puts in notes.chunks(NOTED) {
        let noted = Operation { puts: puts.to_vec(), ..Operation::default() };
        writer.write(&[noted]).map_err(|wrong| wrong.at(dir))?;
    }
    for positions in buried.chunks(BURIED) {
        let burial = Operation { burials: positions.to_vec(), ..Operation::default() };
        writer.write(&[burial]).map_err(|wrong| wrong.at(dir))?;
    }
    writer.tidy();
    writer.settle();
    let (store, handover, committed) =
        (writer.store.clone(), writer.handover.clone(), writer.committed.subscribe());
    let thread = std::thread::Builder::new().name("queue-writer".to_owned()).spawn(move || writer.run());
    let writer = thread.map_err(OpenError::io("starting the writer of", dir))?;
    Ok((Parts { store, handover, committed, writer }, opened))
}

/// Sets damaged bytes aside and says what was found.
fn report(dir: &Path, restored: &mut Restored) -> Result<(Aside, Opened), OpenError> {
    let aside = Aside::new(dir);
    let mut damaged: Vec<Damaged> = restored.findings.lost.values().cloned().collect();
    damaged.extend(restored.findings.regions.iter().cloned());
    for place in &damaged {
        aside.keep(place, &restore::bytes_of(dir, place));
    }
    if restored.kept && !restored.clean {
        let files = Files::new(dir, restored.applied.seal);
        let found = census::check(&restored.index, &files, |place, bytes| aside.keep(place, bytes));
        let found = found.map_err(|error| Wrong::from(error).at(dir))?;
        restored.unreadable = found.iter().filter_map(|place| place.position).collect();
        damaged.extend(found);
    }
    let (damaged_records, damaged_bytes) = aside.counted();
    let opened = Opened {
        fresh: restored.fresh,
        clean: restored.clean,
        rebuilt_index: !restored.kept && !restored.fresh,
        renewed_id: !restored.fresh && !restored.findings.proven,
        replayed: restored.findings.added,
        cut_bytes: restored.findings.torn.as_ref().map_or(0, |torn| torn.bytes),
        damaged_records,
        damaged_bytes,
        damaged,
    };
    Ok((aside, opened))
}

/// The segment to go on in: the newest, or after any damage a new one with a snapshot of the state.
fn begin(dir: &Path, options: &Options, survey: &Survey, restored: &mut Restored) -> Result<Active, Wrong> {
    if !restored.fresh && !restored.findings.proven {
        restored.applied.id = rand::random();
    }
    if let Some(torn) = &restored.findings.torn {
        let file = OpenOptions::new().write(true).open(segment::path(dir, torn.segment))?;
        file.set_len(torn.offset)?;
        file.sync_all()?;
    }
    let active = match survey.newest() {
        Some(newest) if !restored.sick() => {
            let begin = newest.begin.unwrap_or_default();
            let end = if restored.applied.place.segment == newest.number {
                restored.applied.place.offset
            } else {
                begin
            };
            Active::resume(dir, (newest.number, restored.applied.seal), options.step_size(), begin, end)?
        }
        newest => {
            let number = newest.map_or(0, |newest| newest.number).max(restored.applied.place.segment) + 1;
            let header = snapshot(&restored.index, &restored.applied, number)?;
            let active = Active::create(dir, &header, options.step_size())?;
            restored.applied.place = Place { segment: number, offset: active.end() };
            active
        }
    };
    restored.index.write(Batch::default(), &restored.applied)?;
    restored.index.sync()?;
    Ok(active)
}

fn writer(
    dir: &Path,
    options: Options,
    lock: File,
    survey: &Survey,
    restored: Restored,
    aside: Aside,
    active: Active,
) -> Result<Writer, Wrong> {
    let Restored { index, applied, .. } = restored;
    let mut catalogue = Catalogue::default();
    for known in &survey.segments {
        let length = std::fs::metadata(segment::path(dir, known.number))?.len();
        catalogue.set_size(known.number, length, length);
    }
    catalogue.set_size(active.number(), active.end(), active.allocated());
    let live: BTreeMap<_, _> = census::count(&index, &applied)?.ok_or_else(IndexError::disagrees)?;
    catalogue.recount(&live);
    let store = Store {
        dir: dir.to_owned(),
        id: applied.id,
        index: RwLock::new(Some(index)),
        files: Files::new(dir, applied.seal),
        aside,
        durable: AtomicU64::new(applied.next),
        usage: Mutex::new(Usage { limit: options.max_bytes, ..Usage::default() }),
    };
    let handover = Arc::new(Handover::new(options.max_bytes, catalogue.written()));
    let reserve = Reserve::new(dir, options.max_bytes);
    let (committed, _) = watch::channel(applied.txn);
    Ok(Writer {
        store: Arc::new(store),
        handover,
        options,
        catalogue,
        active,
        applied,
        committed,
        reserve,
        lock,
        broken: Default::default(),
        lull: Instant::now(),
        paused_until: None,
    })
}
