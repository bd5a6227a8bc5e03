//! The smallest roles that allow what was refused, and why one should think twice.
//!
//! Promises: what is proposed allows all of these requests, and nothing else unless it says so; nothing is proposed where
//! it would give more than it looks like, where the refusal was not authorization's, or where what was asked is not known
//! whole. Roles that give different things have different names, so that to apply one takes nothing away that another
//! gave.

use audit::rbac::{
    Names, Objects, Permission, Permissions, Request, Subject, Target, allowing, dangers, to_yaml,
};
use sha2::{Digest, Sha256};

use super::action::{Action, Kind, Refusal, SubjectKind};
use super::refused::{NAMES, Refused};
use crate::clip::MOST;

/// Most characters of what the name of a role says about the request.
const WORDS: usize = 80;

const NODE: &str = "the node authorizer gives a node what its pods need; a role of its own gives it more";
const ALL_NAMES: &str =
    "this is for objects of all names, since more than 32 names were refused and not all of them are known";

/// What is proposed.
#[derive(Debug, Default)]
pub(super) struct Fix {
    /// YAML for `kubectl apply`.
    pub(super) yaml: Option<String>,
    /// Why nothing is proposed.
    pub(super) warnings: Vec<&'static str>,
    /// What the proposal gives besides.
    pub(super) careful: Vec<&'static str>,
}

/// What would allow it, and what speaks against it.
pub(super) fn of(refusal: &Refusal, refused: &Refused) -> Fix {
    let action = &refusal.action;
    if refusal.kind != Kind::NotAllowed || !is_whole(action, refused) {
        return Fix::default();
    }
    let requests = requests(action, refused);
    let mut set = Permissions::default();
    requests.iter().for_each(|request| set.add_request(request, true));
    let subject = Subject::of_user(&action.subject);
    let mut warnings: Vec<&'static str> =
        set.iter().flat_map(|(_, permission, names)| warnings(&subject, permission, names)).collect();
    if SubjectKind::of(&action.subject) == SubjectKind::Node {
        warnings.push(NODE);
    }
    warnings.sort_unstable();
    warnings.dedup();
    if !warnings.is_empty() {
        return Fix { warnings, ..Fix::default() };
    }
    let mut objects = allowing(&action.subject, &requests).objects;
    name_apart(&mut objects, &requests);
    let for_all = refused.unnamed.count == 0 && refused.names.len() > NAMES;
    Fix {
        yaml: Some(to_yaml(&objects)),
        warnings,
        careful: for_all.then_some(ALL_NAMES).into_iter().collect(),
    }
}

/// A role for other requests of the same subject has another name: some words about them to read, and a hash of them.
fn name_apart(objects: &mut Objects, requests: &[Request]) {
    let Some(first) = requests.first() else { return };
    let target = match &first.target {
        Target::Path(path) => [path.as_str(), "", ""],
        Target::Resource { group, resource, subresource, .. } => [resource.as_str(), group, subresource],
    };
    let words = [first.verb.as_str()].into_iter().chain(target).flat_map(|word| {
        word.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|word| !word.is_empty())
    });
    let words: String = words.collect::<Vec<_>>().join("-").chars().take(WORDS).collect();
    let end = format!("{words}-{}", hash(first, requests));
    objects.roles.iter_mut().for_each(|role| role.name = format!("{}:{end}", role.name));
    for binding in &mut objects.bindings {
        binding.name = format!("{}:{end}", binding.name);
        binding.role = format!("{}:{end}", binding.role);
    }
}

/// Of requests that are alike but for their names.
fn hash(first: &Request, requests: &[Request]) -> String {
    let mut words: Vec<&str> = vec![&first.verb];
    for request in requests {
        match &request.target {
            Target::Path(path) => words.extend(["path", path]),
            Target::Resource { group, resource, subresource, name, .. } => {
                words.extend(["resource", group, resource, subresource, name]);
            }
        }
    }
    let mut hash = Sha256::new();
    for word in words {
        hash.update((word.len() as u64).to_le_bytes());
        hash.update(word);
    }
    hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

fn warnings(subject: &Subject, permission: &Permission, names: &Names) -> Vec<&'static str> {
    dangers(Some(subject), permission, names).iter().map(|danger| danger.why).collect()
}

fn requests(action: &Action, refused: &Refused) -> Vec<Request> {
    if !action.path.is_empty() {
        // Rules are compared with the decoded path.
        return vec![Request::uri(&action.verb, &action.path)];
    }
    let request = |name: &str| Request {
        verb: action.verb.clone(),
        target: Target::Resource {
            group: action.api_group.clone(),
            resource: action.resource.clone(),
            subresource: action.subresource.clone(),
            namespace: action.namespace.clone(),
            name: name.to_owned(),
        },
    };
    match refused.names.len() {
        1..=NAMES if refused.unnamed.count == 0 => refused.names.keys().map(|name| request(name)).collect(),
        _ => vec![request("")],
    }
}

/// Whether nothing of it may have been cut, and all of it can stand in a role.
fn is_whole(action: &Action, refused: &Refused) -> bool {
    let Action { subject, verb, api_group, resource, subresource, namespace, path } = action;
    let texts = [subject, verb, api_group, resource, subresource, namespace, path];
    let is_cut = texts.into_iter().chain(refused.names.keys()).any(|text| text.len() + 4 > MOST);
    let is_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    // What is no text once it is decoded cannot be written down.
    let is_text = !Request::uri(verb, path).to_string().contains(char::REPLACEMENT_CHARACTER);
    let is_something = !(subject.is_empty() || resource.is_empty() && path.is_empty());
    !is_cut && is_something && is_text && namespace.chars().all(is_label)
}
