//! Reading a lake back.

use std::path::Path;

use arrow_array::cast::AsArray;

/// The lines in the lake below a directory, file by file.
///
/// # Panics
/// When a file cannot be read.
pub fn raw_lines(directory: &Path) -> Vec<Vec<u8>> {
    let lake = lake::Lake::open(&directory.display().to_string()).unwrap();
    let mut lines = Vec::new();
    for file in lake.files().unwrap() {
        for batch in lake.read(&file, &["raw"]).unwrap() {
            let batch = batch.unwrap();
            let raw = batch.column(0).as_binary::<i32>();
            lines.extend(raw.iter().map(|line| line.unwrap().to_vec()));
        }
    }
    lines
}
