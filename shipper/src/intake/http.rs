//! Any endpoint that takes lines: `POST` of newline-separated JSON, or of a JSON array.
//!
//! Promises: as NDJSON every line goes as it was read, byte for byte; a body that is sent again has the same
//! `Idempotency-Key`, and no other body has it, not even one with the same lines of another log.

use std::fmt::Write;
use std::io;

use bytes::Bytes;
use chassis::Revealed;
use proto::Origin;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use super::dialect::{Dialect, Entry, Limits, Parts};
use super::json_array;
use super::web::{header_map, secret_header};
use crate::config::{self, Auth, HttpFormat};
use crate::record::Header;
use crate::verdict::advice_on_auth;

/// The `http` protocol.
pub(crate) struct Http {
    format: HttpFormat,
    limits: Limits,
    headers: HeaderMap,
    auth: Auth,
}

impl Http {
    /// From its part of the configuration; says what is wrong with it.
    pub(crate) fn new(config: &config::Http) -> Result<Http, String> {
        let body = usize::try_from(config.max_body.as_u64()).unwrap_or(usize::MAX);
        let limits = Limits { items: config.max_events, body, item: body.saturating_sub(2) };
        let mut headers = header_map(&config.headers)?;
        let kind = match config.format {
            HttpFormat::Ndjson => "application/x-ndjson",
            HttpFormat::Json => "application/json",
        };
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
        Ok(Http { format: config.format, limits, headers, auth: config.auth.clone() })
    }

    fn item(&self, line: &[u8], out: &mut Vec<u8>) -> bool {
        if self.format == HttpFormat::Ndjson {
            out.extend_from_slice(line);
            out.push(b'\n');
            return false;
        }
        let text = String::from_utf8_lossy(line);
        out.extend_from_slice(text.as_bytes());
        text.as_bytes() != line
    }
}

impl Dialect for Http {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn frame(&self, _origin: &Origin) -> Vec<u8> {
        Vec::new()
    }

    fn write(&self, entry: &Entry<'_>, _frame: &[u8], out: &mut Vec<u8>) -> bool {
        self.item(entry.line, out)
    }

    fn open(&self) -> &'static [u8] {
        if self.format == HttpFormat::Json { b"[" } else { b"" }
    }

    fn between(&self) -> &'static [u8] {
        if self.format == HttpFormat::Json { b"," } else { b"" }
    }

    fn close(&self, _frame: &[u8], out: &mut Vec<u8>) {
        if self.format == HttpFormat::Json {
            out.push(b']');
        }
    }

    fn closing(&self, _frame: &[u8]) -> usize {
        1
    }

    fn parts(&self, raw: &[u8]) -> io::Result<Parts> {
        if self.format == HttpFormat::Json {
            return json_array::parts(raw);
        }
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', raw).map(|at| at + 1);
        let items = ends.map(|end| std::mem::replace(&mut start, end)..end).collect();
        Ok(Parts { frame: Vec::new(), items })
    }

    fn line(&self, item: &[u8]) -> io::Result<Vec<u8>> {
        Ok(item.strip_suffix(b"\n").unwrap_or(item).to_vec())
    }

    fn with_line(&self, _item: &[u8], line: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        self.item(line, &mut out);
        Ok(out)
    }

    fn headers(&self, header: &Header, key: Option<&Revealed>, body: &Bytes) -> Result<HeaderMap, String> {
        let mut headers = self.headers.clone();
        let name = HeaderValue::try_from(name_of(header, body)).expect("digits are a header");
        headers.insert("idempotency-key", name);
        if let Some(key) = key {
            headers.insert(AUTHORIZATION, secret_header(&self.auth.header(key))?);
        }
        Ok(headers)
    }

    fn advice(&self, status: u16) -> &'static str {
        advice_on_auth(status)
    }
}

/// What a body is called: by its log, its numbers and its bytes.
fn name_of(header: &Header, body: &Bytes) -> String {
    let mut digest = Sha256::new();
    digest.update(header.account.to_be_bytes());
    digest.update(header.first.to_be_bytes());
    digest.update(header.last.to_be_bytes());
    digest.update(body);
    digest.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
