//! A policy from recorded traffic: what is big and boring is left out, the rest stays.
//!
//! Promises: never left out are answers that refused (a policy cannot see the answer, so whatever was refused to a
//! subject is kept of it whole), secrets and tokens, writes to RBAC, and what goes into containers and through
//! proxies; each rule's figures are those that a simulation of the policy over the same recording gives. The state is
//! bounded; what does not fit leaves nothing out.

mod census;
mod kind;
mod proposal;

pub use census::Census;
pub use proposal::{Proposal, Proposed};

/// The rules that stand around what is found: first what must stay, last the rest. A policy without what is between
/// [`BEFORE`] and the last rule is complete too.
const HEAD: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [\"RequestReceived\"]\nrules:\n";

/// What every suggestion begins with, and why.
const BEFORE: [(&str, &str); 3] = [
    (
        "secrets and tokens: who touched them, never what is in them",
        "  - level: Metadata\n    resources:\n      - group: \"\"\n        resources: [\"secrets\", \
         \"serviceaccounts/token\"]\n      - group: \"authentication.k8s.io\"\n        resources: \
         [\"tokenreviews\"]\n",
    ),
    (
        "writes to RBAC, with what was granted",
        "  - level: Request\n    verbs: [\"create\", \"update\", \"patch\", \"delete\", \"deletecollection\"]\n    \
         resources:\n      - group: \"rbac.authorization.k8s.io\"\n",
    ),
    (
        "ways into containers and through proxies",
        "  - level: Metadata\n    resources:\n      - group: \"\"\n        resources: [\"pods/exec\", \
         \"pods/attach\", \"pods/portforward\", \"pods/ephemeralcontainers\", \"pods/proxy\", \"services/proxy\", \
         \"nodes/proxy\"]\n",
    ),
];

/// What every suggestion ends with.
const LAST: (&str, &str) = ("everything else", "  - level: Metadata\n");
