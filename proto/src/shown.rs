//! How messages look as JSON, for `status --json`: field names as in the `.proto`, queue ids as hexadecimal.

use serde::Serializer;

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Hexadecimal(bytes))
}

struct Hexadecimal<'a>(&'a [u8]);

impl std::fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use crate::v1::Account;

    #[test]
    fn a_queue_id_is_shown_as_hexadecimal_digits() {
        let account = Account { queue: vec![0, 0xab, 0x0f], ..Account::default() };
        assert_eq!(serde_json::to_value(account).unwrap()["queue"], "00ab0f");
    }
}
