//! What a mask writes instead of a match: text, and groups of the match, in Go's form (`$1`, `${name}`, `$$`).
//!
//! Promises: a group that the pattern does not have is empty; a `$` that names nothing is a `$`; what is written never
//! breaks the line, and never makes it longer than lines may be.

use regex::Regex;

use super::text::Text;

/// A placeholder, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placeholder(Vec<Part>);

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

/// The line would be longer than lines may be.
pub(super) struct Grown;

impl Placeholder {
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(written: &str, regex: &Regex) -> Result<Placeholder, String> {
        if written.contains(['\n', '\r']) {
            return Err(
                "has a `replace_placeholder` with a line break, which would make two lines of one".to_owned()
            );
        }
        let (mut parts, mut rest) = (Vec::new(), written);
        while let Some(dollar) = rest.find('$') {
            parts.push(Part::Text(rest[..dollar].to_owned()));
            rest = &rest[dollar + 1..];
            if let Some(behind) = rest.strip_prefix('$') {
                parts.push(Part::Text("$".to_owned()));
                rest = behind;
            } else if let Some((name, behind)) = name(rest) {
                parts.extend(group(name, regex).map(Part::Group));
                rest = behind;
            } else {
                parts.push(Part::Text("$".to_owned()));
            }
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Placeholder(parts))
    }

    /// The line with this instead of every match; none when nothing matches.
    pub(super) fn replace(
        &self,
        regex: &Regex,
        text: &Text<'_>,
        longest: usize,
    ) -> Result<Option<Vec<u8>>, Grown> {
        if !regex.is_match(text.as_str()) {
            return Ok(None);
        }
        let (mut made, mut end) = (Vec::new(), 0);
        for captures in regex.captures_iter(text.as_str()) {
            let whole = captures.get_match();
            made.extend_from_slice(text.bytes(end..whole.start()));
            for part in &self.0 {
                match part {
                    Part::Text(text) => made.extend_from_slice(text.as_bytes()),
                    Part::Group(group) => {
                        let range = captures.get(*group).map_or(0..0, |group| group.range());
                        made.extend_from_slice(text.bytes(range));
                    }
                }
            }
            if made.len() > longest {
                return Err(Grown);
            }
            end = whole.end();
        }
        made.extend_from_slice(text.bytes(end..text.as_str().len()));
        if made.len() > longest { Err(Grown) } else { Ok(Some(made)) }
    }
}

/// The name behind a `$`, in braces or as far as letters, digits and `_` go, and what follows it.
fn name(rest: &str) -> Option<(&str, &str)> {
    let inside = rest.strip_prefix('{');
    let text = inside.unwrap_or(rest);
    let end = text.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(text.len());
    let (name, behind) = text.split_at(end);
    let behind = if inside.is_some() { behind.strip_prefix('}')? } else { behind };
    (!name.is_empty()).then_some((name, behind))
}

/// The number of the group that is called so, if there is one.
fn group(name: &str, regex: &Regex) -> Option<usize> {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if is_number {
        return name.parse().ok().filter(|&number| number < regex.captures_len());
    }
    regex.capture_names().position(|known| known == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(written: &str) -> String {
        let regex = Regex::new("(a)(?P<b_2>b)?").unwrap();
        let made = Placeholder::new(written, &regex).unwrap().replace(&regex, &Text::of(b"-ab-a-"), 1000);
        String::from_utf8(made.ok().unwrap().unwrap()).unwrap()
    }

    #[test]
    fn groups_are_written_as_go_expands_them() {
        assert_eq!(replaced("<$0>"), "-<ab>-<a>-");
        assert_eq!(replaced("$2$1"), "-ba-a-");
        assert_eq!(replaced("${b_2}x"), "-bx-x-");
        assert_eq!(replaced("$1x"), "---");
        assert_eq!(replaced("${1}x"), "-ax-ax-");
        assert_eq!(replaced("$01$3"), "---");
        assert_eq!(replaced("$$1 $ ${ ${b-2} $."), "-$1 $ ${ ${b-2} $.-$1 $ ${ ${b-2} $.-");
        assert_eq!(replaced(""), "---");
    }
}
