//! Receipts read back, page by page, by a running shipper or from its directory.
//!
//! Promise: a page takes a bounded memory; what is being appended or removed meanwhile disturbs nothing.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Seek, SeekFrom};
use std::path::Path;

use proto::NotDone;
use proto::v1::{DeliveryReceipt, ReceiptsReply, ReceiptsRequest};

use super::RECEIPTS;
use super::book::{begins_in, path_of};
use super::line::Line;
use crate::dead::hexadecimal;

/// Receipts of a page, and the most of one.
const PAGE: u32 = 100;
const MOST: u32 = 1000;

/// Bytes of receipts, as stored, after which a page is full.
const MOST_BYTES: usize = 2 << 20;

/// Longest line that can be a receipt, in bytes: that of a batch of the shortest lines, each second of them filtered.
const LONGEST: u64 = 16 << 20;

/// Where a page begins: destination, file, and byte in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    destination: String,
    begun_us: u64,
    offset: u64,
}

/// The receipts in a directory of spools, also of destinations that are configured no more. Blocking.
///
/// # Errors
/// When the request cannot be meant, or the disk cannot be read.
pub fn receipts_in(spools: &Path, request: &ReceiptsRequest) -> Result<ReceiptsReply, NotDone> {
    let wanted = Wanted::of(request)?;
    let unreadable = |error: io::Error| {
        NotDone::NotNow(format!("the receipts in {} cannot be read: {error}", spools.display()))
    };
    let mut reply = ReceiptsReply::default();
    for destination in destinations_in(spools).map_err(unreadable)? {
        let chosen = request.destination.is_empty() || request.destination == destination;
        if !chosen || destination < wanted.from.destination {
            continue;
        }
        let next = wanted.read(spools, &destination, &mut reply.receipts).map_err(unreadable)?;
        if let Some(Place { destination, begun_us, offset }) = next {
            reply.next_page = format!("{destination}/{begun_us}/{offset}");
            break;
        }
    }
    Ok(reply)
}

/// What is asked for.
struct Wanted<'a> {
    origin: &'a str,
    queue: Option<String>,
    number: u64,
    most: usize,
    from: Place,
    /// Bytes of the page so far.
    taken: Cell<usize>,
}

impl Wanted<'_> {
    fn of(request: &ReceiptsRequest) -> Result<Wanted<'_>, NotDone> {
        let queue = match request.queue.as_slice() {
            [] => None,
            queue => {
                let bytes = queue.try_into();
                let bytes = bytes.map_err(|_| NotDone::Invalid("a queue's id has 16 bytes".to_owned()))?;
                Some(hexadecimal(bytes))
            }
        };
        let page = || NotDone::Invalid("`page` is none that a reply gave".to_owned());
        let from = if request.page.is_empty() { Some(Place::default()) } else { Place::read(&request.page) };
        let most = if request.page_size == 0 { PAGE } else { request.page_size.min(MOST) };
        Ok(Wanted {
            origin: &request.origin,
            queue,
            number: request.number,
            most: most as usize,
            from: from.ok_or_else(page)?,
            taken: Cell::new(0),
        })
    }

    /// Adds receipts of a destination; the place to go on when the page is full.
    fn read(
        &self,
        spools: &Path,
        destination: &str,
        receipts: &mut Vec<DeliveryReceipt>,
    ) -> io::Result<Option<Place>> {
        let dir = spools.join(destination).join(RECEIPTS);
        let resumed = self.from.destination == destination;
        let first = if resumed { self.from.begun_us } else { 0 };
        for begun_us in begins_in(&dir)?.into_iter().filter(|&begun_us| begun_us >= first) {
            let start = if resumed && begun_us == first { self.from.offset } else { 0 };
            let offset = match File::open(path_of(&dir, begun_us)) {
                Ok(file) => self.read_file(file, start, destination, receipts)?,
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            if let Some(offset) = offset {
                return Ok(Some(Place { destination: destination.to_owned(), begun_us, offset }));
            }
        }
        Ok(None)
    }

    fn read_file(
        &self,
        mut file: File,
        start: u64,
        destination: &str,
        receipts: &mut Vec<DeliveryReceipt>,
    ) -> io::Result<Option<u64>> {
        file.seek(SeekFrom::Start(start))?;
        let (mut reader, mut offset, mut text) = (BufReader::new(file), start, Vec::new());
        loop {
            text.clear();
            let read = io::Read::take(&mut reader, LONGEST).read_until(b'\n', &mut text)?;
            if !text.ends_with(b"\n") && (read as u64) < LONGEST {
                return Ok(None); // the end, or a line in the making
            }
            if let Some(line) = Line::read(text.trim_ascii_end()).filter(|line| self.wants(line)) {
                if receipts.len() == self.most || self.taken.get() > MOST_BYTES {
                    return Ok(Some(offset));
                }
                self.taken.set(self.taken.get() + text.len());
                receipts.push(line.told(destination));
            }
            offset += read as u64;
        }
    }

    fn wants(&self, line: &Line) -> bool {
        (self.origin.is_empty() || self.origin == line.origin)
            && self.queue.as_ref().is_none_or(|queue| *queue == line.queue)
            && (self.number == 0 || line.holds(self.number))
    }
}

impl Place {
    fn read(page: &str) -> Option<Place> {
        let mut parts = page.split('/');
        let destination = parts.next()?.to_owned();
        let (begun_us, offset) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then_some(Place { destination, begun_us, offset })
    }
}

/// All that have receipts, in order.
fn destinations_in(spools: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(spools)? {
        let entry = entry?;
        let has_receipts = entry.path().join(RECEIPTS).is_dir();
        names.extend(entry.file_name().into_string().ok().filter(|_| has_receipts));
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::super::Slip;
    use super::super::book::Book;
    use super::*;
    use crate::manifest::Listed;

    fn write(spools: &Path, destination: &str, path: &str, numbers: std::ops::Range<u64>) {
        let identity = (path.to_owned(), [5; 16]);
        let keep = std::time::Duration::from_secs(1000);
        let mut book = Book::open(&spools.join(destination).join(RECEIPTS), 1 << 20, keep, 1).unwrap();
        for number in numbers {
            let line = |number| Listed { number, read_bytes: 9, shrunk: false, replaced: false };
            let slip = Slip::of(0, &[line(number * 10), line(number * 10 + 5)], b"x", 200);
            let mut text = Vec::new();
            Line::of(&slip, &identity, 1).write(&mut text);
            book.append(&text, 1, 1);
        }
    }

    #[test]
    fn pages_follow_each_other_over_files_and_destinations_without_gap_or_repeat() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "a", "/x", 1..1500);
        write(directory.path(), "b", "/x", 1..20);
        assert!(begins_in(&directory.path().join("a").join(RECEIPTS)).unwrap().len() > 1);
        let mut request = ReceiptsRequest { page_size: 7, ..ReceiptsRequest::default() };
        let mut seen = Vec::new();
        loop {
            let reply = receipts_in(directory.path(), &request).unwrap();
            assert!(reply.receipts.len() <= 7);
            seen.extend(reply.receipts.into_iter().map(|receipt| (receipt.destination, receipt.first)));
            request.page = reply.next_page;
            if request.page.is_empty() {
                break;
            }
        }
        let expected = (1..1500).map(|n| ("a".to_owned(), n * 10));
        assert!(seen.into_iter().eq(expected.chain((1..20).map(|n| ("b".to_owned(), n * 10)))));
    }

    #[test]
    fn a_page_is_bounded_in_bytes_and_the_longest_receipt_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let dir = directory.path().join("a").join(RECEIPTS);
        let keep = std::time::Duration::from_secs(1000);
        let mut book = Book::open(&dir, 64 << 20, keep, 1).unwrap();
        let line =
            |at: u64| Listed { number: u64::MAX / 2 + at * 2, read_bytes: 9, shrunk: false, replaced: false };
        let lines: Vec<Listed> = (0..300_000).map(line).collect();
        let mut text = Vec::new();
        Line::of(&Slip::of(0, &lines, b"x", 200), &("/x".to_owned(), [5; 16]), 1).write(&mut text);
        (0..3).for_each(|now| book.append(&text, 1, now));
        let mut request = ReceiptsRequest { number: u64::MAX / 2 + 4, ..ReceiptsRequest::default() };
        for more in [true, true, false] {
            let reply = receipts_in(directory.path(), &request).unwrap();
            assert_eq!((reply.receipts.len(), reply.receipts[0].events), (1, 300_000));
            request.page = reply.next_page;
            assert_eq!(more, !request.page.is_empty());
        }
    }

    #[test]
    fn only_receipts_of_that_line_are_found_and_a_line_in_the_making_is_none() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "a", "/x", 1..20);
        write(directory.path(), "a", "/y", 1..20);
        let ask = |origin: &str, number| {
            let request = ReceiptsRequest { origin: origin.into(), number, ..ReceiptsRequest::default() };
            receipts_in(directory.path(), &request).unwrap().receipts.len()
        };
        assert_eq!([ask("/x", 35), ask("", 35), ask("/x", 36), ask("/z", 35)], [1, 2, 0, 0]);
        let dir = directory.path().join("a").join(RECEIPTS);
        let last = path_of(&dir, begins_in(&dir).unwrap()[0]);
        let mut file = File::options().append(true).open(last).unwrap();
        io::Write::write_all(&mut file, b"{\"t\":1,\"o\":\"/x\"").unwrap();
        assert_eq!(ask("/x", 0), 19);
    }

    #[test]
    fn a_page_that_no_reply_gave_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let request = ReceiptsRequest { page: "x".into(), ..ReceiptsRequest::default() };
        assert!(matches!(receipts_in(directory.path(), &request), Err(NotDone::Invalid(_))));
    }
}
