//! An intake that speaks HTTP: one client, one address, the headers that its dialect wants.
//!
//! Promises: the key is read anew for each request and appears in its headers and nowhere else; without the key that
//! was configured nothing is sent.

use std::sync::Arc;

use bytes::Bytes;
use chassis::{Revealed, Secret};
use futures_util::future::BoxFuture;
use reqwest::header::{CONTENT_ENCODING, HeaderValue};

use super::client::{Client, Reply};
use super::dialect::Dialect;
use super::{Answer, Carrier};
use crate::dead::MOST_WORDS;
use crate::record::Header;

/// Carries the bodies of a dialect over HTTP.
pub(crate) struct Web<D> {
    pub(crate) dialect: Arc<D>,
    pub(crate) client: Client,
    pub(crate) key: Option<Secret>,
}

impl<D: Dialect> Web<D> {
    async fn post(&self, header: &Header, key: Option<&Revealed>, body: Bytes) -> Answer {
        let mut headers = match self.dialect.headers(header, key, &body) {
            Ok(headers) => headers,
            Err(why) => return Answer::NoKey(why),
        };
        if let Some(encoding) = self.dialect.encoding(&body) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        match self.client.post(headers, body, self.dialect.wants()).await {
            Ok(reply) => self.dialect.read(&reply).unwrap_or_else(|| Answer::of(&reply)),
            Err(why) => Answer::Lost(why),
        }
    }
}

impl<D: Dialect> Carrier for Web<D> {
    fn send<'a>(&'a self, header: &'a Header, body: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match self.key.as_ref().map(Secret::reveal).transpose() {
                Ok(key) => self.post(header, key.as_ref(), body).await,
                Err(error) => Answer::NoKey(error.to_string()),
            }
        })
    }

    fn key(&self) -> Option<Revealed> {
        self.key.as_ref().and_then(|key| key.reveal().ok())
    }

    fn advice(&self, status: u16) -> &'static str {
        self.dialect.advice(status)
    }
}

impl Answer {
    /// An answer whose status says all.
    pub(crate) fn of(reply: &Reply) -> Answer {
        let words = match reply.code {
            200..=299 => String::new(),
            _ => words(&reply.text),
        };
        Answer::Status { code: reply.code, retry_after: reply.retry_after.clone(), words }
    }
}

/// The beginning of a text, as it is kept.
pub(crate) fn words(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(MOST_WORDS)]).trim().to_owned()
}

/// A header with a secret, which is never printed.
///
/// # Errors
/// When no header can carry it.
pub(crate) fn secret_header(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| "the key has characters that no header can carry; write the right one")?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_no_header_can_carry_is_refused_without_being_shown() {
        let key = chassis::Secret::from_value("DD_API_KEY", "hunter2\nhunter2").reveal().unwrap();
        let refused = secret_header(key.as_str()).unwrap_err();
        assert!(refused.contains("key") && !refused.contains("hunter2"), "{refused}");
    }
}
