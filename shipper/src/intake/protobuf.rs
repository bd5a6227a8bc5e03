//! Protocol Buffers' wire format, as little of it as log protocols need: exact sizes first, then bytes.
//!
//! Promises: what is written is the canonical encoding; what is read never panics and is never copied.

use std::io;
use std::ops::Range;

const INT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// Most bytes of a field's number and length together.
pub(crate) const MOST_HEAD: usize = 12;

/// Appends a number.
pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes of a number.
pub(crate) fn varint_size(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Bytes of a field that has `length` bytes of its own.
pub(crate) fn bytes_size(field: u64, length: usize) -> usize {
    varint_size(field << 3) + varint_size(length as u64) + length
}

/// Bytes of a field that is a number.
pub(crate) fn int_size(field: u64, value: u64) -> usize {
    varint_size(field << 3) + varint_size(value)
}

/// Appends what stands before the `length` bytes of a field.
pub(crate) fn put_head(field: u64, length: usize, out: &mut Vec<u8>) {
    put_varint(field << 3 | BYTES, out);
    put_varint(length as u64, out);
}

/// Appends a field of bytes: a text or a message.
pub(crate) fn put_bytes(field: u64, value: &[u8], out: &mut Vec<u8>) {
    put_head(field, value.len(), out);
    out.extend_from_slice(value);
}

/// Appends a field that is a number.
pub(crate) fn put_int(field: u64, value: u64, out: &mut Vec<u8>) {
    put_varint(field << 3 | INT, out);
    put_varint(value, out);
}

/// Appends a field that is a number of eight bytes.
pub(crate) fn put_fixed64(field: u64, value: u64, out: &mut Vec<u8>) {
    put_varint(field << 3 | FIXED64, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A field of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) number: u64,
    pub(crate) value: Value<'a>,
    /// Where it lies in the message, with its number.
    pub(crate) place: Range<usize>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Int(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    /// The bytes, when it is field `number` and has bytes.
    pub(crate) fn bytes_of(&self, number: u64) -> Option<&'a [u8]> {
        match self.value {
            Value::Bytes(bytes) if self.number == number => Some(bytes),
            _ => None,
        }
    }

    /// The number, when it is field `number` and has one.
    pub(crate) fn int_of(&self, number: u64) -> Option<u64> {
        match self.value {
            Value::Int(value) if self.number == number => Some(value),
            _ => None,
        }
    }
}

/// The fields of a message, one after the other; ends after the first that is not whole.
pub(crate) struct Fields<'a> {
    message: &'a [u8],
    at: usize,
}

/// Reads a message.
pub(crate) fn fields(message: &[u8]) -> Fields<'_> {
    Fields { message, at: 0 }
}

/// The first field `number` of a message that has bytes.
///
/// # Errors
/// When there is none.
pub(crate) fn bytes_in(message: &[u8], number: u64) -> io::Result<Field<'_>> {
    for field in fields(message) {
        let field = field?;
        if field.bytes_of(number).is_some() {
            return Ok(field);
        }
    }
    Err(io::Error::other(format!("a message lacks its field {number}")))
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.message.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let end = self.at.checked_add(usize::try_from(length).ok()?)?;
        let taken = self.message.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn field(&mut self) -> Option<Field<'a>> {
        let start = self.at;
        let key = self.varint()?;
        let value = match key & 7 {
            INT => Value::Int(self.varint()?),
            BYTES => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            FIXED64 => Value::Int(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            FIXED32 => Value::Int(u32::from_le_bytes(self.take(4)?.try_into().ok()?).into()),
            _ => return None,
        };
        Some(Field { number: key >> 3, value, place: start..self.at })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = io::Result<Field<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.message.len() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.at = self.message.len();
        }
        Some(field.ok_or_else(|| io::Error::other("a message breaks off in the middle of a field")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sizes_are_exact_and_fields_come_back(
            number in 1u64..1 << 20,
            value in any::<u64>(),
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut out = Vec::new();
            put_int(number, value, &mut out);
            prop_assert_eq!(out.len(), int_size(number, value));
            let first = out.len();
            put_bytes(number, &bytes, &mut out);
            prop_assert_eq!(out.len() - first, bytes_size(number, bytes.len()));
            prop_assert!(out.len() - first - bytes.len() <= MOST_HEAD);
            let second = out.len();
            put_fixed64(number, value, &mut out);
            let found: Vec<Field<'_>> = fields(&out).map(Result::unwrap).collect();
            prop_assert_eq!(found, [
                Field { number, value: Value::Int(value), place: 0..first },
                Field { number, value: Value::Bytes(&bytes), place: first..second },
                Field { number, value: Value::Int(value), place: second..out.len() },
            ]);
            prop_assert!(fields(&out[..out.len() - 1]).last().unwrap().is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(fields(&bytes).count() <= bytes.len());
        }
    }
}
