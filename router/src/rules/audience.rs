//! Destinations that the same routes name get the same lines: they are decided and packed for once.
//!
//! Invariant: every destination is in exactly one audience.

use std::sync::Arc;

use super::Route;
use crate::config::Config;

/// A destination as the routes name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) name: Arc<str>,
    /// Its spool may shed instead of refusing.
    pub(crate) best_effort: bool,
    /// No route leads there any more. It is told so, batch by batch, but nobody waits for its answer.
    pub(crate) retired: bool,
}

/// Destinations that get the same.
#[derive(Debug, Clone)]
pub(crate) struct Audience {
    /// Indexes of the routes that name them, in order, up to the first that takes everything.
    pub(crate) routes: Vec<usize>,
    pub(crate) destinations: Vec<Destination>,
}

/// The audiences, in the order in which the routes name their first destination.
pub(super) fn group(config: &Config, routes: &[Route]) -> Vec<Audience> {
    let mut audiences: Vec<Audience> = Vec::new();
    for destination in destinations(config) {
        let order = order(config, routes, &destination.name);
        match audiences.iter_mut().find(|audience| audience.routes == order) {
            Some(audience) => audience.destinations.push(destination),
            None => audiences.push(Audience { routes: order, destinations: vec![destination] }),
        }
    }
    audiences
}

/// Adds those of `before` that are in none of the audiences.
pub(super) fn retire(audiences: &mut Vec<Audience>, before: Vec<Destination>) {
    let named = |name: &Arc<str>| {
        audiences.iter().any(|audience| audience.destinations.iter().any(|to| to.name == *name))
    };
    let gone = before.into_iter().filter(|to| !named(&to.name));
    let gone: Vec<_> = gone.map(|to| Destination { retired: true, ..to }).collect();
    if !gone.is_empty() {
        audiences.push(Audience { routes: Vec::new(), destinations: gone });
    }
}

fn destinations(config: &Config) -> Vec<Destination> {
    let mut destinations: Vec<Destination> = Vec::new();
    for route in &config.routes {
        let required = route.to.iter().map(|name| (name, false));
        for (name, best_effort) in required.chain(route.best_effort.iter().map(|name| (name, true))) {
            if destinations.iter().all(|known| *known.name != **name) {
                destinations.push(Destination { name: name.as_str().into(), best_effort, retired: false });
            }
        }
    }
    destinations
}

/// Routes behind one that takes everything are never asked.
fn order(config: &Config, routes: &[Route], destination: &str) -> Vec<usize> {
    let mut order = Vec::new();
    for (index, route) in config.routes.iter().enumerate() {
        if route.to.iter().chain(&route.best_effort).any(|name| name == destination) {
            order.push(index);
            if routes[index].is_open() {
                break;
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;

    fn rules(routes: Vec<crate::Route>) -> Rules {
        Rules::load(&Config { routes, ..Config::default() }, None).unwrap()
    }

    #[test]
    fn destinations_of_the_same_routes_are_one_audience() {
        let spare = crate::Route { best_effort: vec!["c".into()], ..crate::Route::everything("two", ["b"]) };
        let Rules { audiences, .. } = rules(vec![crate::Route::everything("one", ["a", "d"]), spare]);
        assert_eq!(audiences.len(), 2);
        let names = |at: usize| audiences[at].destinations.iter().map(|to| &*to.name).collect::<Vec<_>>();
        assert_eq!([names(0), names(1)], [["a", "d"], ["b", "c"]]);
        assert!(audiences[1].destinations[1].best_effort && !audiences[1].destinations[0].best_effort);
    }

    #[test]
    fn a_route_behind_one_that_takes_everything_is_never_asked() {
        let rules =
            rules(vec![crate::Route::everything("one", ["a"]), crate::Route::everything("two", ["a", "b"])]);
        let routes: Vec<_> = rules.audiences.iter().map(|audience| &audience.routes[..]).collect();
        assert_eq!(routes, [[0], [1]]);
        assert!(rules.audiences.iter().all(|audience| rules.leave_untouched(audience)));
    }
}
