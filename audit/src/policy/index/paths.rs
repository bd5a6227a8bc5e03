//! `nonResourceURLs`: which rules accept which paths.
//!
//! Promise: an entry is the path itself, or, with a star at its end, the beginning of one; the cost follows the number
//! of different lengths of such beginnings, not that of entries.

use super::column::{Accepted, Column};
use crate::policy::matching::Conditions;
use std::collections::BTreeMap;

/// The rules by path.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    exact: Column,
    beginnings: Vec<(usize, Column)>,
}

impl Paths {
    pub(super) fn new(rules: &[&Conditions]) -> Paths {
        let mut exact: Vec<Accepted<'_>> = Vec::new();
        let mut by_length: BTreeMap<usize, Vec<Accepted<'_>>> = BTreeMap::new();
        for (rule, conditions) in rules.iter().enumerate() {
            let urls = &conditions.non_resource_urls;
            let open = urls.is_empty() || urls.iter().any(|url| url == "*");
            exact.push((!open).then(|| urls.iter().map(String::as_str).collect()));
            for beginning in urls.iter().filter_map(|url| url.strip_suffix('*')) {
                let beginning = beginning.trim_end_matches('*');
                let column =
                    by_length.entry(beginning.len()).or_insert_with(|| vec![Some(vec![]); rules.len()]);
                column[rule].get_or_insert_default().push(beginning);
            }
        }
        let beginnings = by_length.into_iter().map(|(length, column)| (length, Column::new(&column)));
        Paths { exact: Column::new(&exact), beginnings: beginnings.collect() }
    }

    /// Which of 64 rules accept the path.
    pub(super) fn word(&self, path: &[u8], word: usize) -> u64 {
        let beginnings = self
            .beginnings
            .iter()
            .map_while(|(length, column)| Some(column.accepting(path.get(..*length)?)[word]));
        beginnings.fold(self.exact.accepting(path)[word], |rules, more| rules | more)
    }
}
