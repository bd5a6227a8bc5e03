//! Comparing what arrived with what was written.

use std::collections::BTreeMap;

/// How often each text occurs.
pub fn counted(texts: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for text in texts {
        *counts.entry(text.as_str()).or_insert(0) += 1;
    }
    counts
}

/// Fails unless both hold the same texts equally often; says which are missing and which are too many.
///
/// # Panics
/// When they differ.
pub fn assert_same(arrived: &[String], written: &[String]) {
    let (arrived, written) = (counted(arrived), counted(written));
    let differ = |a: &BTreeMap<&str, usize>, b: &BTreeMap<&str, usize>| -> Vec<String> {
        let more = a.iter().filter(|(text, count)| b.get(*text).unwrap_or(&0) < *count);
        more.map(|(text, count)| format!("{count}x {}", text.chars().take(160).collect::<String>())).collect()
    };
    let (missing, extra) = (differ(&written, &arrived), differ(&arrived, &written));
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{} missing, {} too many; missing: {:?}; too many: {:?}",
        missing.len(),
        extra.len(),
        missing.first(),
        extra.first()
    );
}

/// Fails unless each text that was written arrived at least once, and nothing else did.
///
/// # Panics
/// When one is missing or was never written.
pub fn assert_none_lost(arrived: &[String], written: &[String]) {
    let (arrived, written) = (counted(arrived), counted(written));
    let missing: Vec<_> = written.keys().filter(|text| !arrived.contains_key(*text)).collect();
    let extra: Vec<_> = arrived.keys().filter(|text| !written.contains_key(*text)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "{} lost, {} never written", missing.len(), extra.len());
}
