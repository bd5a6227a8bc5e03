//! What was released once goes on to be understood: services of neighbouring versions speak to each other, and scripts
//! that call us by name go on to work.
//!
//! `released/VERSION.bin` is the descriptor set of that release. With `AUDITRAIL_RELEASE=VERSION` this test writes the
//! one of a new release.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;
use std::path::Path;

use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
};

/// Everything with a name, by its full name.
#[derive(Default)]
struct Package {
    messages: BTreeMap<String, DescriptorProto>,
    enums: BTreeMap<String, EnumDescriptorProto>,
    methods: BTreeMap<String, MethodDescriptorProto>,
}

impl Package {
    fn of(set: &FileDescriptorSet) -> Package {
        let mut package = Package::default();
        for file in &set.file {
            let scope = file.package().to_owned();
            file.message_type.iter().for_each(|message| package.add(&scope, message));
            file.enum_type.iter().for_each(|one| package.add_enum(&scope, one));
            for service in &file.service {
                for method in &service.method {
                    let name = format!("{scope}.{}/{}", service.name(), method.name());
                    package.methods.insert(name, method.clone());
                }
            }
        }
        package
    }

    fn add(&mut self, scope: &str, message: &DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        message.nested_type.iter().for_each(|nested| self.add(&name, nested));
        message.enum_type.iter().for_each(|one| self.add_enum(&name, one));
        self.messages.insert(name, message.clone());
    }

    fn add_enum(&mut self, scope: &str, one: &EnumDescriptorProto) {
        self.enums.insert(format!("{scope}.{}", one.name()), one.clone());
    }
}

/// What somebody who knows `old` would stumble over in `new`.
fn breaks(old: &FileDescriptorSet, new: &FileDescriptorSet) -> Vec<String> {
    let (old, new) = (Package::of(old), Package::of(new));
    let mut found = Vec::new();
    for (name, before) in &old.messages {
        match new.messages.get(name) {
            None => found.push(format!("message {name} is gone")),
            Some(now) => fields(name, before, now, &mut found),
        }
    }
    for (name, before) in &old.enums {
        let now = new.enums.get(name);
        for value in &before.value {
            let is_same = |now: &EnumDescriptorProto| {
                now.value.iter().any(|one| one.name == value.name && one.number == value.number)
            };
            if !now.is_some_and(is_same) {
                found.push(format!("value {} = {} of {name} is gone", value.name(), value.number()));
            }
        }
    }
    for (name, before) in &old.methods {
        if new.methods.get(name) != Some(before) {
            found.push(format!("method {name} is gone or takes or gives something else"));
        }
    }
    found
}

fn fields(name: &str, before: &DescriptorProto, now: &DescriptorProto, found: &mut Vec<String>) {
    for field in &before.field {
        let same = now.field.iter().find(|other| other.number == field.number);
        if same.map(|same| kind(same, now)) != Some(kind(field, before)) {
            found.push(format!("field {} = {} of {name} is gone or changed", field.name(), field.number()));
        }
    }
    for range in &before.reserved_range {
        let is_taken = |field: &&FieldDescriptorProto| (range.start()..range.end()).contains(&field.number());
        if let Some(field) = now.field.iter().find(is_taken) {
            found.push(format!("field {} of {name} takes a number that is reserved", field.name()));
        }
    }
}

/// All that both sides have to agree on.
fn kind(field: &FieldDescriptorProto, of: &DescriptorProto) -> impl PartialEq + use<> {
    let choice =
        field.oneof_index.and_then(|at| of.oneof_decl.get(at as usize)).map(|one| one.name().to_owned());
    let (label, kind) = (field.label(), field.r#type());
    (field.name().to_owned(), label, kind, field.type_name().to_owned(), field.proto3_optional(), choice)
}

fn now() -> FileDescriptorSet {
    let mut set = FileDescriptorSet::decode(proto::v1::DESCRIPTORS).unwrap();
    set.file.iter_mut().for_each(|file| file.source_code_info = None);
    set
}

#[test]
fn whatever_a_release_said_this_program_understands_and_says_in_the_same_way() {
    let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("released");
    if let Ok(version) = std::env::var("AUDITRAIL_RELEASE") {
        std::fs::write(released.join(format!("{version}.bin")), now().encode_to_vec()).unwrap();
    }
    let mut seen = 0;
    for entry in std::fs::read_dir(released).unwrap() {
        let path = entry.unwrap().path();
        let old = FileDescriptorSet::decode(&*std::fs::read(&path).unwrap()).unwrap();
        assert!(Package::of(&old).methods.contains_key("auditrail.v1.Pipe/Push"), "{}", path.display());
        assert_eq!(breaks(&old, &now()), [""; 0], "since {}", path.display());
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn whoever_removes_renumbers_or_changes_something_is_told() {
    let changed = |change: &dyn Fn(&mut DescriptorProto)| {
        let mut set = now();
        let messages = set.file.iter_mut().flat_map(|file| &mut file.message_type);
        change(messages.into_iter().find(|message| message.name() == "Batch").unwrap());
        breaks(&now(), &set)
    };
    assert_eq!(breaks(&now(), &now()), [""; 0]);
    assert_eq!(changed(&|batch| drop(batch.field.remove(0))).len(), 1);
    assert_eq!(changed(&|batch| batch.field[0].number = Some(999)).len(), 1);
    assert_eq!(changed(&|batch| batch.field[0].name = Some("other".into())).len(), 1);
    assert_eq!(changed(&|batch| batch.field[0].r#type = Some(17)).len(), 1);
    assert_eq!(changed(&|batch| batch.field[0].label = Some(3)).len(), 1);
    let more = FieldDescriptorProto { name: Some("more".into()), number: Some(999), ..Default::default() };
    assert_eq!(changed(&|batch| batch.field.push(more.clone())), [""; 0]);

    let mut set = now();
    let services = set.file.iter_mut().flat_map(|file| &mut file.service);
    services.into_iter().find(|service| service.name() == "Pipe").unwrap().method.clear();
    assert_eq!(breaks(&now(), &set).len(), 1);
    let mut set = now();
    let mut enums = set.file.iter_mut().flat_map(|file| &mut file.enum_type);
    enums.next().unwrap().value.pop();
    assert_eq!(breaks(&now(), &set).len(), 1);
}

#[test]
fn a_number_that_was_given_up_is_not_given_again() {
    let range = prost_types::descriptor_proto::ReservedRange { start: Some(7), end: Some(8) };
    let before = DescriptorProto { reserved_range: vec![range], ..Default::default() };
    let field = FieldDescriptorProto { name: Some("again".into()), number: Some(7), ..Default::default() };
    let now = DescriptorProto { field: vec![field], ..Default::default() };
    let mut found = Vec::new();
    fields("M", &before, &now, &mut found);
    assert_eq!(found, ["field again of M takes a number that is reserved"]);
}

#[test]
fn a_batch_with_something_of_a_newer_version_is_read_as_far_as_this_one_knows() {
    let batch = proto::Batch { first: 3, last: 7, destination: "lake".into(), ..proto::Batch::default() };
    let mut bytes = batch.encode_to_vec();
    prost::encoding::string::encode(9_999, &"news".to_owned(), &mut bytes);
    assert_eq!(proto::Batch::decode(bytes.as_slice()).unwrap(), batch);
}
