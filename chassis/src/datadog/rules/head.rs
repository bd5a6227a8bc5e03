//! How much of a line whose end is unknown can be masked.
//!
//! Promise: what is given ends in no string that was cut, so that a mask over whole strings hides them or they are
//! left out.

/// The length of `head` without the string that it ends within.
pub(super) fn whole_strings(head: &[u8]) -> usize {
    let (mut begun, mut escaped) = (None, false);
    for (at, &byte) in head.iter().enumerate() {
        match (begun, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(_), b'"') => begun = None,
            (None, b'"') => begun = Some(at),
            _ => {}
        }
    }
    begun.unwrap_or(head.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_was_cut_is_left_out_and_quotes_within_strings_end_none() {
        for (head, whole) in [
            (&br#"{"a":"b","#[..], 9),
            (br#"{"a":"b"#, 5),
            (br#"{"a":"b\""#, 5),
            (br#"{"a":"b\\""#, 10),
            (b"garbage", 7),
            (b"", 0),
        ] {
            assert_eq!(whole_strings(head), whole, "{}", String::from_utf8_lossy(head));
        }
    }
}
