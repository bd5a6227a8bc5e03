//! From a full event to the one that an API server with another policy would have written.
//!
//! Promises: what stays is kept byte for byte, since the line is spliced and never written anew; the level is never
//! raised; lowering twice is lowering once.

use crate::event::{Event, Field, Span, plain_key};
use crate::metadata::Part;
use crate::policy::Decision;
use crate::splice::{Splice, Trim};
use crate::{Level, Stage, metadata, scan};

/// Annotations that exist only at `Request` and above begin so.
const REQUEST_ANNOTATIONS: &[u8] = b"patch.webhook.admission.k8s.io/";

/// What an API server with this policy would have written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lowered {
    /// Nothing.
    Dropped(Dropped),
    /// The line as it is.
    Whole,
    /// The line that is now in `out`.
    Spliced,
}

/// Why nothing would have been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// This rule says `level: None`.
    ByRule(usize),
    /// No rule matches the request.
    NoRule,
    /// The policy, or the rule that matched, omits the event's stage.
    StageOmitted {
        /// The rule that matched.
        rule: Option<usize>,
        /// The stage.
        stage: Stage,
    },
}

/// Lowers an event to a decision. `out` gets the line, appended, only when the answer is [`Lowered::Spliced`];
/// a newline at the end of the event's line stays.
pub fn lower(event: &Event<'_>, decision: &Decision, out: &mut Vec<u8>) -> Lowered {
    if decision.level == Level::None {
        return Lowered::Dropped(decision.rule.map_or(Dropped::NoRule, Dropped::ByRule));
    }
    if decision.omit_stages.contains(event.stage()) {
        return Lowered::Dropped(Dropped::StageOmitted { rule: decision.rule, stage: event.stage() });
    }
    let level = event.level().min(decision.level);
    if level == event.level() && !decision.omit_managed_fields {
        return Lowered::Whole;
    }
    let mut splice = Splice::new(event.line(), out);
    let plan =
        Plan { level, lowered: level < event.level(), omit_managed_fields: decision.omit_managed_fields };
    plan.carry_out(event, &mut splice);
    if splice.finish() { Lowered::Spliced } else { Lowered::Whole }
}

struct Plan {
    level: Level,
    lowered: bool,
    omit_managed_fields: bool,
}

impl Plan {
    fn carry_out(&self, event: &Event<'_>, splice: &mut Splice<'_, '_>) {
        let mut trim = Trim::default();
        let mut spans = event.spans().peekable();
        while let Some(span) = spans.next() {
            let next = spans.peek().map(|next| next.whole().start);
            if self.removes(&span, event.line()) {
                trim.remove(splice, span.whole(), next);
                continue;
            }
            trim.keep(span.whole());
            self.change(event, &span, splice);
        }
    }

    fn removes(&self, span: &Span, line: &[u8]) -> bool {
        self.lowered
            && match span.field {
                Field::ResponseObject => self.level < Level::RequestResponse,
                Field::RequestObject => self.level < Level::Request,
                Field::Annotations => {
                    self.level < Level::Request && only_request_annotations(&line[span.value()])
                }
                _ => false,
            }
    }

    fn change(&self, event: &Event<'_>, span: &Span, splice: &mut Splice<'_, '_>) {
        match span.field {
            Field::Level if self.lowered => {
                splice.replace(span.value(), format_args!("\"{}\"", self.level.name()));
            }
            Field::Annotations if self.lowered && self.level < Level::Request => {
                let object = &event.line()[span.value()];
                splice.trim_object(span.value(), |member| {
                    plain_key(member.raw_key(object)).starts_with(REQUEST_ANNOTATIONS)
                });
            }
            Field::RequestObject if self.omit_managed_fields && event.verb() != "patch" => {
                metadata::remove(Part::ManagedFields, span.value(), splice);
            }
            Field::ResponseObject if self.omit_managed_fields => {
                metadata::remove(Part::ManagedFields, span.value(), splice)
            }
            _ => {}
        }
    }
}

/// Whether there is at least one annotation, and each exists only at `Request` and above.
fn only_request_annotations(object: &[u8]) -> bool {
    let mut keys = scan::members(object)
        .map(|(member, _)| plain_key(member.raw_key(object)).starts_with(REQUEST_ANNOTATIONS))
        .peekable();
    keys.peek().is_some() && keys.all(|request| request)
}
