//! Bodies that are a JSON array, an item each.

use std::io;
use std::ops::Range;

use serde_json::value::RawValue;

use super::dialect::Parts;

/// The items of a body.
///
/// # Errors
/// When it is no array.
pub(crate) fn parts(raw: &[u8]) -> io::Result<Parts> {
    let items: Vec<&RawValue> = serde_json::from_slice(raw).map_err(io::Error::other)?;
    let start = raw.as_ptr() as usize;
    let place = |item: &RawValue| -> Range<usize> {
        let at = item.get().as_ptr() as usize - start;
        at..at + item.get().len()
    };
    Ok(Parts { frame: Vec::new(), items: items.into_iter().map(place).collect() })
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn items_are_found_where_they_are() {
        let raw = br#"[{"a":"],["},{"b":2} , {}]"#;
        let items: Vec<&[u8]> = parts(raw).unwrap().items.into_iter().map(|item| &raw[item]).collect();
        assert_eq!(items, [&br#"{"a":"],["}"#[..], br#"{"b":2}"#, b"{}"]);
        assert!(parts(b"{}").is_err());
    }
}
