//! Streams of one entry each become one stream for each set of labels, and these the former again.
//!
//! Promise: what is packed is unpacked byte for byte. Entries with their number in the metadata are put in the order
//! of their times, and back into that of their numbers; those without stay as they are, and only neighbours with the
//! same labels become one stream.

use std::io;

use bytes::Bytes;

use super::entry::{ENTRY, LABELS, STREAM, number, time, without};
use crate::intake::protobuf::{bytes_in, bytes_size, fields, put_bytes, put_head};

/// A set of labels, and the entries that have it.
type Stream<'a> = (&'a [u8], Vec<&'a [u8]>);

/// Appends a request of streams of one entry as it is sent.
pub(super) fn pack(raw: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let merged = joined(&merged(raw)?);
    out.extend_from_slice(&packed(&merged)?);
    Ok(())
}

fn packed(request: &[u8]) -> io::Result<Vec<u8>> {
    snap::raw::Encoder::new().compress_vec(request).map_err(io::Error::other)
}

/// The request that a body holds, of `most` bytes at most.
fn request(body: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let announced = snap::raw::decompress_len(body).map_err(io::Error::other)?;
    if announced > most {
        return Err(io::Error::other(format!("a body of {announced} bytes should have {most} at most")));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(io::Error::other)
}

/// What [`pack`] packed, without its metadata; None where it has none.
pub(super) fn without_metadata(body: &[u8], most: usize) -> io::Result<Option<Bytes>> {
    let request = request(body, most)?;
    let streams = streams_of(&request)?;
    let mut found = false;
    let mut bare = Vec::with_capacity(streams.len());
    for (labels, entries) in streams {
        let less: Vec<Vec<u8>> = entries.iter().map(|entry| without(entry)).collect();
        found |= less.iter().zip(&entries).any(|(less, entry)| less.len() < entry.len());
        bare.push((labels, less));
    }
    let bare: Vec<Stream<'_>> =
        bare.iter().map(|(labels, entries)| (*labels, entries.iter().map(Vec::as_slice).collect())).collect();
    if !found { Ok(None) } else { packed(&joined(&bare)).map(|body| Some(body.into())) }
}

/// What [`pack`] packed, of `length` bytes.
pub(super) fn unpack(body: &Bytes, length: usize) -> io::Result<Bytes> {
    let raw = taken_apart(&request(body, length)?)?;
    if raw.len() != length {
        return Err(io::Error::other(format!("a body of {} bytes should have {length}", raw.len())));
    }
    Ok(raw.into())
}

fn merged(raw: &[u8]) -> io::Result<Vec<Stream<'_>>> {
    let mut streams: Vec<Stream<'_>> = Vec::new();
    let singles = streams_of(raw)?;
    let free = singles.iter().all(|(_, entries)| entries.iter().all(|entry| number(entry).is_some()));
    for (labels, entries) in singles {
        let near = if free { streams.len() } else { 1 };
        match streams.iter_mut().rev().take(near).find(|stream| stream.0 == labels) {
            Some(stream) => stream.1.extend(entries),
            None => streams.push((labels, entries)),
        }
    }
    if free {
        streams.iter_mut().for_each(|(_, entries)| entries.sort_by_key(|entry| time(entry)));
    }
    Ok(streams)
}

fn taken_apart(merged: &[u8]) -> io::Result<Vec<u8>> {
    let streams = streams_of(merged)?;
    let mut singles: Vec<(Option<u64>, Stream<'_>)> = streams
        .into_iter()
        .flat_map(|(labels, entries)| {
            entries.into_iter().map(move |entry| (number(entry), (labels, vec![entry])))
        })
        .collect();
    if singles.iter().all(|(number, _)| number.is_some()) {
        singles.sort_by_key(|(number, _)| *number);
    }
    Ok(joined(&singles.into_iter().map(|(_, stream)| stream).collect::<Vec<_>>()))
}

fn streams_of(request: &[u8]) -> io::Result<Vec<Stream<'_>>> {
    let one = |stream: &[u8]| -> io::Result<()> { fields(stream).try_for_each(|field| field.map(drop)) };
    let mut streams = Vec::new();
    for field in fields(request) {
        let field = field?;
        let stream = field.bytes_of(STREAM).ok_or_else(|| io::Error::other("a request holds no stream"))?;
        one(stream)?;
        let labels = bytes_in(stream, LABELS)?.bytes_of(LABELS).unwrap_or_default();
        let entries = fields(stream).flatten().filter_map(|field| field.bytes_of(ENTRY)).collect();
        streams.push((labels, entries));
    }
    Ok(streams)
}

fn joined(streams: &[Stream<'_>]) -> Vec<u8> {
    let mut request = Vec::new();
    for (labels, entries) in streams {
        let inside: usize = entries.iter().map(|entry| bytes_size(ENTRY, entry.len())).sum();
        put_head(STREAM, bytes_size(LABELS, labels.len()) + inside, &mut request);
        put_bytes(LABELS, labels, &mut request);
        entries.iter().for_each(|entry| put_bytes(ENTRY, entry, &mut request));
    }
    request
}
