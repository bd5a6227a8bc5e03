//! What operators ask the router.
//!
//! Promise: a call that changes something says what is in force after it; an explanation is made by the same code
//! that decides batches.

use proto::v1::{
    ElevateReply, ElevateRequest, ExplainReply, ExplainRequest, Explained, ExplainedRedaction,
    ExplainedRoute, ExplainedSample, GetPolicyReply, GetPolicyRequest, ReloadReply, SetPolicyReply,
    SetPolicyRequest, TapRequest, Tapped,
};
use tokio::sync::mpsc::Receiver;

use crate::Router;
use crate::explain::{DestinationAnswer, Explanation, Keeps, Redacted, RouteAnswer, SampleAnswer, explain};
use crate::status;

impl Router {
    /// Reads the configuration and the policies again, now. Blocks on the disk.
    pub fn reload(&self) -> ReloadReply {
        self.0.in_force.reload(true);
        let current = self.0.in_force.now();
        let problem = current.problem.clone().unwrap_or_default();
        ReloadReply {
            problem,
            policy: Some(status::policy(&current, &self.0.in_force.elevations)),
            ..ReloadReply::default()
        }
    }
}

impl proto::RouterCalls for Router {
    fn get_policy(&self, request: &GetPolicyRequest) -> Result<GetPolicyReply, String> {
        let current = self.0.in_force.now();
        if request.route.is_empty() {
            let policy = current.rules.policy.as_ref().map(|file| file.text.clone()).unwrap_or_default();
            let status = Some(status::policy(&current, &self.0.in_force.elevations));
            return Ok(GetPolicyReply { status, policy });
        }
        let route = current.rules.routes.iter().find(|route| route.name == request.route);
        let route = route.ok_or_else(|| format!("no route is called `{}`", request.route))?;
        let status = Some(route.policy.as_deref().map(status::in_force).unwrap_or_default());
        Ok(GetPolicyReply {
            status,
            policy: route.policy.as_ref().map(|file| file.text.clone()).unwrap_or_default(),
        })
    }

    fn set_policy(&self, request: &SetPolicyRequest) -> Result<SetPolicyReply, String> {
        let current = self.0.in_force.set_policy(&request.policy).map_err(|error| error.to_string())?;
        let warnings = current.rules.policy.as_ref().map(|file| file.warnings.clone()).unwrap_or_default();
        Ok(SetPolicyReply { status: Some(status::policy(&current, &self.0.in_force.elevations)), warnings })
    }

    fn elevate(&self, request: &ElevateRequest) -> Result<ElevateReply, String> {
        Ok(ElevateReply { elevation: Some(self.0.in_force.elevations.add(request)?) })
    }

    fn explain(&self, request: &ExplainRequest) -> Result<ExplainReply, String> {
        let line = request.event.trim_end_matches(['\r', '\n']).as_bytes();
        audit::Event::scan(line).map_err(|error| format!("this is no audit event: {error}"))?;
        let rules = self.0.in_force.now().rules;
        let elevations = self.0.in_force.elevations.now();
        let Explanation { masked_by, routes, destinations, .. } = explain(&rules, &elevations, line, true);
        Ok(ExplainReply {
            destinations: destinations.into_iter().map(destination).collect(),
            routes: routes.into_iter().map(route).collect(),
            masked_by,
            // The one in use: it does not change with the rules.
            dedupe_window: self.0.window.most() as u64,
        })
    }

    fn tap(&self, request: &TapRequest) -> Result<Receiver<Tapped>, String> {
        self.0.taps.open(request)
    }
}

/// What is told of a destination.
pub(crate) fn destination(answer: DestinationAnswer) -> Explained {
    Explained {
        destination: answer.destination,
        kept: answer.kept,
        line: answer.line.unwrap_or_default(),
        cause: answer.cause.unwrap_or_default(),
        best_effort: answer.best_effort,
    }
}

fn route(answer: RouteAnswer) -> ExplainedRoute {
    let sample = answer.sample.map(|SampleAnswer { share, keeps }| ExplainedSample {
        share,
        keeps: keeps != Keeps::No,
        always: keeps == Keeps::Always,
    });
    let redacted = |found: Redacted| ExplainedRedaction {
        what: found.what.to_owned(),
        fields: found.fields.into_iter().map(str::to_owned).collect(),
    };
    ExplainedRoute {
        route: answer.route,
        takes: answer.takes,
        cause: answer.cause.unwrap_or_default(),
        level: answer.level.unwrap_or_default().to_owned(),
        sample,
        redacts: answer.redacts.into_iter().map(redacted).collect(),
        to: answer.to,
        best_effort: answer.best_effort,
    }
}
