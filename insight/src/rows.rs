//! Rows of the table `events`, column by column, wherever they come from.
//!
//! Promises: a column reads the same whether its texts came as a dictionary (from a file of the lake) or one by one
//! (from recorded lines); what is null is None; asking for a column that was not read is a fault of the program and
//! panics with its name.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, DictionaryArray, MapArray, RecordBatch, StringArray};

use crate::groups::Mixed;

/// The key of no text in [`Text::key`].
pub const NONE: u32 = u32::MAX;

/// Texts that repeat, so that they are worth a dictionary. `audit_id` and `request_uri` hardly do.
pub(crate) const REPEATING: [&str; 23] = [
    "cluster",
    "node",
    "stage",
    "level",
    "verb",
    "user",
    "impersonated_user",
    "impersonated_uid",
    "impersonated_extra",
    "api_group",
    "api_version",
    "resource",
    "subresource",
    "namespace",
    "name",
    "scope",
    "reason",
    "decision",
    "authz_reason",
    "user_agent",
    "client",
    "source_ip",
    "origin",
];

/// Lists of texts that repeat, of which only what scans files makes dictionaries.
pub(crate) const REPEATING_LISTS: [&str; 2] = ["groups", "impersonated_groups"];

/// Some rows.
#[derive(Debug)]
pub struct Rows<'b> {
    batch: &'b RecordBatch,
}

impl<'b> Rows<'b> {
    /// The rows of a batch.
    #[must_use]
    pub fn new(batch: &'b RecordBatch) -> Rows<'b> {
        Rows { batch }
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A column of texts, each with a number that stands for it among these rows; for grouping.
    #[must_use]
    pub fn text(&self, column: &str) -> Text<'b> {
        match dictionary(self.column(column)) {
            Some(texts) => Text::of_dictionary(texts),
            None => Text::of_each(self.column(column).as_string()),
        }
    }

    /// A column of texts, one by one; for looking some of them up.
    #[must_use]
    pub fn words(&self, column: &str) -> Words<'b> {
        match dictionary(self.column(column)) {
            Some(texts) => Words { keys: Some(texts), texts: texts.values().as_string() },
            None => Words { keys: None, texts: self.column(column).as_string() },
        }
    }

    /// A column of times, in microseconds since 1970 (UTC).
    pub fn times(&self, column: &str) -> impl Fn(usize) -> Option<i64> + use<'b> {
        let times = self.column(column).as_primitive::<TimestampMicrosecondType>();
        move |row| times.is_valid(row).then(|| times.value(row))
    }

    /// A column of 64-bit numbers.
    pub fn numbers(&self, column: &str) -> impl Fn(usize) -> Option<i64> + use<'b> {
        let numbers = self.column(column).as_primitive::<Int64Type>();
        move |row| numbers.is_valid(row).then(|| numbers.value(row))
    }

    /// The column `code`.
    pub fn codes(&self) -> impl Fn(usize) -> Option<i32> + use<'b> {
        let codes = self.column("code").as_primitive::<Int32Type>();
        move |row| codes.is_valid(row).then(|| codes.value(row))
    }

    /// A column of lists of texts; none where there are none.
    #[must_use]
    pub fn lists(&self, column: &str) -> Lists<'b> {
        let lists = self.column(column).as_list::<i32>();
        let keys = dictionary(lists.values());
        let texts = keys.map_or_else(|| lists.values(), |keys| keys.values());
        Lists {
            ends: lists.value_offsets(),
            keys: keys.map(|keys| &keys.keys().values()[..]),
            texts: texts.as_string(),
        }
    }

    /// The column `annotations`.
    #[must_use]
    pub fn annotations(&self) -> Annotations<'b> {
        let maps = self.column("annotations").as_map();
        Annotations { maps, keys: maps.keys().as_string(), values: maps.values().as_string() }
    }

    /// The column `raw`: the lines.
    pub fn lines(&self) -> impl Fn(usize) -> &'b [u8] + use<'b> {
        let lines = self.column("raw").as_binary::<i32>();
        move |row| lines.value(row)
    }

    fn column(&self, name: &str) -> &'b ArrayRef {
        let column = self.batch.column_by_name(name);
        column.unwrap_or_else(|| panic!("column `{name}` is used but was not asked for"))
    }
}

fn dictionary(column: &ArrayRef) -> Option<&DictionaryArray<Int32Type>> {
    column.as_dictionary_opt::<Int32Type>()
}

/// A column of texts, with a number for each that is the same wherever the text is the same, or [`NONE`]. (In rare
/// cases one text has two numbers.)
#[derive(Debug)]
pub struct Text<'b> {
    keys: Vec<u32>,
    values: Values<'b>,
}

#[derive(Debug)]
enum Values<'b> {
    Array(&'b StringArray),
    List(Vec<&'b str>),
}

impl<'b> Text<'b> {
    fn of_dictionary(texts: &'b DictionaryArray<Int32Type>) -> Text<'b> {
        let keys = texts.keys();
        let key = |key: Option<i32>| key.and_then(|key| u32::try_from(key).ok()).unwrap_or(NONE);
        let keys = match keys.null_count() {
            0 => keys.values().iter().map(|number| key(Some(*number))).collect(),
            _ => keys.iter().map(key).collect(),
        };
        Text { keys, values: Values::Array(texts.values().as_string()) }
    }

    fn of_each(texts: &'b StringArray) -> Text<'b> {
        let (mut numbers, mut values) = (HashMap::new(), Vec::new());
        let mut number = |text: &'b str| {
            *numbers.entry(text).or_insert_with(|| {
                values.push(text);
                u32::try_from(values.len() - 1).expect("a batch has fewer than 2^32 rows")
            })
        };
        let keys = texts.iter().map(|text| text.map_or(NONE, &mut number)).collect();
        Text { keys, values: Values::List(values) }
    }

    /// The number of the row's text.
    #[must_use]
    pub fn key(&self, row: usize) -> u32 {
        self.keys[row]
    }

    /// The numbers of all rows.
    pub(crate) fn keys(&self) -> &[u32] {
        &self.keys
    }

    /// How many numbers there are at most; all are smaller.
    pub(crate) fn size(&self) -> usize {
        match &self.values {
            Values::Array(texts) => texts.len(),
            Values::List(texts) => texts.len(),
        }
    }

    /// The row's text.
    #[must_use]
    pub fn at(&self, row: usize) -> Option<&'b str> {
        self.of_key(self.keys[row])
    }

    /// The row's text, empty when there is none.
    #[must_use]
    pub fn or_empty(&self, row: usize) -> &'b str {
        self.at(row).unwrap_or_default()
    }

    /// The text with this number.
    #[must_use]
    pub fn of_key(&self, key: u32) -> Option<&'b str> {
        let key = usize::try_from(key).ok().filter(|_| key != NONE)?;
        Some(match &self.values {
            Values::Array(texts) => texts.value(key),
            Values::List(texts) => texts[key],
        })
    }

    /// What this makes of the text of each number.
    pub fn each<T>(&self, of: impl Fn(&str) -> T) -> Vec<T> {
        let all = 0..u32::try_from(self.size()).unwrap_or(NONE);
        all.map(|key| of(self.of_key(key).unwrap_or_default())).collect()
    }

    /// For each number whether its text is so, to be asked by [`Text::key`]; nothing is so of no text.
    pub fn which(&self, is: impl Fn(&str) -> bool) -> impl Fn(usize) -> bool {
        let so = self.each(is);
        move |row| so.get(self.keys[row] as usize).copied().unwrap_or(false)
    }
}

/// A column of texts, one by one.
#[derive(Debug)]
pub struct Words<'b> {
    keys: Option<&'b DictionaryArray<Int32Type>>,
    texts: &'b StringArray,
}

impl<'b> Words<'b> {
    /// The row's text.
    #[must_use]
    pub fn at(&self, row: usize) -> Option<&'b str> {
        let row = match self.keys {
            Some(texts) => texts.key(row)?,
            None => row,
        };
        self.texts.is_valid(row).then(|| self.texts.value(row))
    }
}

/// A column of lists of texts.
#[derive(Debug)]
pub struct Lists<'b> {
    ends: &'b [i32],
    /// Which texts the lists have, when they have them from a dictionary; never null.
    keys: Option<&'b [i32]>,
    texts: &'b StringArray,
}

impl<'b> Lists<'b> {
    /// The row's texts.
    pub fn at(&self, row: usize) -> impl Iterator<Item = &'b str> + Clone + use<'b> {
        let (keys, texts) = (self.keys, self.texts);
        self.places(row).map(move |at| texts.value(keys.map_or(at, |keys| place(keys[at]))))
    }

    /// Whether any text of a row is so, which is asked once of each text of a dictionary.
    pub fn any<F: Fn(&str) -> bool>(&self, is: F) -> impl Fn(usize) -> bool + use<'b, F> {
        let so: Vec<bool> = (0..self.texts.len()).map(|at| is(self.texts.value(at))).collect();
        let (ends, keys) = (self.ends, self.keys);
        move |row| {
            let mut texts = place(ends[row])..place(ends[row + 1]);
            texts.any(|at| so[keys.map_or(at, |keys| place(keys[at]))])
        }
    }

    /// For each row a number that is the same exactly where the list is the same, but for one text twice in a
    /// dictionary; and how many there are.
    #[must_use]
    pub fn numbers(&self) -> (Vec<u32>, usize) {
        let each;
        let keys = match self.keys {
            Some(keys) => keys,
            None => {
                each = numbered(self.texts);
                &each
            }
        };
        let mut known: HashMap<&[i32], u32, BuildHasherDefault<Mixed>> = HashMap::default();
        let mut last: (&[i32], u32) = (&[], NONE);
        let rows = 0..self.ends.len() - 1;
        let numbers = rows.map(|row| {
            let list = &keys[self.places(row)];
            if last.1 == NONE || last.0 != list {
                let next = u32::try_from(known.len()).expect("a batch has fewer than 2^32 rows");
                last = (list, *known.entry(list).or_insert(next));
            }
            last.1
        });
        (numbers.collect(), known.len())
    }

    fn places(&self, row: usize) -> Range<usize> {
        place(self.ends[row])..place(self.ends[row + 1])
    }
}

fn place(offset: i32) -> usize {
    usize::try_from(offset).expect("offsets are never negative")
}

/// A number for each text that is the same where the text is.
fn numbered(texts: &StringArray) -> Vec<i32> {
    let mut known = HashMap::new();
    let mut number = |text| {
        let next = i32::try_from(known.len()).expect("a batch has fewer than 2^31 texts");
        *known.entry(text).or_insert(next)
    };
    texts.iter().map(|text| number(text.unwrap_or_default())).collect()
}

/// The annotations of rows.
#[derive(Debug)]
pub struct Annotations<'b> {
    maps: &'b MapArray,
    keys: &'b StringArray,
    values: &'b StringArray,
}

impl<'b> Annotations<'b> {
    /// The row's annotations with their keys.
    pub fn at(&self, row: usize) -> impl Iterator<Item = (&'b str, &'b str)> + use<'b> {
        let ends = self.maps.value_offsets();
        let (keys, values) = (self.keys, self.values);
        (place(ends[row])..place(ends[row + 1])).map(move |at| (keys.value(at), values.value(at)))
    }

    /// The row's annotation with this key.
    #[must_use]
    pub fn get(&self, row: usize, key: &str) -> Option<&'b str> {
        self.at(row).find(|(name, _)| *name == key).map(|(_, value)| value)
    }
}
