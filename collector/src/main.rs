//! The collector as a process; all it does is in the library.

fn main() -> std::process::ExitCode {
    let service = chassis::Service::new("collector", env!("CARGO_PKG_VERSION"));
    chassis::run(service, |config: collector::Config, configuration, stop| {
        collector::serve_from(Some(configuration), config, stop)
    })
}
