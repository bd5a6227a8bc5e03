//! Indexer acknowledgement: a body is delivered when Splunk says that it is indexed.
//!
//! Promise: a body whose acknowledgement does not come within its time is sent again; nothing is delivered on trust.

use std::time::Duration;

use bytes::Bytes;
use chassis::Revealed;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use std::collections::BTreeMap;
use tokio::time::{Instant, sleep};

use super::SplunkHec;
use crate::intake::client::{Client, Reply};
use crate::intake::web::{Web, words};
use crate::intake::{Answer, Carrier};
use crate::record::Header;

/// Pause before the first question whether a body is indexed; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(200);

/// Longest pause between two questions.
const LONGEST: Duration = Duration::from_secs(5);

/// Bytes of an answer that are read.
const MOST_ANSWER: usize = 4 << 10;

/// What to do where Splunk acknowledges nothing.
pub(super) const SWITCHED_OFF: &str =
    "the token acknowledges nothing; switch indexer acknowledgement on there, or write `acknowledge: false`";

/// Carries bodies to Splunk and waits until they are indexed.
pub(crate) struct Acknowledged {
    pub(super) web: Web<SplunkHec>,
    /// Where it is asked what is indexed.
    pub(super) asked: Client,
    pub(super) patience: Duration,
}

impl Acknowledged {
    async fn answer(&self, header: &Header, body: Bytes) -> Result<Answer, Answer> {
        let key = self.web.revealed()?;
        let reply = self.web.post(header, key.as_ref(), body).await?;
        let answer = self.web.read(&reply);
        if !matches!(answer, Answer::Status { code: 200..=299, .. }) {
            return Ok(answer);
        }
        match ack_of(&reply) {
            Some(ack) => self.indexed(ack, key.as_ref(), answer).await,
            None => Err(Answer::Held(format!("Splunk took a body without a number: {SWITCHED_OFF}"))),
        }
    }

    /// Waits until the body with this number is indexed.
    async fn indexed(&self, ack: u64, key: Option<&Revealed>, taken: Answer) -> Result<Answer, Answer> {
        let ends = Instant::now() + self.patience;
        let mut pause = FIRST;
        loop {
            sleep(pause.min(ends - Instant::now())).await;
            let said = match self.ask(ack, key).await? {
                Ok(true) => return Ok(taken),
                Ok(false) => "it is not indexed yet".to_owned(),
                Err(why) => why,
            };
            if Instant::now() >= ends {
                let why = format!("Splunk acknowledged no indexing within {:?}: {said}", self.patience);
                return Err(Answer::Lost(why));
            }
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// Whether it is indexed; or why it is not known.
    async fn ask(&self, ack: u64, key: Option<&Revealed>) -> Result<Result<bool, String>, Answer> {
        let headers = self.web.dialect.headers(key).map_err(Answer::NoKey)?;
        let question = Bytes::from(format!("{{\"acks\":[{ack}]}}"));
        let reply = match self.asked.post(headers, question, MOST_ANSWER).await {
            Ok(reply) => reply,
            Err(why) => return Ok(Err(why)),
        };
        if let answer @ Answer::Held(_) = self.web.read(&reply) {
            return Err(answer);
        }
        let told = serde_json::from_slice::<Acks>(&reply.text).ok();
        let told = told.and_then(|told| told.acks.get(&ack.to_string()).copied());
        Ok(told.ok_or_else(|| format!("it answers {} ({})", reply.code, words(&reply.text))))
    }
}

impl Carrier for Acknowledged {
    fn send<'a>(&'a self, header: &'a Header, body: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.answer(header, body).await.unwrap_or_else(|answer| answer) })
    }

    fn key(&self) -> Option<Revealed> {
        self.web.key()
    }

    fn advice(&self, status: u16) -> &'static str {
        self.web.advice(status)
    }
}

/// The number under which a body's acknowledgement can be asked for.
fn ack_of(reply: &Reply) -> Option<u64> {
    #[derive(Deserialize)]
    struct Taken {
        #[serde(rename = "ackId")]
        ack: u64,
    }
    serde_json::from_slice::<Taken>(&reply.text).ok().map(|taken| taken.ack)
}

#[derive(Deserialize)]
struct Acks {
    acks: BTreeMap<String, bool>,
}
