//! How far a search looks when time is up.

use std::str::FromStr;

use super::*;

fn lake(directory: &std::path::Path) -> Lake {
    let lake = Lake::open(directory.to_str().unwrap()).unwrap();
    let event = |hour: u32, n: u32| {
        format!(
            r#"{{"level":"Metadata","stage":"ResponseComplete","verb":"get","requestURI":"/version","stageTimestamp":"2026-11-23T{hour:02}:00:00.{n:06}Z"}}"#
        )
    };
    let lines: Vec<String> = [4, 5, 6].iter().flat_map(|hour| (0..3).map(|n| event(*hour, n))).collect();
    let lines: Vec<(u64, &[u8])> = (0..).zip(lines.iter().map(String::as_bytes)).collect();
    let (origin, cluster, node, received_us) = ("a", "prod", "cp-1", 1_795_417_200_000_000);
    let rows =
        lake::Rows { origin, cluster, node, queue: [7; 16], first: 0, last: 8, received_us, lines: &lines };
    lake.write(&rows).unwrap();
    lake
}

fn found(lake: &Lake, times: Range<i64>, first: Duration, is_awaited: bool) -> Found {
    let until = Until { deadline: Instant::now(), first, is_awaited: &|| is_awaited };
    find(lake, &Wanted::default(), &Sought { times, past: None }, 100, &until).unwrap()
}

#[test]
fn when_time_is_up_one_hour_is_looked_through_and_the_next_search_goes_on_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let (lake, long) = (lake(directory.path()), Duration::from_secs(600));
    let one = found(&lake, 0..i64::MAX, long, true);
    assert_eq!((one.events.len(), one.complete, one.in_part), (3, false, None));
    assert_eq!(one.next.unwrap().to, "2026-11-23T06:00");
    let six = crate::Moment::from_str("2026-11-23T06:00").unwrap().0;
    let next = found(&lake, 0..six, long, true);
    assert_eq!((next.events.len(), next.next.unwrap().to), (3, "2026-11-23T05:00".to_owned()));
    let within = found(&lake, six + 1..six + 2, long, true);
    assert_eq!((within.events.len(), within.complete), (1, true));
    assert_eq!((within.events[0].row, within.events[0].seq), (1, 7));
}

#[test]
fn an_hour_that_takes_too_long_is_said_to_be_told_in_part_and_nothing_is_read_for_who_has_gone() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(directory.path());
    for (first, is_awaited) in [(Duration::ZERO, true), (Duration::from_secs(600), false)] {
        let found = found(&lake, 0..i64::MAX, first, is_awaited);
        assert_eq!(found.in_part.as_deref(), Some("2026-11-23T06:00:00Z"));
        assert_eq!((found.complete, found.next.unwrap().to.as_str()), (false, "2026-11-23T06:00"));
    }
}
