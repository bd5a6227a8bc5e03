//! The operator's calls: holds, dead letters, receipts.
//!
//! Promises: a call that changes something answers when that is durable; a request that names nothing changes nothing;
//! each call does a bounded amount of work, and pages follow each other without gap or repeat.

use proto::v1::{
    DeadLetterFilter, DestinationStatus, DestinationsReply, DestinationsRequest, DropDeadLettersReply,
    DropDeadLettersRequest, GetDeadLetterReply, GetDeadLetterRequest, HoldReply, HoldRequest,
    ListDeadLettersReply, ListDeadLettersRequest, ReceiptsReply, ReceiptsRequest, ReleaseReply,
    ReleaseRequest, RetryDeadLettersReply, RetryDeadLettersRequest, Skipped,
};
use proto::{NotDone, ShipperCalls};

use crate::Shipper;
use crate::destination::Opening;
use crate::letters::{Changed, Choice, Fate, Letters, MOST_CHANGED, edited, until_now};
use crate::receipts::receipts_in;
use crate::standing::now_us;

/// Letters of a page, and the most of one.
const PAGE: u32 = 100;
const MOST: u32 = 1000;

/// Where a page of dead letters begins. Letters that died later than its run began are none of its own: else one that
/// dies again and again would be sent again for ever.
struct Place {
    destination: String,
    position: u64,
    until_us: i64,
}

/// What became of letters of several destinations.
#[derive(Default)]
struct Outcome {
    done: u64,
    skipped: Vec<Skipped>,
    next_page: String,
}

impl Shipper {
    fn opening(&self, name: &str) -> Result<&Opening, NotDone> {
        self.0.destinations.get(name).ok_or_else(|| {
            let known = self.destinations().join(", ");
            NotDone::NotFound(format!("no destination is called `{name}`; there are {known}"))
        })
    }

    fn letters(&self, name: &str) -> Result<Letters<'_>, NotDone> {
        let none =
            || NotDone::Invalid(format!("destination `{name}` has no dead letters: it takes every line"));
        self.opening(name)?.letters().ok_or_else(none)
    }

    fn letter(&self, id: &str) -> Result<(Letters<'_>, u64), NotDone> {
        let form =
            || NotDone::Invalid(format!("`{id}` names no dead letter; write it as DESTINATION/NUMBER"));
        let (name, position) = id.rsplit_once('/').ok_or_else(form)?;
        Ok((self.letters(name)?, position.parse().map_err(|_| form())?))
    }

    /// All that are meant by a filter, from a place on.
    fn filtered(&self, filter: &DeadLetterFilter, from: &Place) -> Result<Vec<(Letters<'_>, u64)>, NotDone> {
        if !filter.destination.is_empty() {
            self.letters(&filter.destination)?;
        }
        let wanted = |name: &str| filter.destination.is_empty() || filter.destination == name;
        let all = self.0.destinations.values().filter_map(Opening::letters);
        let all =
            all.filter(|letters| wanted(letters.destination) && *letters.destination >= *from.destination);
        let start =
            |letters: &Letters<'_>| if letters.destination == from.destination { from.position } else { 0 };
        Ok(all.map(|letters| (start(&letters), letters)).map(|(start, letters)| (letters, start)).collect())
    }

    fn change(
        &self,
        ids: &[String],
        filter: Option<&DeadLetterFilter>,
        page: &str,
        fate: &Fate,
    ) -> Result<Outcome, NotDone> {
        let filter = filter.filter(|filter| !(filter.destination.is_empty() && filter.cause.is_empty()));
        match (ids, filter) {
            ([], None) => {
                let why = "name letters by their ids, or by a filter with a destination or a cause";
                Err(NotDone::Invalid(why.to_owned()))
            }
            ([], Some(filter)) => self.change_matching(filter, page, fate),
            (ids, None) => self.change_these(ids, fate),
            (_, Some(_)) => {
                Err(NotDone::Invalid("name letters by ids or by a filter, not by both".to_owned()))
            }
        }
    }

    fn change_these(&self, ids: &[String], fate: &Fate) -> Result<Outcome, NotDone> {
        if ids.len() > MOST_CHANGED {
            return Err(NotDone::Invalid(format!("a call names at most {MOST_CHANGED} letters")));
        }
        // All names are looked at before anything is done.
        let mut named = Vec::new();
        for id in ids {
            named.push(self.letter(id)?);
        }
        named.sort_by(|(a, at), (b, bt)| (a.destination, at).cmp(&(b.destination, bt)));
        named.dedup_by(|(a, at), (b, bt)| a.destination == b.destination && at == bt);
        let mut outcome = Outcome::default();
        for group in named.chunk_by(|(a, _), (b, _)| a.destination == b.destination) {
            let Some((letters, _)) = group.first() else { continue };
            let these = Choice::These(group.iter().map(|&(_, position)| position).collect());
            outcome.add(letters.destination, letters.change(&these, fate)?);
        }
        Ok(outcome)
    }

    fn change_matching(
        &self,
        filter: &DeadLetterFilter,
        page: &str,
        fate: &Fate,
    ) -> Result<Outcome, NotDone> {
        let place = Place::read(page)?;
        let mut outcome = Outcome::default();
        for (letters, from) in self.filtered(filter, &place)? {
            let (cause, until_us) = (filter.cause.clone(), place.until_us);
            if outcome.done > 0 || !outcome.skipped.is_empty() {
                outcome.next_page = place.at(letters.destination, from);
                break;
            }
            let changed = letters.change(&Choice::Matching { cause, from, until_us }, fate)?;
            let next = changed.next;
            outcome.add(letters.destination, changed);
            if let Some(position) = next {
                outcome.next_page = place.at(letters.destination, position);
                break;
            }
        }
        Ok(outcome)
    }

    fn told(&self, name: &str) -> Result<Option<DestinationStatus>, NotDone> {
        Ok(Some(self.opening(name)?.status()))
    }
}

impl ShipperCalls for Shipper {
    fn destinations(&self, _: &DestinationsRequest) -> Result<DestinationsReply, NotDone> {
        Ok(DestinationsReply { destinations: self.0.destinations.values().map(Opening::status).collect() })
    }

    fn hold(&self, request: &HoldRequest) -> Result<HoldReply, NotDone> {
        let name = &request.destination;
        self.opening(name)?.hold.hold(name, &request.reason, now_us()).map_err(not_written)?;
        tracing::warn!(destination = name, reason = request.reason, "held by the operator");
        Ok(HoldReply { destination: self.told(name)? })
    }

    fn release(&self, request: &ReleaseRequest) -> Result<ReleaseReply, NotDone> {
        let name = &request.destination;
        self.opening(name)?.hold.release().map_err(not_written)?;
        tracing::info!(destination = name, "released by the operator");
        Ok(ReleaseReply { destination: self.told(name)? })
    }

    fn list_dead_letters(&self, request: &ListDeadLettersRequest) -> Result<ListDeadLettersReply, NotDone> {
        let filter = request.filter.clone().unwrap_or_default();
        let most = if request.page_size == 0 { PAGE } else { request.page_size.min(MOST) } as usize;
        let place = Place::read(&request.page)?;
        let mut reply = ListDeadLettersReply::default();
        for (letters, from) in self.filtered(&filter, &place)? {
            let (listed, next) = letters.list(&filter.cause, from, most - reply.letters.len())?;
            reply.letters.extend(listed);
            if let Some(position) = next {
                reply.next_page = place.at(letters.destination, position);
                break;
            }
        }
        Ok(reply)
    }

    fn get_dead_letter(&self, request: &GetDeadLetterRequest) -> Result<GetDeadLetterReply, NotDone> {
        let (letters, position) = self.letter(&request.id)?;
        letters.get(position)
    }

    fn retry_dead_letters(
        &self,
        request: &RetryDeadLettersRequest,
    ) -> Result<RetryDeadLettersReply, NotDone> {
        let event = match request.event.as_slice() {
            [] => None,
            _ if request.ids.len() != 1 => {
                return Err(NotDone::Invalid(
                    "an event takes the place of one letter's: name its id".to_owned(),
                ));
            }
            event => Some(edited(event).map_err(NotDone::Invalid)?),
        };
        let fate = Fate::Again(event);
        let outcome = self.change(&request.ids, request.filter.as_ref(), &request.page, &fate)?;
        let Outcome { done: retried, skipped, next_page } = outcome;
        Ok(RetryDeadLettersReply { retried, skipped, next_page })
    }

    fn drop_dead_letters(&self, request: &DropDeadLettersRequest) -> Result<DropDeadLettersReply, NotDone> {
        let outcome = self.change(&request.ids, request.filter.as_ref(), &request.page, &Fate::Dropped)?;
        let Outcome { done: dropped, skipped, next_page } = outcome;
        tracing::warn!(dropped, "dead letters dropped by the operator");
        Ok(DropDeadLettersReply { dropped, skipped, next_page })
    }

    fn receipts(&self, request: &ReceiptsRequest) -> Result<ReceiptsReply, NotDone> {
        receipts_in(&self.0.dir, request)
    }
}

impl Outcome {
    fn add(&mut self, destination: &str, changed: Changed) {
        self.done += changed.done;
        let skipped = changed.skipped.into_iter();
        self.skipped
            .extend(skipped.map(|(position, why)| Skipped { id: format!("{destination}/{position}"), why }));
    }
}

impl Place {
    fn read(page: &str) -> Result<Place, NotDone> {
        if page.is_empty() {
            return Ok(Place { destination: String::new(), position: 0, until_us: until_now() });
        }
        let read = || {
            let mut parts = page.split('/');
            let destination = parts.next()?.to_owned();
            let (position, until_us) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            parts.next().is_none().then_some(Place { destination, position, until_us })
        };
        read().ok_or_else(|| NotDone::Invalid("`page` is none that a reply gave".to_owned()))
    }

    /// The page that begins there, of the same run.
    fn at(&self, destination: &str, position: u64) -> String {
        format!("{destination}/{position}/{}", self.until_us)
    }
}

fn not_written(error: std::io::Error) -> NotDone {
    NotDone::NotNow(format!("the hold cannot be written down: {error}; check the spool's directory"))
}
