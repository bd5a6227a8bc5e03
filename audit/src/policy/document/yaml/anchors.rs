//! Anchors, and what aliases may make of them.
//!
//! Promise: a text may use aliases freely while it is small; the larger the whole becomes, the smaller a part of it
//! aliases may be, by the same measure as in the server's reader. A text of a few lines cannot grow without end.

use super::{Complete, Fault, Node, Place, Scalar, Value};
use std::collections::HashMap;

/// Below this many nodes, nearly all may come from aliases; above [`MANY`], a tenth.
const FEW: f64 = 400_000.0;
const MANY: f64 = 4_000_000.0;

#[derive(Debug)]
struct Anchored {
    node: Node,
    depth: usize,
    nodes: u64,
    scalar: Option<Scalar>,
}

/// The nodes with anchors, and how many nodes there are, in all and from aliases.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    known: HashMap<usize, Anchored>,
    nodes: u64,
    aliased: u64,
}

impl Anchors {
    /// Keeps a node for its aliases; anchor 0 is none.
    pub(super) fn keep(&mut self, anchor: usize, node: &Node, depth: usize, scalar: Option<&Scalar>) {
        if anchor != 0 {
            let kept = Anchored { node: node.clone(), depth, nodes: size(node), scalar: scalar.cloned() };
            self.known.insert(anchor, kept);
        }
    }

    /// One node more.
    pub(super) fn count(&mut self, place: Place) -> Result<(), Fault> {
        self.nodes += 1;
        self.check(place)
    }

    /// The node that an alias stands for. Counted before it is copied.
    pub(super) fn resolve(&mut self, anchor: usize, place: Place) -> Result<Complete, Fault> {
        let Some(anchored) = self.known.get(&anchor) else {
            return Err(Fault { message: "yaml: anchor value contains itself".to_owned(), place });
        };
        self.nodes += anchored.nodes;
        self.aliased += anchored.nodes;
        self.check(place)?;
        let anchored = &self.known[&anchor];
        Ok(Complete {
            node: anchored.node.clone(),
            depth: anchored.depth,
            scalar: anchored.scalar.clone(),
            merge: false,
        })
    }

    fn check(&self, place: Place) -> Result<(), Fault> {
        let (nodes, aliased) = (self.nodes as f64, self.aliased as f64);
        let part = match nodes {
            _ if nodes <= FEW => 0.99,
            _ if nodes >= MANY => 0.1,
            _ => 0.99 - 0.89 * ((nodes - FEW) / (MANY - FEW)),
        };
        if self.aliased > 100 && self.nodes > 1000 && aliased / nodes > part {
            return Err(Fault { message: "yaml: document contains excessive aliasing".to_owned(), place });
        }
        Ok(())
    }
}

/// How many nodes a tree has; the tree is known to be shallow.
fn size(node: &Node) -> u64 {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(size).sum::<u64>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| 1 + size(&entry.value)).sum::<u64>(),
        _ => 1,
    }
}
