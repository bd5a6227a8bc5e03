//! The HTTP client that carries OTLP where `protocol: http` is set: the same one that delivers logs.
//!
//! Promise: requests run on the process's runtime, whichever thread asks for them, and take no longer than
//! [`WITHIN`]; of an answer no more than [`LARGEST_ANSWER`] is read.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

/// How long one request may take.
const WITHIN: Duration = Duration::from_secs(10);

/// The largest answer that is read, in bytes; OTLP answers are far smaller.
const LARGEST_ANSWER: usize = 64 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Client {
    client: reqwest::Client,
    runtime: Handle,
}

impl Client {
    /// A client on the runtime that this thread is in.
    pub(super) fn new() -> Result<Self, String> {
        // Whoever was first installed the same one; the client cannot be built without.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Handle::try_current().map_err(|error| error.to_string())?;
        let client = reqwest::Client::builder().timeout(WITHIN).build().map_err(|error| error.to_string())?;
        Ok(Self { client, runtime })
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Client {
    fn send_bytes<'life, 'answer>(&'life self, request: Request<Bytes>) -> Answer<'answer>
    where
        'life: 'answer,
        Self: 'answer,
    {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move { send(&client, request).await });
        Box::pin(async move { sent.await? })
    }
}

async fn send(client: &reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut answer = client.execute(request.try_into()?).await?;
    let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        if body.len() + part.len() > LARGEST_ANSWER {
            return Err("the answer is larger than 64 KiB".into());
        }
        body.extend_from_slice(&part);
    }
    let mut whole = Response::new(Bytes::from(body));
    *whole.status_mut() = status;
    *whole.headers_mut() = headers;
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use tokio::net::TcpListener;

    use super::*;

    /// What the client makes of an answer of `size` bytes, asked for on a thread outside the runtime.
    async fn answered(size: usize) -> Result<Response<Bytes>, HttpError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let answer = async move || (StatusCode::TOO_MANY_REQUESTS, vec![b'x'; size]);
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        let client = Client::new().unwrap();
        let request = Request::post(address).body(Bytes::from_static(b"spans")).unwrap();
        let (done, told) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let outside = tokio::runtime::Builder::new_current_thread().build().unwrap();
            done.send(outside.block_on(client.send_bytes(request))).unwrap();
        });
        told.await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_comes_back_whatever_thread_asked() {
        let answer = answered(5).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (429, &b"xxxxx"[..]));
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_is_refused() {
        let refused = answered(LARGEST_ANSWER + 1).await.unwrap_err().to_string();
        assert_eq!(refused, "the answer is larger than 64 KiB");
    }
}
