//! Rows that agree in some columns, as groups.
//!
//! Promise: two rows with the same texts in all the columns are in one group unless a text has two numbers (see
//! [`Text`]), and rows of one group always agree; so what is counted by group and then added up by the texts is exact.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::rows::Text;

/// Pairs are numbered by a plain table while it stays this small, in entries.
const TABLE: usize = 1 << 16;

/// Rows by group.
#[derive(Debug)]
pub struct Groups {
    of: Vec<u32>,
    /// The first row of each group.
    first: Vec<u32>,
}

impl Groups {
    /// The rows, grouped by these columns; without a column, all are one group.
    ///
    /// # Panics
    /// When the columns are of different lengths.
    #[must_use]
    pub fn by(columns: &[&Text<'_>]) -> Groups {
        let mut groups = Groups::one(columns.first().map_or(0, |column| column.keys().len()));
        for column in columns {
            groups.split(column.keys(), column.size());
        }
        groups
    }

    /// So many rows as one group.
    #[must_use]
    pub fn one(rows: usize) -> Groups {
        Groups { of: vec![0; rows], first: if rows == 0 { Vec::new() } else { vec![0] } }
    }

    /// The same, grouped further by numbers of the rows, which are smaller than `size`.
    ///
    /// # Panics
    /// When there is not one number for each row.
    #[must_use]
    pub fn and(mut self, numbers: &[u32], size: usize) -> Groups {
        self.split(numbers, size);
        self
    }

    /// How many groups there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// The group of a row, counted from 0 in the order of their first rows.
    #[must_use]
    pub fn of(&self, row: usize) -> usize {
        self.of[row] as usize
    }

    /// A row of the group: all its rows are like this one.
    #[must_use]
    pub fn example(&self, group: usize) -> usize {
        self.first[group] as usize
    }

    /// Splits the groups by the keys of one more column, which are smaller than `size` or none.
    fn split(&mut self, keys: &[u32], size: usize) {
        assert_eq!(keys.len(), self.of.len(), "columns of one batch are of one length");
        let width = size + 1;
        if width == 1 || self.first.len() == self.of.len() {
            return;
        }
        match self.first.len().checked_mul(width).filter(|size| *size <= TABLE) {
            Some(size) => self.split_by_table(keys, width, size),
            None => self.split_by_map(keys),
        }
    }

    fn split_by_table(&mut self, keys: &[u32], width: usize, size: usize) {
        let mut numbers = vec![u32::MAX; size];
        let none = width - 1;
        self.first.clear();
        for (row, (group, key)) in (0..).zip(self.of.iter_mut().zip(keys)) {
            let number = &mut numbers[*group as usize * width + none.min(*key as usize)];
            if *number == u32::MAX {
                *number = next(&mut self.first, row);
            }
            *group = *number;
        }
    }

    fn split_by_map(&mut self, keys: &[u32]) {
        let mut numbers: HashMap<u64, u32, BuildHasherDefault<Mixed>> = HashMap::default();
        self.first.clear();
        for (row, (group, key)) in (0..).zip(self.of.iter_mut().zip(keys)) {
            let pair = u64::from(*group) << 32 | u64::from(*key);
            *group = *numbers.entry(pair).or_insert_with(|| next(&mut self.first, row));
        }
    }
}

fn next(first: &mut Vec<u32>, row: u32) -> u32 {
    first.push(row);
    u32::try_from(first.len() - 1).expect("there are no more groups than rows")
}

/// Spreads numbers that are small and close to each other; they are ours, so nobody can choose them to collide.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mixed(u64);

impl Hasher for Mixed {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.write_u64(u64::from_ne_bytes(*word)));
        rest.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use proptest::prelude::*;

    use super::*;
    use crate::rows::Rows;

    proptest! {
        #[test]
        fn rows_are_in_one_group_exactly_when_they_agree_in_all_columns(
            rows in prop::collection::vec((prop::option::of("[ab]"), prop::option::of("[a-z]{1,2}"), "[xyz]"), 0..300),
        ) {
            let column = |texts: Vec<Option<&str>>| Arc::new(StringArray::from(texts)) as ArrayRef;
            let batch = RecordBatch::try_from_iter_with_nullable([
                ("verb", column(rows.iter().map(|row| row.0.as_deref()).collect()), true),
                ("user", column(rows.iter().map(|row| row.1.as_deref()).collect()), true),
                ("name", column(rows.iter().map(|row| Some(row.2.as_str())).collect()), true),
            ]).unwrap();
            let batch = Rows::new(&batch);
            let (verb, user, name) = (batch.text("verb"), batch.text("user"), batch.text("name"));
            let groups = Groups::by(&[&verb, &user, &name]);
            let mut seen = BTreeMap::new();
            for (index, row) in rows.iter().enumerate() {
                let group = groups.of(index);
                prop_assert_eq!(*seen.entry(row.clone()).or_insert(group), group);
                prop_assert_eq!(&rows[groups.example(group)], row);
            }
            prop_assert_eq!(seen.len(), groups.len());
        }
    }
}
