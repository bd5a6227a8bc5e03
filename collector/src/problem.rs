//! What a system's error on a log file means to an operator, and what to do.

use std::io;
use std::path::Path;

/// One line: what happened to `path`, and what to do.
pub(crate) fn with_file(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!(
                "{path} does not exist; it is waited for: check `path`, and --audit-log-path of the API server"
            )
        }
        io::ErrorKind::PermissionDenied => format!(
            "{path} may not be read: the API server writes 0600 in a 0700 directory; run as root or with CAP_DAC_READ_SEARCH, it is tried again by itself"
        ),
        io::ErrorKind::InvalidData => {
            format!("{path} cannot be unpacked any further: {error}; what follows in it is not read")
        }
        _ => format!("{path} cannot be read: {error}; it is tried again by itself"),
    }
}

/// `path` is there and is no file.
pub(crate) fn no_file(path: &Path) -> String {
    let what = if path.is_dir() { "is a directory" } else { "is no regular file" };
    format!(
        "{} {what}: name the log file, or a pattern as `{}`",
        path.display(),
        path.join("*.log").display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_may_not_be_read_is_named_with_what_to_do() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let text = with_file(Path::new("/var/log/kubernetes/audit.log"), &denied);
        assert!(text.starts_with("/var/log/kubernetes/audit.log may not be read"), "{text}");
        assert!(text.contains("CAP_DAC_READ_SEARCH"), "{text}");
    }
}
