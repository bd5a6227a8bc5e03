//! What an audit event says about permissions.
//!
//! Promises: the request is that of whom it acted as; an impersonation is a use of its own by who asked for it, also one
//! that was refused, where the API server's answer says what; an object that a patch or an update created is a create too, since the API server asks for that as well. What the
//! authorizer never decided is no use, and is said to be none.

use serde::{Deserialize, Serialize};

use super::super::request::combined;
use super::super::{Request, Subject, Target, Via, Who};
use super::refused_impersonation;
use crate::{Attributes, Event, Stage, User, scan, text};

/// One request of one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Whose.
    pub who: Who,
    /// Which.
    pub request: Request,
    /// What was decided.
    pub allowed: bool,
    /// How many requests: none of a request that has not ended, which shows a use that its end counts.
    pub count: u64,
    /// How many of them were allowed and answered 403 all the same: by a check of what is written, or by admission.
    pub forbidden_after: u64,
    /// When first, in microseconds since the Unix epoch.
    pub first: i64,
    /// When last.
    pub last: i64,
    /// By which binding it was allowed.
    pub via: Option<Via>,
}

/// Why an event shows no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Left {
    /// Nothing is decided yet at this stage.
    Undecided,
    /// Nobody was authenticated (401).
    Unauthenticated,
    /// The request ended before the authorizer was asked, such as for too many requests (429).
    BeforeAuthorization,
    /// Acting as somebody else was refused; as whom the event does not say, since it has no answer.
    RefusedImpersonation,
    /// There were more uses than are kept.
    TooMany,
}

/// The uses that an event shows.
///
/// # Errors
/// [`Left`] says why it shows none.
pub fn observe(event: &Event<'_>) -> Result<Vec<Observation>, Left> {
    if event.stage() == Stage::RequestReceived {
        return Err(Left::Undecided);
    }
    let user = event.user().ok_or(Left::Unauthenticated)?;
    let reason = event.annotation("authorization.k8s.io/reason");
    let allowed = match (event.annotation("authorization.k8s.io/decision").as_deref(), event.code()) {
        (Some("allow"), _) => true,
        (Some("forbid"), _) => false,
        (_, Some(401)) => return Err(Left::Unauthenticated),
        (_, Some(403)) => return refused(event, &user).ok_or(Left::RefusedImpersonation),
        _ => return Err(Left::BeforeAuthorization),
    };
    // Without a name there is nobody to act as, and the API server refuses to.
    let acting = event.impersonated_user().filter(|acting| !acting.username().is_empty());
    let count = u64::from(event.stage() != Stage::ResponseStarted);
    let time = crate::unix_micros(&event.stage_timestamp()).unwrap_or_default();
    let first = Observation {
        who: who(&acting.unwrap_or(user)),
        request: request(&Attributes::of(event)),
        allowed,
        count,
        forbidden_after: if allowed && event.code() == Some(403) { count } else { 0 },
        first: time,
        last: time,
        via: reason.and_then(|reason| reason.parse().ok()),
    };
    let created = (event.code() == Some(201)).then(|| first.created()).flatten();
    let impersonations = acting.map(|acting| asked_for(&acting)).unwrap_or_default();
    let asked = impersonations.into_iter().map(|request| Observation {
        who: who(&user),
        request,
        allowed: true,
        forbidden_after: 0,
        via: None,
        ..first.clone()
    });
    let asked: Vec<Observation> = asked.collect();
    Ok(std::iter::once(first).chain(created).chain(asked).collect())
}

/// Acting as somebody else, which was refused.
fn refused(event: &Event<'_>, user: &User<'_>) -> Option<Vec<Observation>> {
    let request = refused_impersonation(&event.answer()?)?;
    let time = crate::unix_micros(&event.stage_timestamp()).unwrap_or_default();
    Some(vec![Observation {
        who: who(user),
        request,
        allowed: false,
        count: u64::from(event.stage() != Stage::ResponseStarted),
        forbidden_after: 0,
        first: time,
        last: time,
        via: None,
    }])
}

fn who(user: &User<'_>) -> Who {
    Who::new(user.username(), user.groups())
}

fn request(attributes: &Attributes<'_>) -> Request {
    if !attributes.resource_request {
        return Request::path(&attributes.verb, &attributes.path);
    }
    let target = Target::Resource {
        group: attributes.api_group.to_string(),
        resource: attributes.resource.to_string(),
        subresource: attributes.subresource.to_string(),
        namespace: attributes.namespace.to_string(),
        name: attributes.name.to_string(),
    };
    Request { verb: attributes.verb.to_string(), target }
}

impl Observation {
    /// The create that stands behind a patch or an update that answered 201.
    #[must_use]
    pub fn created(&self) -> Option<Observation> {
        let writes = matches!(self.request.verb.as_str(), "patch" | "update");
        let plain =
            matches!(&self.request.target, Target::Resource { subresource, .. } if subresource.is_empty());
        (writes && plain && self.allowed).then(|| {
            let mut created = Observation { via: None, forbidden_after: 0, ..self.clone() };
            "create".clone_into(&mut created.request.verb);
            created
        })
    }
}

fn asked_for(user: &User<'_>) -> Vec<Request> {
    let extra = String::from_utf8_lossy(user.extra().unwrap_or_default());
    impersonations(&user.username(), user.groups(), user.uid().as_deref(), extra.as_bytes())
}

/// What it takes to act as this user, with `extra` as JSON: an object of lists. Groups that the API server adds by itself
/// need nothing.
#[must_use]
pub fn impersonations<G: AsRef<str>>(
    name: &str,
    groups: impl Iterator<Item = G>,
    uid: Option<&str>,
    extra: &[u8],
) -> Vec<Request> {
    const VERB: &str = "impersonate";
    let subject = Subject::of_user(name);
    let mut requests = Vec::new();
    let mut added = vec!["system:authenticated".to_owned(), "system:unauthenticated".to_owned()];
    match &subject {
        Subject::ServiceAccount { namespace, name } => {
            added.push("system:serviceaccounts".to_owned());
            added.push(format!("system:serviceaccounts:{namespace}"));
            requests.push(Request::resource(VERB, "", "serviceaccounts", namespace, name));
        }
        _ => requests.push(Request::resource(VERB, "", "users", "", name)),
    }
    let groups = groups.filter(|group| !added.iter().any(|own| own == group.as_ref()));
    requests.extend(groups.map(|group| Request::resource(VERB, "", "groups", "", group.as_ref())));
    const AUTHENTICATION: &str = "authentication.k8s.io";
    let uid = uid.filter(|uid| !uid.is_empty());
    requests.extend(uid.map(|uid| Request::resource(VERB, AUTHENTICATION, "uids", "", uid)));
    for (member, values) in scan::members(extra) {
        let key = text::unescape(member.raw_key(extra));
        let list = &extra[values];
        for value in scan::elements(list).filter_map(|value| text::of_value(&list[value])) {
            requests.push(Request::resource(VERB, AUTHENTICATION, &combined("userextras", &key), "", &value));
        }
    }
    requests
}
