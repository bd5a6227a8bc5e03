//! The names that kube-apiserver gives to rotated logs: `<base>-YYYY-MM-DDTHH-MM-SS.mmm<ext>`, compressed ones with
//! `.gz` (or `.zst`) behind.
//!
//! Invariant: names of exactly this form are siblings, no others; their times compare as text.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The form of the time, digits as 0.
const TIME: &[u8] = b"0000-00-00T00-00-00.000";

/// What a file name ends with when its content is compressed.
pub(crate) const PACKED: [&str; 2] = [".gz", ".zst"];

/// The name without what says that its content is compressed, and whether something did.
pub(crate) fn unpacked(name: &str) -> (&str, bool) {
    PACKED.iter().find_map(|end| name.strip_suffix(end)).map_or((name, false), |name| (name, true))
}

/// The time in `name`, if it is a rotated sibling of the log named `base`.
pub(crate) fn time_of<'a>(name: &'a str, base: &str) -> Option<&'a str> {
    let (stem, extension) = base.rfind('.').map_or((base, ""), |dot| base.split_at(dot));
    let (name, _) = unpacked(name);
    let time = name.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(extension)?;
    is_time(time).then_some(time)
}

/// The path of the log that `path` was rotated from, if its name has that form.
pub(crate) fn base_of(path: &Path) -> Option<PathBuf> {
    let (name, _) = unpacked(path.file_name().and_then(OsStr::to_str)?);
    let (dash, _) = name.rmatch_indices('-').find(|(dash, _)| {
        let time = name.get(dash + 1..dash + 1 + TIME.len());
        time.is_some_and(is_time) && *dash > 0
    })?;
    let extension = &name[dash + 1 + TIME.len()..];
    let whole = extension.is_empty() || (extension.starts_with('.') && extension.rfind('.') == Some(0));
    whole.then(|| path.with_file_name(format!("{}{extension}", &name[..dash])))
}

/// Where a file stands in the rotation of its log, by its name: the log's path, and the time of the rotation; no time
/// for one that was not rotated. Paths of one log are in order when their times are, the one without a time last.
#[must_use]
pub fn in_rotation(path: &Path) -> (PathBuf, Option<String>) {
    let plain = path.file_name().and_then(OsStr::to_str).map(|name| path.with_file_name(unpacked(name).0));
    let plain = plain.unwrap_or_else(|| path.to_owned());
    let Some(base) = base_of(path) else { return (plain, None) };
    let names = (path.file_name().and_then(OsStr::to_str), base.file_name().and_then(OsStr::to_str));
    let time = names.0.zip(names.1).and_then(|(name, base)| time_of(name, base)).map(str::to_owned);
    (if time.is_some() { base } else { plain }, time)
}

fn is_time(text: &str) -> bool {
    let fits = |(&byte, &form): (&u8, &u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() == TIME.len() && text.as_bytes().iter().zip(TIME).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_exactly_lumberjacks_form_are_siblings() {
        let time = |name| time_of(name, "audit.log");
        assert_eq!(time("audit-2026-11-23T06-10-38.938.log"), Some("2026-11-23T06-10-38.938"));
        assert_eq!(time("audit-2026-11-23T06-10-38.938.log.gz"), Some("2026-11-23T06-10-38.938"));
        assert_eq!(time("audit-2026-11-23T06-10-38.938.log.zst"), Some("2026-11-23T06-10-38.938"));
        for other in [
            "audit.log",
            "audit.log.1",
            "audit-2026-11-23T06-10-38.log",
            "audit-2026-11-23T06-10-38.938.txt",
            "audit-other-2026-11-23T06-10-38.938.log",
            "audit-2026-11-23T06-10-38.938.log.gz.tmp",
        ] {
            assert_eq!(time(other), None, "{other}");
        }
        assert_eq!(time_of("audit-2026-11-23T06-10-38.938", "audit"), Some("2026-11-23T06-10-38.938"));
    }

    #[test]
    fn a_sibling_leads_back_to_its_base() {
        let base = |name: &str| base_of(Path::new(name)).map(|base| base.to_string_lossy().into_owned());
        for name in ["/l/audit.log", "/l/audit", "/l/kube-apiserver-audit.log"] {
            let (stem, extension) = name[1..].rfind('.').map_or((name, ""), |dot| name.split_at(dot + 1));
            for end in ["", ".gz", ".zst"] {
                let rotated = format!("{stem}-2026-11-23T06-10-38.938{extension}{end}");
                assert_eq!(base(&rotated).as_deref(), Some(name), "{rotated}");
            }
        }
        assert_eq!(base("/l/audit.log"), None);
        assert_eq!(base("/l/audit-2026-11-23.log"), None);
    }

    #[test]
    fn a_file_knows_its_place_in_the_rotation_of_its_log() {
        let place = |name: &str| in_rotation(Path::new(name));
        let time = Some("2026-11-23T06-10-38.938".to_owned());
        assert_eq!(place("/l/audit-2026-11-23T06-10-38.938.log.gz"), ("/l/audit.log".into(), time));
        assert_eq!(place("/l/audit.log"), ("/l/audit.log".into(), None));
        assert_eq!(place("/l/other.log.zst"), ("/l/other.log".into(), None));
    }
}
