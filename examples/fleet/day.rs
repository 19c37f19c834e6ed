//! The timetable: what happens in the course of the day.

use crate::fleet::{CRASHING, Fleet};
use crate::instance::CALLERS;
use crate::provider::{Outage, Provider};

pub(crate) const SECONDS: u64 = 24 * 60 * 60;
/// How long after an event the fleet has to have dispersed again.
const CALMS_DOWN_IN: u64 = 60 * 60;

/// Something that happens, or ends.
pub(crate) struct Event {
    pub(crate) second: u64,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Start,
    PublishNextKey,
    SignWithNextKey,
    WithdrawOldKey,
    Outage(Outage),
    Crash,
    OutageEnds,
    RotateSuddenly,
    UseWithdrawnKey,
    Rollout,
    RolloutEnds,
}

const fn at(hour: u64, minute: u64, what: What) -> Event {
    Event { second: (hour * 60 + minute) * 60, what }
}

pub(crate) const EVENTS: [Event; 14] = [
    at(0, 0, What::Start),
    at(3, 0, What::PublishNextKey),
    at(4, 0, What::SignWithNextKey),
    at(5, 5, What::WithdrawOldKey),
    at(7, 0, What::Outage(Outage::Refused)),
    at(7, 30, What::Crash),
    at(8, 30, What::OutageEnds),
    at(11, 0, What::RotateSuddenly),
    at(11, 20, What::UseWithdrawnKey),
    at(14, 0, What::Outage(Outage::Hanging)),
    at(14, 30, What::Outage(Outage::ServerError)),
    at(15, 0, What::OutageEnds),
    at(17, 0, What::Rollout),
    at(17, 5, What::RolloutEnds),
];

impl Event {
    pub(crate) fn happen(&self, provider: &Provider, fleet: &mut Fleet) {
        match self.what {
            // Instances are made without keys.
            What::Start | What::RolloutEnds => {}
            What::PublishNextKey => provider.publish_next_key(),
            What::SignWithNextKey => provider.sign_with_next_key(),
            What::WithdrawOldKey => provider.withdraw_old_key(),
            What::Outage(outage) => provider.set_outage(Some(outage)),
            What::OutageEnds => provider.set_outage(None),
            What::Crash => fleet.crash(self.second),
            What::RotateSuddenly => {
                fleet.steal_token();
                provider.publish_next_key();
                provider.sign_with_next_key();
                provider.withdraw_old_key();
            }
            What::UseWithdrawnKey => fleet.use_stolen_token(self.second),
            What::Rollout => fleet.roll_out(self.second),
        }
    }

    pub(crate) fn describe(&self) -> String {
        let text = match self.what {
            What::Start => return format!("all instances start, {CALLERS} callers wait at each"),
            What::PublishNextKey => "announced rotation: the next key is published",
            What::SignWithNextKey => "... it signs",
            What::WithdrawOldKey => "... the old key is withdrawn, its last token has expired",
            What::Outage(Outage::Refused) => "outage: no connection to the issuer",
            What::Outage(Outage::Hanging) => "outage: the issuer hangs",
            What::Outage(Outage::ServerError) => "... it answers 500",
            What::Crash => return format!("... {CRASHING} instances restart, without keys"),
            What::OutageEnds => "... it is back",
            What::RotateSuddenly => "sudden rotation: a new key signs, the old one is gone",
            What::UseWithdrawnKey => "... somebody tries a stolen token of the old key",
            What::Rollout => return format!("rollout: all restart in 5 minutes, {CALLERS} callers wait at each"),
            What::RolloutEnds => "... all are up",
        };
        text.to_owned()
    }
}

pub(crate) fn events_at(second: u64) -> impl Iterator<Item = &'static Event> {
    EVENTS.iter().filter(move |event| event.second == second)
}

/// Whether nothing is going on and the last event is an hour ago.
pub(crate) fn is_quiet(second: u64) -> bool {
    let last = EVENTS.iter().rev().find(|event| event.second <= second);
    last.is_some_and(|event| {
        !matches!(event.what, What::Outage(_) | What::Crash | What::Rollout) && second >= event.second + CALMS_DOWN_IN
    })
}

/// For how many seconds of the day the issuer can't be had.
pub(crate) fn unreachable_seconds() -> u64 {
    let ends = EVENTS.iter().skip(1).map(|event| event.second).chain([SECONDS]);
    let stretches = EVENTS.iter().zip(ends);
    stretches
        .filter(|(event, _)| matches!(event.what, What::Outage(_) | What::Crash))
        .map(|(event, end)| end - event.second)
        .sum()
}
