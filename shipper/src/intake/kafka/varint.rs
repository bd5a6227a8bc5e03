//! Numbers and texts as they lie in a Kafka record: zigzag varints, and bytes behind their length.
//!
//! Promise: reading never panics, and never takes more than there is.

/// Most bytes of a number.
const MOST: u32 = 10;

/// Appends a number.
pub(super) fn put(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends bytes behind their length.
pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

/// Takes a number off the front; None where there is none.
pub(super) fn take(from: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for at in 0..MOST {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    None
}

/// Takes bytes off the front, Some(None) for those that are null; None where there are none.
pub(super) fn take_bytes<'a>(from: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = take(from)?;
    if length == -1 {
        return Some(None);
    }
    let (bytes, rest) = from.split_at_checked(usize::try_from(length).ok()?)?;
    *from = rest;
    Some(Some(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_spelt_as_the_protocol_spells_them() {
        for (value, spelt) in [(0, &[0][..]), (-1, &[1]), (1, &[2]), (-64, &[127]), (64, &[128, 1])] {
            let mut out = Vec::new();
            put(value, &mut out);
            assert_eq!(out, spelt, "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_was_put_is_taken(value: i64, bytes: Vec<u8>) {
            let mut out = Vec::new();
            put(value, &mut out);
            put_bytes(&bytes, &mut out);
            let mut rest = &out[..];
            prop_assert_eq!(take(&mut rest), Some(value));
            prop_assert_eq!(take_bytes(&mut rest), Some(Some(&bytes[..])));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let mut rest = &bytes[..];
            let _ = (take(&mut rest), take_bytes(&mut rest));
        }
    }
}
