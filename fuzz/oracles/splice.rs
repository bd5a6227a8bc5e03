//! What is cut out of a line, and what is put in.
//!
//! Promises: lowering gives exactly what the rules of the API server say of the event's tree, and nothing else, byte
//! for byte; an event at or below the level that is asked for stays as it is; redaction changes values within the
//! objects and the URI only, each into a fingerprint, and leaves no data of a Secret; a shrunk event fits, is the same
//! event, and names what went; each of them done twice is done once; the result is always JSON.

use super::choices::Choices;
use super::tree::{Tree, is_named};
use super::{hidden, lowered};
use audit::{
    Decision, Event, Key, Level, Lowered, REMOVED, Redactions, Stage, TooSmall, is_json_object, lower,
    redact, shrink,
};

/// So many bytes at the end are choices, all before them is the line.
pub const CHOICES: usize = 8;

/// Holds everything that is made of a line against its tree.
pub fn holds(bytes: &[u8]) {
    let Some((line, choices)) = bytes.split_last_chunk::<CHOICES>() else { return };
    let mut choices = Choices::new(choices);
    let Ok(event) = Event::scan(line) else { return };
    let decision = decision(&mut choices);
    let what = redactions(&mut choices);
    let bound = line.len() * choices.below(256) / 200 + choices.below(2) * 64;
    if !is_json_object(line) {
        // What is nested is not checked by the reader of events; such a line must break nothing.
        let mut out = Vec::new();
        lower(&event, &decision, &mut out);
        redact(&event, what, &Key::new(b"a key"), &mut out);
        let _ = shrink(line, |line| line.len() <= bound);
        return;
    }
    let after = is_lowered(&event, &decision);
    is_redacted(&event, what);
    is_shrunk(line, bound);
    if let Some(after) = after {
        let event = Event::scan(&after).expect("what was lowered is an event");
        is_redacted(&event, what);
        is_shrunk(&after, bound);
    }
}

fn decision(choices: &mut Choices<'_>) -> Decision {
    let stages = choices.below(16);
    Decision {
        rule: Some(0),
        level: Level::ALL[choices.below(4)],
        omit_stages: Stage::ALL.into_iter().filter(|stage| stages == *stage as usize + 1).collect(),
        omit_managed_fields: choices.yes(),
    }
}

fn redactions(choices: &mut Choices<'_>) -> Redactions {
    let names = ["secrets", "tokens", "env", "lastApplied", "queryStrings"];
    let chosen = choices.below(64);
    let chosen =
        (0..5).filter(|number| chosen == 63 || chosen >> number & 1 == 1).map(|number| names[number]);
    Redactions::of(chosen).expect("these names are known")
}

fn is_lowered(event: &Event<'_>, decision: &Decision) -> Option<Vec<u8>> {
    let mut out = b"before".to_vec();
    let answer = lower(event, decision, &mut out);
    assert!(out.starts_with(b"before"));
    let omitted = decision.omit_stages.contains(event.stage());
    if decision.level == Level::None || omitted {
        assert!(matches!(answer, Lowered::Dropped(_)) && out == b"before");
        return None;
    }
    let line = match answer {
        Lowered::Spliced => out.split_off(6),
        answer => {
            assert!(answer == Lowered::Whole && out == b"before");
            event.line().to_vec()
        }
    };
    if event.level() <= decision.level && !decision.omit_managed_fields {
        assert_eq!(answer, Lowered::Whole, "an event below the level stays as it is");
    }
    assert!(is_json_object(&line), "{}", line.escape_ascii());
    let after = Event::scan(&line).expect("a lowered event is an event");
    assert_eq!(after.level(), event.level().min(decision.level));
    let mut again = Vec::new();
    assert_eq!(lower(&after, decision, &mut again), Lowered::Whole, "lowering twice is lowering once");
    if let Some(before) = Tree::read(event.line()).filter(Tree::is_text) {
        let wanted = lowered::of(&before, event, decision);
        let found = Tree::read(&line).expect("it is nested no deeper than before");
        assert_eq!(found, wanted, "from {}", event.line().escape_ascii());
        if before.print() == event.line() {
            assert!(line == wanted.print(), "{} became {}", event.line().escape_ascii(), line.escape_ascii());
        }
    }
    Some(line)
}

fn is_redacted(event: &Event<'_>, what: Redactions) {
    let (key, mut out) = (Key::new(b"a key for the fuzzers"), b"before".to_vec());
    let changed = redact(event, what, &key, &mut out);
    let line = if changed { out.split_off(6) } else { event.line().to_vec() };
    assert_eq!(out, b"before");
    assert!(!what.is_none() || !changed);
    assert!(is_json_object(&line), "{} became {}", event.line().escape_ascii(), line.escape_ascii());
    let after = Event::scan(&line).expect("a redacted event is an event");
    let mut again = Vec::new();
    assert!(
        !redact(&after, what, &key, &mut again),
        "redacting twice is redacting once: {} became {} and then {}",
        event.line().escape_ascii(),
        line.escape_ascii(),
        again.escape_ascii()
    );
    if let (Some(before), Some(after)) = (Tree::read(event.line()), Tree::read(&line)) {
        hidden::same_but_for_fingerprints(&before, &after);
        if what == Redactions::ALL {
            hidden::no_secret_is_left(&after);
        }
    }
}

fn is_shrunk(line: &[u8], bound: usize) {
    let fits = |line: &[u8]| line.len() <= bound;
    let before = Event::scan(line).expect("only events are shrunk here");
    let shrunk = match shrink(line, fits) {
        Ok(shrunk) => shrunk,
        Err(TooSmall::DoesNotFit { bytes }) => return assert!(bytes > bound && line.len() > bound),
        Err(TooSmall::NotAnEvent(why)) => panic!("{why}: {}", line.escape_ascii()),
    };
    assert!(fits(&shrunk.line) && is_json_object(&shrunk.line), "{}", shrunk.line.escape_ascii());
    let after = Event::scan(&shrunk.line).expect("a shrunk event is an event");
    assert_eq!((before.level(), before.stage()), (after.level(), after.stage()));
    assert_eq!(before.user().is_some(), after.user().is_some());
    let uncut = !shrunk.removed.contains(&"longStrings");
    assert!(before.verb() == after.verb() || !uncut);
    assert!(before.object_ref() == after.object_ref() || !uncut);
    assert_eq!(shrunk.removed.is_empty(), line.len() <= bound);
    assert!(!shrunk.removed.is_empty() || shrunk.line == line);
    if let (Some(before), Some(after)) = (Tree::read(line), Tree::read(&shrunk.line)) {
        assert!(core(&before).eq(core(&after)) || !uncut, "{}", shrunk.line.escape_ascii());
    }
    let named = after.annotation(REMOVED).unwrap_or_default();
    let earlier = before.annotation(REMOVED).filter(|_| uncut).unwrap_or_default();
    for name in shrunk.removed.iter().copied().chain(earlier.split(',').filter(|name| !name.is_empty())) {
        assert!(named.split(',').any(|named| named == name), "{name} went and is not named in {named}");
    }
    assert_eq!(shrink(&shrunk.line, fits).expect("it fits").line, shrunk.line);
}

/// The members that shrinking only cuts in the end, and never leaves out.
fn core(event: &Tree) -> impl Iterator<Item = &(Vec<u8>, Tree)> {
    const NAMES: [&str; 9] = [
        "kind",
        "apiVersion",
        "level",
        "auditID",
        "stage",
        "verb",
        "objectRef",
        "requestReceivedTimestamp",
        "stageTimestamp",
    ];
    event.members().iter().filter(|(key, _)| NAMES.iter().any(|name| is_named(key, name)))
}
