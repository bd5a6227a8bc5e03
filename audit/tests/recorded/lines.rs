//! Recorded truth, unpacked from `fixtures/`.
#![allow(dead_code, unreachable_pub, clippy::disallowed_methods, clippy::unwrap_used)] // each test uses a part; tests may read files

use std::path::Path;

/// The lines of a recorded file.
pub fn lines(name: &str) -> Vec<Vec<u8>> {
    let packed = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap();
    let text = zstd::decode_all(packed.as_slice()).unwrap();
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The policy's id, the event, and what became of it, cut out of a case's line as they are.
pub fn event_case(line: &[u8]) -> (&str, &[u8], &[u8]) {
    let find = |mark: &str| {
        let at = line.windows(mark.len()).position(|window| window == mark.as_bytes()).unwrap();
        (at, at + mark.len())
    };
    let (_, id) = find(r#""id": ""#);
    let id_end = id + line[id..].iter().position(|byte| *byte == b'"').unwrap();
    let ((_, given), (given_end, wanted)) = (find(r#""in": "#), find(r#", "out": "#));
    (std::str::from_utf8(&line[id..id_end]).unwrap(), &line[given..given_end], &line[wanted..line.len() - 1])
}
