//! What events cost in a month.
//!
//! Promises: prices are configuration, since they change; ingested bytes and indexed events are priced apart; a month
//! has 30 days and is extrapolated from the time that a recording spans, and without such a span there is no price.

use serde::Serialize;

use audit::simulate::Amount;

/// The length of a month, in days.
pub(crate) const MONTH_DAYS: u32 = 30;
const MONTH_US: f64 = MONTH_DAYS as f64 * 86_400.0 * 1e6;

/// What an intake asks for, in USD.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Prices {
    /// The price of a GB (10^9 bytes) taken in, in USD.
    #[arg(long, value_name = "USD", default_value_t = 0.10, value_parser = price)]
    pub price_per_gb: f64,
    /// The price of a million events indexed, in USD.
    #[arg(long, value_name = "USD", default_value_t = 1.70, value_parser = price)]
    pub price_per_million: f64,
}

fn price(written: &str) -> Result<f64, String> {
    match written.parse::<f64>() {
        Ok(price) if price.is_finite() && price >= 0.0 => Ok(price),
        _ => Err("a price is a number that is not negative, such as 1.70".to_owned()),
    }
}

/// What an amount of events costs in a month, in USD.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Monthly {
    /// For the bytes.
    pub ingest: f64,
    /// For the events.
    pub index: f64,
    /// Together.
    pub total: f64,
}

/// From amounts to prices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pricing {
    prices: Prices,
    /// How many recordings of this length make up a month.
    pub factor: Option<f64>,
}

impl Pricing {
    /// For a recording whose first and last events are of these times, in microseconds.
    pub(crate) fn of(prices: Prices, times: Option<(i64, i64)>) -> Pricing {
        let span = times.map(|(first, last)| last.saturating_sub(first)).filter(|span| *span > 0);
        Pricing { prices, factor: span.map(|span| MONTH_US / span as f64) }
    }

    /// What the amount costs when every month is like the recording.
    pub(crate) fn monthly(&self, amount: Amount) -> Option<Monthly> {
        let factor = self.factor?;
        let ingest = amount.bytes as f64 / 1e9 * self.prices.price_per_gb * factor;
        let index = amount.events as f64 / 1e6 * self.prices.price_per_million * factor;
        Some(Monthly { ingest, index, total: ingest + index })
    }

    /// The part of the price of `whole` that is that of `part`; none when it costs nothing.
    pub(crate) fn share(&self, part: Amount, whole: Amount) -> Option<f64> {
        let Prices { price_per_gb, price_per_million } = self.prices;
        let cost = |amount: Amount| {
            amount.bytes as f64 / 1e9 * price_per_gb + amount.events as f64 / 1e6 * price_per_million
        };
        (cost(whole) > 0.0).then(|| cost(part) / cost(whole))
    }
}

/// Dollars, with cents where they matter.
pub(crate) fn usd(monthly: Option<Monthly>) -> String {
    match monthly.map(|monthly| monthly.total) {
        None => "?".to_owned(),
        Some(total) if total >= 1000.0 => crate::print::grouped(total.round() as u64),
        Some(total) => format!("{total:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_extrapolated_from_the_span_and_unknown_without_one() {
        let prices = Prices { price_per_gb: 0.10, price_per_million: 1.70 };
        let amount = Amount { events: 1_000_000, bytes: 1_000_000_000 };
        let day = Pricing::of(prices, Some((0, 86_400_000_000)));
        let monthly = day.monthly(amount).unwrap();
        assert!((monthly.ingest - 3.0).abs() < 1e-9 && (monthly.index - 51.0).abs() < 1e-9, "{monthly:?}");
        assert_eq!(usd(Some(monthly)), "54.00");
        assert_eq!(Pricing::of(prices, Some((5, 5))).monthly(amount), None);
        assert_eq!(day.share(amount, amount), Some(1.0));
    }
}
