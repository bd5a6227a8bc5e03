//! Walking over JSON text by its bytes, without building anything.
//!
//! Promises: never recurses, never allocates, never panics on any input, looks at every byte at most once per
//! call. Positions are byte offsets into the text; `None` means that the text is not JSON at this place. What is
//! stepped over is held to the form of its outermost layer only; [`crate::is_json_object`] holds every byte to it.

mod blocks;

use memchr::memchr2;
use std::ops::Range;

/// A member of a JSON object: where its key begins (the quote), and where its value begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) key_start: usize,
    pub(crate) key_end: usize,
    pub(crate) value_start: usize,
}

impl Member {
    /// The key between its quotes, still escaped.
    pub(crate) fn raw_key<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.key_start + 1..self.key_end - 1).unwrap_or_default()
    }
}

/// The first position at or behind `at` that is no JSON white space.
#[inline]
pub(crate) fn skip_space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// The position behind the string that begins (with its quote) at `at`.
#[inline]
pub(crate) fn skip_string(text: &[u8], at: usize) -> Option<usize> {
    if *text.get(at)? != b'"' {
        return None;
    }
    let mut from = at + 1;
    loop {
        let found = from + quote_or_backslash(text.get(from..)?)?;
        if text[found] == b'"' {
            return Some(found + 1);
        }
        from = found + 2;
    }
}

/// Where the first of the two is. Most strings are short: their words are looked at here, and only what is longer is
/// worth a call.
#[inline]
fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    const WORDS: usize = 4;
    for (number, bytes) in text.as_chunks::<8>().0.iter().take(WORDS).enumerate() {
        let word = u64::from_le_bytes(*bytes);
        let found = blocks::bytes_like(word, b'"') | blocks::bytes_like(word, b'\\');
        if found != 0 {
            return Some(number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let seen = text.len().min(WORDS * 8) / 8 * 8;
    memchr2(b'"', b'\\', &text[seen..]).map(|at| seen + at)
}

/// The position behind the value that begins at `at`.
#[inline]
pub(crate) fn skip_value(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => skip_string(text, at),
        b'{' | b'[' => blocks::skip_container(text, at),
        _ => skip_scalar(text, at),
    }
}

fn skip_scalar(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let length = rest
        .iter()
        .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'))
        .unwrap_or(rest.len());
    let scalar = &rest[..length];
    let literal = matches!(scalar, b"true" | b"false" | b"null");
    let number = || {
        scalar.first().is_some_and(|first| *first == b'-' || first.is_ascii_digit())
            && scalar
                .iter()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'))
    };
    (literal || number()).then_some(at + length)
}

/// A walk over the members of an object, or over the elements of an array.
///
/// The caller asks for the next member, steps over its value (or into it), and says where that ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    first: bool,
}

/// What a [`Walk`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<T> {
    /// The next member or element.
    Item(T),
    /// The closing bracket; the position is the one behind it.
    End(usize),
}

impl<'a> Walk<'a> {
    /// Into the object that begins at `at`.
    pub(crate) fn object(text: &'a [u8], at: usize) -> Option<Walk<'a>> {
        (*text.get(at)? == b'{').then_some(Walk { text, at: at + 1, first: true })
    }

    /// Into the array that begins at `at`.
    pub(crate) fn array(text: &'a [u8], at: usize) -> Option<Walk<'a>> {
        (*text.get(at)? == b'[').then_some(Walk { text, at: at + 1, first: true })
    }

    /// The next member of the object.
    #[inline]
    pub(crate) fn next_member(&mut self) -> Option<Step<Member>> {
        let key_start = match self.next_start(b'}')? {
            Step::End(end) => return Some(Step::End(end)),
            Step::Item(start) => start,
        };
        let key_end = skip_string(self.text, key_start)?;
        let colon = skip_space(self.text, key_end);
        if *self.text.get(colon)? != b':' {
            return None;
        }
        let value_start = skip_space(self.text, colon + 1);
        Some(Step::Item(Member { key_start, key_end, value_start }))
    }

    /// Where the next element of the array begins.
    #[inline]
    pub(crate) fn next_element(&mut self) -> Option<Step<usize>> {
        self.next_start(b']')
    }

    fn next_start(&mut self, close: u8) -> Option<Step<usize>> {
        let at = skip_space(self.text, self.at);
        let byte = *self.text.get(at)?;
        if self.first {
            self.first = false;
            return Some(if byte == close { Step::End(at + 1) } else { Step::Item(at) });
        }
        match byte {
            b',' => Some(Step::Item(skip_space(self.text, at + 1))),
            _ if byte == close => Some(Step::End(at + 1)),
            _ => None,
        }
    }

    /// The value that was handed out last ends here.
    #[inline]
    pub(crate) fn resume(&mut self, value_end: usize) {
        self.at = value_end;
    }
}

/// The members of an object with their values stepped over: `(member, value)`; ends at the first fault.
pub(crate) fn members(object: &[u8]) -> impl Iterator<Item = (Member, Range<usize>)> {
    let mut walk = Walk::object(object, 0);
    std::iter::from_fn(move || {
        let inside = walk.as_mut()?;
        let Some(Step::Item(member)) = inside.next_member() else {
            walk = None;
            return None;
        };
        let end = skip_value(object, member.value_start)?;
        inside.resume(end);
        Some((member, member.value_start..end))
    })
}

/// The elements of an array, each as its range; ends at the first fault.
pub(crate) fn elements(array: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut walk = Walk::array(array, 0);
    std::iter::from_fn(move || {
        let inside = walk.as_mut()?;
        let Some(Step::Item(start)) = inside.next_element() else {
            walk = None;
            return None;
        };
        let end = skip_value(array, start)?;
        inside.resume(end);
        Some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::{elements, members, skip_value};

    #[test]
    fn a_value_ends_where_json_says_it_ends() {
        for value in [r#""a\"b\\""#, "{}", "[]", r#"{"a":"}]","b":[{"c":"\\\""}]}"#, "-1.5e3", "true", "null"]
        {
            let text = format!("{value},{{");
            assert_eq!(skip_value(text.as_bytes(), 0), Some(value.len()), "{value}");
        }
    }

    #[test]
    fn an_unfinished_value_has_no_end() {
        for value in [r#""a"#, r#""a\"#, "{", r#"{"a":"}"#, "[[]", "tru", "x", "", r#""\"#] {
            assert_eq!(skip_value(value.as_bytes(), 0), None, "{value}");
        }
    }

    #[test]
    fn members_and_elements_are_found_around_white_space() {
        let object = br#"{ "a" : 1 , "b":[ 2 , "x" ] }"#;
        let found: Vec<_> = members(object)
            .map(|(member, value)| (member.raw_key(object).to_vec(), object[value].to_vec()))
            .collect();
        assert_eq!(found, [(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), br#"[ 2 , "x" ]"#.to_vec())]);
        let array = &found[1].1;
        assert_eq!(
            elements(array).map(|range| array[range].to_vec()).collect::<Vec<_>>(),
            [b"2".to_vec(), br#""x""#.to_vec()]
        );
    }
}
