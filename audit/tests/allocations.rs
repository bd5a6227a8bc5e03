//! What the way of an event costs in memory.
//!
//! Promise: to scan, decide and lower an event as the API server writes them allocates nothing, but for the text of a
//! name or a path that is written with escapes.
#![allow(clippy::unwrap_used)]

#[path = "recorded/lines.rs"]
mod recorded;

use audit::{Attributes, Event, Level, Policy, lower};

const POLICY: &str = "
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- {level: None, nonResourceURLs: [\"/healthz*\", \"/readyz*\"]}
- {level: None, users: [\"system:kube-scheduler\"], resources: [{group: coordination.k8s.io, resources: [leases]}]}
- {level: Request, userGroups: [\"system:serviceaccounts\"], verbs: [get, list, watch]}
- {level: Metadata, resources: [{resources: [pods, \"pods/*\", \"*/status\"]}]}
- {level: RequestResponse}
";

#[test]
fn to_scan_decide_and_lower_an_event_allocates_nothing() {
    let policy = Policy::load(POLICY).unwrap().policy;
    let lines = recorded::lines("twins.jsonl.zst");
    let lines: Vec<&[u8]> = lines
        .iter()
        .filter(|line| line.starts_with(br#"{"type": "case""#))
        .map(|line| recorded::event_case(line).1)
        .collect();
    let mut out = Vec::with_capacity(1 << 20);
    let (mut events, mut kept, mut allocating) = (0, 0, Vec::new());
    for line in lines {
        let used = allocation_counter::measure(|| {
            out.clear();
            let event = Event::scan(line).unwrap();
            let decision = policy.decide(&Attributes::of(&event));
            kept += usize::from(decision.level > Level::None);
            lower(&event, &decision, &mut out);
        });
        events += 1;
        if used.count_total > 0 {
            allocating.push(String::from_utf8_lossy(line));
        }
    }
    assert!(events > 1000 && kept > events / 2, "{kept} of {events}");
    let spelt = |line: &str| {
        let event = Event::scan(line.as_bytes()).unwrap();
        let path = event.request_uri().split('?').next().unwrap_or_default().to_owned();
        path.contains('%') || line.contains('\\')
    };
    let plain: Vec<_> = allocating.iter().filter(|line| !spelt(line)).collect();
    assert!(plain.is_empty(), "{} of {events}, such as {}", plain.len(), plain[0]);
    assert!(allocating.len() * 100 < 3 * events, "{} of {events}", allocating.len());
}
