//! The router's own binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    let service = chassis::Service::new("router", env!("CARGO_PKG_VERSION"));
    chassis::run(service, |config: router::Config, _, stop| router::serve(config, stop))
}
