//! Telemetry as a process has it: started once, with a receiver that nobody listens at.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::net::TcpListener;

use chassis::telemetry::{self, Telemetry, TelemetryError};

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// One test, since telemetry is started once in a process. More spans than the queue holds are recorded: that the
/// test ends at all says that neither they nor the flush wait for the receiver.
#[test]
fn an_unreachable_receiver_neither_delays_nor_fails_anything() {
    assert!(matches!(telemetry::set_log_level("debug"), Err(TelemetryError::NotStarted)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let settings = Telemetry { otlp: Some(nobody()), ..Telemetry::default() };
    let guard = {
        let _inside = runtime.enter();
        telemetry::init("chassis-test", "0.0.0", &settings).unwrap()
    };
    for batch in 0..10_000 {
        tracing::info_span!("collector.push", batch).in_scope(|| ());
    }

    telemetry::set_log_level("warn,collector=debug").unwrap();
    let refused = telemetry::set_log_level("collector=loud").unwrap_err().to_string();
    assert!(refused.starts_with("`collector=loud` is no log level"), "{refused}");

    let _inside = runtime.enter();
    let twice = telemetry::init("chassis-test", "0.0.0", &settings);
    assert!(matches!(twice, Err(TelemetryError::Twice)));
    drop(guard);
}
