//! How many requests at a time: found, not configured.
//!
//! Promises: one more at a time as long as more gets through in the same time, and no more where it does not; fewer at
//! once when the intake refuses, and when the same number of requests brings less than it did (which is how rising
//! latency shows); never none, never over the bound. Pure: the time is an argument.

use tokio::time::Instant;

/// Requests at a time to begin with.
const FIRST: usize = 4;

/// More is gained than chance when so much more gets through.
const GAIN: f64 = 1.05;

/// Less gets through than chance explains.
const LOSS: f64 = 0.75;

/// Rounds that pass between two tries to go wider.
const REST: u32 = 20;

/// A request that ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Landing {
    pub(crate) begun: Instant,
    pub(crate) now: Instant,
    /// Whether no more could be in flight when it ended.
    pub(crate) full: bool,
    pub(crate) bytes: u64,
    /// Whether it got through.
    pub(crate) well: bool,
}

/// How many requests may be in flight.
#[derive(Debug)]
pub(crate) struct Width {
    most: usize,
    now: usize,
    /// The width before the try that is being made.
    trying: Option<usize>,
    /// Bytes per second that get through at this width; None before the first round.
    rate: Option<f64>,
    rest: u32,
    round: Option<Round>,
    narrowed: Option<Instant>,
}

/// As many requests as are needed to know how much gets through.
#[derive(Debug)]
struct Round {
    begun: Instant,
    bytes: u64,
    requests: usize,
}

impl Width {
    /// At most so many.
    pub(crate) fn new(most: usize) -> Width {
        let now = FIRST.min(most);
        Width { most, now, trying: None, rate: None, rest: 0, round: None, narrowed: None }
    }

    /// How many may be in flight.
    pub(crate) fn get(&self) -> usize {
        self.now
    }

    /// Learns from a request that ended.
    pub(crate) fn landed(&mut self, landing: Landing) {
        if !landing.well {
            return self.refused(landing);
        }
        if !landing.full {
            // What gets through is what there is, and says nothing of what could.
            self.round = None;
            return;
        }
        let now = landing.now;
        let round = self.round.get_or_insert(Round { begun: now, bytes: 0, requests: 0 });
        if now > round.begun {
            round.bytes += landing.bytes;
            round.requests += 1;
        }
        if round.requests >= 3 * self.now {
            let rate = round.bytes as f64 / (now - round.begun).as_secs_f64();
            self.round = None;
            self.judge(rate);
        }
    }

    /// The intake has too much to do. Requests that were in flight together count once.
    fn refused(&mut self, landing: Landing) {
        if self.narrowed.is_some_and(|narrowed| landing.begun < narrowed) {
            return;
        }
        self.narrowed = Some(landing.now);
        self.narrow(7);
    }

    fn judge(&mut self, rate: f64) {
        let before = self.rate.unwrap_or(rate);
        match self.trying.take() {
            Some(narrower) if rate < before * GAIN => {
                self.now = narrower;
                self.rest = REST;
            }
            Some(_) => {
                self.rate = Some(rate);
                self.wider();
            }
            None if rate < before * LOSS => {
                self.narrow(9);
                self.rate = Some(rate);
            }
            None => {
                self.rate = Some(0.7 * before + 0.3 * rate);
                self.rest = self.rest.saturating_sub(1);
                if self.rest == 0 {
                    self.wider();
                }
            }
        }
    }

    fn wider(&mut self) {
        if self.now < self.most {
            self.trying = Some(self.now);
            self.now = self.most.min(self.now + (self.now / 4).max(1));
        }
    }

    fn narrow(&mut self, tenths: usize) {
        self.now = (self.now * tenths / 10).max(1);
        (self.trying, self.rate, self.rest, self.round) = (None, None, REST, None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// An intake that works on so many requests at a time, each for so long, and lets the others wait.
    struct Intake {
        lanes: usize,
        takes: Duration,
        /// When each lane is free.
        free: Vec<Instant>,
    }

    impl Intake {
        fn new(lanes: usize, takes: Duration, now: Instant) -> Intake {
            Intake { lanes, takes, free: vec![now; lanes] }
        }

        /// When a request that begins now is answered.
        fn answer(&mut self, now: Instant) -> Instant {
            let lane = (0..self.lanes).min_by_key(|&lane| self.free[lane]).unwrap();
            self.free[lane] = self.free[lane].max(now) + self.takes;
            self.free[lane]
        }
    }

    /// Keeps the intake busy with so many requests; the widths that were seen.
    fn run(width: &mut Width, intake: &mut Intake, now: &mut Instant, requests: usize) -> Vec<usize> {
        let mut flights: Vec<(Instant, Instant)> = Vec::new();
        let mut seen = Vec::new();
        for _ in 0..requests {
            while flights.len() < width.get() {
                flights.push((intake.answer(*now), *now));
            }
            flights.sort();
            let (ended, begun) = flights.remove(0);
            *now = (*now).max(ended);
            let full = flights.len() + 1 >= width.get();
            width.landed(Landing { begun, now: *now, full, bytes: 1000, well: true });
            seen.push(width.get());
        }
        seen
    }

    #[test]
    fn it_finds_the_number_that_an_intake_works_on_at_a_time() {
        for lanes in [1, 2, 4, 9, 20] {
            let (mut width, mut now) = (Width::new(64), Instant::now());
            let mut intake = Intake::new(lanes, Duration::from_millis(50), now);
            let seen = run(&mut width, &mut intake, &mut now, 20_000);
            let late = &seen[10_000..];
            let mean = late.iter().sum::<usize>() as f64 / late.len() as f64;
            let (least, most) = (lanes as f64 * 0.9, lanes as f64 * 1.5 + 4.0);
            assert!((least..=most).contains(&mean), "{lanes} lanes: {mean}");
        }
    }

    #[test]
    fn it_narrows_when_the_intake_becomes_slower_and_widens_when_it_is_itself_again() {
        let (mut width, mut now) = (Width::new(64), Instant::now());
        let mut intake = Intake::new(20, Duration::from_millis(50), now);
        let wide = run(&mut width, &mut intake, &mut now, 20_000).pop().unwrap();
        let mut slow = Intake::new(4, Duration::from_millis(50), now);
        let narrow = *run(&mut width, &mut slow, &mut now, 5_000).iter().min().unwrap();
        assert!(narrow < wide, "{narrow} {wide}");
        let mut well = Intake::new(20, Duration::from_millis(50), now);
        let again = *run(&mut width, &mut well, &mut now, 40_000).iter().max().unwrap();
        assert!(again >= 18, "{again}");
    }

    #[test]
    fn refusals_of_requests_that_were_in_flight_together_narrow_it_once() {
        let (mut width, begun) = (Width::new(64), Instant::now());
        let now = begun + Duration::from_millis(10);
        for _ in 0..4 {
            width.landed(Landing { begun, now, full: true, bytes: 1, well: false });
        }
        assert_eq!(width.get(), 2);
        for step in 1..10 {
            let begun = now + Duration::from_secs(step);
            let now = begun + Duration::from_millis(1);
            width.landed(Landing { begun, now, full: true, bytes: 1, well: false });
        }
        assert_eq!(width.get(), 1);
    }

    #[test]
    fn a_trickle_says_nothing_of_what_an_intake_could_take() {
        let (mut width, mut now) = (Width::new(64), Instant::now());
        for _ in 0..1000 {
            let begun = now;
            now += Duration::from_millis(50);
            width.landed(Landing { begun, now, full: false, bytes: 1000, well: true });
        }
        assert_eq!(width.get(), FIRST);
    }
}
