//! Stepping over a whole object or array, 64 bytes at a time.
//!
//! Promise: the cost does not depend on what is inside. Quotes, escapes and brackets of a block become bit masks;
//! brackets within strings are masked out, and only the block in which the outermost bracket closes is looked at
//! bit by bit. The kinds of brackets are not compared with each other.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u8x64};

/// Bytes per block: one bit of a `u64` each.
const BLOCK: usize = 64;

/// One bit per byte of a block, for each kind of byte that matters.
struct Masks {
    quotes: u64,
    backslashes: u64,
    opens: u64,
    closes: u64,
}

/// What a block needs to know of the blocks before it.
#[derive(Default)]
struct Carry {
    in_string: bool,
    escaped: bool,
}

/// The position behind the object or array that begins at `at`. Compiled once for each set of instructions that a
/// processor may have; the best one is taken.
pub(super) fn skip_container(text: &[u8], at: usize) -> Option<usize> {
    dispatch!(Level::new(), simd => skip_with(simd, text, at))
}

#[inline(always)]
fn skip_with<S: Simd>(simd: S, text: &[u8], at: usize) -> Option<usize> {
    let mut carry = Carry::default();
    let mut depth = 0u64;
    let (blocks, rest) = text.get(at..)?.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        if let Some(end) = close_in(masks(simd, block), &mut carry, &mut depth) {
            return Some(at + number * BLOCK + end);
        }
    }
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    close_in(masks(simd, &last), &mut carry, &mut depth).map(|end| at + blocks.len() * BLOCK + end)
}

/// Where in this block, if at all, the outermost bracket closes; else `depth` and `carry` are brought forward.
#[inline(always)]
fn close_in(masks: Masks, carry: &mut Carry, depth: &mut u64) -> Option<usize> {
    let quotes = masks.quotes & !escaped(masks.backslashes, &mut carry.escaped);
    let mut strings = inside(quotes);
    if carry.in_string {
        strings = !strings;
    }
    carry.in_string = strings >> 63 == 1;
    let (opens, closes) = (masks.opens & !strings, masks.closes & !strings);
    let closing = u64::from(closes.count_ones());
    if closing < *depth {
        *depth = *depth + u64::from(opens.count_ones()) - closing;
        return None;
    }
    close_bitwise(opens, closes, depth)
}

fn close_bitwise(opens: u64, closes: u64, depth: &mut u64) -> Option<usize> {
    let mut brackets = opens | closes;
    while brackets != 0 {
        let bit = brackets & brackets.wrapping_neg();
        if opens & bit != 0 {
            *depth += 1;
        } else if *depth <= 1 {
            return Some(bit.trailing_zeros() as usize + 1);
        } else {
            *depth -= 1;
        }
        brackets ^= bit;
    }
    None
}

/// The bytes that a backslash before them makes literal: those behind an odd number of backslashes. Adding the starts
/// that lie at odd places carries each run to its end, which is then known to be even or odd.
#[inline(always)]
fn escaped(backslashes: u64, carry: &mut bool) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let before = u64::from(*carry);
    let backslashes = backslashes & !before;
    let behind = backslashes << 1 | before;
    let odd_starts = backslashes & !EVEN & !behind;
    let (ends, overflow) = odd_starts.overflowing_add(backslashes);
    *carry = overflow;
    (EVEN ^ ends << 1) & behind
}

/// From quotes to the bytes between them: each bit is the parity of the quotes up to it.
#[inline(always)]
fn inside(quotes: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].into_iter().fold(quotes, |mask, shift| mask ^ mask << shift)
}

/// The masks. Brackets and braces differ in the bit of 0x20 alone.
#[inline(always)]
fn masks<S: Simd>(simd: S, block: &[u8; BLOCK]) -> Masks {
    let bytes = u8x64::from_slice(simd, block);
    let folded = bytes | u8x64::splat(simd, 0x20);
    let equal = |bytes: u8x64<S>, byte| bytes.simd_eq(u8x64::splat(simd, byte)).to_bitmask();
    Masks {
        quotes: equal(bytes, b'"'),
        backslashes: equal(bytes, b'\\'),
        opens: equal(folded, b'{'),
        closes: equal(folded, b'}'),
    }
}

/// The high bit of the first byte of a word that equals `byte`; bits above that one may be set as well.
#[inline]
pub(super) fn bytes_like(word: u64, byte: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let other = word ^ (u64::from(byte) * ONES);
    other.wrapping_sub(ONES) & !other & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Level, masks, skip_container, skip_with};
    use fearless_simd::dispatch;
    use proptest::prelude::*;

    /// The same answer, one byte at a time.
    fn plainly(text: &[u8]) -> Option<usize> {
        let (mut depth, mut in_string, mut escape) = (0usize, false, false);
        for (at, byte) in text.iter().enumerate() {
            let literal = escape;
            escape = !literal && *byte == b'\\';
            match byte {
                b'"' if !literal => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string && depth <= 1 => return Some(at + 1),
                b'}' | b']' if !in_string => depth -= 1,
                _ => {}
            }
        }
        None
    }

    proptest! {
        #[test]
        fn blocks_find_the_same_end_as_bytes(inner in proptest::collection::vec(
            prop_oneof![Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), any::<u8>()], 0..400)) {
            let mut text = vec![b'{'];
            text.extend(inner);
            prop_assert_eq!(skip_container(&text, 0), plainly(&text));
            // What a processor without newer instructions does.
            prop_assert_eq!(dispatch!(Level::baseline(), simd => skip_with(simd, &text, 0)), plainly(&text));
        }
    }

    #[test]
    fn a_mask_has_one_bit_for_each_byte_of_its_kind() {
        let mut block = [b'x'; BLOCK];
        (block[0], block[9], block[10], block[62], block[63]) = (b'"', b'\\', b'{', b']', b'"');
        let masks = dispatch!(Level::new(), simd => masks(simd, &block));
        assert_eq!(masks.quotes, 1 | 1 << 63);
        assert_eq!((masks.backslashes, masks.opens, masks.closes), (1 << 9, 1 << 10, 1 << 62));
    }

    #[test]
    fn a_million_brackets_need_no_stack() {
        let text = "[".repeat(1 << 20) + &"]".repeat(1 << 20);
        assert_eq!(skip_container(text.as_bytes(), 0), Some(text.len()));
    }
}
