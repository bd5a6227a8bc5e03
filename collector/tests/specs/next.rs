//! A stand-in for the next stage: it keeps what it takes and answers as a test says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proto::{Batch, Receipt, Refusal, Stage};
use tokio::sync::watch;

type Answer = Arc<dyn Fn(&Batch) -> Result<(), Refusal> + Send + Sync>;

/// The stand-in; clones share it.
#[derive(Clone)]
pub(crate) struct Next {
    taken: Arc<Mutex<Vec<Batch>>>,
    changed: Arc<watch::Sender<u64>>,
    answer: Arc<Mutex<Answer>>,
}

impl Next {
    pub(crate) fn takes_all() -> Next {
        Next::answers(|_| Ok(()))
    }

    pub(crate) fn answers(answer: impl Fn(&Batch) -> Result<(), Refusal> + Send + Sync + 'static) -> Next {
        let answer: Answer = Arc::new(answer);
        Next {
            taken: Arc::default(),
            changed: Arc::new(watch::Sender::new(0)),
            answer: Arc::new(Mutex::new(answer)),
        }
    }

    pub(crate) fn answers_now(&self, answer: impl Fn(&Batch) -> Result<(), Refusal> + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Arc::new(answer);
    }

    pub(crate) fn stage(&self) -> Stage {
        let next = self.clone();
        proto::stage(move |batch| {
            let next = next.clone();
            async move { next.take(batch) }
        })
    }

    fn take(&self, batch: Batch) -> Result<Receipt, Refusal> {
        batch.check().unwrap();
        let answer = Arc::clone(&self.answer.lock().unwrap());
        let answer = answer(&batch);
        let receipt = batch.receipt();
        if answer.is_ok() {
            self.taken.lock().unwrap().push(batch);
        }
        self.changed.send_modify(|count| *count += 1);
        answer.map(|()| receipt)
    }

    pub(crate) fn batches(&self) -> Vec<Batch> {
        self.taken.lock().unwrap().clone()
    }

    /// The lines that were taken, by number; a line that came twice must be the same one.
    pub(crate) fn lines_of(&self, path: &std::path::Path) -> BTreeMap<u64, Vec<u8>> {
        let mut lines = BTreeMap::new();
        for batch in self
            .batches()
            .iter()
            .filter(|batch| batch.origin.as_ref().unwrap().path == path.to_str().unwrap())
        {
            for line in batch.lines().unwrap() {
                assert_eq!(line.read_bytes, line.bytes.len() as u64 + 1);
                let before = lines.insert(line.number, line.bytes.to_vec());
                assert!(before.is_none_or(|before| before == line.bytes), "line {} changed", line.number);
            }
        }
        lines
    }

    /// As text, in order of numbers.
    pub(crate) fn text_of(&self, path: &std::path::Path) -> Vec<String> {
        self.lines_of(path).into_values().map(|line| String::from_utf8(line).unwrap()).collect()
    }

    /// How many lines came, repeats included.
    pub(crate) fn count(&self) -> u64 {
        self.batches().iter().map(|batch| u64::from(batch.events)).sum()
    }

    /// Waits until `enough`.
    pub(crate) async fn until(&self, what: &str, mut enough: impl FnMut(&Next) -> bool) {
        let mut changed = self.changed.subscribe();
        let waiting = async {
            while !enough(self) {
                changed.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        assert!(waited.is_ok(), "never came: {what}; {} lines did", self.count());
    }

    pub(crate) async fn until_count(&self, count: u64) {
        self.until(&format!("{count} lines"), |next| next.count() >= count).await;
        assert_eq!(self.count(), count, "lines came twice");
    }
}

pub(crate) fn busy(_: &Batch) -> Result<(), Refusal> {
    Err(Refusal::Busy { why: "no room".into() })
}
