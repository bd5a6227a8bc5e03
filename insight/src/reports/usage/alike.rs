//! Rows that are alike, counted together before anything is made of their texts.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use audit::rbac::{Observation, Request, Target, Via, Who};

use super::columns::Columns;
use super::known::{Alike, Known, Use};
use super::numbered::Texts;
use crate::groups::Mixed;
use crate::rows::{NONE, Text};

/// Rows by what they say.
pub(super) struct Kinds<'c, 'b> {
    columns: &'c Columns<'b>,
    /// The kinds of each group, by whether the namespace is that of the request.
    of_group: Vec<[Slot; 2]>,
    of_path: HashMap<(usize, &'b str), Slot>,
    all: Vec<Kind>,
}

/// The place of a kind, once there is one.
type Slot = Option<u32>;

struct Kind {
    /// A row of it.
    row: usize,
    placed: bool,
    alike: Alike,
    /// Those of them that created something.
    created: Option<Alike>,
}

impl<'c, 'b> Kinds<'c, 'b> {
    /// Those of these rows, each of which shows a use.
    pub(super) fn of(columns: &'c Columns<'b>, rows: &[u32]) -> Kinds<'c, 'b> {
        let groups = columns.groups(rows);
        let of_group = vec![[None; 2]; groups.len()];
        let mut kinds = Kinds { columns, of_group, of_path: HashMap::new(), all: Vec::new() };
        for (at, row) in rows.iter().enumerate() {
            kinds.add(groups.of(at), *row as usize);
        }
        kinds
    }

    fn add(&mut self, group: usize, row: usize) {
        let columns = self.columns;
        let (code, time) = (columns.codes[row], columns.times[row]);
        let count = u64::from(columns.counts(row));
        let forbidden = columns.allowed(row) == Some(true) && code == 403;
        let forbidden_after = if forbidden { count } else { 0 };
        let one = Alike { count, forbidden_after, first: time, last: time };
        let placed = !columns.may_be_of_body(row) || columns.is_placed(row);
        let slot = match columns.is_of_path(row) {
            true => self.of_path.entry((group, columns.path(row))).or_default(),
            false => &mut self.of_group[group][usize::from(placed)],
        };
        let kind = match slot {
            Some(kind) => {
                let kind = &mut self.all[*kind as usize];
                kind.alike.add(one);
                kind
            }
            None => {
                *slot = u32::try_from(self.all.len()).ok();
                self.all.push(Kind { row, placed, alike: one, created: None });
                self.all.last_mut().expect("one was added")
            }
        };
        if code == 201 {
            let one = Alike { forbidden_after: 0, ..one };
            kind.created.get_or_insert(Alike { count: 0, ..one }).add(one);
        }
    }

    /// Adds all to what is known.
    pub(super) fn tell(self, known: &mut Known) {
        let mut numbers = Numbers::default();
        known.expect(self.all.len());
        self.all.iter().for_each(|kind| numbers.tell(self.columns, kind, known));
    }
}

/// Which numbers texts of the columns have among those that are known.
#[derive(Default)]
struct Numbers {
    whos: HashMap<(u32, u32, u32), u32, BuildHasherDefault<Mixed>>,
    /// Verb, group, resource, subresource and namespace.
    texts: [Column; 5],
    name: Column,
    reason: Column,
}

/// Numbers of the texts of a column, as far as they were asked for.
#[derive(Default)]
struct Column(Vec<u32>);

impl Numbers {
    fn tell(&mut self, columns: &Columns<'_>, kind: &Kind, known: &mut Known) {
        let row = kind.row;
        let allowed = columns.allowed(row) == Some(true);
        let of = self.of_use(columns, kind, known);
        let named =
            of.path == NONE && (columns.is_of_subresource(row) || columns.verb.or_empty(row) != "create");
        let via = self.reason.number(&columns.reason, row, |reason| {
            let written = reason.parse::<Via>().ok().map(|via| via.to_string());
            written.map_or(NONE, |reason| known.texts.number(&reason))
        });
        let via = Some(via).filter(|via| *via != NONE);
        let mut name = |texts: &mut Texts| match named {
            true => self.name.number(&columns.name, row, |name| texts.number(name)),
            false => texts.number(""),
        };
        known.add(of, allowed, kind.alike, &mut name, via);
        let writes = || matches!(columns.verb.or_empty(row), "patch" | "update");
        if let Some(created) =
            kind.created.filter(|_| allowed && of.path == NONE && !columns.is_of_subresource(row) && writes())
        {
            let verb = known.texts.number("create");
            known.add(Use { verb, ..of }, true, created, &mut name, None);
        }
        self.tell_asked(columns, kind, known);
    }

    /// What was asked for to act as somebody else is a use of its own.
    fn tell_asked(&self, columns: &Columns<'_>, kind: &Kind, known: &mut Known) {
        let Alike { count, first, last, .. } = kind.alike;
        for request in columns.acting.asked(kind.row) {
            let who = Who::new(columns.user.or_empty(kind.row), columns.user_groups.at(kind.row));
            known.observe(&Observation {
                who,
                request,
                allowed: true,
                count,
                forbidden_after: 0,
                first,
                last,
                via: None,
            });
        }
    }

    fn of_use(&mut self, columns: &Columns<'_>, kind: &Kind, known: &mut Known) -> Use {
        let row = kind.row;
        let who = (columns.user.key(row), columns.lists.0[row], columns.acting.number(row));
        let who = *self.whos.entry(who).or_insert_with(|| {
            let (name, groups) = columns.who(row);
            known.who(name, groups)
        });
        let texts =
            [&columns.verb, &columns.group, &columns.resource, &columns.subresource, &columns.namespace];
        let mut at = 0;
        let [verb, mut group, mut resource, mut subresource, mut namespace] = texts.map(|text| {
            at += 1;
            self.texts[at - 1].number(text, row, |text| known.texts.number(text))
        });
        let mut path = NONE;
        if columns.is_of_path(row) {
            [group, resource, subresource, namespace] = [known.texts.number(""); 4];
            if let Target::Path(decoded) = Request::uri("", columns.path(row)).target {
                path = known.texts.number(&decoded);
            }
        } else if !kind.placed {
            namespace = known.texts.number("");
        }
        Use { who, verb, group, resource, subresource, namespace, path }
    }
}

impl Column {
    /// The number of the row's text, or that of the empty text.
    fn number(&mut self, column: &Text<'_>, row: usize, number: impl FnOnce(&str) -> u32) -> u32 {
        // The last place is that of no text.
        let at = column.size().min(column.key(row) as usize);
        if self.0.is_empty() {
            self.0 = vec![NONE; column.size() + 1];
        }
        if self.0[at] == NONE {
            self.0[at] = number(column.or_empty(row));
        }
        self.0[at]
    }
}
