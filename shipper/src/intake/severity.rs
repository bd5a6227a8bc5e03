//! How severe an event is, for intakes that ask: by the answer that the API server gave.

/// A severity as OpenTelemetry numbers and names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Severity {
    pub(crate) number: u64,
    pub(crate) name: &'static str,
}

/// An error where the server failed, a warning where it refused, else information.
pub(crate) fn severity(code: Option<u16>) -> Severity {
    match code {
        Some(500..=599) => Severity { number: 17, name: "ERROR" },
        Some(400..=499) => Severity { number: 13, name: "WARN" },
        _ => Severity { number: 9, name: "INFO" },
    }
}

#[cfg(test)]
mod tests {
    use super::severity;

    #[test]
    fn refusals_are_warnings_and_failures_errors() {
        let names = [None, Some(200), Some(404), Some(503)].map(|code| severity(code).name);
        assert_eq!(names, ["INFO", "INFO", "WARN", "ERROR"]);
    }
}
