//! An event to look at, as an example of many.
//!
//! Promise: enough to find the event again and to see what it was about; nothing of its bodies and of its query,
//! which may hold secrets; bounded, whatever a client put into its names.

use crate::top::cut;
use crate::{Attributes, Event, Stage};

/// The longest text that is kept, in characters.
const LONGEST: usize = 128;
/// How many samples are kept of each kind.
const KEPT: usize = 2;

/// An event, in a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The beginning of its auditID.
    pub audit_id: String,
    /// Its stage.
    pub stage: Stage,
    /// Its verb.
    pub verb: String,
    /// `pods/log`, `leases.coordination.k8s.io`, or the path of a request that is about no resource.
    pub resource: String,
    /// Its namespace, or nothing.
    pub namespace: String,
    /// Its name, or nothing.
    pub name: String,
}

impl Sample {
    fn of(event: &Event<'_>, attributes: &Attributes<'_>) -> Sample {
        let text = |text: &str| cut(text, LONGEST).to_owned();
        Sample {
            audit_id: text(&event.audit_id()),
            stage: event.stage(),
            verb: text(&attributes.verb),
            resource: text(&resource(attributes)),
            namespace: text(&attributes.namespace),
            name: text(&attributes.name),
        }
    }
}

/// What a request is about: the resource with its group and subresource, or the path.
pub(crate) fn resource(attributes: &Attributes<'_>) -> String {
    if !attributes.resource_request {
        return attributes.path.to_string();
    }
    let mut text = attributes.resource.to_string();
    if !attributes.api_group.is_empty() {
        text = format!("{text}.{}", attributes.api_group);
    }
    if !attributes.subresource.is_empty() {
        text = format!("{text}/{}", attributes.subresource);
    }
    text
}

/// The first few events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Samples(Vec<Sample>);

impl Samples {
    pub(super) fn add(&mut self, event: &Event<'_>, attributes: &Attributes<'_>) {
        if self.0.len() < KEPT {
            self.0.push(Sample::of(event, attributes));
        }
    }

    pub(super) fn merge(&mut self, after: Samples) {
        let room = KEPT - self.0.len();
        self.0.extend(after.0.into_iter().take(room));
    }

    pub(super) fn as_slice(&self) -> &[Sample] {
        &self.0
    }
}
