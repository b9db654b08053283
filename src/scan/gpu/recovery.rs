//! What is done when the device fails: a state machine without a device.
//!
//! ```text
//! Working --lost, out of memory-->  Working, smaller chunks: the same group again   (up to ATTEMPTS a precision and batch)
//! Working --computed wrongly----->  Working, another tile or the next precision     (no failure is counted)
//! Working --a bug, nothing left-->  GivenUp                                         (for good: the CPU does the rest)
//! ```
//!
//! Small problems fail apart: the CPU takes the ones at hand, and all of them after [`SMALL_ATTEMPTS`]. The engine carries
//! out the [`Action`]; nothing else decides.

use super::pass::Pass;
use super::pipeline::Variant;
use super::tile::Tile;

/// Failures of the device in one precision of one batch before the CPU takes over.
const ATTEMPTS: usize = 6;

/// Failures on small problems before the device is not asked about them any more.
const SMALL_ATTEMPTS: usize = 3;

/// How much is asked of the device at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows of a chunk at most.
    pub chunk: usize,
    /// Bytes on the device at most.
    pub memory: u64,
}

/// How the device fared so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Working {
        limits: Limits,
        /// Failures since a precision was begun on a batch.
        failures: usize,
        /// Failures on small problems.
        small: usize,
    },
    /// Everything runs on the CPU.
    GivenUp { limits: Limits },
}

/// How a device failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It is gone: unplugged, reset, or hung.
    Lost,
    OutOfMemory,
    /// It refused a command or a shader.
    Bug,
    /// It computed something else than the twin does.
    Wrong,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A precision is begun on a batch.
    Begun,
    /// The device was lost, ran out of memory or refused something, with chunks of so many rows, of so many bytes in all.
    Failed {
        failure: Failure,
        chunk: usize,
        bytes: u64,
    },
    /// A variant computed wrongly: whether another tile is left to the precision, and another precision after it.
    Distrusted { tile_left: bool, next: bool },
    /// A precision could not be timed.
    Untimed,
    /// The device failed on small problems.
    SmallFailed(Failure),
}

/// What to do about it. A device that was lost is let go of in any case, and opened again when one is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Go,
    /// Let go of the rows on the device and do the same again, within the new limits.
    Retry,
    OtherTile,
    OtherPrecision,
    /// The CPU does the small problems at hand.
    LeaveToCpu,
    /// Let go of the device for good.
    GiveUp,
}

impl State {
    pub fn new(limits: Limits) -> Self {
        State::Working {
            limits,
            failures: 0,
            small: 0,
        }
    }

    pub fn limits(&self) -> Limits {
        match self {
            State::Working { limits, .. } | State::GivenUp { limits } => *limits,
        }
    }

    pub fn is_given_up(&self) -> bool {
        matches!(self, State::GivenUp { .. })
    }

    /// Whether the device is asked about small problems.
    pub fn takes_small(&self) -> bool {
        matches!(self, State::Working { small, .. } if *small < SMALL_ATTEMPTS)
    }

    /// The state after an event, and what to do.
    pub fn after(self, event: Event) -> (State, Action) {
        let State::Working {
            limits,
            failures,
            small,
        } = self
        else {
            return (self, Action::GiveUp);
        };
        let working = |limits, failures, small| State::Working {
            limits,
            failures,
            small,
        };
        let given_up = (State::GivenUp { limits }, Action::GiveUp);
        match event {
            Event::Begun => (working(limits, 0, small), Action::Go),
            Event::Failed {
                failure,
                chunk,
                bytes,
            } => match failure {
                Failure::Lost | Failure::OutOfMemory if failures + 1 < ATTEMPTS => {
                    let limits = limits.smaller(failure, chunk, bytes);
                    (working(limits, failures + 1, small), Action::Retry)
                }
                _ => given_up,
            },
            Event::Distrusted { tile_left, next } => match (tile_left, next) {
                (true, _) => (self, Action::OtherTile),
                (false, true) => (self, Action::OtherPrecision),
                (false, false) => given_up,
            },
            Event::Untimed => (self, Action::OtherPrecision),
            Event::SmallFailed(failure) => {
                let counted = match failure {
                    Failure::Lost | Failure::OutOfMemory => 1,
                    Failure::Bug | Failure::Wrong => SMALL_ATTEMPTS,
                };
                (
                    working(limits, failures, small + counted),
                    Action::LeaveToCpu,
                )
            }
        }
    }
}

impl Limits {
    /// Half of what failed.
    fn smaller(self, failure: Failure, chunk: usize, bytes: u64) -> Self {
        let memory = match failure {
            Failure::OutOfMemory => self.memory.min(bytes.saturating_mul(2)) / 2,
            _ => self.memory,
        };
        Limits {
            chunk: (chunk / 2).max(1),
            memory,
        }
    }
}

/// The tiles of a precision that are not used any more after a variant was wrong: the variant's own, or all where the
/// pass is the same for every tile.
pub fn distrusted(variant: &Variant, tiles: &[Tile]) -> Vec<Tile> {
    let of_tile = match variant.pass {
        Pass::Scan | Pass::ScanCoop | Pass::ScanInt8 => true,
        Pass::Rescore | Pass::RescoreInt8 => true,
        Pass::Pack => variant.width != variant.tile.rows,
        _ => false,
    };
    let gone = |tile: &&Tile| **tile == variant.tile || !of_tile;
    tiles.iter().filter(gone).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::gpu::tile::{COOP_TILE, Stored};

    const LIMITS: Limits = Limits {
        chunk: usize::MAX,
        memory: u64::MAX,
    };

    fn failed(failure: Failure) -> Event {
        Event::Failed {
            failure,
            chunk: 1000,
            bytes: 1 << 20,
        }
    }

    /// The actions of some events, and the state at the end.
    fn run(events: &[Event]) -> (State, Vec<Action>) {
        let mut state = State::new(LIMITS);
        let actions = events.iter().map(|&event| {
            let (next, action) = state.after(event);
            state = next;
            action
        });
        let actions = actions.collect();
        (state, actions)
    }

    #[test]
    fn a_lost_device_is_tried_again_in_smaller_chunks_until_it_was_lost_too_often() {
        let events = [failed(Failure::Lost); ATTEMPTS];
        let (state, actions) = run(&events[1..]);
        assert!(actions.iter().all(|&action| action == Action::Retry));
        let halved = Limits {
            chunk: 500,
            ..LIMITS
        };
        assert_eq!(state.limits(), halved);
        assert!(!state.is_given_up() && state.takes_small());
        let (state, actions) = run(&events);
        assert_eq!(actions.last(), Some(&Action::GiveUp));
        assert!(state.is_given_up() && !state.takes_small());
        // What fails next changes nothing.
        for event in [Event::Begun, Event::Untimed, failed(Failure::Lost)] {
            assert_eq!(state.after(event), (state, Action::GiveUp));
        }
    }

    #[test]
    fn failures_are_counted_anew_for_each_precision_of_a_batch() {
        let mut events = vec![failed(Failure::OutOfMemory); ATTEMPTS - 1];
        events.push(Event::Begun);
        events.extend(vec![failed(Failure::Lost); ATTEMPTS - 1]);
        assert!(!run(&events).0.is_given_up());
        events.remove(ATTEMPTS - 1);
        assert!(run(&events).0.is_given_up());
    }

    #[test]
    fn memory_is_halved_only_where_it_ran_out() {
        let memory = |event| run(&[event]).0.limits().memory;
        assert_eq!(memory(failed(Failure::OutOfMemory)), 1 << 20);
        assert_eq!(memory(failed(Failure::Lost)), u64::MAX);
        // Nothing that was asked for overflows, and a chunk has a row at least.
        let huge = Event::Failed {
            failure: Failure::OutOfMemory,
            chunk: 1,
            bytes: u64::MAX,
        };
        let limits = run(&[huge]).0.limits();
        assert_eq!((limits.chunk, limits.memory), (1, u64::MAX / 2));
    }

    #[test]
    fn a_bug_ends_it_at_once() {
        let (state, actions) = run(&[failed(Failure::Bug)]);
        assert_eq!(actions, [Action::GiveUp]);
        assert!(state.is_given_up());
    }

    #[test]
    fn what_is_wrong_is_left_for_the_next_tile_and_then_for_the_next_precision() {
        let wrong = |tile_left, next| Event::Distrusted { tile_left, next };
        let events = vec![wrong(true, true); 100];
        let (state, actions) = run(&events);
        assert_eq!(state, State::new(LIMITS), "it does not count as a failure");
        assert!(actions.iter().all(|&action| action == Action::OtherTile));
        let (state, actions) = run(&[wrong(false, true), wrong(true, false), wrong(false, false)]);
        let expected = [Action::OtherPrecision, Action::OtherTile, Action::GiveUp];
        assert_eq!(actions, expected);
        assert!(state.is_given_up());
    }

    #[test]
    fn small_problems_fail_apart() {
        let lost = Event::SmallFailed(Failure::Lost);
        let (state, actions) = run(&[lost, lost]);
        assert!(state.takes_small());
        assert_eq!(actions, [Action::LeaveToCpu; 2]);
        let (state, _) = run(&[lost, Event::Begun, lost, lost]);
        assert!(!state.takes_small() && !state.is_given_up());
        for failure in [Failure::Bug, Failure::Wrong] {
            let (state, _) = run(&[Event::SmallFailed(failure)]);
            assert!(!state.takes_small() && !state.is_given_up());
        }
    }

    #[test]
    fn a_wrong_scan_takes_its_tile_away_and_a_wrong_merge_all() {
        let other = Tile {
            rows: 2 * COOP_TILE.rows,
            ..COOP_TILE
        };
        let tiles = [COOP_TILE, other];
        let variant = |pass, width| Variant {
            pass,
            tile: COOP_TILE,
            stored: Stored::F32,
            width,
            unrolled: false,
        };
        let rows = COOP_TILE.rows;
        for pass in [Pass::Scan, Pass::ScanInt8, Pass::Rescore] {
            assert_eq!(distrusted(&variant(pass, rows), &tiles), [COOP_TILE]);
        }
        for pass in [Pass::Merge, Pass::Select, Pass::Norms, Pass::Gather] {
            assert_eq!(distrusted(&variant(pass, rows), &tiles), tiles);
        }
        // Packing rows is the same for tiles of so many; packing directions is the tile's own.
        assert_eq!(distrusted(&variant(Pass::Pack, rows), &tiles), tiles);
        assert_eq!(
            distrusted(&variant(Pass::Pack, rows + 1), &tiles),
            [COOP_TILE]
        );
    }
}
