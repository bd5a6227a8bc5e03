//! The name of this host: what stands for `id` and `node` where nobody configured them.
//!
//! Promise: always a name, and the same one as long as the host keeps its own.

/// The host's name; `localhost` where the system does not say.
pub(crate) fn name() -> String {
    let said =
        system().or_else(|| std::env::var("COMPUTERNAME").ok()).or_else(|| std::env::var("HOSTNAME").ok());
    let said = said.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    said.unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(target_os = "linux")]
fn system() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/hostname").ok()
}

#[cfg(not(target_os = "linux"))]
fn system() -> Option<String> {
    let said = std::process::Command::new("hostname").output().ok()?;
    String::from_utf8(said.stdout).ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_host_has_a_name() {
        let name = super::name();
        assert!(!name.is_empty() && !name.contains('\n'), "{name:?}");
    }
}
