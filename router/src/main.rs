//! The router's own binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    let service = chassis::Service::new("router", env!("CARGO_PKG_VERSION"));
    chassis::run(service, |router::Alone(config), _, stop| router::serve(config, stop))
}
