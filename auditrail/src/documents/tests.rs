//! However a recording is laid out, its events are the same.

use proptest::prelude::*;

use super::*;

/// The lines that come of a text.
fn taken(text: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut lines = Vec::new();
    let mut each = |line: Line<'_>| {
        lines.push((line.number, line.bytes.map_or_else(|e| e.to_string().into_bytes(), <[u8]>::to_vec)));
        Ok(())
    };
    let mut documents = Documents::default();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        documents.take(Line { number, bytes: Ok(line) }, &mut each).unwrap();
    }
    documents.finish(&mut each).unwrap();
    lines.retain(|(_, line)| !line.trim_ascii().is_empty());
    lines
}

fn texts(text: &[u8]) -> Vec<String> {
    taken(text).into_iter().map(|(_, line)| String::from_utf8_lossy(&line).into_owned()).collect()
}

/// Real events, in their one line.
fn events() -> Vec<String> {
    let packed = include_bytes!("../../../tests/fixtures/small.log.zst");
    let text = String::from_utf8(zstd::decode_all(&packed[..]).unwrap()).unwrap();
    text.lines().take(60).map(str::to_owned).collect()
}

/// With blanks between the tokens, as printers put them there.
fn pretty(event: &str) -> String {
    let (mut out, mut depth, mut in_string, mut escaped) = (String::new(), 0, false, false);
    for c in event.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            out.push(c);
            continue;
        }
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            '"' => in_string = true,
            _ => {}
        }
        let indented = format!("\n{}", "    ".repeat(depth));
        match c {
            '{' | '[' | ',' => out.extend([c.to_string(), indented]),
            '}' | ']' => out.extend([indented, c.to_string()]),
            ':' => out.push_str(": "),
            c => out.push(c),
        }
    }
    out
}

/// Lays events out.
fn laid_out(events: &[String], how: usize) -> String {
    let list = |before: &str, behind: &str| format!("{{{before}\"items\":[{}]{behind}}}", events.join(","));
    match how {
        0 => events.join("\n"),
        1 => events.iter().map(|event| pretty(event)).collect::<Vec<_>>().join("\n"),
        2 => events.concat(),
        3 => list("\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{},", ""),
        4 => pretty(&list("\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{},", "")),
        5 => list("\"apiVersion\":\"v1\",", ",\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"\"}"),
        6 => pretty(&list("\"apiVersion\":\"v1\",", ",\"kind\":\"List\",\"metadata\":{\"items\":[{}]}")),
        7 => format!("[{}]", events.join(",\n")),
        8 => pretty(&format!("[{}]", events.join(","))),
        9 => events.iter().map(|event| pretty(event)).collect(),
        _ => events.join(" "),
    }
}

/// What becomes of a list in one line is the replay's to say.
fn with_lists(text: &str) -> Vec<String> {
    let lines = texts(text.as_bytes());
    let split = lines.iter().flat_map(|line| {
        let mut out = Vec::new();
        match collector::is_event_list(line.as_bytes()) {
            true => collector::split_event_list(line.as_bytes(), &mut out)
                .unwrap()
                .into_iter()
                .map(|range| String::from_utf8(out[range].to_vec()).unwrap())
                .collect(),
            false => vec![line.clone()],
        }
    });
    split.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn however_a_recording_is_laid_out_its_events_are_the_same_bytes(
        parts in prop::collection::vec((0usize..60, 1usize..8, 0usize..11), 1..5),
    ) {
        let all = events();
        let (mut expected, mut text) = (Vec::new(), String::new());
        for (first, count, how) in parts {
            let events = &all[first..(first + count).min(all.len())];
            expected.extend_from_slice(events);
            text.push_str(&laid_out(events, how));
            text.push('\n');
        }
        prop_assert_eq!(with_lists(&text), expected);
    }

    #[test]
    fn nothing_hangs_or_grows_and_whole_lines_behind_garbage_are_read(
        garbage in prop::collection::vec("[\\[\\]{}\",:a \\\\]{0,12}", 0..12),
    ) {
        let event = &events()[0];
        let text = format!("{}\n{event}\n{event}\n{event}", garbage.join("\n"));
        let taken = texts(text.as_bytes());
        prop_assert!(taken.len() <= garbage.len() * 14 + 4, "{:?}", taken);
        let whole = taken.iter().filter(|line| *line == event).count();
        prop_assert!(whole >= 2, "{:?}", taken);
    }
}

#[test]
fn what_was_torn_is_told_with_its_line_and_the_rest_is_read() {
    let event = &events()[0];
    let pretty = pretty(event);
    let torn = &pretty[..pretty.len() / 2];
    let cut = torn.rfind('\n').unwrap();
    let text = format!("{event}\n{}\n{event}\n{}\n{event}\n{}", &torn[..cut], &event[..100], &torn[..cut]);
    let taken = taken(text.as_bytes());
    let whole = taken.iter().filter(|(_, line)| line == event.as_bytes()).count();
    assert_eq!((whole, taken.len()), (3, 6), "{taken:?}");
    assert_eq!(taken[1].0, 2, "the torn one is told with the line it begins in");
}

#[test]
fn an_item_over_the_limit_is_told_and_the_next_one_read() {
    let event = &events()[0];
    let long = "x".repeat(MAX_LINE_BYTES / 2);
    let text =
        format!("{{\n\"items\": [\n{{\"a\":\n\"{long}\",\n\"b\": \"{long}\",\n\"c\": 1}},\n{event}\n]}}");
    let taken = taken(text.as_bytes());
    assert_eq!(taken.len(), 2);
    assert!(String::from_utf8_lossy(&taken[0].1).contains("skipped") && taken[1].1 == event.as_bytes());
    assert_eq!((taken[0].0, taken[1].0), (3, 7));
}
