//! Reading and writing at an offset, alike on every system.
//!
//! Promise: no call depends on a file's cursor, so that readers and the writer may share nothing.

use std::fs::File;
use std::io;

/// Fills `buffer` from `offset`; a file that ends earlier is `UnexpectedEof`.
pub(crate) fn read_exact(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match read_some(file, buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                buffer = &mut buffer[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `buffer` at `offset`.
pub(crate) fn write_all(file: &File, mut buffer: &[u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match write_some(file, buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                buffer = &buffer[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the error says that these bytes of the medium cannot be read, now or later.
pub(crate) fn is_medium_error(error: &io::Error) -> bool {
    const UNIX_EIO: i32 = 5;
    const WINDOWS_ERROR_CRC: i32 = 23;
    error.kind() == io::ErrorKind::UnexpectedEof
        || error.raw_os_error() == Some(if cfg!(windows) { WINDOWS_ERROR_CRC } else { UNIX_EIO })
}

#[cfg(unix)]
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(unix)]
fn write_some(file: &File, buffer: &[u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    match std::os::windows::fs::FileExt::seek_read(file, buffer, offset) {
        Err(error) if error.raw_os_error() == Some(38) => Ok(0), // ERROR_HANDLE_EOF
        other => other,
    }
}

#[cfg(windows)]
fn write_some(file: &File, buffer: &[u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, buffer, offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_at_an_offset_is_read_there_and_the_end_of_the_file_is_said() {
        let file = tempfile::tempfile().unwrap();
        write_all(&file, b"later", 10).unwrap();
        write_all(&file, b"first", 0).unwrap();
        let mut buffer = [0; 5];
        read_exact(&file, &mut buffer, 10).unwrap();
        assert_eq!(&buffer, b"later");
        let error = read_exact(&file, &mut buffer, 12).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(is_medium_error(&error));
    }
}
