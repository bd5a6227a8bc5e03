//! Insight's own binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    let service = chassis::Service::new("insight", env!("CARGO_PKG_VERSION"));
    chassis::run(service, |config: insight::Config, configuration, stop| {
        insight::serve_from(Some(configuration), config, stop)
    })
}
