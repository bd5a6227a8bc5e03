//! The names of rotated logs, and their order.
//!
//! kube-apiserver (lumberjack) writes `<stem>-YYYY-MM-DDTHH-MM-SS.mmm<ext>`; logrotate writes `<name>.N`, `<stem>.N<ext>`
//! (the greater N, the older), or with `dateext` `<name>-YYYYMMDD` and `<stem>-YYYYMMDD<ext>`, perhaps with `-<digits>`
//! behind the date. Compressed ones have `.gz` (or `.zst`) behind.
//!
//! Invariant: names of exactly these forms are siblings, no others; [`Age`]s of one log compare as their times do.

use std::cmp::Reverse;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The form of lumberjack's time, digits as 0.
const TIME: &str = "0000-00-00T00-00-00.000";
/// The form of logrotate's date.
const DATE: &str = "00000000";
/// Most digits of logrotate's number.
const NUMBER_DIGITS: usize = 5;

/// What a file name ends with when its content is compressed.
pub(crate) const PACKED: [&str; 2] = [".gz", ".zst"];

/// How old a rotated log is, by its name: the older, the less. A log that was not rotated is the newest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// logrotate's date, with what stands behind it.
    Date(String),
    /// logrotate's number.
    Number(Reverse<u32>),
    /// lumberjack's time.
    Time(String),
    /// Not rotated: the log itself.
    Active,
}

/// The name without what says that its content is compressed, and whether something did.
pub(crate) fn unpacked(name: &str) -> (&str, bool) {
    PACKED.iter().find_map(|end| name.strip_suffix(end)).map_or((name, false), |name| (name, true))
}

/// The age of the file called `name`, if it is a rotated sibling of the log named `base`.
pub(crate) fn age_of(name: &str, base: &str) -> Option<Age> {
    let (stem, extension) = split(base);
    let (name, _) = unpacked(name);
    let behind = name.strip_prefix(base).filter(|behind| !behind.is_empty());
    let inside = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(extension));
    let inside = inside.filter(|inside| !inside.is_empty());
    let logrotate = |text: &str| number(text).or_else(|| date(text));
    inside.and_then(time).or_else(|| behind.and_then(logrotate)).or_else(|| inside.and_then(logrotate))
}

/// The path of the log that `path` was rotated from, if its name has one of the forms.
pub(crate) fn base_of(path: &Path) -> Option<PathBuf> {
    let (name, _) = unpacked(path.file_name().and_then(OsStr::to_str)?);
    let cuts = name.char_indices().filter(|(at, char)| *at > 0 && matches!(char, '-' | '.'));
    let bases = cuts.flat_map(|(at, _)| {
        let (stem, rest) = name.split_at(at);
        let whole = (age(rest).is_some()).then(|| stem.to_owned());
        let inner = rest.rfind('.').map(|dot| rest.split_at(dot));
        let inner = inner.filter(|(mark, _)| age(mark).is_some());
        [inner.map(|(_, extension)| format!("{stem}{extension}")), whole].into_iter().flatten()
    });
    let mut bases = bases.filter(|base| age_of(name, base).is_some());
    bases.next().map(|base| path.with_file_name(base))
}

/// Where a file stands in the rotation of its log, by its name: the log's path, and its age.
#[must_use]
pub fn in_rotation(path: &Path) -> (PathBuf, Age) {
    let name = path.file_name().and_then(OsStr::to_str);
    let base = base_of(path);
    let age = name.zip(base.as_deref().and_then(Path::file_name).and_then(OsStr::to_str));
    match (base.as_ref(), age.and_then(|(name, base)| age_of(name, base))) {
        (Some(base), Some(age)) => (base.clone(), age),
        _ => {
            (name.map_or_else(|| path.to_owned(), |name| path.with_file_name(unpacked(name).0)), Age::Active)
        }
    }
}

/// The stem and the extension (with its dot) of a log's name.
fn split(base: &str) -> (&str, &str) {
    base.rfind('.').filter(|&dot| dot > 0).map_or((base, ""), |dot| base.split_at(dot))
}

/// The age that a mark in a name stands for, its `-` or `.` included.
fn age(mark: &str) -> Option<Age> {
    time(mark).or_else(|| number(mark)).or_else(|| date(mark))
}

fn time(mark: &str) -> Option<Age> {
    mark.strip_prefix('-').filter(|time| has_form(time, TIME)).map(|time| Age::Time(time.to_owned()))
}

fn number(mark: &str) -> Option<Age> {
    let digits =
        mark.strip_prefix('.').filter(|digits| is_digits(digits) && digits.len() <= NUMBER_DIGITS)?;
    digits.parse().ok().map(|number| Age::Number(Reverse(number)))
}

fn date(mark: &str) -> Option<Age> {
    let text = mark.strip_prefix('-')?;
    let (date, rest) = text.split_once('-').map_or((text, None), |(date, rest)| (date, Some(rest)));
    let whole = has_form(date, DATE) && rest.is_none_or(is_digits);
    whole.then(|| Age::Date(text.to_owned()))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: &str = "2026-11-23T06-10-38.938";

    #[test]
    fn only_names_of_exactly_the_known_forms_are_siblings() {
        let age = |name: &str| age_of(name, "audit.log");
        for end in ["", ".gz", ".zst"] {
            assert_eq!(age(&format!("audit-{LATE}.log{end}")), Some(Age::Time(LATE.into())));
            assert_eq!(age(&format!("audit.log.12{end}")), Some(Age::Number(Reverse(12))));
            assert_eq!(age(&format!("audit.3.log{end}")), Some(Age::Number(Reverse(3))));
            assert_eq!(age(&format!("audit.log-20261123{end}")), Some(Age::Date("20261123".into())));
            assert_eq!(
                age(&format!("audit-20261123-1764.log{end}")),
                Some(Age::Date("20261123-1764".into()))
            );
        }
        for other in [
            "audit.log",
            "audit.log.gz",
            "audit.log.123456",
            "audit.log.1x",
            "audit-2026-11-23T06-10-38.log",
            "audit-2026-11-23T06-10-38.938.txt",
            "audit-other-2026-11-23T06-10-38.938.log",
            "audit-2026-11-23T06-10-38.938.log.gz.tmp",
            "audit.log-2026112",
            "audit.log-20261123-",
        ] {
            assert_eq!(age(other), None, "{other}");
        }
        assert_eq!(age_of(&format!("audit-{LATE}"), "audit"), Some(Age::Time(LATE.into())));
    }

    #[test]
    fn the_greater_number_and_the_lesser_time_are_older() {
        let age = |name| age_of(name, "audit.log").unwrap();
        assert!(age("audit.log.2") < age("audit.log.1") && age("audit.log.10.gz") < age("audit.log.9"));
        assert!(age("audit-2026-11-23T06-10-38.937.log") < age("audit-2026-11-23T06-10-38.938.log.gz"));
        assert!(age("audit.log-20261122") < age("audit.log-20261123") && age("audit.log.1") < Age::Active);
    }

    #[test]
    fn a_sibling_leads_back_to_its_base() {
        let base = |name: &str| base_of(Path::new(name)).map(|base| base.to_string_lossy().into_owned());
        for name in ["/l/audit.log", "/l/audit", "/l/kube-apiserver-audit.log", "/l/audit.a.log"] {
            let (stem, extension) = name[3..].rfind('.').map_or((name, ""), |dot| name.split_at(dot + 3));
            for end in ["", ".gz", ".zst"] {
                let rotated = format!("{stem}-{LATE}{extension}{end}");
                assert_eq!(base(&rotated).as_deref(), Some(name), "{rotated}");
                assert_eq!(base(&format!("{name}.7{end}")).as_deref(), Some(name));
                assert_eq!(base(&format!("{name}-20261123{end}")).as_deref(), Some(name));
            }
        }
        assert_eq!(base("/l/audit.log"), None);
        assert_eq!(base("/l/audit-2026-11-23.log"), None);
    }

    #[test]
    fn a_file_knows_its_place_in_the_rotation_of_its_log() {
        let place = |name: &str| in_rotation(Path::new(name));
        let time = Age::Time(LATE.to_owned());
        assert_eq!(place(&format!("/l/audit-{LATE}.log.gz")), ("/l/audit.log".into(), time));
        assert_eq!(place("/l/audit.log"), ("/l/audit.log".into(), Age::Active));
        assert_eq!(place("/l/other.log.zst"), ("/l/other.log".into(), Age::Active));
        assert_eq!(place("/l/audit.log.2.gz"), ("/l/audit.log".into(), Age::Number(Reverse(2))));
    }
}
