//! A line as the content of a JSON string.
//!
//! Promise: decoding gives the line back byte for byte; only invalid UTF-8, which JSON cannot carry, becomes U+FFFD,
//! and the caller is told. Runs without anything to escape are copied as they are.

const fn escapes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[b'\t' as usize] = b't';
    table[0x08] = b'b';
    table[0x0c] = b'f';
    table
}

/// 0: copied; otherwise the letter after the backslash.
const ESCAPES: [u8; 256] = escapes();

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `line`, escaped, without quotes around it. True when invalid UTF-8 was replaced.
pub(crate) fn escape(line: &[u8], out: &mut Vec<u8>) -> bool {
    if let Ok(text) = std::str::from_utf8(line) {
        escape_valid(text.as_bytes(), out);
        return false;
    }
    for chunk in line.utf8_chunks() {
        escape_valid(chunk.valid().as_bytes(), out);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    true
}

fn escape_valid(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + text.len() / 8);
    let mut copied = 0;
    for (at, &byte) in text.iter().enumerate() {
        let letter = ESCAPES[usize::from(byte)];
        if letter == 0 {
            continue;
        }
        out.extend_from_slice(&text[copied..at]);
        copied = at + 1;
        if letter == b'u' {
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        } else {
            out.extend_from_slice(&[b'\\', letter]);
        }
    }
    out.extend_from_slice(&text[copied..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(line: &[u8]) -> (String, bool) {
        let mut out = vec![b'"'];
        let replaced = escape(line, &mut out);
        out.push(b'"');
        (serde_json::from_slice(&out).unwrap(), replaced)
    }

    #[test]
    fn every_single_byte_and_the_line_separators_come_back() {
        for byte in 0..=0x7f_u8 {
            assert_eq!(decoded(&[byte]), (char::from(byte).to_string(), false));
        }
        let odd = "\u{2028}\u{2029}\u{feff}\u{10ffff}é\\u0041\\\"";
        assert_eq!(decoded(odd.as_bytes()), (odd.to_owned(), false));
    }

    proptest! {
        #[test]
        fn a_line_comes_back_byte_for_byte(line in prop::collection::vec(any::<u8>(), 0..300)) {
            let (text, replaced) = decoded(&line);
            prop_assert_eq!(&text, &String::from_utf8_lossy(&line));
            prop_assert_eq!(replaced, std::str::from_utf8(&line).is_err());
        }

        #[test]
        fn text_comes_back_byte_for_byte(line in any::<String>()) {
            prop_assert_eq!(decoded(line.as_bytes()), (line, false));
        }
    }
}
