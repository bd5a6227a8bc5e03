//! Events that matter in bodies of their own, so that they can go where others have to wait.
//!
//! Promise: every line of a parcel is in one body, and bodies hold their lines in order.

use std::io;
use std::sync::Arc;

use audit::{Attributes, Event};
use proto::Line;

use crate::parcel::{Packer, Parcel};
use crate::record::Record;

/// Packs what matters apart from the rest.
pub(crate) struct Apart(pub(crate) Arc<dyn Packer>);

impl Packer for Apart {
    fn pack(&self, parcel: &Parcel) -> io::Result<Vec<Record>> {
        let (urgent, rest): (Vec<Line>, Vec<Line>) = parcel.lines.iter().cloned().partition(matters);
        let mut records = Vec::new();
        for (lines, urgent) in [(urgent, true), (rest, false)] {
            if lines.is_empty() {
                continue;
            }
            let part = Parcel { origin: parcel.origin.clone(), lines, block: None, ..*parcel };
            let packed = self.0.pack(&part)?.into_iter();
            records.extend(packed.map(|mut record| {
                record.header.urgent = urgent;
                record
            }));
        }
        Ok(records)
    }
}

/// What is no event matters too: nobody can say that it does not.
fn matters(line: &Line) -> bool {
    Event::scan(&line.bytes).map_or(true, |event| audit::matters(&event, &Attributes::of(&event)))
}
