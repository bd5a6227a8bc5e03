//! Which program made a request: the user agent without its version.
//!
//! The user agent is the client's own word, so `client` groups requests and proves nothing.

/// `kubelet/v1.36.1 (linux/amd64) kubernetes/abc` is `kubelet`; an agent without a version is its first
/// word. None when there is no word.
pub(crate) fn of(user_agent: &str) -> Option<&str> {
    let product = user_agent.split_whitespace().next()?;
    let name = product.match_indices('/').find(|(at, _)| begins_a_version(&product[at + 1..]));
    let at = name.map(|(at, _)| at).or_else(|| product.find('/')).unwrap_or(product.len());
    Some(&product[..at]).filter(|client| !client.is_empty())
}

/// Versions begin with a digit, with `v` and a digit, or are a word that client-go puts in their place.
fn begins_a_version(text: &str) -> bool {
    let number = text.strip_prefix('v').unwrap_or(text);
    number.starts_with(|c: char| c.is_ascii_digit())
        || ["unknown", "$Format"].contains(&text.split('/').next().unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_and_what_follows_it_are_cut() {
        for (agent, client) in [
            ("kubelet/v1.36.1 (linux/amd64) kubernetes/abc", Some("kubelet")),
            (
                "kube-controller-manager/v1.36.3 (linux/amd64) kubernetes/x/shared-informers",
                Some("kube-controller-manager"),
            ),
            ("Go-http-client/2.0", Some("Go-http-client")),
            ("OpenAPI-Generator/12.0.1/python", Some("OpenAPI-Generator")),
            ("github.com/acme/operator/v2.1.0", Some("github.com/acme/operator")),
            ("rest.test/unknown (linux/amd64)", Some("rest.test")),
            ("tool/main", Some("tool")),
            ("kubectl", Some("kubectl")),
            ("my tool 1.0", Some("my")),
            ("/1.0", None),
            ("  ", None),
            ("", None),
        ] {
            assert_eq!(of(agent), client, "{agent}");
        }
    }
}
