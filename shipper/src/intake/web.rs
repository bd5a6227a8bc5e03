//! An intake that speaks HTTP: one client, one address, the headers that its dialect wants.
//!
//! Promises: the key is read anew for each request and appears in its headers and nowhere else; without the key that
//! was configured nothing is sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chassis::{Revealed, Secret};
use futures_util::future::BoxFuture;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};

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
    /// The key as it is now, if one is configured.
    ///
    /// # Errors
    /// The answer to give where it cannot be had.
    pub(crate) fn revealed(&self) -> Result<Option<Revealed>, Answer> {
        self.key.as_ref().map(Secret::reveal).transpose().map_err(|error| Answer::NoKey(error.to_string()))
    }

    /// Sends a body, and gives what came back.
    ///
    /// # Errors
    /// The answer to give where nothing came back.
    pub(crate) async fn post(
        &self,
        header: &Header,
        key: Option<&Revealed>,
        body: Bytes,
    ) -> Result<Reply, Answer> {
        let mut headers = self.dialect.headers(header, key, &body).map_err(Answer::NoKey)?;
        if let Some(encoding) = self.dialect.encoding(&body) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        self.client.post(headers, body, self.dialect.wants()).await.map_err(Answer::Lost)
    }

    /// What came back, as an answer.
    pub(crate) fn read(&self, reply: &Reply) -> Answer {
        self.dialect.read(reply).unwrap_or_else(|| Answer::of(reply))
    }

    async fn answer(&self, header: &Header, body: Bytes) -> Result<Answer, Answer> {
        let key = self.revealed()?;
        let reply = self.post(header, key.as_ref(), body).await?;
        Ok(self.read(&reply))
    }
}

impl<D: Dialect> Carrier for Web<D> {
    fn send<'a>(&'a self, header: &'a Header, body: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.answer(header, body).await.unwrap_or_else(|answer| answer) })
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

/// The headers that an operator chose; says which of them is none.
pub(crate) fn header_map(chosen: &BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in chosen {
        let wrong =
            || format!("headers.{name} is no header: a name has letters, digits and `-`, a value is text");
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        headers.insert(name, HeaderValue::try_from(value).map_err(|_| wrong())?);
    }
    Ok(headers)
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
