//! One row: a line, and what its columns say about it.
//!
//! Invariant: nothing is invented. A line that is no audit event has only what the pipe knows (when it was
//! received, where it comes from, its number, its bytes); a field that the event does not have is null.

use crate::columns::Pair;
use crate::{Rows, client, latency, scope, sorting};
use audit::{Event, ObjectRef, User};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A line of the batch with the parts of the event that several columns read.
pub(crate) struct Row<'a> {
    pub(crate) rows: &'a Rows<'a>,
    pub(crate) seq: u64,
    pub(crate) line: &'a [u8],
    event: Option<Event<'a>>,
    object: Option<ObjectRef<'a>>,
    user: Option<User<'a>>,
    acting: Option<User<'a>>,
}

type Text<'r> = Option<Cow<'r, str>>;

impl<'a> Row<'a> {
    /// The row for the line at this index of the batch.
    pub(crate) fn new(rows: &'a Rows<'a>, index: usize) -> Row<'a> {
        let (seq, line) = rows.lines[index];
        let event = Event::scan(line).ok();
        let object = event.as_ref().and_then(Event::object_ref);
        let user = event.as_ref().and_then(Event::user);
        let acting = event.as_ref().and_then(Event::impersonated_user);
        Row { rows, seq, line, event, object, user, acting }
    }

    pub(crate) fn time(&self) -> Option<i64> {
        self.event.as_ref().and_then(sorting::time)
    }

    /// From the request's arrival to the end of its response; null at other stages.
    pub(crate) fn latency_us(&self) -> Option<i64> {
        latency::whole(self.event.as_ref()?)
    }

    /// The same without what webhooks and the queue of priority and fairness took.
    pub(crate) fn sli_latency_us(&self) -> Option<i64> {
        latency::own(self.event.as_ref()?)
    }

    pub(crate) fn audit_id(&self) -> Text<'_> {
        Some(self.event.as_ref()?.audit_id())
    }

    pub(crate) fn stage(&self) -> Text<'_> {
        Some(self.event.as_ref()?.stage().name().into())
    }

    pub(crate) fn level(&self) -> Text<'_> {
        Some(self.event.as_ref()?.level().name().into())
    }

    /// "" is a verb: that of a method unknown to Kubernetes.
    pub(crate) fn verb(&self) -> Text<'_> {
        Some(self.event.as_ref()?.verb())
    }

    /// Who was authenticated; null when nobody was.
    pub(crate) fn user(&self) -> Text<'_> {
        told(self.user.as_ref()?.username())
    }

    pub(crate) fn groups(&self) -> Option<Vec<Cow<'_, str>>> {
        Some(self.user.as_ref()?.groups().collect())
    }

    pub(crate) fn impersonated_user(&self) -> Text<'_> {
        told(self.acting.as_ref()?.username())
    }

    pub(crate) fn impersonated_groups(&self) -> Option<Vec<Cow<'_, str>>> {
        Some(self.acting.as_ref()?.groups().collect())
    }

    pub(crate) fn impersonated_uid(&self) -> Text<'_> {
        told(self.acting.as_ref()?.uid()?)
    }

    /// The JSON as it is in the line.
    pub(crate) fn impersonated_extra(&self) -> Text<'_> {
        Some(String::from_utf8_lossy(self.acting.as_ref()?.extra()?))
    }

    /// Null for the core group, and when there is no object.
    pub(crate) fn api_group(&self) -> Text<'_> {
        self.of_object(|object| &object.api_group)
    }

    pub(crate) fn api_version(&self) -> Text<'_> {
        self.of_object(|object| &object.api_version)
    }

    pub(crate) fn resource(&self) -> Text<'_> {
        self.of_object(|object| &object.resource)
    }

    pub(crate) fn subresource(&self) -> Text<'_> {
        self.of_object(|object| &object.subresource)
    }

    pub(crate) fn namespace(&self) -> Text<'_> {
        self.of_object(|object| &object.namespace)
    }

    pub(crate) fn name(&self) -> Text<'_> {
        self.of_object(|object| &object.name)
    }

    pub(crate) fn scope(&self) -> Option<&'static str> {
        Some(scope::of(&self.event.as_ref()?.verb(), self.object.as_ref()))
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.event.as_ref()?.code().map(i32::from)
    }

    pub(crate) fn reason(&self) -> Text<'_> {
        self.event.as_ref()?.reason()
    }

    pub(crate) fn message(&self) -> Text<'_> {
        self.event.as_ref()?.answer()
    }

    pub(crate) fn annotation(&self, key: &str) -> Text<'_> {
        self.event.as_ref()?.annotation(key)
    }

    /// All annotations; of a key that occurs twice the last one, as Go reads it.
    pub(crate) fn annotations(&self) -> Option<Vec<Pair<'_>>> {
        let pairs: BTreeMap<_, _> = self.event.as_ref()?.annotations().collect();
        (!pairs.is_empty()).then(|| pairs.into_iter().collect())
    }

    pub(crate) fn user_agent(&self) -> Text<'_> {
        told(self.event.as_ref()?.user_agent())
    }

    pub(crate) fn client(&self) -> Text<'_> {
        match self.event.as_ref()?.user_agent() {
            Cow::Borrowed(agent) => client::of(agent).map(Cow::Borrowed),
            Cow::Owned(agent) => client::of(&agent).map(|client| client.to_owned().into()),
        }
    }

    /// The last address is the one that the API server saw itself; clients can forge the others.
    pub(crate) fn source_ip(&self) -> Text<'_> {
        self.event.as_ref()?.source_ips().last()
    }

    pub(crate) fn request_uri(&self) -> Text<'_> {
        Some(self.event.as_ref()?.request_uri())
    }

    fn of_object(&self, field: impl for<'o> FnOnce(&'o ObjectRef<'a>) -> &'o Cow<'a, str>) -> Text<'_> {
        told(Cow::Borrowed(&**field(self.object.as_ref()?)))
    }
}

/// The API server leaves empty texts out; an empty one is an absent one.
fn told(text: Cow<'_, str>) -> Text<'_> {
    (!text.is_empty()).then_some(text)
}
