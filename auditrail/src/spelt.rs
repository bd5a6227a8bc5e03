//! Text that clients wrote, in each format of an answer.
//!
//! Promises: nothing in it moves a cursor, turns the direction of writing or hides itself, whatever shows the answer; a
//! parser of JSON or YAML reads the text as it was; no text in CSV is a formula to a spreadsheet.

use std::fmt::{self, Write as _};

use audit::is_hidden;
use serde::de::{self, MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_saphyr::DoubleQuoted;

/// For people: hidden characters as `\u{202e}`.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is_hidden(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    shown
}

/// For CSV: as for people, and with `'` before what a spreadsheet would compute. Numbers stay numbers.
pub(crate) fn cell(text: &str) -> String {
    let cell = shown(text);
    if is_formula(&cell) { format!("'{cell}") } else { cell }
}

/// Blanks in front and wide forms count, since some programs drop those and narrow these. A tab or an end of a line in
/// front is spelt out by then.
fn is_formula(cell: &str) -> bool {
    let text = cell.trim_start();
    let begins = text.starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let is_sign = text == "-" || text == "+";
    let digits = text.ends_with(|c: char| c.is_ascii_digit());
    let is_number = digits && text.parse::<f64>().is_ok();
    begins && !is_sign && !is_number
}

/// JSON with hidden characters as `\u202e`: the same to every parser.
pub(crate) fn json(text: String) -> String {
    if is_plain(&text) {
        return text;
    }
    let mut spelt = String::with_capacity(text.len());
    for c in text.chars() {
        if stays_hidden(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                push(&mut spelt, format_args!("\\u{unit:04x}"));
            }
        } else {
            spelt.push(c);
        }
    }
    spelt
}

/// YAML with hidden characters as `\u202E` in double quotes: the same to every parser, but for names of fields, which
/// are spelt as for people.
///
/// # Errors
/// When it cannot be said in YAML.
pub(crate) fn yaml<T: Serialize>(told: &T) -> anyhow::Result<String> {
    let text = serde_saphyr::to_string(told)?;
    if is_plain(&text) || !text.contains(stays_hidden) {
        return Ok(text);
    }
    let told: Node = serde_json::from_str(&serde_json::to_string(told)?)?;
    let quoted = serde_saphyr::to_string(&told)?;
    let mut spelt = String::with_capacity(quoted.len());
    for c in quoted.chars() {
        match c as u32 {
            _ if !stays_hidden(c) => spelt.push(c),
            code @ ..0x1_0000 => push(&mut spelt, format_args!("\\u{code:04X}")),
            code => push(&mut spelt, format_args!("\\U{code:08X}")),
        }
    }
    Ok(spelt)
}

/// Most answers are, and long ones need not be looked at by characters.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte <= b'~')
}

/// What JSON and YAML leave as it is in texts; other controls are escaped by them, or lay the document out.
fn stays_hidden(c: char) -> bool {
    c > '~' && is_hidden(c)
}

fn push(text: &mut String, part: fmt::Arguments<'_>) {
    text.write_fmt(part).expect("writing to a string cannot fail");
}

/// What is told, in its order, to put hidden characters into double quotes.
enum Node {
    Null,
    Truth(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    Fields(Vec<(String, Node)>),
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Node::Null => serializer.serialize_unit(),
            Node::Truth(truth) => truth.serialize(serializer),
            Node::Number(number) => number.serialize(serializer),
            Node::Text(text) if text.contains(stays_hidden) => DoubleQuoted(text).serialize(serializer),
            Node::Text(text) => text.serialize(serializer),
            Node::List(list) => list.serialize(serializer),
            Node::Fields(fields) => {
                serializer.collect_map(fields.iter().map(|(name, node)| (shown(name), node)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Node, E> {
        Ok(Node::Truth(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(serde_json::Number::from_f64(number).map_or(Node::Null, Node::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{cell, is_hidden, json as spelt_json, shown, yaml};

    #[test]
    fn no_name_moves_the_cursor_or_turns_the_writing() {
        assert_eq!(shown("a\u{1b}[2Jb\u{202e}c\r\n"), "a\\u{1b}[2Jb\\u{202e}c\\u{d}\\u{a}");
        assert_eq!(shown("größe 名 🙂"), "größe 名 🙂");
    }

    #[test]
    fn what_a_spreadsheet_would_compute_has_a_quote_before_it_and_numbers_have_none() {
        for formula in
            ["=cmd|'/c calc'!A1", "+1+1", "-1+1", "@SUM(A1)", " =1", "\u{ff1d}1", "-inf", "+5 kg", "=1"]
        {
            assert_eq!(cell(formula), format!("'{formula}"));
        }
        for plain in ["", "-5", "+5", "-1.5", "-2e7", "-", "+", "1-1", "a=b", "'a", "audit.log"] {
            assert_eq!(cell(plain), plain);
        }
        assert_eq!(cell("\t=1\u{7f}\r\n"), "\\u{9}=1\\u{7f}\\u{d}\\u{a}");
    }

    #[test]
    fn yaml_without_hidden_characters_is_laid_out_as_ever_and_with_them_keeps_order_and_numbers() {
        #[derive(serde::Serialize)]
        struct Told<'t> {
            user: &'t str,
            count: u64,
            average: f64,
            absent: Option<u64>,
            lines: &'t str,
        }
        let told =
            |user| yaml(&Told { user, count: 2, average: 1.0, absent: None, lines: "a\nb\n" }).unwrap();
        let rest = "count: 2\naverage: 1.0\nabsent: null\nlines: |\n  a\n  b\n";
        assert_eq!(told("a"), format!("user: a\n{rest}"));
        assert_eq!(
            told("a\u{202e}\u{9b}\"\u{e0041}"),
            format!("user: \"a\\u202E\\x9B\\\"\\U000E0041\"\n{rest}")
        );
    }

    proptest! {
        #[test]
        fn every_parser_reads_the_text_as_it_was(
            text in "[\\x00-\\x7f\u{80}-\u{a0}\u{ad}\u{200b}-\u{206f}\u{feff}\u{e0020}-\u{e0041}é🙂]{0,20}",
        ) {
            let told = json!({"a": [text], "b": {"c": text}});
            let spelt = spelt_json(told.to_string());
            prop_assert!(!spelt.contains(is_hidden));
            prop_assert_eq!(&serde_json::from_str::<Value>(&spelt).unwrap(), &told);
            let spelt = yaml(&told).unwrap();
            prop_assert!(!spelt.contains(|c| is_hidden(c) && !"\t\n".contains(c)), "{:?}", spelt);
            prop_assert_eq!(serde_saphyr::from_str::<Value>(&spelt).unwrap(), told);
            prop_assert!(!cell(&text).contains(is_hidden));
        }
    }
}
