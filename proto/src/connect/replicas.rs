//! Several replicas of a stage behind one address: a name that leads to many addresses (a headless service of
//! Kubernetes), or several hosts.
//!
//! Promises: what belongs together goes to one replica for as long as that answers, and to the same one from every
//! caller (rendezvous hashing: <https://en.wikipedia.org/wiki/Rendezvous_hashing>), so that replicas that come or go
//! move only what was theirs; where one does not answer, the next takes its batches at once; replicas that come and go
//! are noticed within [`LOOK`].

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::target::Target;
use super::{Caller, NoAnswer, PipeClient, push};
use crate::{Batch, MAX_MESSAGE_BYTES, Receipt, Refusal};

/// Distance between two looks at where a name leads.
const LOOK: Duration = Duration::from_secs(5);
/// Most replicas that are used.
const MOST: usize = 64;
/// How long one that did not answer is asked last; doubled each time.
const DOWN: Duration = Duration::from_secs(1);
/// And at the most.
const DOWN_AT_MOST: Duration = Duration::from_secs(60);

/// What belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// All batches of an origin's queue for a destination: for stages that remember what they have taken.
    ByOrigin,
    /// Each batch for itself, when it comes again too: for stages that remember little.
    ByBatch,
}

impl Spread {
    fn key(self, batch: &Batch) -> u64 {
        let origin = batch.origin.as_ref().map(crate::Origin::key).unwrap_or_default();
        let parts = [origin.as_bytes(), &batch.queue, batch.destination.as_bytes()];
        let key = parts.into_iter().fold(START, |hash, part| hashed(hashed(hash, part), &[0]));
        match self {
            Spread::ByOrigin => key,
            Spread::ByBatch => hashed(key, &batch.first.to_le_bytes()),
        }
    }
}

const START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, which is the same in every version of this program.
fn hashed(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Mixed (the finaliser of MurmurHash3), since FNV's last bytes change only a few bits.
fn weight(key: u64, place: &str) -> u64 {
    let hash = hashed(key, place.as_bytes());
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// A replica, connected when it is used first.
struct Replica {
    /// Its address, or the name that leads to it alone.
    place: String,
    client: PipeClient<tonic::transport::Channel>,
    /// Since when it does not answer, and until when it is asked last.
    down: Mutex<Option<(Duration, Instant)>>,
}

impl Replica {
    fn is_down(&self) -> bool {
        let down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        down.is_some_and(|(_, until)| until > Instant::now())
    }

    fn answered(&self) {
        if self.down.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::info!(replica = self.place, "a replica answers again");
        }
    }

    fn did_not_answer(&self, why: &str) {
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        if down.is_none() {
            tracing::warn!(replica = self.place, why, "a replica does not answer; others take its batches");
        }
        let pause = down.map_or(DOWN, |(pause, _)| (pause * 2).min(DOWN_AT_MOST));
        *down = Some((pause, Instant::now() + pause));
    }
}

/// See the module.
pub(super) struct Replicas {
    targets: Vec<Target>,
    caller: Caller,
    spread: Spread,
    known: RwLock<Known>,
    looking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    replicas: Vec<Arc<Replica>>,
    looked: Option<Instant>,
}

impl Replicas {
    pub(super) fn new(targets: Vec<Target>, caller: Caller, spread: Spread) -> Arc<Replicas> {
        let (known, looking) = (RwLock::default(), tokio::sync::Mutex::default());
        Arc::new(Replicas { targets, caller, spread, known, looking })
    }

    /// Gives the batch to the replica that it belongs to, or the next one that answers.
    pub(super) async fn push(self: Arc<Self>, batch: Batch) -> Result<Receipt, Refusal> {
        let replicas = self.now().await?;
        let key = self.spread.key(&batch);
        let (mut refusal, mut may_have_it) = (None, false);
        for replica in in_order(replicas, key) {
            match push(replica.client.clone(), batch.clone()).await {
                Ok(outcome) => {
                    replica.answered();
                    match outcome {
                        Err(Refusal::Unavailable { why }) => refusal = Some(why),
                        outcome => {
                            if let (true, Ok(_), Some(tell)) = (may_have_it, &outcome, &self.caller.moved.0) {
                                tell();
                            }
                            return outcome;
                        }
                    }
                }
                Err(NoAnswer { why, sent }) => {
                    replica.did_not_answer(&why);
                    may_have_it |= sent;
                    refusal = Some(why);
                }
            }
        }
        self.look_soon();
        Err(Refusal::Unavailable { why: refusal.unwrap_or_default() })
    }

    /// The replicas as far as they are known; looked up when they are not, and again beside the work when that was a
    /// while ago.
    async fn now(self: &Arc<Self>) -> Result<Vec<Arc<Replica>>, Refusal> {
        let (replicas, looked) = self.known();
        let is_old = looked.is_none_or(|looked| looked.elapsed() >= LOOK);
        if !replicas.is_empty() {
            if is_old && let Ok(turn) = Arc::clone(self).looking.try_lock() {
                drop(turn);
                let this = Arc::clone(self);
                tokio::spawn(async move { this.look().await });
            }
            return Ok(replicas);
        }
        self.look().await.map_err(|why| Refusal::Unavailable { why })?;
        Ok(self.known().0)
    }

    fn known(&self) -> (Vec<Arc<Replica>>, Option<Instant>) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        (known.replicas.clone(), known.looked)
    }

    /// The next batch begins with a look.
    fn look_soon(&self) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).looked = None;
    }

    /// Looks up where the names lead; one at a time. What cannot be looked up leaves its replicas as they are.
    async fn look(&self) -> Result<(), String> {
        let _turn = self.looking.lock().await;
        let (before, looked) = self.known();
        if !before.is_empty() && looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return Ok(()); // somebody just did
        }
        let mut replicas: Vec<Arc<Replica>> = Vec::new();
        let mut failed = None;
        for target in &self.targets {
            match target.places().await {
                Ok(places) => places.into_iter().for_each(|at| self.add(target, at, &before, &mut replicas)),
                Err(error) => failed = Some(format!("{target}: {error}")),
            }
        }
        match failed {
            Some(why) if replicas.is_empty() && before.is_empty() => return Err(why),
            // What cannot be looked up now may still be there.
            Some(_) => before.into_iter().for_each(|one| {
                if is_new(&one.place, &replicas) {
                    replicas.push(one);
                }
            }),
            None => {}
        }
        replicas.sort_unstable_by(|one, other| one.place.cmp(&other.place));
        replicas.truncate(MOST);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) =
            Known { replicas, looked: Some(Instant::now()) };
        Ok(())
    }

    /// A replica that is known keeps its connection.
    fn add(
        &self,
        target: &Target,
        at: Option<SocketAddr>,
        before: &[Arc<Replica>],
        to: &mut Vec<Arc<Replica>>,
    ) {
        let place = at.map_or_else(|| target.to_string(), |at| at.to_string());
        if !is_new(&place, to) {
            return;
        }
        let known = before.iter().find(|replica| replica.place == place).cloned();
        to.push(known.unwrap_or_else(|| {
            let channel = target.channel(self.caller.tls.as_ref(), self.caller.name.as_deref(), at);
            let client = PipeClient::new(channel)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES);
            Arc::new(Replica { place, client, down: Mutex::default() })
        }));
    }
}

fn is_new(place: &str, among: &[Arc<Replica>]) -> bool {
    among.iter().all(|replica| replica.place != place)
}

/// The one that it belongs to first; those that did not answer lately last.
fn in_order(mut replicas: Vec<Arc<Replica>>, key: u64) -> Vec<Arc<Replica>> {
    replicas.sort_by_cached_key(|replica| (replica.is_down(), Reverse(weight(key, &replica.place))));
    replicas
}

/// Told of each batch that another replica took after one had it, perhaps, and did not answer.
#[derive(Clone, Default)]
pub(super) struct Moved(pub(super) Option<Arc<dyn Fn() + Send + Sync>>);

impl std::fmt::Debug for Moved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "told" } else { "not told" })
    }
}
