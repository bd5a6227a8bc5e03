//! Items become a record batch (format 2), ready but for what is known only when it is sent.
//!
//! The batch in the spool has no producer, no sequence and no checksum yet; where its offset will be lies the hash of
//! its key, so that a retry finds the partition without unpacking. [`seal`] sets these in a copy: that is all that a
//! retry costs. Items and batch hold the same, so that a batch can be taken apart into its items again.
//!
//! Invariant: a batch has at most [`HEADER`] bytes more than its items, and [`MOST_GROWTH`] for each.

use std::io;
use std::ops::Range;

use bytes::Bytes;

use super::{HEAD, codec, item_at, murmur2, not_ours, varint};
use crate::config::KafkaCompression;

/// Bytes of a batch before its records.
pub(super) const HEADER: usize = 61;

/// Most bytes that a record has more than its item: 5 for its length, 1, 10 for its time, 2 for its place, instead of
/// an item's 12.
pub(super) const MOST_GROWTH: usize = 6;

const OFFSET: Range<usize> = 0..8;
const LENGTH: Range<usize> = 8..12;
const LEADER_EPOCH: Range<usize> = 12..16;
const MAGIC: usize = 16;
const CHECKSUM: Range<usize> = 17..21;
const ATTRIBUTES: Range<usize> = 21..23;
const LAST: Range<usize> = 23..27;
const FIRST_TIME: Range<usize> = 27..35;
const GREATEST_TIME: Range<usize> = 35..43;
const PRODUCER: Range<usize> = 43..51;
const EPOCH: Range<usize> = 51..53;
const SEQUENCE: Range<usize> = 53..57;
const COUNT: Range<usize> = 57..61;

/// Stands for the hash where there is no key.
const NO_KEY: i64 = -1;

/// Who sends a batch, and where it stands among what was sent to its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) producer: i64,
    pub(super) epoch: i16,
    pub(super) sequence: i32,
}

/// Appends the items `raw`, at least one, as a batch.
pub(super) fn write(raw: &[u8], codec: KafkaCompression, out: &mut Vec<u8>) -> io::Result<()> {
    let mut records = Vec::with_capacity(raw.len());
    let (mut at, mut count) = (0, 0);
    let (mut first, mut greatest, mut hash) = (0, 0, NO_KEY);
    while at < raw.len() {
        let item = item_at(raw, at).ok_or_else(not_ours)?;
        at = item.end;
        let (head, rest) = raw[item].split_at(HEAD);
        let time = i64::from_be_bytes(head[4..].try_into().expect("a head ends with eight bytes"));
        if count == 0 {
            (first, greatest, hash) = (time, time, hash_of(rest));
        }
        greatest = greatest.max(time);
        put_record(time - first, count, rest, &mut records);
        count += 1;
    }
    let mut packed = codec::compress(codec, &records)?;
    let mut number = codec::number(codec);
    if packed.len() >= records.len() {
        (packed, number) = (records, 0);
    }
    let mut header = [0; HEADER];
    let length = (HEADER - LENGTH.end + packed.len()) as u32;
    header[OFFSET].copy_from_slice(&hash.to_be_bytes());
    header[LENGTH].copy_from_slice(&length.to_be_bytes());
    header[LEADER_EPOCH].copy_from_slice(&(-1i32).to_be_bytes());
    header[MAGIC] = 2;
    header[ATTRIBUTES].copy_from_slice(&u16::from(number).to_be_bytes());
    header[LAST].copy_from_slice(&(count - 1).to_be_bytes());
    header[FIRST_TIME].copy_from_slice(&first.to_be_bytes());
    header[GREATEST_TIME].copy_from_slice(&greatest.to_be_bytes());
    header[COUNT].copy_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(&packed);
    Ok(())
}

fn put_record(time: i64, place: i32, rest: &[u8], out: &mut Vec<u8>) {
    let mut head = vec![0]; // attributes, of which there are none
    varint::put(time, &mut head);
    varint::put(i64::from(place), &mut head);
    varint::put((head.len() + rest.len()) as i64, out);
    out.extend_from_slice(&head);
    out.extend_from_slice(rest);
}

fn hash_of(mut record: &[u8]) -> i64 {
    let key = varint::take_bytes(&mut record).flatten();
    key.map_or(NO_KEY, |key| i64::from(murmur2::positive(key)))
}

/// The items of a batch that [`write`] made, `length` bytes of them.
pub(super) fn read(batch: &[u8], length: usize) -> io::Result<Vec<u8>> {
    let (header, packed) = batch.split_at_checked(HEADER).ok_or_else(not_ours)?;
    if header[MAGIC] != 2 {
        return Err(not_ours());
    }
    let count = count(batch).ok_or_else(not_ours)?;
    let first = number(batch, FIRST_TIME);
    let most = length.saturating_add((count as usize).saturating_mul(MOST_GROWTH));
    let records = codec::decompress(header[ATTRIBUTES.end - 1] & 7, packed, most)?;
    let (mut rest, mut raw) = (&records[..], Vec::with_capacity(length));
    while !rest.is_empty() {
        let mut record = varint::take_bytes(&mut rest).flatten().ok_or_else(not_ours)?;
        record = record.get(1..).ok_or_else(not_ours)?;
        let time = varint::take(&mut record).ok_or_else(not_ours)?;
        varint::take(&mut record).ok_or_else(not_ours)?;
        let item = (HEAD - 4 + record.len()) as u32;
        raw.extend_from_slice(&item.to_be_bytes());
        raw.extend_from_slice(&first.wrapping_add(time).to_be_bytes());
        raw.extend_from_slice(record);
    }
    if raw.len() != length {
        return Err(io::Error::other(format!("a body of {} bytes should have {length}", raw.len())));
    }
    Ok(raw)
}

/// How many records a batch has; None when it is none.
pub(super) fn count(batch: &[u8]) -> Option<u32> {
    let count = i32::from_be_bytes(batch.get(COUNT)?.try_into().ok()?);
    u32::try_from(count).ok().filter(|&count| count > 0)
}

/// The hash of the key of a batch's records, if they have one.
pub(super) fn key_hash(batch: &[u8]) -> Option<u32> {
    u32::try_from(number(batch, OFFSET)).ok()
}

/// Whether a batch is packed with zstd, which old brokers cannot read.
pub(super) fn is_zstd(batch: &[u8]) -> bool {
    batch.get(ATTRIBUTES.end - 1).is_some_and(|byte| byte & 7 == codec::number(KafkaCompression::Zstd))
}

/// The batch as it is sent.
pub(super) fn seal(batch: &[u8], seal: Seal) -> Bytes {
    let mut sealed = batch.to_vec();
    sealed[OFFSET].fill(0);
    sealed[PRODUCER].copy_from_slice(&seal.producer.to_be_bytes());
    sealed[EPOCH].copy_from_slice(&seal.epoch.to_be_bytes());
    sealed[SEQUENCE].copy_from_slice(&seal.sequence.to_be_bytes());
    let checksum = crc32c::crc32c(&sealed[CHECKSUM.end..]);
    sealed[CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
    sealed.into()
}

fn number(batch: &[u8], place: Range<usize>) -> i64 {
    batch.get(place).and_then(|bytes| bytes.try_into().ok()).map_or(NO_KEY, i64::from_be_bytes)
}
