//! A body that cannot go as it is: halved, sorted out by what the intake took, made smaller, told anew.
//!
//! Promise: what takes a body's place is in the spool in the same commit in which the body leaves it; no event is in
//! both, none in neither.

use crate::attempt::{Fate, Opened};
use crate::canary;
use crate::change::Change;
use crate::config::OldEvents;
use crate::dead::{TOO_LARGE, TOO_OLD};
use crate::deliver::Delivery;
use crate::intake::Answer;
use crate::manifest::Listed;
use crate::record::{self, Record};
use crate::verdict::Verdict;

impl Delivery {
    /// Does what was chosen about events that are too old; None when the body has none.
    pub(crate) async fn put_right(
        &self,
        opened: &Opened<'_>,
        choice: OldEvents,
        now_ms: i64,
    ) -> Option<Fate> {
        let (header, body) = (opened.stored.header.clone(), opened.body.clone());
        let found = self.with_packer(move |packer| packer.too_old(&header, &body, now_ms)).await;
        let Ok(old) = found else { return Some(self.lost(opened.stored).await) };
        let records = match choice {
            _ if old.is_empty() => return None,
            OldEvents::Backfill => self.renew(opened, old, now_ms).await,
            OldEvents::DeadLetter if opened.lines.len() == 1 => {
                return Some(self.bury(opened, TOO_OLD, "").await);
            }
            OldEvents::DeadLetter => {
                let young: Vec<usize> = (0..opened.lines.len()).filter(|at| !old.contains(at)).collect();
                let alone = old.into_iter().map(|at| vec![at]);
                self.split(opened, alone.chain((!young.is_empty()).then_some(young)).collect()).await
            }
        };
        let Ok(records) = records else { return Some(self.lost(opened.stored).await) };
        Some(match self.replace(opened, instead(records)).await {
            Fate::Settled { .. } => Fate::Settled { answered: false },
            other => other,
        })
    }

    async fn renew(&self, opened: &Opened<'_>, old: Vec<usize>, now_ms: i64) -> std::io::Result<Vec<Record>> {
        let (header, lines, body) = (opened.stored.header.clone(), opened.lines.clone(), opened.body.clone());
        self.with_packer(move |packer| packer.renew(&header, &lines, &body, &old, now_ms)).await
    }

    pub(crate) async fn halve(&self, opened: &Opened<'_>) -> Fate {
        let middle = opened.lines.len() / 2;
        let halves = vec![(0..middle).collect(), (middle..opened.lines.len()).collect()];
        match self.split(opened, halves).await {
            Ok(halves) => self.replace(opened, instead(halves)).await,
            Err(_) => self.lost(opened.stored).await,
        }
    }

    /// A body that was not taken because of one event: that goes on alone, and what is before and behind it too.
    pub(crate) async fn set_apart(&self, at: usize, opened: &Opened<'_>) -> Fate {
        let groups: Vec<Vec<usize>> =
            [0..at, at..at + 1, at + 1..opened.lines.len()].map(Iterator::collect).into();
        let groups = groups.into_iter().filter(|group| !group.is_empty()).collect();
        match self.split(opened, groups).await {
            Ok(records) => self.replace(opened, instead(records)).await,
            Err(_) => self.lost(opened.stored).await,
        }
    }

    /// A body of which the intake took a part: what it took is delivered, what it wants later stays together, and
    /// each event that it did not take goes on alone.
    pub(crate) async fn sort_out(&self, verdicts: &[Verdict], answer: &Answer, opened: &Opened<'_>) -> Fate {
        if verdicts.len() != opened.lines.len() {
            let why = format!("the intake told of {} items, not of {}", verdicts.len(), opened.lines.len());
            return Fate::Again { wish: None, why };
        }
        let places = |wanted: &dyn Fn(Verdict) -> bool| -> Vec<usize> {
            (0..verdicts.len()).filter(|&at| wanted(verdicts[at])).collect()
        };
        let later = places(&|verdict| matches!(verdict, Verdict::Again | Verdict::Hold));
        let alone = places(&|verdict| matches!(verdict, Verdict::Reject | Verdict::Split));
        let mut groups: Vec<Vec<usize>> = if later.is_empty() { vec![] } else { vec![later.clone()] };
        groups.extend(alone.into_iter().map(|at| vec![at]));
        let taken: Vec<Listed> =
            places(&|verdict| verdict == Verdict::Delivered).into_iter().map(|at| opened.lines[at]).collect();
        let Ok(records) = self.split(opened, groups).await else { return self.lost(opened.stored).await };
        let change = self.taken(opened, &taken, record::delivered(&taken), answer).await;
        let fate = self.replace(opened, Change { append: records, ..change }).await;
        if let Fate::Settled { .. } = fate {
            self.standing.delivered(taken.len() as u64);
            self.standing.canaries(&canary::those_of(&opened.stored.header.canaries, &taken));
            return if later.is_empty() { fate } else { Fate::Partly { why: self.told(answer) } };
        }
        fate
    }

    async fn split(&self, opened: &Opened<'_>, groups: Vec<Vec<usize>>) -> std::io::Result<Vec<Record>> {
        let (header, lines, body) = (opened.stored.header.clone(), opened.lines.clone(), opened.body.clone());
        self.with_packer(move |packer| packer.split(&header, &lines, &body, &groups)).await
    }

    pub(crate) async fn shrink(&self, opened: &Opened<'_>, answer: &Answer) -> Fate {
        let Some(&line) = opened.lines.first() else { return self.lost(opened.stored).await };
        let (header, body) = (opened.stored.header.clone(), opened.body.clone());
        match self.with_packer(move |packer| packer.shrink(&header, &line, &body)).await {
            Ok(Some(smaller)) => self.replace(opened, instead(vec![smaller])).await,
            Ok(None) => self.bury(opened, TOO_LARGE, &self.told(answer)).await,
            Err(_) => self.lost(opened.stored).await,
        }
    }

    async fn replace(&self, opened: &Opened<'_>, mut change: Change) -> Fate {
        for record in &mut change.append {
            record.header.account = opened.stored.header.account;
            record.header.urgent = opened.stored.header.urgent;
        }
        match self.commit(opened.stored, change).await {
            Some(why) => Fate::Again { wish: None, why },
            None => Fate::Settled { answered: true },
        }
    }
}

/// Records in the place of a body.
fn instead(append: Vec<Record>) -> Change {
    Change { append, ..Change::default() }
}
