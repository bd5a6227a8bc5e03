//! A JSON text as a tree, refused where and as the API server's decoder refuses it.
//!
//! Promises: strict JSON; never recurses; keys that occur twice are all kept. Faults have the decoder's words.

use super::{DEEPEST, Entry, Fault, Key, KeyType, Node, Place, Value};
use crate::go_text;

/// Reads one JSON value with nothing behind it.
pub(super) fn read(text: &str) -> Result<Node, Fault> {
    let mut reader = Reader { text, at: 0, mark: (0, Place::START) };
    reader.document().map_err(|fault| Fault {
        message: format!("couldn't get version/kind; json parse error: {}", fault.message),
        place: fault.place,
    })
}

/// An object or array that is still open.
struct Open {
    place: Place,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map(Vec<Entry>, Option<(String, Place)>),
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// A position at or before `at` whose place is known.
    mark: (usize, Place),
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Node, Fault> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            self.skip_space();
            let mut node = match self.value(&mut open)? {
                Some(node) => node,
                None => continue,
            };
            // A value is complete: put it where it belongs, and close what it completes.
            loop {
                let Some(innermost) = open.last_mut() else {
                    self.skip_space();
                    return if self.at == self.text.len() {
                        Ok(node)
                    } else {
                        Err(self.invalid("after top-level value"))
                    };
                };
                innermost.content.take(node);
                if self.goes_on(&mut open)? {
                    break;
                }
                node = self.close(&mut open);
            }
        }
    }

    /// A value that is complete, or `None` when one with members was opened.
    fn value(&mut self, open: &mut Vec<Open>) -> Result<Option<Node>, Fault> {
        let place = self.place();
        let value = match self.peek() {
            Some('{') => return self.open(open, Content::Map(Vec::new(), None), '}'),
            Some('[') => return self.open(open, Content::List(Vec::new()), ']'),
            Some('"') => Value::Text(self.string()?),
            Some('t') => self.literal("true", Value::Bool(true))?,
            Some('f') => self.literal("false", Value::Bool(false))?,
            Some('n') => self.literal("null", Value::Null)?,
            Some('-' | '0'..='9') => self.number()?,
            _ => return Err(self.invalid("looking for beginning of value")),
        };
        Ok(Some(Node { place, value }))
    }

    fn open(&mut self, open: &mut Vec<Open>, content: Content, close: char) -> Result<Option<Node>, Fault> {
        if open.len() == DEEPEST {
            return Err(Fault { message: "exceeded max depth".to_owned(), place: self.place() });
        }
        let is_map = close == '}';
        open.push(Open { place: self.place(), content });
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(close) {
            return Ok(Some(self.close(open)));
        }
        if is_map {
            self.key(open, "looking for beginning of object key string")?;
        }
        Ok(None)
    }

    /// Over the closing bracket, which is known to be there.
    fn close(&mut self, open: &mut Vec<Open>) -> Node {
        self.at += 1;
        let closed = open.pop().expect("only called with something open");
        let value = match closed.content {
            Content::List(items) => Value::List(items),
            Content::Map(entries, _) => Value::Map(entries),
        };
        Node { place: closed.place, value }
    }

    /// Over a comma, and a key; `false` at the closing bracket.
    fn goes_on(&mut self, open: &mut [Open]) -> Result<bool, Fault> {
        self.skip_space();
        let is_map = matches!(open.last(), Some(Open { content: Content::Map(..), .. }));
        match (self.peek(), is_map) {
            (Some(','), _) => self.at += 1,
            (Some('}'), true) | (Some(']'), false) => return Ok(false),
            (_, true) => return Err(self.invalid("after object key:value pair")),
            (_, false) => return Err(self.invalid("after array element")),
        }
        if is_map {
            self.skip_space();
            self.key(open, "looking for beginning of object key string")?;
        }
        Ok(true)
    }

    fn key(&mut self, open: &mut [Open], context: &str) -> Result<(), Fault> {
        if self.peek() != Some('"') {
            return Err(self.invalid(context));
        }
        let place = self.place();
        let text = self.string()?;
        self.skip_space();
        if self.peek() != Some(':') {
            return Err(self.invalid("after object key"));
        }
        self.at += 1;
        if let Some(Open { content: Content::Map(_, key), .. }) = open.last_mut() {
            *key = Some((text, place));
        }
        Ok(())
    }

    fn string(&mut self) -> Result<String, Fault> {
        let inner = self.at + 1;
        self.at = inner;
        loop {
            match self.peek() {
                Some('"') => {
                    let text = crate::text::unescape(&self.text.as_bytes()[inner..self.at]).into_owned();
                    self.at += 1;
                    return Ok(text);
                }
                Some('\\') => self.escape()?,
                Some(c) if c >= ' ' => self.at += c.len_utf8(),
                _ => return Err(self.invalid("in string literal")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        self.at += 1;
        match self.peek() {
            Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => self.at += 1,
            Some('u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|c| c.is_ascii_hexdigit()) {
                        return Err(self.invalid("in \\u hexadecimal character escape"));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.invalid("in string escape code")),
        }
        Ok(())
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, Fault> {
        for expected in word.chars() {
            if self.peek() != Some(expected) {
                return Err(self.invalid(&format!("in literal {word} (expecting '{expected}')")));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        if self.peek() == Some('-') {
            self.at += 1;
        }
        if self.peek() == Some('0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some('.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            if matches!(self.peek(), Some('+' | '-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(Value::Number(self.text[start..self.at].to_owned()))
    }

    fn digits(&mut self, context: &str) -> Result<(), Fault> {
        let from = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == from { Err(self.invalid(context)) } else { Ok(()) }
    }

    fn skip_space(&mut self) {
        self.at = crate::scan::skip_space(self.text.as_bytes(), self.at);
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn invalid(&mut self, context: &str) -> Fault {
        let message = match self.text.as_bytes().get(self.at) {
            Some(byte) => format!("invalid character {} {context}", go_text::quoted_byte(*byte)),
            None => "unexpected end of JSON input".to_owned(),
        };
        Fault { message, place: self.place() }
    }

    /// The place of `at`. Counted on from the last one, so that all places together cost one walk.
    fn place(&mut self) -> Place {
        let (from, mut place) = self.mark;
        for c in self.text[from..self.at].chars() {
            place = match c {
                '\n' => Place { line: place.line + 1, column: 1 },
                _ => Place { line: place.line, column: place.column + 1 },
            };
        }
        self.mark = (self.at, place);
        place
    }
}

impl Content {
    fn take(&mut self, node: Node) {
        match self {
            Content::List(items) => items.push(node),
            Content::Map(entries, key) => {
                let (text, key_place) = key.take().expect("a value in an object follows its key");
                let key = Key { text, plain_type: KeyType::Text };
                entries.push(Entry { key, key_place, value: node, merged: false });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Value, read};
    use crate::policy::document::Place;

    fn message(text: &str) -> String {
        read(text).unwrap_err().message.replace("couldn't get version/kind; json parse error: ", "")
    }

    #[test]
    fn a_tree_knows_its_places_and_keeps_both_of_two_equal_keys() {
        let root = read("{\"a\": [1,\n  {\"é\": \"x\"}], \"a\": null}").unwrap();
        let Value::Map(entries) = root.value else { panic!("no map") };
        assert_eq!(entries.len(), 2);
        let Value::List(items) = &entries[0].value.value else { panic!("no list") };
        assert_eq!(items[1].place, Place { line: 2, column: 3 });
        assert_eq!(
            (entries[1].key_place, &entries[1].value.value),
            (Place { line: 2, column: 16 }, &Value::Null)
        );
    }

    #[test]
    fn faults_have_the_words_of_the_servers_decoder() {
        assert_eq!(message("{} x"), "invalid character 'x' after top-level value");
        assert_eq!(message("{\"a\" 1}"), "invalid character '1' after object key");
        assert_eq!(message("{\"a\":1 2}"), "invalid character '2' after object key:value pair");
        assert_eq!(message("{\"a\":[1 2]}"), "invalid character '2' after array element");
        assert_eq!(message("{\"a\":1,}"), "invalid character '}' looking for beginning of object key string");
        assert_eq!(message("{\"a\":tru}"), "invalid character '}' in literal true (expecting 'e')");
        assert_eq!(message("{\"a\":\"\n\"}"), "invalid character '\\n' in string literal");
        assert_eq!(message("{\"a\":'x'}"), "invalid character '\\'' looking for beginning of value");
        assert_eq!(message("{\"a\":1"), "unexpected end of JSON input");
        assert_eq!(message(&format!("{{\"a\":{}", "[".repeat(100_000))), "exceeded max depth");
    }
}
