//! The router's own binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    let service = chassis::Service::new("router", env!("CARGO_PKG_VERSION"));
    chassis::run(service, |router::Alone(config), configuration, stop| {
        router::serve_from(Some(configuration), config, stop)
    })
}
