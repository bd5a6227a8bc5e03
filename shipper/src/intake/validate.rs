//! Whether Datadog knows a key, asked without sending an event.
//!
//! Promise: the key goes nowhere but to the site, or the address, that events go to; no answer is no verdict.

use std::time::SystemTime;

use reqwest::header::{DATE, HeaderMap};

use super::client::Client;
use super::web::secret_header;
use crate::config::Datadog;
use crate::retry_after::http_date;

/// What Datadog says to a key.
#[derive(Clone, Debug)]
pub struct Validated {
    /// Where it was asked.
    pub url: String,
    /// The status of its answer: 200 for a key that it knows, 403 for one that it does not.
    pub code: u16,
    /// What its clock says.
    pub date: Option<SystemTime>,
}

impl Datadog {
    /// Asks whether the key is known (`GET /api/v1/validate`).
    ///
    /// # Errors
    /// Says why there is no answer; never with the key in it.
    pub async fn ask_for_its_key(&self) -> Result<Validated, String> {
        let url = format!("{}/api/v1/validate", self.calls());
        let secret = self.key().ok_or("there is no key")?;
        let key = secret.reveal().map_err(|error| error.to_string())?;
        let mut headers = HeaderMap::new();
        headers.insert("dd-api-key", secret_header(key.as_str())?);
        let client = Client::through(&url, &self.reach(), &self.agent_proxy)?;
        let answer = client.get(headers).await?;
        let date = answer.headers().get(DATE).and_then(|date| http_date(date.to_str().ok()?));
        Ok(Validated { code: answer.status().as_u16(), date, url })
    }

    /// The address of Datadog's other calls: an own one for each site.
    fn calls(&self) -> String {
        match &self.url {
            Some(_) => self.base(),
            None => self.base().replacen("http-intake.logs.", "api.", 1),
        }
    }
}
