//! Every call has its section in `docs/admin.md`, with the command and what it answers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::path::Path;

use prost::Message;
use prost_types::FileDescriptorSet;

#[test]
fn every_call_is_shown_with_its_command_and_its_answer() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/admin.md");
    let page = std::fs::read_to_string(page).unwrap();
    let sections: Vec<&str> = page.split("\n### ").skip(1).collect();
    let set = FileDescriptorSet::decode(proto::v1::DESCRIPTORS).unwrap();
    let services =
        set.file.iter().filter(|file| file.package() == "auditrail.v1").flat_map(|file| &file.service);
    let mut missing = Vec::new();
    for service in services {
        for method in &service.method {
            let (title, call) = (
                format!("`{}.{}`\n", service.name(), method.name()),
                format!("auditrail.v1.{}/{}\n", service.name(), method.name()),
            );
            let section = sections.iter().find(|section| section.starts_with(&title));
            let shows = |section: &&str| {
                let answer = section.split_once(&call).map(|(_, answer)| answer.trim_start());
                section.contains("$ grpcurl ") && answer.is_some_and(|answer| answer.starts_with(['{', 'E']))
            };
            if !section.is_some_and(shows) {
                missing.push(title.trim().to_owned());
            }
        }
    }
    assert_eq!(missing, [""; 0], "give each a section `### \\`Service.Method\\`` in docs/admin.md");
}
