//! As whom requests acted, where that was somebody else.
//!
//! Promise: two rows have one number exactly where name, groups, UID and extra are the same (but for one text twice in a
//! dictionary).

use std::collections::HashMap;

use audit::rbac::{Request, impersonations};

use crate::rows::{Lists, NONE, Rows, Text};

/// Impersonated users of rows.
pub(super) struct Acting<'b> {
    name: Text<'b>,
    /// In which groups that is.
    pub(super) groups: Lists<'b>,
    uid: Text<'b>,
    extra: Text<'b>,
    /// A number for whom each row acted as, [`NONE`] where it acted for itself.
    numbers: Vec<u32>,
    size: usize,
}

impl<'b> Acting<'b> {
    pub(super) fn of(rows: &Rows<'b>) -> Acting<'b> {
        let [name, uid, extra] =
            ["impersonated_user", "impersonated_uid", "impersonated_extra"].map(|column| rows.text(column));
        let groups = rows.lists("impersonated_groups");
        let mut known = HashMap::new();
        let mut number = |row: usize| {
            let list: Vec<&str> = groups.at(row).collect();
            let next = u32::try_from(known.len()).expect("a batch has fewer than 2^32 rows");
            *known.entry((name.key(row), list, uid.key(row), extra.key(row))).or_insert(next)
        };
        let acts = |row: &usize| name.key(*row) != NONE;
        let mut numbers = vec![NONE; rows.len()];
        (0..rows.len()).filter(acts).for_each(|row| numbers[row] = number(row));
        let size = known.len();
        Acting { name, groups, uid, extra, numbers, size }
    }

    /// The numbers of all rows, and how many there are.
    pub(super) fn numbers(&self) -> (&[u32], usize) {
        (&self.numbers, self.size)
    }

    pub(super) fn number(&self, row: usize) -> u32 {
        self.numbers[row]
    }

    /// As whom the row acted.
    pub(super) fn name(&self, row: usize) -> Option<&'b str> {
        self.name.at(row)
    }

    /// What has to be allowed for that.
    pub(super) fn asked(&self, row: usize) -> Vec<Request> {
        let Some(name) = self.name(row) else { return Vec::new() };
        let extra = self.extra.or_empty(row).as_bytes();
        impersonations(name, self.groups.at(row), self.uid.at(row), extra)
    }
}
