//! Backups are packed: beside the plain file, in sight, and the plain one is removed at the end.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::rotating::Rotation;
use crate::rotating::gate::Gate;

/// What the packed form of a backup is called.
pub(super) fn packed(plain: &Path, rotation: Rotation) -> PathBuf {
    let end = if rotation == Rotation::LumberjackZstd { "zst" } else { "gz" };
    plain.with_file_name(format!("{}.{end}", plain.file_name().unwrap().to_string_lossy()))
}

/// Packs a backup.
pub(super) fn pack(plain: &Path, rotation: Rotation, gate: &Gate) {
    let raw = fs::read(plain).unwrap();
    let file = File::create(packed(plain, rotation)).unwrap();
    if rotation == Rotation::LumberjackZstd {
        let mut encoder = zstd::Encoder::new(file, 1).unwrap();
        in_two(&raw, &mut encoder, gate);
        encoder.finish().unwrap().sync_all().unwrap();
    } else {
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        in_two(&raw, &mut encoder, gate);
        encoder.finish().unwrap().sync_all().unwrap();
    }
    gate.pass("packed");
    fs::remove_file(plain).unwrap();
    gate.pass("plain removed");
}

fn in_two(raw: &[u8], encoder: &mut impl Write, gate: &Gate) {
    let (first, second) = raw.split_at(raw.len() / 2);
    encoder.write_all(first).unwrap();
    encoder.flush().unwrap();
    gate.pass("half packed");
    encoder.write_all(second).unwrap();
}
