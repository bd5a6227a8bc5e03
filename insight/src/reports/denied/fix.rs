//! The smallest roles that allow what was refused, and why one should think twice.
//!
//! Promises: what is proposed allows these requests and nothing else; nothing is proposed where it would give more
//! than it looks like, where the refusal was not authorization's, or where what was asked is not known whole.

use audit::rbac::{
    Names, Objects, Permission, Permissions, Request, Subject, Target, allowing, dangers, to_yaml,
};

use super::action::{Action, Kind, Refusal, SubjectKind};
use super::refused::Refused;
use crate::clip::MOST;

/// More names than these are not listed in a role: it is for all names then.
const NAMES: usize = 8;

const NODE: &str = "the node authorizer gives a node what its pods need; a role of its own gives it more";

/// YAML for `kubectl apply`, and what speaks against it.
pub(super) fn of(refusal: &Refusal, refused: &Refused) -> (Option<String>, Vec<&'static str>) {
    let action = &refusal.action;
    if refusal.kind != Kind::NotAllowed || action.subject.is_empty() || !is_whole(action, refused) {
        return (None, Vec::new());
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
    let yaml = warnings.is_empty().then(|| {
        let mut objects = allowing(&action.subject, &requests).objects;
        name_apart(&mut objects, action);
        to_yaml(&objects)
    });
    (yaml, warnings)
}

/// A role for another request of the same subject has another name, so that applying one replaces no other.
fn name_apart(objects: &mut Objects, action: &Action) {
    let words = [&action.verb, &action.resource, &action.api_group, &action.subresource, &action.path];
    let words: Vec<&str> = words.into_iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let end: String = words.join("-").chars().map(plain).collect();
    objects.roles.iter_mut().for_each(|role| role.name = format!("{}:{end}", role.name));
    for binding in &mut objects.bindings {
        binding.name = format!("{}:{end}", binding.name);
        binding.role = format!("{}:{end}", binding.role);
    }
}

fn warnings(subject: &Subject, permission: &Permission, names: &Names) -> Vec<&'static str> {
    dangers(Some(subject), permission, names).iter().map(|danger| danger.why).collect()
}

fn requests(action: &Action, refused: &Refused) -> Vec<Request> {
    let target = |name: &str| match action.path.as_str() {
        "" => Target::Resource {
            group: action.api_group.clone(),
            resource: action.resource.clone(),
            subresource: action.subresource.clone(),
            namespace: action.namespace.clone(),
            name: name.to_owned(),
        },
        path => Target::Path(path.to_owned()),
    };
    let request = |name: &str| Request { verb: action.verb.clone(), target: target(name) };
    match refused.names.len() {
        1..=NAMES => refused.names.keys().map(|name| request(name)).collect(),
        _ => vec![request("")],
    }
}

/// Whether nothing of it may have been cut.
fn is_whole(action: &Action, refused: &Refused) -> bool {
    let Action { subject, verb, api_group, resource, subresource, namespace, path } = action;
    let texts = [subject, verb, api_group, resource, subresource, namespace, path];
    texts.into_iter().chain(refused.names.keys()).all(|text| text.len() + 4 <= MOST)
}
