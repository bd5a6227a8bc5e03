//! What is told of slow requests, held against real events and against lines with what those lack.

use super::*;
use crate::filter::Filter;
use crate::laws;

/// An event that ended, with the times and whatever else it needs.
fn line(verb: &str, target: &str, us: u64, more: &str) -> Vec<u8> {
    ended("06:00:00", verb, target, us, more)
}

fn ended(begun: &str, verb: &str, target: &str, us: u64, more: &str) -> Vec<u8> {
    let (h, rest) = begun.split_once(':').unwrap();
    let (m, s) = rest.split_once(':').unwrap();
    let at = [h, m, s].iter().fold(0, |sum, part| sum * 60 + part.parse::<u64>().unwrap());
    let end = at * 1_000_000 + us;
    let (seconds, micros) = (end / 1_000_000, end % 1_000_000);
    let end = format!("{:02}:{:02}:{:02}.{micros:06}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{verb}-{us}","stage":"ResponseComplete","verb":"{verb}","user":{{"username":"ann"}},"userAgent":"kubectl/v1.30 (linux)",{target},"requestReceivedTimestamp":"2026-11-23T{begun}.000000Z","stageTimestamp":"2026-11-23T{end}Z"{more}}}"#
    )
    .into_bytes()
}

fn object(resource: &str, name: &str, query: &str) -> String {
    format!(
        r#""requestURI":"/api/v1/namespaces/web/{resource}{query}","objectRef":{{"resource":"{resource}","namespace":"web"{name},"apiVersion":"v1"}}"#
    )
}

const WEBHOOK: &str = r#","responseStatus":{"code":201},"annotations":{"apiserver.latency.k8s.io/total":"3.1s","apiserver.latency.k8s.io/validating-webhook":"2.9s","apiserver.latency.k8s.io/etcd":"12.5ms","apiserver.latency.k8s.io/new-in-1-40":"1ms"}"#;

/// The recording with what it lacks.
fn recording() -> Vec<Vec<u8>> {
    let mut lines = laws::recording();
    let pods = |query: &str| object("pods", "", query);
    let pod = object("pods", r#","name":"a""#, "");
    let status = |code: u16| format!(r#","responseStatus":{{"code":{code}}}"#);
    lines.push(line("create", &pod, 3_100_000, WEBHOOK));
    lines.push(line("get", &pod, 1_200_000, &status(504)));
    lines.push(line(
        "get",
        &pod,
        700_000,
        r#","responseStatus":{"code":200,"message":"Connection closed early"}"#,
    ));
    lines.push(line("list", &pods(""), 900_000, &status(200)));
    lines.push(line("list", &pods("?limit=500"), 800_000, &status(200)));
    lines.push(line("list", &pods("?limit=0&resourceVersion="), 4_000, &status(200)));
    lines.push(line("list", &pods("?resourceVersion=0"), 4_000, &status(200)));
    lines.push(line("watch", &pods("?watch=true"), 2_000_000, &status(200)));
    lines.push(line("watch", &pods("?watch=true"), 400_000_000, &status(200)));
    lines.push(line("get", r#""requestURI":"/debug/pprof/profile""#, 30_000_000, &status(200)));
    lines.push(ended("06:30:00", "get", &pod, 1_000, &status(200)));
    lines
}

fn report(asked: &Asked) -> Report {
    laws::folded::<Slow>(&recording()).report(asked)
}

fn ann(asked: Asked) -> Report {
    let filter = Filter { user: Some("ann".into()), ..asked.filter };
    report(&Asked { filter, ..asked })
}

#[test]
fn the_laws_of_folds_hold() {
    laws::hold::<Slow>(&recording());
}

#[test]
fn the_webhook_that_took_the_time_is_named_and_is_not_counted_against_the_objective() {
    let report = ann(Asked {
        filter: Filter { verb: Some("create".into()), ..Filter::default() },
        ..Asked::default()
    });
    let slowest = &report.slowest[0];
    assert_eq!(
        (slowest.us, slowest.audit_id.as_str(), slowest.name.as_str()),
        (3_100_000, "create-3100000", "a")
    );
    let culprit = &slowest.culprits[0];
    assert_eq!(
        (culprit.name.as_str(), culprit.us, culprit.per_mille),
        ("validating webhooks", 2_900_000, 935)
    );
    assert!(slowest.culprits.iter().any(|culprit| culprit.name == "new-in-1-40" && culprit.us == 1_000));
    assert_eq!((report.annotated, &report.culprits), (1, &slowest.culprits));
    let created =
        report.objectives.missed.iter().find(|pair| pair.verb == "create" && pair.resource == "pods");
    assert_eq!(created, None, "3.1 s less 2.9 s is within 1 s");
}

#[test]
fn who_left_early_and_what_is_meant_to_last_is_in_no_percentile() {
    let report = ann(Asked::default());
    assert_eq!(report.left, 1);
    let max = report.groups.iter().map(|group| group.max_us).max();
    assert_eq!(max, Some(3_100_000), "{:#?}", report.groups);
    assert!(report.groups.iter().all(|group| group.verb != "watch"));
    let watches = report.long_running.iter().find(|row| row.verb == "watch" && row.user == "ann").unwrap();
    assert_eq!((watches.ended, watches.short, watches.max_us), (2, 1, 400_000_000));
    assert!(report.long_running.iter().any(|row| row.resource.is_empty() && row.max_us == 30_000_000));
}

#[test]
fn lists_of_everything_are_those_without_a_limit_and_a_version() {
    let report = ann(Asked::default());
    let lists: Vec<_> =
        report.lists.iter().map(|list| (list.resource.as_str(), list.requests, list.max_us)).collect();
    assert_eq!(lists, [("pods", 2, 900_000)]);
}

#[test]
fn a_window_is_good_when_99_of_a_hundred_of_each_kind_were_within() {
    let filter = Filter { resource: Some("pods".into()), ..Filter::default() };
    let objectives = report(&Asked { filter, ..Asked::default() }).objectives;
    let missed =
        objectives.missed.iter().find(|pair| pair.verb == "get" && pair.scope == "resource").unwrap();
    assert_eq!(
        (missed.missed_windows, missed.over, missed.broken, missed.threshold_us),
        (1, 1, true, 1_000_000)
    );
    assert_eq!(objectives.windows - objectives.good_windows, 1);
    assert!(objectives.days.iter().any(|day| day.day == "2026-11-23" && day.windows > day.good_windows));
    let burn = &objectives.burn[0];
    assert_eq!(
        (burn.windows, burn.short_tenths, burn.fires),
        ("1h/5m", 0, false),
        "the last window was good"
    );
}

const OK: &str = r#","responseStatus":{"code":200}"#;

#[test]
fn a_bad_day_is_missed_however_many_good_days_are_around_it() {
    let pod = object("pods", r#","name":"a""#, "/a");
    let of_day = |day: u32, slow: u32| {
        let line = |window: u32| {
            let us = if window < slow { 1_500_000 } else { 1_000 };
            let begun = format!("{:02}:{:02}:00", window / 12, window % 12 * 5);
            let line = String::from_utf8(ended(&begun, "get", &pod, us, OK)).unwrap();
            line.replace("2026-11-23", &format!("2026-11-{day:02}")).into_bytes()
        };
        (0..288).map(line).collect::<Vec<_>>()
    };
    let of = |days: &[(u32, u32)]| {
        let lines: Vec<_> = days.iter().flat_map(|(day, slow)| of_day(*day, *slow)).collect();
        laws::folded::<Slow>(&lines).report(&Asked::default()).objectives
    };
    let objectives = of(&[(1, 2), (2, 0), (3, 5), (4, 2), (5, 0)]);
    let [missed] = &objectives.missed[..] else { panic!("{objectives:#?}") };
    assert_eq!((missed.windows, missed.missed_windows), (5 * 288, 9), "less than 1 % of all");
    assert_eq!((missed.broken, missed.days, missed.missed_days), (true, 5, 1));
    let worst = Day { day: "2026-11-03".into(), windows: 288, good_windows: 283, broken: true };
    assert_eq!(missed.worst_day, worst);
    let broken: Vec<bool> = objectives.days.iter().map(|day| day.broken).collect();
    assert_eq!(broken, [false, false, true, false, false]);
    let kept = &of(&[(1, 2), (2, 0)]).missed[0];
    assert_eq!((kept.broken, kept.missed_days, kept.worst_day.day.as_str()), (false, 0, "2026-11-01"));
}

#[test]
fn times_are_those_between_the_timestamps_and_groups_add_up_to_all() {
    let recorded = laws::recording();
    let report = laws::folded::<Slow>(&recorded).report(&Asked::default());
    let mut expected = (0, 0);
    for line in &recorded {
        let event = audit::Event::scan(line).unwrap();
        let object = event.object_ref();
        let subresource = object.as_ref().map(|object| object.subresource.to_string()).unwrap_or_default();
        let ended = matches!(event.stage(), audit::Stage::ResponseComplete | audit::Stage::Panic);
        if ended && !is_long(&event.verb(), &subresource) && event.code() != Some(101) {
            expected.0 += 1;
            expected.1 += event.stage_micros().unwrap() - event.request_received_micros().unwrap();
        }
    }
    assert_eq!((report.requests, i64::try_from(report.total_us).unwrap()), expected);
    for by in [vec![], vec![By::User], vec![By::Verb, By::Resource, By::Scope, By::Client, By::User]] {
        let report = laws::folded::<Slow>(&recorded).report(&Asked { by, ..Asked::default() });
        let sums = report.groups.iter().fold((0, 0), |sum, g| (sum.0 + g.requests, sum.1 + g.total_us));
        assert_eq!(sums, (report.requests, report.total_us));
        assert_eq!(report.over_time.iter().map(|point| point.requests).sum::<u64>(), report.requests);
    }
}

#[test]
fn refusals_of_the_authorizer_count_towards_no_objective_and_those_of_admission_do() {
    for (code, decision, counted) in
        [(Some(403), "forbid", false), (Some(403), "allow", true), (Some(429), "", false), (None, "", true)]
    {
        assert_eq!(counts(code, decision, "resource"), counted, "{code:?} {decision}");
    }
}
