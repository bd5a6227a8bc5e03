//! What an event is called where intakes can be told: the same whenever it is sent, and no other event's.
//!
//! Lines are numbered in their log, and the logs of one collector share its queue. So a name has the queue, the log
//! and the number in it; with two of them, events of another log would be taken for repeats and be lost.

use proto::Origin;
use sha2::{Digest, Sha256};

/// Digits of a log's name.
pub(crate) const LOG: usize = 16;

/// The name of a log: [`LOG`] hexadecimal digits, the same for ever.
pub(crate) fn log(origin: &Origin) -> String {
    let digest = Sha256::digest(origin.key());
    digest[..LOG / 2].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name of an event.
pub(crate) fn event(queue: [u8; 16], log: &str, number: u64) -> String {
    format!("{:032x}-{log}-{number}", u128::from_be_bytes(queue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_with_the_same_number_in_two_logs_of_a_collector_have_two_names() {
        let origin = |path: &str| Origin { node: "cp-1".into(), path: path.into(), ..Origin::default() };
        let name = |path| event([0xab; 16], &log(&origin(path)), 7);
        assert_ne!(name("/a"), name("/b"));
        assert_eq!(log(&origin("/a")).len(), LOG);
        assert_eq!(name("/a"), format!("{}-f0573110688fa8e9-7", "ab".repeat(16)), "fixed for ever");
    }
}
