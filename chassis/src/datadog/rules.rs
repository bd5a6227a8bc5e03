//! Processing rules, as the Datadog Agent means them, for whoever applies them: lines are left out, or parts of them
//! masked.
//!
//! Promises: rules apply in order, those for all entries first, each to what the one before left of the line; what a
//! mask hides goes nowhere, not into quarantine either; a rule that cannot be applied is refused before anything is
//! read, and one without an effect is named in a warning.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::{ProcessingRule, RuleType};

mod go;
mod head;
mod placeholder;
mod text;

use placeholder::Placeholder;
use text::Text;

/// Most rules that apply to a line; each may have a name of its own in the account.
const MOST_RULES: usize = 256;
/// The longest name of a rule, in bytes: it is a label of metrics.
const LONGEST_NAME: usize = 200;
/// Bytes that a compiled pattern may take.
const COMPILED_BYTES: usize = 10 << 20;

/// The rules of an entry, compiled. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Rules(Arc<Vec<Rule>>);

#[derive(Debug)]
struct Rule {
    name: String,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Exclude(Regex),
    Include(Regex),
    Mask(Regex, Placeholder),
}

/// What became of a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate<'r> {
    /// It goes on as it stands.
    Passes,
    /// It goes on as `line`; `by` changed it, and no later rule did.
    Masked {
        /// The name of the rule.
        by: &'r str,
        /// What is left of it.
        line: Vec<u8>,
    },
    /// This rule left it out.
    LeftOut(&'r str),
    /// This rule would make it longer than lines may be; nothing of it may be kept.
    Grown(&'r str),
}

impl Rules {
    /// Those for all entries, then those of one.
    ///
    /// # Errors
    /// Which rule cannot be applied, why, and what to do.
    pub fn new(everywhere: &[ProcessingRule], own: &[ProcessingRule]) -> Result<Rules, String> {
        if everywhere.len() + own.len() > MOST_RULES {
            return Err(format!(
                "has more than {MOST_RULES} rules, those for all entries included: join some"
            ));
        }
        let mut rules = Vec::new();
        for (list, is_everywhere) in [(everywhere, true), (own, false)] {
            for (at, rule) in list.iter().enumerate() {
                let refused =
                    |why| format!("has a rule that cannot be applied: number {at}, `{}`, {why}", rule.name);
                rules.extend(compile(rule, is_everywhere).map_err(refused)?);
            }
        }
        Ok(Rules(Arc::new(rules)))
    }

    /// Whether every line passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What becomes of `line`, which has no newline; a line that masks make longer than `longest` is none any more.
    pub fn judge(&self, line: &[u8], longest: usize) -> Fate<'_> {
        self.judge_telling(line, longest, |_| {})
    }

    /// As [`Rules::judge`]; `masked_by` is told the name of each rule that masks something.
    pub fn judge_telling<'r>(
        &'r self,
        line: &[u8],
        longest: usize,
        mut masked_by: impl FnMut(&'r str),
    ) -> Fate<'r> {
        let mut masked: Option<(&str, Vec<u8>)> = None;
        for Rule { name, action } in self.0.iter() {
            let text = Text::of(masked.as_ref().map_or(line, |(_, line)| line));
            let made = match action {
                Action::Exclude(regex) if regex.is_match(text.as_str()) => return Fate::LeftOut(name),
                Action::Include(regex) if !regex.is_match(text.as_str()) => return Fate::LeftOut(name),
                Action::Exclude(_) | Action::Include(_) => continue,
                Action::Mask(regex, placeholder) => placeholder.replace(regex, &text, longest),
            };
            match made {
                Ok(None) => {}
                Ok(Some(line)) => {
                    masked_by(name);
                    masked = Some((name, line));
                }
                Err(placeholder::Grown) => return Fate::Grown(name),
            }
        }
        masked.map_or(Fate::Passes, |(by, line)| Fate::Masked { by, line })
    }

    /// What may be kept of a line of which only the beginning, `head`, is known: masks apply to it, and what a mask
    /// might have needed the rest for is left out.
    pub fn mask_head(&self, head: &[u8], longest: usize) -> Vec<u8> {
        let masks = self.0.iter().filter(|rule| matches!(rule.action, Action::Mask(..)));
        let mut kept = head.to_vec();
        for (at, Rule { action, .. }) in masks.enumerate() {
            let Action::Mask(regex, placeholder) = action else { continue };
            if at == 0 {
                kept.truncate(head::whole_strings(&kept));
            }
            match placeholder.replace(regex, &Text::of(&kept), longest) {
                Ok(None) => {}
                Ok(Some(masked)) => kept = masked,
                Err(placeholder::Grown) => return Vec::new(),
            }
        }
        kept
    }
}

/// Warnings about rules that have no effect on audit logs.
pub fn without_effect(rules: &[ProcessingRule]) -> Vec<String> {
    let why = |rule: &ProcessingRule| {
        Some(match rule.kind {
            RuleType::MultiLine => "an event of an audit log is one line, which is never joined with others",
            RuleType::ExcludeTruncated => "no line is cut here, so that none is left out for it",
            _ => return None,
        })
    };
    let said =
        |rule: &ProcessingRule| Some(format!("the rule `{}` has no effect: {}", rule.name, why(rule)?));
    rules.iter().filter_map(said).collect()
}

/// The rule to apply; none when it has no effect here.
fn compile(rule: &ProcessingRule, is_everywhere: bool) -> Result<Option<Rule>, String> {
    if rule.name.trim().is_empty() || rule.name.len() > LONGEST_NAME {
        return Err(format!(
            "has no name of 1 to {LONGEST_NAME} bytes: what it leaves out is counted by its name"
        ));
    }
    if rule.kind == RuleType::ExcludeTruncated {
        return Ok(None);
    }
    if rule.kind == RuleType::MultiLine && is_everywhere {
        return Err("is of type multi_line, which only an entry may have: remove it".to_owned());
    }
    if rule.pattern.is_empty() {
        return Err("has no `pattern`: write a regular expression".to_owned());
    }
    let regex = regex(&rule.pattern)?;
    let action = match rule.kind {
        RuleType::ExcludeAtMatch => Action::Exclude(regex),
        RuleType::IncludeAtMatch => Action::Include(regex),
        RuleType::MaskSequences => {
            let written = rule.replace_placeholder.as_deref();
            let written =
                written.ok_or("has no `replace_placeholder`: write what stands instead of a match")?;
            let placeholder = Placeholder::new(written, &regex)?;
            Action::Mask(regex, placeholder)
        }
        RuleType::MultiLine | RuleType::ExcludeTruncated => return Ok(None),
    };
    Ok(Some(Rule { name: rule.name.clone(), action }))
}

fn regex(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(&go::translated(pattern)).size_limit(COMPILED_BYTES).build();
    built.map_err(|error| {
        let said = error.to_string();
        let said = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let said = said.trim().trim_start_matches("error: ");
        format!("has a `pattern` that cannot be used: {said}; write it in the syntax of RE2")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: RuleType, pattern: &str, placeholder: Option<&str>) -> ProcessingRule {
        let replace_placeholder = placeholder.map(str::to_owned);
        ProcessingRule { kind, name: "r".into(), pattern: pattern.into(), replace_placeholder }
    }

    fn masked(pattern: &str, placeholder: &str, line: &[u8]) -> Vec<u8> {
        let rule = rule(RuleType::MaskSequences, pattern, Some(placeholder));
        match Rules::new(&[], &[rule]).unwrap().judge(line, 1000) {
            Fate::Masked { line, .. } => line,
            Fate::Passes => line.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_mask_writes_groups_as_go_does() {
        let line = b"{\"key\":\"abc\",\"n\":1}";
        assert_eq!(masked(r#"("key":)"[^"]*""#, r#"$1"***""#, line), b"{\"key\":\"***\",\"n\":1}");
        assert_eq!(masked(r#"(?P<k>"key":)"[^"]*""#, r#"${k}"$$""#, line), b"{\"key\":\"$\",\"n\":1}");
        assert_eq!(masked("n", "$1$9", line), b"{\"key\":\"abc\",\"\":1}");
        assert_eq!(masked("x*", "-", b"xay"), b"-a-y-");
    }

    #[test]
    fn bytes_that_are_no_utf8_match_as_one_character_and_stay_what_they_are() {
        let line = b"{\"a\":\"\xff\xc3\xa9\xfe\",\"b\":\"\xf0\x9f\"}";
        assert_eq!(
            masked(r#""a":"..(.)""#, r#""a":"$1$1""#, line),
            b"{\"a\":\"\xfe\xfe\",\"b\":\"\xf0\x9f\"}"
        );
        assert_eq!(masked(r#""b":"..""#, "x", line), b"{\"a\":\"\xff\xc3\xa9\xfe\",x}");
        assert_eq!(masked("\u{e9}", "e", line), b"{\"a\":\"\xffe\xfe\",\"b\":\"\xf0\x9f\"}");
    }

    #[test]
    fn a_line_that_a_mask_makes_too_long_is_none_any_more() {
        let grows = rule(RuleType::MaskSequences, "a", Some(&"b".repeat(60)));
        let rules = Rules::new(&[], &[grows]).unwrap();
        assert!(matches!(rules.judge(b"a", 100), Fate::Masked { .. }));
        assert_eq!(rules.judge(b"aa", 100), Fate::Grown("r"));
        assert!(rules.mask_head(b"aa", 100).is_empty());
    }

    #[test]
    fn of_a_line_whose_end_is_unknown_no_half_string_is_kept_when_there_are_masks() {
        let mask = rule(RuleType::MaskSequences, r#""key":"[^"]*""#, Some("***"));
        let rules = Rules::new(std::slice::from_ref(&mask), std::slice::from_ref(&mask)).unwrap();
        assert_eq!(
            rules.mask_head(b"{\"key\":\"a\",\"b\":\"c\\\"\",\"key\":\"sec", 100),
            b"{***,\"b\":\"c\\\"\",\"key\":"
        );
        let exclude = rule(RuleType::ExcludeAtMatch, "key", None);
        assert_eq!(Rules::new(&[], &[exclude]).unwrap().mask_head(b"{\"key", 100), b"{\"key");
    }

    #[test]
    fn a_rule_that_cannot_be_applied_is_refused_with_its_number_and_name() {
        let refused = |rule: ProcessingRule| {
            let good = self::rule(RuleType::ExcludeAtMatch, "a", None);
            Rules::new(&[], &[good, rule]).unwrap_err()
        };
        let cases = [
            (rule(RuleType::ExcludeAtMatch, "a(", None), "unclosed group"),
            (rule(RuleType::IncludeAtMatch, "", None), "no `pattern`"),
            (rule(RuleType::MaskSequences, "a", None), "no `replace_placeholder`"),
            (rule(RuleType::MaskSequences, "a", Some("b\nc")), "line break"),
            (rule(RuleType::ExcludeAtMatch, r"\pL{1000}{1000}", None), "size limit"),
            (ProcessingRule { name: " ".into(), ..rule(RuleType::ExcludeAtMatch, "a", None) }, "no name"),
        ];
        for (rule, why) in cases {
            let said = refused(rule.clone());
            assert!(said.contains(why) && said.contains("number 1"), "{said}");
            assert!(said.contains(&rule.name) && !said.contains('\n'), "{said}");
        }
        let idle = [rule(RuleType::ExcludeTruncated, "", None), rule(RuleType::MultiLine, "a", None)];
        assert!(Rules::new(&idle, &[]).unwrap_err().contains("only an entry"));
        assert!(Rules::new(&idle[..1], &idle).unwrap().0.is_empty());
        assert_eq!(
            without_effect(&[&idle[..], &[rule(RuleType::ExcludeAtMatch, "a", None)]].concat()).len(),
            2
        );
    }
}
