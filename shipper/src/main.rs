//! The shipper's own binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    let service = chassis::Service::new("shipper", env!("CARGO_PKG_VERSION"));
    chassis::run(service, |config: shipper::Config, configuration, stop| {
        shipper::serve_from(Some(configuration), config, stop)
    })
}
