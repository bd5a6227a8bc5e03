//! What a service says of itself, and what its process knows of it beside that.
//!
//! Promise: whatever `/livez` and `/readyz` fail for is among the problems, too, where operators look first.

use crate::v1::ServiceStatus;

impl ServiceStatus {
    /// The same with what is `stuck` in it, and why its process is `not_ready`.
    #[must_use]
    pub fn with_health(mut self, stuck: Vec<String>, not_ready: Vec<String>) -> ServiceStatus {
        self.problems.extend(stuck.iter().chain(&not_ready).cloned());
        ServiceStatus { stuck, not_ready, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_process_is_not_alive_or_not_ready_is_a_problem_too() {
        let status = ServiceStatus { problems: vec!["own".to_owned()], ..ServiceStatus::default() };
        let status = status.with_health(vec!["stuck".to_owned()], vec!["drain: by hand".to_owned()]);
        assert_eq!(status.problems, ["own", "stuck", "drain: by hand"]);
        assert_eq!(
            (status.stuck, status.not_ready),
            (vec!["stuck".to_owned()], vec!["drain: by hand".to_owned()])
        );
    }
}
