//! What a broker's error code means.
//!
//! Invariant: nothing in this table drops anything; a code that nobody foresaw is tried again.
//!
//! Source: "Error Codes" of Kafka's protocol guide.

use kafka_protocol::error::ResponseError as Code;

use crate::verdict::Verdict;

/// The table.
pub(super) fn verdict(code: i16) -> Verdict {
    let Some(error) = Code::try_from_code(code) else { return Verdict::Delivered };
    match error {
        // The broker has it already.
        Code::DuplicateSequenceNumber => Verdict::Delivered,
        Code::MessageTooLarge | Code::RecordListTooLarge => Verdict::Split,
        Code::InvalidRecord | Code::InvalidTimestamp | Code::CorruptMessage => Verdict::Reject,
        Code::UnknownTopicOrPartition
        | Code::InvalidTopicException
        | Code::InvalidRequiredAcks
        | Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::UnsupportedSaslMechanism
        | Code::IllegalSaslState
        | Code::SaslAuthenticationFailed
        | Code::SecurityDisabled
        | Code::UnsupportedVersion
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType
        | Code::PolicyViolation
        | Code::InvalidRequest => Verdict::Hold,
        _ => Verdict::Again,
    }
}

/// What an operator has to do about a code that holds the destination.
pub(super) fn advice(code: i16) -> &'static str {
    match Code::try_from_code(code) {
        Some(Code::UnknownTopicOrPartition) => "there is no such topic; create it, or correct `topic`",
        Some(Code::InvalidTopicException) => "the cluster takes no topic of this name; correct `topic`",
        Some(Code::TopicAuthorizationFailed) => {
            "the user may not write; grant Write and Describe on the topic"
        }
        Some(Code::ClusterAuthorizationFailed) => {
            "the user may not write idempotently; grant IdempotentWrite on the cluster"
        }
        Some(Code::SaslAuthenticationFailed) => {
            "the credentials are not accepted; check `sasl.user`, and put the right password into `sasl.password_file`"
        }
        Some(Code::UnsupportedSaslMechanism) => "choose a `sasl.mechanism` that the brokers have",
        Some(Code::IllegalSaslState | Code::SecurityDisabled) => {
            "the brokers' listener and `sasl` do not go together; check both"
        }
        Some(Code::UnsupportedCompressionType) => {
            "the brokers do not read this compression; set `compression: gzip`"
        }
        Some(Code::UnsupportedVersion | Code::UnsupportedForMessageFormat) => {
            "the brokers or the topic's format are too old; Kafka 1.0 or later is needed"
        }
        _ => "the brokers' log says why",
    }
}

/// Whether an error says that partitions moved, so that brokers have to be asked where they are.
pub(super) fn moved(code: i16) -> bool {
    matches!(
        Code::try_from_code(code),
        Some(
            Code::UnknownTopicOrPartition
                | Code::LeaderNotAvailable
                | Code::NotLeaderOrFollower
                | Code::BrokerNotAvailable
                | Code::ReplicaNotAvailable
                | Code::KafkaStorageError
                | Code::ListenerNotFound
                | Code::FencedLeaderEpoch
                | Code::UnknownLeaderEpoch
                | Code::UnknownTopicId
                | Code::InconsistentTopicId
        )
    )
}

/// Whether the brokers do not know the producer, or not where it stands, so that another one has to begin.
pub(super) fn forgotten(code: i16) -> bool {
    matches!(
        Code::try_from_code(code),
        Some(
            Code::OutOfOrderSequenceNumber
                | Code::UnknownProducerId
                | Code::InvalidProducerEpoch
                | Code::InvalidProducerIdMapping
                | Code::ProducerFenced
        )
    )
}

/// The name that Kafka's documentation has for a code: `NOT_LEADER_OR_FOLLOWER`.
pub(super) fn name(code: i16) -> String {
    let Some(error) = Code::try_from_code(code) else { return "NONE".to_owned() };
    if let Code::Unknown(code) = error {
        return format!("error {code}");
    }
    let mut name = String::new();
    for character in error.to_string().chars() {
        if character.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_the_meaning_that_the_table_gives_it() {
        let named = [
            (&[0, 46][..], Verdict::Delivered),
            (&[10, 18], Verdict::Split),
            (&[2, 32, 87], Verdict::Reject),
            (&[3, 17, 21, 29, 31, 33, 34, 35, 42, 43, 44, 53, 54, 58, 76], Verdict::Hold),
        ];
        for code in i16::MIN..=i16::MAX {
            let expected = named.iter().find(|(codes, _)| codes.contains(&code));
            let expected = expected.map_or(Verdict::Again, |(_, verdict)| *verdict);
            assert_eq!(verdict(code), expected, "{code} {}", name(code));
            assert_eq!(verdict(u16::from_be_bytes(code.to_be_bytes()).cast_signed()), expected);
            let own = forgotten(code) || moved(code);
            assert!(!own || matches!(expected, Verdict::Again | Verdict::Hold), "{code}");
        }
    }

    #[test]
    fn codes_are_called_as_in_kafka_s_documentation() {
        assert_eq!(
            [name(6), name(29), name(-1)],
            ["NOT_LEADER_OR_FOLLOWER", "TOPIC_AUTHORIZATION_FAILED", "UNKNOWN_SERVER_ERROR"]
        );
        assert_eq!(name(4711), "error 4711");
    }
}
