//! Who wrote which roles and bindings, so that they can be told as they were.
//!
//! Promise: only writes of roles and bindings that were done are read whole.

use audit::rbac::History;
use serde::{Deserialize, Serialize};

use crate::fold::{Closer, Fold};
use crate::rows::Rows;

/// Writes of roles and bindings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RbacWrites {
    /// All of them.
    pub history: History,
}

impl Fold for RbacWrites {
    const NAME: &'static str = "rbac-writes-2";
    const COLUMNS: &'static [&'static str] = &["stage", "verb", "api_group", "resource", "code"];
    const CLOSER: &'static [&'static str] = &["raw"];

    fn take(&mut self, rows: &Rows<'_>, closer: &mut Closer) {
        let of_group = rows.text("api_group");
        let is_rbac = of_group.which(|group| group == "rbac.authorization.k8s.io");
        let (verb, resource, stage, code) =
            (rows.text("verb"), rows.text("resource"), rows.text("stage"), rows.codes());
        for row in (0..rows.len()).filter(|row| is_rbac(*row)) {
            let done = stage.or_empty(row) == "ResponseComplete" && matches!(code(row), Some(200..=299));
            if done && History::matters(of_group.or_empty(row), resource.or_empty(row), verb.or_empty(row)) {
                closer.pick(row);
            }
        }
    }

    fn look_closer(&mut self, rows: &Rows<'_>) {
        let line = rows.lines();
        for row in 0..rows.len() {
            if let Ok(event) = audit::Event::scan(line(row)) {
                self.history.add(&event);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.history.merge(other.history);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::laws;

    #[test]
    fn the_laws_of_folds_hold() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audit/tests/fixtures/rbac/history.log.zst");
        laws::hold::<RbacWrites>(&laws::lines(&std::fs::read(path).unwrap()));
    }
}
