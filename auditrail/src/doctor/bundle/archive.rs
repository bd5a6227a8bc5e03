//! Texts as an archive that `tar` reads (POSIX ustar).
//!
//! Promise: the same texts make the same bytes.

const BLOCK: usize = 512;

/// The archive of texts under their names; a name has at most 100 bytes.
pub(super) fn tar(parts: &[(String, String)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, text) in parts {
        archive.extend(header(name, text.len()));
        archive.extend(text.as_bytes());
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

fn header(name: &str, length: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, &name[..name.len().min(99)]);
    put(100, "0000600\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{length:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        "); // counts as blanks in its own sum
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
