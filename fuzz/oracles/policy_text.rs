//! Any text is looked at as a policy.
//!
//! Promises: what is refused has an error among its findings, and what the server would warn of has a finding; every
//! finding points into the text, by a known code, in the order of the text; the corrected text needs no correction, is
//! a policy when it was one before, and decides everything as before but what the corrected rules decide.

use audit::lint::{CODES, Finding, Severity, fix, lint};
use audit::{Attributes, Policy};

/// Longer texts take too long for too little.
const LONGEST: usize = 4096;

/// Looks at a text in every way there is.
pub fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if text.len() > LONGEST {
        return;
    }
    let (loaded, findings) = (Policy::load(text), lint(text));
    point_into(text, &findings);
    match &loaded {
        Ok(loaded) => assert!(loaded.warnings.is_empty() || !findings.is_empty(), "{text:?}"),
        Err(why) => {
            assert!(findings.iter().any(|finding| finding.severity == Severity::Error), "{text:?}");
            assert!(!why.message.is_empty() && why.line >= 1 && why.column >= 1, "{text:?}");
        }
    }
    let fixed = fix(text);
    assert_eq!(fixed.mended.is_empty(), fixed.text == text, "{text:?}");
    let again = fix(&fixed.text);
    assert!(again.mended.is_empty(), "{text:?}\nbecame {:?}\nbecame {:?}", fixed.text, again.text);
    let Ok(before) = loaded else { return };
    let after = match Policy::load(&fixed.text) {
        Ok(after) => after.policy,
        Err(why) => panic!("{why}: {text:?}\nbecame {:?}", fixed.text),
    };
    let before = before.policy;
    let mended: Vec<usize> = fixed.mended.iter().filter_map(|finding| finding.rule).collect();
    let changed = |rule: usize| mended.contains(&rule) || rule >= before.rules();
    for request in requests(text) {
        let (was, is) = (before.decide(&request), after.decide(&request));
        assert_eq!(before.why(&request).len(), was.rule.unwrap_or(before.rules()), "{text:?}\n{request:?}");
        let may_differ = was.rule.is_some_and(changed) || is.rule.is_some_and(changed);
        assert!(was.rule == is.rule || may_differ, "{text:?}\nbecame {:?}\n{request:?}", fixed.text);
    }
}

fn point_into(text: &str, findings: &[Finding]) {
    // A line ends as YAML ends it; the place behind the last character is one of the text, too.
    let lines: Vec<&str> = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).collect();
    let is_plain = text.split('\n').count() == lines.len();
    for finding in findings {
        let line = finding.line.checked_sub(1).and_then(|line| lines.get(line));
        assert!(line.is_some(), "{finding:?} is outside of {text:?}");
        let longest = match is_plain {
            true => line.map_or(0, |line| line.chars().count() + 1),
            false => text.chars().count() + 1,
        };
        assert!((1..=longest).contains(&finding.column), "{finding:?} is outside of {text:?}");
        assert!(CODES.iter().any(|(code, _)| *code == finding.code), "{finding:?}");
        assert!(!finding.message.is_empty() && !finding.fix.is_empty(), "{finding:?}");
    }
    assert!(findings.is_sorted_by_key(|finding| (finding.line, finding.column)), "{findings:?}");
}

/// Requests made of the words of the text, so that its rules have something to say.
fn requests(text: &str) -> Vec<Attributes<'_>> {
    let is_of_word = |c: char| c.is_alphanumeric() || "-_.:/*".contains(c);
    let mut words: Vec<&str> =
        text.split(|c| !is_of_word(c)).filter(|word| !word.is_empty()).take(40).collect();
    words.extend(["", "get", "pods"]);
    let word = |number: usize| words[number % words.len()].trim_end_matches(':');
    let request = |number: usize| {
        let resource = word(number * 7);
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Attributes {
            user: (!number.is_multiple_of(3)).then(|| word(number).into()),
            verb: word(number * 3).into(),
            namespace: word(number * 5).into(),
            resource: resource.into(),
            subresource: subresource.into(),
            path: word(number * 11).into(),
            resource_request: number.is_multiple_of(2),
            ..Attributes::default()
        }
    };
    (0..12).map(request).collect()
}
