//! JSON as a tree that forgets nothing but the blanks between tokens.
//!
//! Promise: keys keep their order, their spelling and their doubles, and values their spelling.

/// The deepest nesting that is read; what is deeper is no matter of trees.
const DEEPEST: usize = 100;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// Keys as they stand between their quotes, and values.
    Object(Vec<(Vec<u8>, Tree)>),
    /// Elements.
    List(Vec<Tree>),
    /// A string with its quotes, a number, or a word.
    Leaf(Vec<u8>),
}

impl Tree {
    /// Reads text that is known to be JSON; `None` when it is nested too deep.
    pub fn read(text: &[u8]) -> Option<Tree> {
        value(&mut Tokens { text, at: 0 }, DEEPEST)
    }

    /// The text without blanks.
    pub fn print(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.print_to(&mut out);
        out
    }

    fn print_to(&self, out: &mut Vec<u8>) {
        match self {
            Tree::Leaf(text) => out.extend_from_slice(text),
            Tree::List(elements) => {
                out.push(b'[');
                for (number, element) in elements.iter().enumerate() {
                    if number > 0 {
                        out.push(b',');
                    }
                    element.print_to(out);
                }
                out.push(b']');
            }
            Tree::Object(members) => {
                out.push(b'{');
                for (number, (key, value)) in members.iter().enumerate() {
                    out.extend_from_slice(if number > 0 { b",\"" } else { b"\"" });
                    out.extend_from_slice(key);
                    out.extend_from_slice(b"\":");
                    value.print_to(out);
                }
                out.push(b'}');
            }
        }
    }

    /// Whether every string and every key is text: valid UTF-8, and no half of a pair of escapes.
    pub fn is_text(&self) -> bool {
        match self {
            Tree::Leaf(text) => text[0] != b'"' || unquoted(text).is_some(),
            Tree::List(elements) => elements.iter().all(Tree::is_text),
            Tree::Object(members) => {
                members.iter().all(|(key, value)| name(key).is_some() && value.is_text())
            }
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<String> {
        match self {
            Tree::Leaf(text) => unquoted(text),
            _ => None,
        }
    }

    /// The members of an object; of what is none, none.
    pub fn members(&self) -> &[(Vec<u8>, Tree)] {
        match self {
            Tree::Object(members) => members,
            _ => &[],
        }
    }

    /// The elements of a list; of what is none, none.
    pub fn elements(&self) -> &[Tree] {
        match self {
            Tree::List(elements) => elements,
            _ => &[],
        }
    }

    /// All values of a key.
    pub fn all<'t>(&'t self, wanted: &str) -> impl Iterator<Item = &'t Tree> {
        self.members().iter().filter(move |(key, _)| is_named(key, wanted)).map(|(_, value)| value)
    }

    /// The value of a key that counts: the last one that is not null, since null says nothing.
    pub fn last(&self, wanted: &str) -> Option<&Tree> {
        self.all(wanted).filter(|value| **value != Tree::Leaf(b"null".to_vec())).last()
    }
}

/// The text of a key.
pub fn name(key: &[u8]) -> Option<String> {
    unquoted(&[b"\"", key, b"\""].concat())
}

/// Whether a key is this name, however it is spelt.
pub fn is_named(key: &[u8], wanted: &str) -> bool {
    name(key).as_deref() == Some(wanted)
}

fn unquoted(text: &[u8]) -> Option<String> {
    serde_json::from_slice(text).ok()
}

struct Tokens<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Tokens<'t> {
    /// The byte that the next token begins with.
    fn peek(&mut self) -> u8 {
        while matches!(self.text[self.at], b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.text[self.at]
    }

    /// Over a bracket, a colon or a comma, if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == byte;
        self.at += usize::from(is_next);
        is_next
    }

    /// A string, a number or a word.
    fn leaf(&mut self) -> &'t [u8] {
        let quoted = self.peek() == b'"';
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.text.get(self.at) {
            match (quoted, byte) {
                (true, b'\\') => self.at += 1,
                (true, b'"') => {
                    self.at += 1;
                    break;
                }
                (false, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') => break,
                _ => {}
            }
            self.at += 1;
        }
        &self.text[start..self.at]
    }
}

fn value(tokens: &mut Tokens<'_>, depth: usize) -> Option<Tree> {
    match tokens.peek() {
        b'{' | b'[' if depth == 0 => None,
        b'{' => {
            let mut members = Vec::new();
            tokens.take(b'{');
            while !tokens.take(b'}') {
                let key = tokens.leaf();
                tokens.take(b':');
                members.push((key[1..key.len() - 1].to_vec(), value(tokens, depth - 1)?));
                tokens.take(b',');
            }
            Some(Tree::Object(members))
        }
        b'[' => {
            let mut elements = Vec::new();
            tokens.take(b'[');
            while !tokens.take(b']') {
                elements.push(value(tokens, depth - 1)?);
                tokens.take(b',');
            }
            Some(Tree::List(elements))
        }
        _ => Some(Tree::Leaf(tokens.leaf().to_vec())),
    }
}
