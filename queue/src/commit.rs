//! The mark that ends an operation: what it removed and which state it set.
//!
//! Promise: decoding bytes from outside never panics; what was encoded decodes to the same.

use crate::entry::Put;
use crate::wire::{Reader, put_string};

/// Ends an operation in a segment. Data records before it belong to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Commit {
    /// How many data records the operation has.
    pub(crate) records: u32,
    /// Up to where its segment was known to be durable when the operation was written.
    pub(crate) durable: u64,
    /// Positions that it removed.
    pub(crate) removals: Vec<u64>,
    /// State that it set.
    pub(crate) puts: Vec<Put>,
}

impl Commit {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.records.to_le_bytes());
        out.extend_from_slice(&self.durable.to_le_bytes());
        out.extend_from_slice(&(self.removals.len() as u32).to_le_bytes());
        for position in &self.removals {
            out.extend_from_slice(&position.to_le_bytes());
        }
        encode_puts(&self.puts, out);
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Commit> {
        let mut reader = Reader(bytes);
        let (records, durable) = (reader.u32()?, reader.u64()?);
        let count = reader.u32()? as usize;
        let removals = reader.take(count.checked_mul(8)?)?;
        let removals = removals.chunks_exact(8).filter_map(|bytes| Reader(bytes).u64()).collect();
        Some(Commit { records, durable, removals, puts: decode_puts(&mut reader)? })
    }

    /// Bytes that [`Commit::encode`] makes of this many removals and these puts.
    pub(crate) fn encoded_len(removals: usize, puts: &[Put]) -> usize {
        let puts: usize =
            puts.iter().map(|put| 9 + put.key.len() + put.value.as_ref().map_or(0, Vec::len)).sum();
        20 + 8 * removals + puts
    }
}

/// Appends state changes, also as the snapshot in a segment's header.
pub(crate) fn encode_puts(puts: &[Put], out: &mut Vec<u8>) {
    out.extend_from_slice(&(puts.len() as u32).to_le_bytes());
    for Put { key, value } in puts {
        put_string(out, key);
        out.push(u8::from(value.is_some()));
        put_string(out, value.as_deref().unwrap_or_default());
    }
}

pub(crate) fn decode_puts(reader: &mut Reader<'_>) -> Option<Vec<Put>> {
    let count = reader.u32()?;
    let mut puts = Vec::new();
    for _ in 0..count {
        let key = reader.string()?.to_vec();
        let set = reader.u8()? == 1;
        let value = reader.string()?.to_vec();
        puts.push(Put { key, value: set.then_some(value) });
    }
    Some(puts)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_encoded_decodes_to_the_same(
            (records, durable) in any::<(u32, u64)>(),
            removals in vec(any::<u64>(), 0..5),
            puts in vec((vec(any::<u8>(), 0..9), proptest::option::of(vec(any::<u8>(), 0..9))), 0..5),
        ) {
            let puts: Vec<Put> = puts.into_iter().map(|(key, value)| Put { key, value }).collect();
            let commit = Commit { records, durable, removals, puts };
            let mut bytes = Vec::new();
            commit.encode(&mut bytes);
            prop_assert_eq!(bytes.len(), Commit::encoded_len(commit.removals.len(), &commit.puts));
            prop_assert_eq!(Commit::decode(&bytes), Some(commit));
        }

        #[test]
        fn bytes_from_outside_never_panic(bytes in vec(any::<u8>(), 0..64)) {
            let _ = Commit::decode(&bytes);
        }
    }
}
