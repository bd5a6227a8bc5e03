//! Whether a file is a mount of its own, as a container gets it when a single file is mounted.
//!
//! Invariant: where the system does not tell (all but Linux), nothing is.

use std::path::Path;

/// Whether something is mounted exactly at `path`.
#[cfg(target_os = "linux")]
pub(super) fn is_mount_point(path: &Path) -> bool {
    let mounts = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    mounted(&mounts, path)
}

/// Whether something is mounted exactly at `path`.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_mount_point(_path: &Path) -> bool {
    false
}

/// Whether the system's table names `path` as a place where something is mounted: the fifth word of a line, in which
/// blanks are written as `\040`.
#[cfg(target_os = "linux")]
fn mounted(table: &[u8], path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let lines = table.split(|&byte| byte == b'\n');
    let mut places = lines.filter_map(|line| line.split(|&byte| byte == b' ').nth(4));
    places.any(|place| unescaped(place) == path.as_os_str().as_bytes())
}

#[cfg(target_os = "linux")]
fn unescaped(word: &[u8]) -> Vec<u8> {
    let (mut made, mut rest) = (Vec::with_capacity(word.len()), word);
    while let [first, behind @ ..] = rest {
        let octal =
            behind.get(..3).filter(|_| *first == b'\\').and_then(|three| std::str::from_utf8(three).ok());
        let (byte, taken) = match octal.and_then(|octal| u8::from_str_radix(octal, 8).ok()) {
            Some(byte) => (byte, 4),
            None => (*first, 1),
        };
        made.push(byte);
        rest = &rest[taken..];
    }
    made
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_single_mounted_file_is_told_from_its_directory() {
        let table = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            90 22 8:1 /var/log/audit.log /var/log/audit.log ro,relatime - ext4 /dev/sda1 rw\n\
            91 22 8:1 /x /with\\040blank/a\\134b.log ro - ext4 /dev/sda1 rw\n";
        assert!(mounted(table, Path::new("/var/log/audit.log")));
        assert!(mounted(table, Path::new("/with blank/a\\b.log")));
        assert!(!mounted(table, Path::new("/var/log")) && !mounted(table, Path::new("/var/log/audit")));
        assert!(is_mount_point(Path::new("/")) && !is_mount_point(Path::new("/proc/self/mountinfo")));
    }
}
