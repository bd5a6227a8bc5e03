//! Dialects for tests of other rooms: bodies made, and opened again.

use std::sync::Arc;

use bytes::Bytes;

use super::Repacker;
use super::body::Bodies;
pub(crate) use super::datadog::Datadog;
use super::dialect::Dialect;
pub(crate) use super::http::Http;
use crate::config::Compression;
use crate::record::Header;

/// What packs for a dialect.
pub(crate) fn bodies(dialect: impl Dialect) -> Arc<dyn Repacker> {
    Arc::new(Bodies::new(Arc::new(dialect), Compression::None))
}

/// The lines in a body.
pub(crate) fn lines_of(dialect: &impl Dialect, header: &Header, body: &Bytes) -> Vec<String> {
    let raw = dialect.unpack(body, usize::try_from(header.raw).unwrap()).unwrap();
    let items = dialect.parts(&raw).unwrap().items;
    items.into_iter().map(|item| String::from_utf8(dialect.line(&raw[item]).unwrap()).unwrap()).collect()
}
