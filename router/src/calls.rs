//! What operators ask the router.
//!
//! Promise: a call that changes something says what is in force after it; an explanation is made by the same code
//! that decides batches.

use proto::v1::{
    ElevateReply, ElevateRequest, ExplainReply, ExplainRequest, Explained, GetPolicyReply, GetPolicyRequest,
    ReloadReply, SetPolicyReply, SetPolicyRequest,
};

use crate::Router;
use crate::decide::{Fate, decide};
use crate::rules::Audience;
use crate::status;

impl Router {
    /// Reads the configuration and the policies again, now. Blocks on the disk.
    pub fn reload(&self) -> ReloadReply {
        self.0.in_force.reload(true);
        let current = self.0.in_force.now();
        let problem = current.problem.clone().unwrap_or_default();
        ReloadReply { problem, policy: Some(status::policy(&current, &self.0.in_force.elevations)) }
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
        let audiences: Vec<&Audience> = rules.audiences.iter().collect();
        let decided =
            decide(&rules, &self.0.in_force.elevations.now(), &audiences, &[], std::iter::once(line));
        let explained = audiences.iter().zip(&decided.fates).flat_map(|(audience, fates)| {
            let (kept, line, cause) = match fates[0] {
                Fate::Whole => (true, String::from_utf8_lossy(line).into_owned(), String::new()),
                Fate::Spliced(piece) => {
                    (true, String::from_utf8_lossy(decided.text(piece)).into_owned(), String::new())
                }
                Fate::Left(cause) => (false, String::new(), cause.name(&rules)),
            };
            audience.destinations.iter().map(move |to| Explained {
                destination: to.name.to_string(),
                kept,
                line: line.clone(),
                cause: cause.clone(),
            })
        });
        Ok(ExplainReply { destinations: explained.collect() })
    }
}
