//! The laws of folds, held over real events.

use std::fmt::Debug;
use std::path::Path;

use lake::{Lake, Rows};

use crate::fold::{Fold, take_lines};
use crate::{Kept, ask};

/// The lines of a packed recording.
pub(crate) fn lines(packed: &[u8]) -> Vec<Vec<u8>> {
    let text = zstd::decode_all(packed).unwrap();
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// What a fold makes of lines.
pub(crate) fn folded<F: Fold>(lines: &[Vec<u8>]) -> F {
    let mut fold = F::default();
    for lines in lines.chunks(500) {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        take_lines(&mut fold, "a.log", &lines, None).unwrap();
    }
    fold
}

/// Fails unless over these lines: order does not matter, merging is commutative and associative, folding parts and
/// merging is folding the whole, what is kept is what is read again, and the lake gives what the lines give.
pub(crate) fn hold<F: Fold + PartialEq + Debug>(lines: &[Vec<u8>]) {
    let whole = folded::<F>(lines);
    assert!(whole != F::default(), "the lines tell this fold nothing, so that the laws prove nothing");
    let mut turned = lines.to_vec();
    turned.reverse();
    assert!(folded::<F>(&turned) == whole, "the order of events matters");
    let thirds = || lines.chunks(lines.len().div_ceil(3)).map(folded::<F>);
    let forward = thirds().fold(F::default(), merged);
    assert!(forward == whole, "merging parts is not folding the whole");
    let mut parts: Vec<F> = thirds().collect();
    let last = parts.pop().unwrap();
    let backward = parts.into_iter().rev().fold(last, merged);
    assert!(backward == whole, "the order of merging matters");
    let bytes = postcard::to_stdvec(&whole).unwrap();
    assert!(postcard::from_bytes::<F>(&bytes).unwrap() == whole, "what is kept is read as something else");
    of_lake(lines, &whole);
}

fn merged<F: Fold>(mut one: F, other: F) -> F {
    one.merge(other);
    one
}

fn of_lake<F: Fold + PartialEq + Debug>(lines: &[Vec<u8>], whole: &F) {
    let directory = tempfile::tempdir().unwrap();
    let lake = Lake::open(directory.path().join("lake").to_str().unwrap()).unwrap();
    write(&lake, lines);
    let kept = Kept::in_directory(&directory.path().join("states"));
    for known in [false, true] {
        let answer = ask::<F>(&lake, &kept, None, 3).unwrap();
        assert!(answer.unreadable.is_empty(), "{:?}", answer.unreadable);
        assert_eq!(answer.opened == 0, known, "a second question reads no file");
        assert!(answer.fold == *whole, "the lake gives something else than the lines (known: {known})");
    }
    std::fs::remove_dir_all(directory.path().join("states")).unwrap();
    let all = Some(i64::MIN..i64::MAX);
    let answer = ask::<F>(&lake, &Kept::nowhere(), all.as_ref(), 1).unwrap();
    assert!(answer.fold == *whole, "without kept states the lake gives something else");
}

/// Writes lines to a lake as a shipper would, in several files.
pub(crate) fn write(lake: &Lake, lines: &[Vec<u8>]) {
    let numbered: Vec<(u64, &[u8])> = (1..).zip(lines.iter().map(Vec::as_slice)).collect();
    for lines in numbered.chunks(lines.len().div_ceil(4).max(1)) {
        let (first, last) = (lines[0].0, lines[lines.len() - 1].0);
        let rows = Rows {
            origin: "a.log",
            cluster: "c",
            node: "n",
            queue: [1; 16],
            first,
            last,
            received_us: 0,
            lines,
        };
        lake.write(&rows).unwrap();
    }
}

/// The recording that all folds are held against: real events of all kinds.
pub(crate) fn recording() -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/real.log.zst");
    lines(&std::fs::read(path).unwrap())
}
