//! Real lines of a real API server (kube-apiserver v1.20.2), compressed in `tests/fixtures`.

use std::path::{Path, PathBuf};

/// The directory of the fixtures.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The lines of a fixture, without their newlines.
pub fn lines(name: &str) -> Vec<Vec<u8>> {
    let file = std::fs::File::open(directory().join(format!("{name}.log.zst"))).unwrap();
    let text = zstd::decode_all(file).unwrap();
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// Real lines, oddities included: invalid UTF-8, client-chosen audit ids, 401s, panics.
pub fn real() -> Vec<Vec<u8>> {
    lines("real")
}

/// Everything at RequestResponse: what the twins were written beside.
pub fn superset() -> Vec<Vec<u8>> {
    lines("twin-superset")
}

/// Small events: everything at Metadata.
pub fn small() -> Vec<Vec<u8>> {
    lines("small")
}

/// What the same server wrote for the same requests under `NAME.yaml`.
pub fn twin(name: &str) -> Vec<Vec<u8>> {
    lines(&format!("twin-{name}"))
}

/// As it arrives where JSON must be valid UTF-8.
pub fn lossy(lines: &[Vec<u8>]) -> Vec<String> {
    lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

/// Slices of lines, for writers.
pub fn slices(lines: &[Vec<u8>]) -> impl Iterator<Item = &[u8]> {
    lines.iter().map(Vec::as_slice)
}

/// The line with the first eight digits of its audit id replaced.
#[must_use]
pub fn renamed(line: &[u8], digits: &[u8]) -> Vec<u8> {
    const KEY: &[u8] = b"\"auditID\":\"";
    let mut line = line.to_vec();
    let at = line.windows(KEY.len()).position(|window| window == KEY);
    if let Some(id) = at.and_then(|at| line.get_mut(at + KEY.len()..at + KEY.len() + digits.len())) {
        id.copy_from_slice(digits);
    }
    line
}
