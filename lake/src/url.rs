//! From the address of a lake to its directory.
//!
//! A plain path is taken as it is; a `file:` URL is percent-decoded. What cannot be a directory of this
//! machine is refused with the reason, never guessed at.

use crate::LakeError;
use std::path::PathBuf;

/// The directory that the address names.
pub(crate) fn directory(url: &str) -> Result<PathBuf, LakeError> {
    let refused = |why: &str| LakeError::Url { url: url.into(), why: why.into() };
    let Some((scheme, rest)) = url.split_once("://") else {
        return if url.is_empty() { Err(refused("it is empty")) } else { Ok(PathBuf::from(url)) };
    };
    if !scheme.eq_ignore_ascii_case("file") {
        return Err(refused(&format!("`{scheme}` is not a kind of storage that the lake knows")));
    }
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(refused("a file URL names no host, so it has three slashes"));
    }
    if path.contains(['?', '#']) {
        return Err(refused(
            "a file URL has neither query nor fragment; write `%3F` for `?` and `%23` for `#`",
        ));
    }
    let decoded = percent_decoded(path).ok_or_else(|| refused("it is not percent-encoded UTF-8"))?;
    Ok(PathBuf::from(without_slash_before_drive(&decoded)))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?].map(|digit| char::from(digit).to_digit(16));
            decoded.push(u8::try_from(digits[0]? * 16 + digits[1]?).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok().filter(|path| !path.contains('\0'))
}

/// `/C:/lake` is `C:/lake` on Windows; elsewhere a path is what it is.
fn without_slash_before_drive(path: &str) -> &str {
    let drive = path.as_bytes().get(2) == Some(&b':');
    if cfg!(windows) && drive { &path[1..] } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_a_file_url_name_a_directory() {
        assert_eq!(directory("/var/lib/lake").unwrap(), PathBuf::from("/var/lib/lake"));
        assert_eq!(directory("auditrail-data/lake").unwrap(), PathBuf::from("auditrail-data/lake"));
        assert_eq!(directory("file:///var/lib/my%20lake").unwrap(), PathBuf::from("/var/lib/my lake"));
        assert_eq!(directory("FILE://localhost/lake").unwrap(), PathBuf::from("/lake"));
    }

    #[test]
    fn what_is_no_directory_is_refused_with_the_reason() {
        for (url, why) in [
            ("", "it is empty"),
            ("s3://bucket/lake", "`s3` is not a kind of storage"),
            ("file://var/lib/lake", "three slashes"),
            ("file:///lake?x=1", "neither query nor fragment"),
            ("file:///lake%zz", "percent-encoded"),
            ("file:///lake%00", "percent-encoded"),
        ] {
            let message = directory(url).unwrap_err().to_string();
            assert!(message.contains(why), "{url}: {message}");
        }
    }
}
