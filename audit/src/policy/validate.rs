//! temporary
pub(crate) fn is_dns_subdomain(group: &str) -> bool {
    !group.is_empty()
        && group.len() <= 253
        && group.split('.').all(|label| {
            let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            let bytes = label.as_bytes();
            edge(bytes.first())
                && edge(bytes.last())
                && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
        })
}

pub(crate) fn url_faults(url: &str) -> impl Iterator<Item = &'static str> {
    let (begins, star) = if url == "*" {
        (true, false)
    } else {
        let bytes = url.as_bytes();
        (bytes.first() == Some(&b'/'), bytes.iter().rev().skip(1).any(|byte| *byte == b'*'))
    };
    let begins = (!begins).then_some("non-resource URL rules must begin with a '/' character");
    let star = star.then_some("non-resource URL wildcards '*' must be the final character of the rule");
    begins.into_iter().chain(star)
}
