//! What a question needs of the events: the columns, and bounds within which every row of its answer is.
//!
//! Promise: what is stepped over could not be in the answer. (SQLite looks at every bound again; whatever is not
//! understood here bounds nothing.)

use std::collections::HashSet;
use std::ops::Range;

use arrow_array::RecordBatch;
use lake::{Partition, schema};
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::{Value, ValueRef};
use rusqlite::vtab::{Filters, IndexConstraintOp, IndexInfo};

use super::moments::{self, COLLATION};
use super::{columns, columns::TIME};
use crate::fold;
use crate::rows::Rows;

/// A list with more texts is not looked at early.
const MOST_TEXTS: usize = 100_000;

/// What a question needs.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The columns, at least one.
    pub columns: Vec<String>,
    /// Events of other times, and those without a time, are not needed; None when all are.
    pub times: Option<Range<i64>>,
    hours: Vec<(Place, Op, Vec<Value>)>,
    texts: Vec<(String, HashSet<String>)>,
}

/// A column of the path.
#[derive(Debug, Clone, Copy)]
enum Place {
    Date,
    Hour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Is,
    In,
    Below,
    UpTo,
    Above,
    From,
}

impl Op {
    fn of(op: IndexConstraintOp, list: bool) -> Option<Op> {
        Some(match op {
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ if list => Op::In,
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ => Op::Is,
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LT => Op::Below,
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LE => Op::UpTo,
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GT => Op::Above,
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GE => Op::From,
            _ => return None,
        })
    }

    fn letter(self) -> char {
        match self {
            Op::Is => '=',
            Op::In => 'i',
            Op::Below => '<',
            Op::UpTo => '[',
            Op::Above => '>',
            Op::From => ']',
        }
    }

    fn read(letter: char) -> Option<Op> {
        [Op::Is, Op::In, Op::Below, Op::UpTo, Op::Above, Op::From]
            .into_iter()
            .find(|op| op.letter() == letter)
    }

    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Op::Is | Op::In => left == right,
            Op::Below => left < right,
            Op::UpTo => left <= right,
            Op::Above => left > right,
            Op::From => left >= right,
        }
    }
}

/// Chooses the bounds that are of use; gives the plan, for [`Wanted::read`], and how many bounds it has.
pub(crate) fn plan(info: &mut IndexInfo) -> rusqlite::Result<(String, i32)> {
    let asked: Vec<_> = info
        .constraints()
        .enumerate()
        .filter(|(_, asked)| asked.is_usable())
        .map(|(index, asked)| (index, asked.column(), asked.operator()))
        .collect();
    let (mut plan, mut bounds) = (format!("{:x}", info.col_used()), 0);
    for (index, column, op) in asked {
        let Ok(column) = usize::try_from(column) else { continue };
        let list = info.is_in_constraint(index)?;
        let Some(op) = Op::of(op, list).filter(|op| is_of_use(column, *op)) else { continue };
        if info.collation(index)? != collation(column) || (list && !info.set_in_constraint(index, true)?) {
            continue;
        }
        bounds += 1;
        info.constraint_usage(index).set_argv_index(bounds);
        plan.push_str(&format!(";{column}{}", op.letter()));
    }
    Ok((plan, bounds))
}

fn collation(column: usize) -> &'static str {
    if column == TIME { COLLATION } else { "BINARY" }
}

fn is_of_use(column: usize, op: Op) -> bool {
    match derived(column) {
        Some("time_us") => op != Op::In,
        Some(_) => true,
        None if column == TIME => op != Op::In,
        None => matches!(op, Op::Is | Op::In) && is_text(column),
    }
}

fn derived(column: usize) -> Option<&'static str> {
    let index = column.checked_sub(columns::in_files())?;
    columns::DERIVED.get(index).map(|(name, _)| *name)
}

fn is_text(column: usize) -> bool {
    schema().fields().get(column).is_some_and(|field| field.data_type().is_string())
}

impl Wanted {
    /// What a plan means with these values.
    pub(crate) fn read(plan: &str, values: &Filters<'_>) -> rusqlite::Result<Wanted> {
        let mut parts = plan.split(';');
        let used = parts.next().and_then(|used| u64::from_str_radix(used, 16).ok()).unwrap_or(u64::MAX);
        let mut wanted = Wanted { columns: used_columns(used), ..Wanted::default() };
        for (index, part) in parts.enumerate() {
            let mut letters = part.chars();
            let op = letters.next_back().and_then(Op::read);
            let column: Option<usize> = letters.as_str().parse().ok();
            if let (Some(op), Some(column)) = (op, column) {
                let listed = match op {
                    Op::In => list(values, index)?,
                    _ => Some(vec![values.get(index)?]),
                };
                listed.into_iter().for_each(|values| wanted.bound(column, op, values));
            }
        }
        Ok(wanted)
    }

    fn bound(&mut self, column: usize, op: Op, values: Vec<Value>) {
        match (derived(column), values.first()) {
            (Some("date"), _) if values.iter().all(|value| matches!(value, Value::Text(_))) => {
                self.hours.push((Place::Date, op, values));
            }
            (Some("hour"), _) if values.iter().all(|value| matches!(value, Value::Integer(_))) => {
                self.hours.push((Place::Hour, op, values));
            }
            (Some("time_us"), Some(Value::Integer(us))) => self.bound_time(op, *us),
            (None, Some(Value::Text(text))) if column == TIME => {
                moments::first(text).into_iter().for_each(|us| self.bound_time(op, us));
            }
            (None, _) if is_text(column) => {
                let texts = values.into_iter().map(|value| match value {
                    Value::Text(text) => Some(text),
                    _ => None,
                });
                if let Some(texts) = texts.collect() {
                    self.texts.push((schema().field(column).name().clone(), texts));
                }
            }
            _ => {}
        }
    }

    fn bound_time(&mut self, op: Op, us: i64) {
        let after = us.saturating_add(1);
        self.cut(match op {
            Op::Is | Op::In => us..after,
            Op::Below => i64::MIN..us,
            Op::UpTo => i64::MIN..after,
            Op::Above | Op::From => us..i64::MAX,
        });
    }

    /// Only events of these times, too.
    pub fn cut(&mut self, times: Range<i64>) {
        let known = self.times.take().unwrap_or(i64::MIN..i64::MAX);
        self.times = Some(known.start.max(times.start)..known.end.min(times.end));
        if !self.columns.iter().any(|name| name == "time") {
            self.columns.push("time".into());
        }
    }

    /// Whether a row of this hour may be in the answer.
    #[must_use]
    pub fn may_hold(&self, hour: Partition) -> bool {
        let start = hour.start_us();
        let in_time =
            self.times.as_ref().is_none_or(|times| times.start < start + 3_600_000_000 && start < times.end);
        in_time
            && self.hours.iter().all(|(place, op, values)| {
                let of_hour = match place {
                    Place::Date => Value::Text(hour.date()),
                    Place::Hour => Value::Integer(hour.hour()),
                };
                values.iter().any(|value| match (&of_hour, value) {
                    (Value::Text(left), Value::Text(right)) => op.holds(left, right),
                    (Value::Integer(left), Value::Integer(right)) => op.holds(left, right),
                    _ => true,
                })
            })
    }

    /// The rows of the batch that may be in the answer.
    #[must_use]
    pub fn sift(&self, batch: RecordBatch) -> RecordBatch {
        let batch = match fold::within(&batch, self.times.as_ref()) {
            Some(rows) => fold::cut(&batch, &rows),
            None => batch,
        };
        self.texts.iter().fold(batch, |batch, (column, texts)| {
            let kept = rows_with(&batch, column, texts);
            if kept.len() == batch.num_rows() { batch } else { fold::cut(&batch, &kept) }
        })
    }
}

/// The rows with one of these texts.
fn rows_with(batch: &RecordBatch, column: &str, texts: &HashSet<String>) -> Vec<u32> {
    let column = Rows::new(batch).text(column);
    let is_one = column.which(|text| texts.contains(text));
    (0..u32::try_from(batch.num_rows()).unwrap_or(u32::MAX)).filter(|row| is_one(*row as usize)).collect()
}

/// The values of a list; None when they are too many, or not all texts or whole numbers.
fn list(values: &Filters<'_>, index: usize) -> rusqlite::Result<Option<Vec<Value>>> {
    let (mut listed, mut items) = (Vec::new(), values.in_values(index)?);
    while let Some(item) = items.next()? {
        match item {
            ValueRef::Text(_) | ValueRef::Integer(_) if listed.len() < MOST_TEXTS => {
                listed.push(item.try_into().map_err(rusqlite::Error::from)?)
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(listed))
}

/// The columns of these bits, and those that others are computed from.
fn used_columns(used: u64) -> Vec<String> {
    let schema = schema();
    let is_used = |column: usize| used & (1 << column.min(63)) != 0;
    let mut names: Vec<String> = (0..columns::in_files())
        .filter(|column| is_used(*column))
        .map(|column| schema.field(column).name().clone())
        .collect();
    let derived = (columns::in_files()..columns::in_files() + columns::DERIVED.len()).any(is_used);
    if derived && !is_used(TIME) {
        names.push("time".into());
    }
    if names.is_empty() {
        names.push("stage".into());
    }
    names
}
