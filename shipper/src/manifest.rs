//! Which lines a record holds: number, size as read, and what had to be done to each.
//!
//! It lies before the body in a record's payload, so that a body can be taken apart into its events and each event
//! still be accounted for. Numbers rise; sizes are varints.

use crate::account::Tally;

/// One event of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) number: u64,
    /// Bytes of the line as it was read, with its newline.
    pub(crate) read_bytes: u64,
    /// It had to be shrunk to fit the intake's limit.
    pub(crate) shrunk: bool,
    /// Its invalid UTF-8 became U+FFFD.
    pub(crate) replaced: bool,
}

impl Listed {
    pub(crate) fn tally(&self) -> Tally {
        Tally::one(self.read_bytes)
    }
}

/// Writes the list: count, then each as (number less the one before, size times four plus marks).
pub(crate) fn write(list: &[Listed], out: &mut Vec<u8>) {
    put(list.len() as u64, out);
    let mut before = 0;
    for listed in list {
        put(listed.number.wrapping_sub(before), out);
        let marks = u64::from(listed.shrunk) | u64::from(listed.replaced) << 1;
        put(listed.read_bytes << 2 | marks, out);
        before = listed.number;
    }
}

/// Reads what [`write`] wrote, and what follows it; None when it is not whole.
pub(crate) fn read(mut from: &[u8]) -> Option<(Vec<Listed>, &[u8])> {
    let count = usize::try_from(take(&mut from)?).ok().filter(|&count| count <= from.len())?;
    let mut list = Vec::with_capacity(count);
    let mut before = 0u64;
    for _ in 0..count {
        let number = before.wrapping_add(take(&mut from)?);
        let size = take(&mut from)?;
        let (shrunk, replaced) = (size & 1 != 0, size & 2 != 0);
        list.push(Listed { number, read_bytes: size >> 2, shrunk, replaced });
        before = number;
    }
    Some((list, from))
}

fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read_and_what_follows_is_left(
            list in prop::collection::vec((any::<u64>(), 0u64..1 << 62, any::<bool>(), any::<bool>()), 0..50),
            rest in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let list: Vec<Listed> = list
                .into_iter()
                .map(|(number, read_bytes, shrunk, replaced)| Listed { number, read_bytes, shrunk, replaced })
                .collect();
            let mut written = Vec::new();
            write(&list, &mut written);
            written.extend_from_slice(&rest);
            prop_assert_eq!(read(&written), Some((list, &rest[..])));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
