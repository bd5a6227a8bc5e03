//! The recorded cluster.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read is a failed test")]

use audit::Event;
use audit::rbac::{Objects, Observation, Request, Uses, Who, observe};

pub(crate) fn text(name: &str) -> String {
    let path = format!("{}/tests/fixtures/rbac/{name}.zst", env!("CARGO_MANIFEST_DIR"));
    #[expect(clippy::disallowed_methods, reason = "a test reads its fixture")]
    let packed = std::fs::read(path).unwrap();
    let mut reader = zstd::stream::read::Decoder::new(&packed[..]).unwrap();
    reader.window_log_max(27).unwrap();
    std::io::read_to_string(reader).unwrap()
}

pub(crate) fn events(mut take: impl FnMut(&Event<'_>)) {
    text("audit.log").lines().for_each(|line| take(&Event::scan(line.as_bytes()).unwrap()));
}

pub(crate) fn objects() -> Objects {
    Objects::read(&text("rbac-objects.json")).unwrap()
}

pub(crate) fn take(uses: &mut Uses, event: &Event<'_>) {
    match observe(event) {
        Ok(observations) => observations.into_iter().for_each(|observation| uses.add(observation)),
        Err(left) => uses.leave(left, 1),
    }
}

pub(crate) fn uses() -> Uses {
    let mut uses = Uses::default();
    events(|event| take(&mut uses, event));
    uses
}

pub(crate) fn allowed(user: &str, request: Request) -> Observation {
    Observation {
        who: Who::named(user),
        request,
        allowed: true,
        count: 1,
        forbidden_after: 0,
        first: 1,
        last: 1,
        via: None,
    }
}
