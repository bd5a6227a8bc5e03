//! Compiles `auditrail/v1/*.proto` to Rust without a protoc on the machine.

use protox::prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=auditrail");
    let descriptors = protox::compile(["auditrail/v1/pipe.proto", "auditrail/v1/ops.proto"], ["."])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("auditrail.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".auditrail.v1.Batch.block").compile_fds(descriptors)?;
    Ok(())
}
