//! Compiles `auditrail/v1/*.proto` to Rust without a protoc on the machine.

use protox::prost::Message;

/// What commands show as JSON.
const SHOWN: [&str; 21] = [
    "Elevation",
    "Origin",
    "Count",
    "NamedCount",
    "StatusReply",
    "ServiceStatus",
    "SourceStatus",
    "FileStatus",
    "GapStatus",
    "StoreStatus",
    "PolicyStatus",
    "DestinationStatus",
    "Account",
    "LakeStatus",
    "CanaryStatus",
    "CanaryRead",
    "CanaryDelivered",
    "StatusRequest",
    "DeadLetter",
    "Skipped",
    "DeliveryReceipt",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=auditrail");
    let descriptors = protox::compile(
        [
            "auditrail/v1/pipe.proto",
            "auditrail/v1/ops.proto",
            "auditrail/v1/collector.proto",
            "auditrail/v1/shipper.proto",
        ],
        ["."],
    )?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("auditrail.bin"), descriptors.encode_to_vec())?;
    let mut config = tonic_prost_build::configure().bytes(".auditrail.v1.Batch.block");
    for message in SHOWN {
        config = config.type_attribute(format!(".auditrail.v1.{message}"), "#[derive(serde::Serialize)]");
    }
    for field in [
        "SourceStatus.queue",
        "Account.queue",
        "DeadLetter.queue",
        "DeliveryReceipt.queue",
        "DeliveryReceipt.sha256",
    ] {
        let path = format!(".auditrail.v1.{field}");
        config = config.field_attribute(path, "#[serde(serialize_with = \"crate::shown::hexadecimal\")]");
    }
    config.compile_fds(descriptors)?;
    Ok(())
}
