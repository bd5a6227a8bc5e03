//! The table `events` as SQLite calls it. The one place of this workspace with `unsafe` in it.
//!
//! Promises: a plan costs about the same whatever it is bounded by, so that SQLite never reads the events in several
//! pieces for an OR; who reads them over and over for a join is stopped and told how to write it.

#![allow(unsafe_code, reason = "SQLite's tables are unsafe traits: see SAFETY below")]

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::vtab::{Context, Filters, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor};
use rusqlite::{Connection, Error, ffi};

use super::cells::Cells;
use super::columns;
use super::events::{Events, Next, Scan};
use super::guard::Stop;
use super::wanted::{self, Wanted};

/// How often a question may read the events: more than anyone writes SELECTs, fewer than a join has rows.
const MOST_READS: u64 = 64;
/// How many troubles are named: ten, and what recorded lines say of how many more there are.
const NAMED: usize = 11;
/// What reading all events costs, for SQLite's choice of plans.
const COST: f64 = 1_000_000.0;

/// What the cursors of a question share.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    events: Arc<dyn Events>,
    stop: Arc<Stop>,
    reads: AtomicU64,
    troubles: Mutex<Vec<String>>,
}

impl Shared {
    pub(crate) fn new(events: Arc<dyn Events>, stop: Arc<Stop>) -> Shared {
        Shared(Arc::new(Inner { events, stop, reads: AtomicU64::new(0), troubles: Mutex::default() }))
    }

    /// What could not be read.
    pub(crate) fn troubles(&self) -> Vec<String> {
        self.0.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often the events were read, when that was too often.
    pub(crate) fn too_often(&self) -> Option<u64> {
        Some(self.0.reads.load(Ordering::Relaxed)).filter(|reads| *reads > MOST_READS).map(|_| MOST_READS)
    }

    fn trouble(&self, why: String) {
        let mut troubles = self.0.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match troubles.len() {
            NAMED => troubles.push("more could not be read".into()),
            count if count < NAMED && !troubles.contains(&why) => troubles.push(why),
            _ => {}
        }
    }
}

/// Makes `events` known.
pub(crate) fn register(connection: &Connection, shared: &Shared) -> rusqlite::Result<()> {
    const MODULE: Module<'static, Table> = Module::eponymous_only_module();
    connection.create_module(c"events", &MODULE, Some(shared.clone()))
}

// SAFETY (both impls): SQLite casts its pointers to these structs to pointers to their first field, and back. Both are
// `repr(C)` with the base that SQLite expects as the first field; nothing here touches the bases.
#[repr(C)]
struct Table {
    base: ffi::sqlite3_vtab,
    shared: Shared,
}

#[repr(C)]
struct Cursor<'table> {
    base: ffi::sqlite3_vtab_cursor,
    shared: Shared,
    scan: Option<Scan>,
    cells: Option<Cells>,
    row: usize,
    number: i64,
    table: PhantomData<&'table Table>,
}

unsafe impl<'table> VTab<'table> for Table {
    type Aux = Shared;
    type Cursor = Cursor<'table>;

    fn connect(
        connection: &mut VTabConnection,
        shared: Option<&Shared>,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Table)> {
        let shared = shared.cloned().ok_or_else(|| Error::ModuleError("there are no events".into()))?;
        connection.config(VTabConfig::Innocuous)?;
        let declaration = CString::new(columns::declaration())?;
        Ok((declaration.into(), Table { base: ffi::sqlite3_vtab::default(), shared }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        let (plan, bounds) = wanted::plan(info)?;
        info.set_idx_str(&plan);
        info.set_estimated_cost(COST * 0.9f64.powi(bounds.min(3)));
        Ok(true)
    }

    fn open(&'table mut self) -> rusqlite::Result<Cursor<'table>> {
        Ok(Cursor {
            base: ffi::sqlite3_vtab_cursor::default(),
            shared: self.shared.clone(),
            scan: None,
            cells: None,
            row: 0,
            number: 0,
            table: PhantomData,
        })
    }
}

unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, _: c_int, plan: Option<&str>, values: &Filters<'_>) -> rusqlite::Result<()> {
        (self.scan, self.cells, self.number) = (None, None, 0);
        let reads = self.shared.0.reads.fetch_add(1, Ordering::Relaxed) + 1;
        if reads > MOST_READS {
            return Err(Error::ModuleError("the events are read again and again".into()));
        }
        let wanted = Wanted::read(plan.unwrap_or_default(), values)?;
        self.scan = Some(self.shared.0.events.read(wanted).map_err(Error::ModuleError)?);
        self.fill()
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        (self.row, self.number) = (self.row + 1, self.number + 1);
        match &self.cells {
            Some(cells) if self.row < cells.rows() => Ok(()),
            _ => self.fill(),
        }
    }

    fn eof(&self) -> bool {
        self.cells.is_none()
    }

    fn column(&self, context: &mut Context, column: c_int) -> rusqlite::Result<()> {
        match (&self.cells, usize::try_from(column)) {
            (Some(cells), Ok(column)) => cells.give(self.row, column, context),
            _ => Ok(()),
        }
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        Ok(self.number)
    }
}

impl Cursor<'_> {
    /// Goes on to the next rows, if there are any.
    fn fill(&mut self) -> rusqlite::Result<()> {
        (self.cells, self.row) = (None, 0);
        while let Some(scan) = &mut self.scan {
            match scan.next(&self.shared.0.stop) {
                Next::Slice(slice) if slice.batch.num_rows() == 0 => {}
                Next::Slice(slice) => {
                    self.cells = Some(Cells::of(&slice));
                    break;
                }
                Next::Trouble(why) => self.shared.trouble(why),
                Next::End => self.scan = None,
                Next::Due => {
                    return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_INTERRUPT), None));
                }
            }
        }
        Ok(())
    }
}
