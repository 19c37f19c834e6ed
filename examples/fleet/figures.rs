//! [`Figures`]: what the day came to, as a timetable and as checks with their bounds.

use std::collections::HashMap;
use std::ops::Range;

use crate::answers::Answers;
use crate::day::{self, EVENTS};
use crate::fleet::INSTANCES;
use crate::provider::JwksRequest;

const WIDTH: usize = 100;
/// How many seconds keys serve at least before they are renewed: 60 % of the `max-age` of 15 minutes.
const SHORTEST_LIFE: u64 = 540;
/// What may come on top, for a whole day: the start, the rollout, the sudden rotation, the tries with its old key, a crash.
const EVENTFUL: u64 = 10;
/// A fleet that has dispersed sends 1.4 requests a second. Of the 17 instances that are asked in the same second, seldom
/// more than 6 are then due; of a fleet in step, all 17 are.
const AT_MOST_IN_A_SECOND: Bound = Bound::AtMost(12);
/// Dispersed, the fleet sends 85 requests a minute, and more while it still bears marks of the last event. In step, it
/// sends 1,000 in one minute and none in the next.
const AT_MOST_IN_A_MINUTE: Bound = Bound::AtMost(250);

pub(crate) struct Figures {
    answers: Answers,
    jwks_requests: Vec<JwksRequest>,
    metadata_requests: u64,
}

/// A figure and what it has to be.
struct Check {
    what: String,
    figure: u64,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    Exactly(u64),
    AtMost(u64),
    AtLeast(u64),
}

impl Check {
    fn new(what: impl Into<String>, figure: u64, bound: Bound) -> Self {
        Self { what: what.into(), figure, bound }
    }

    fn holds(&self) -> bool {
        match self.bound {
            Bound::Exactly(bound) => self.figure == bound,
            Bound::AtMost(bound) => self.figure <= bound,
            Bound::AtLeast(bound) => self.figure >= bound,
        }
    }
}

impl Figures {
    pub(crate) fn new(answers: Answers, jwks_requests: Vec<JwksRequest>, metadata_requests: u64) -> Self {
        Self { answers, jwks_requests, metadata_requests }
    }

    pub(crate) fn print(&self) {
        self.print_timetable();
        println!(
            "\n{} requests to the API, of which {} waited. {} requests to the issuer for keys, {} for metadata.\n",
            grouped(self.answers.taken),
            grouped(count(&self.answers.waited)),
            grouped(count(&self.jwks_requests)),
            grouped(self.metadata_requests)
        );
        println!("{:67}figure  has to be", "");
        println!("{}", "-".repeat(WIDTH));
        for check in self.checks() {
            let mark = if check.holds() { "ok" } else { "WRONG" };
            let bound = match check.bound {
                Bound::Exactly(bound) => grouped(bound),
                Bound::AtMost(bound) => format!("at most {}", grouped(bound)),
                Bound::AtLeast(bound) => format!("at least {}", grouped(bound)),
            };
            println!("{mark:7}{:<55}{:>11}  {bound}", check.what, grouped(check.figure));
        }
    }

    pub(crate) fn wrong(&self) -> usize {
        self.checks().iter().filter(|check| !check.holds()).count()
    }

    fn print_timetable(&self) {
        println!("{:64}{:>9}{:>9}{:>9}{:>9}", "", "JWKS", "in one", "", "answered");
        println!("{:64}{:>9}{:>9}{:>9}{:>9}", "", "requests", "second", "waited", "503");
        println!("{}", "-".repeat(WIDTH));
        let ends = EVENTS.iter().skip(1).map(|event| event.second).chain([day::SECONDS]);
        for (event, end) in EVENTS.iter().zip(ends) {
            let stretch = event.second..end;
            let within = |seconds: &[u64]| grouped(count(seconds.iter().filter(|second| stretch.contains(second))));
            println!(
                "{:02}:{:02}  {:<57}{:>9}{:>9}{:>9}{:>9}",
                event.second / 3600,
                event.second / 60 % 60,
                event.describe(),
                grouped(count(self.jwks_requests.iter().filter(|request| stretch.contains(&request.second)))),
                grouped(self.most_within(1, |second| stretch.contains(&second))),
                within(&self.answers.waited),
                within(&self.answers.unavailable),
            );
        }
    }

    fn checks(&self) -> Vec<Check> {
        let unreachable = day::unreachable_seconds();
        // One a minute, with the request of that minute, while the issuer can't be had.
        let per_instance = (day::SECONDS - unreachable) / SHORTEST_LIFE + unreachable / 60 + EVENTFUL;
        // As many instances are asked in a second.
        let asked = INSTANCES.div_ceil(60);
        let of_instances = self.of_instances();
        let Answers { taken, waited_in_vain, good_refused, sent_away, withdrawn, withdrawn_accepted, .. } =
            self.answers;
        vec![
            Check::new("requests answered", taken, Bound::AtLeast(day::SECONDS / 60 * INSTANCES)),
            Check::new("valid tokens refused while keys could be had", good_refused, Bound::Exactly(0)),
            Check::new("requests that waited though the keys were there", waited_in_vain, Bound::Exactly(0)),
            Check::new("refused for good though no key could be had", sent_away, Bound::Exactly(0)),
            Check::new("tries with a token of a withdrawn key", withdrawn, Bound::Exactly(INSTANCES)),
            Check::new("... accepted", withdrawn_accepted, Bound::Exactly(0)),
            Check::new("JWKS requests of an instance, median", middle(&of_instances), Bound::AtMost(per_instance)),
            Check::new("... most", last(&of_instances), Bound::AtMost(per_instance)),
            Check::new("... while all its callers wait", self.most_of_a_crowd(), Bound::Exactly(1)),
            Check::new(
                "... of the fleet in one second, at any time",
                self.most_within(1, |_| true),
                Bound::AtMost(2 * asked),
            ),
            Check::new("... in one second of a quiet hour", self.most_within(1, day::is_quiet), AT_MOST_IN_A_SECOND),
            Check::new("... in one minute of a quiet hour", self.most_within(60, day::is_quiet), AT_MOST_IN_A_MINUTE),
        ]
    }

    /// JWKS requests of each instance, fewest first.
    fn of_instances(&self) -> Vec<u64> {
        let mut counts: HashMap<u64, u64> = (0..INSTANCES).map(|number| (number, 0)).collect();
        for request in &self.jwks_requests {
            *counts.entry(request.instance).or_default() += 1;
        }
        let mut counts: Vec<u64> = counts.into_values().collect();
        counts.sort_unstable();
        counts
    }

    /// The largest number of JWKS requests in so many seconds, over the fleet.
    fn most_within(&self, seconds: u64, is_meant: impl Fn(u64) -> bool) -> u64 {
        let mut counts: HashMap<u64, u64> = HashMap::new();
        for request in self.jwks_requests.iter().filter(|request| is_meant(request.second)) {
            *counts.entry(request.second / seconds).or_default() += 1;
        }
        counts.into_values().max().unwrap_or_default()
    }

    /// The largest number of JWKS requests that one instance made because all its callers came at once.
    fn most_of_a_crowd(&self) -> u64 {
        let most = self.answers.crowds.iter().map(|(second, instance)| {
            let around = self.between(*second..second + 30);
            count(around.iter().filter(|request| request.instance == *instance))
        });
        most.max().unwrap_or_default()
    }

    fn between(&self, seconds: Range<u64>) -> &[JwksRequest] {
        let before = |second| self.jwks_requests.partition_point(|request| request.second < second);
        self.jwks_requests.get(before(seconds.start)..before(seconds.end)).unwrap_or_default()
    }
}

fn count<T>(things: impl IntoIterator<Item = T>) -> u64 {
    things.into_iter().fold(0, |sum, _| sum + 1)
}

fn middle(sorted: &[u64]) -> u64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn last(sorted: &[u64]) -> u64 {
    sorted.last().copied().unwrap_or_default()
}

/// A number with a comma between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let mut groups: Vec<&str> = if head.is_empty() { Vec::new() } else { vec![head] };
    groups.extend(tail.as_bytes().chunks(3).filter_map(|group| std::str::from_utf8(group).ok()));
    groups.join(",")
}
