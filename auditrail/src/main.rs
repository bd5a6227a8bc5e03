//! The binary that people download.

use std::process::ExitCode;

fn main() -> ExitCode {
    auditrail::cli::main()
}
