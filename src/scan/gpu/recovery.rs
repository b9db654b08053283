//! The reaction to device failures, as a state machine that needs no device.
//!
//! ```text
//! Working --lost, out of memory-->  Working, smaller chunks: the same group again   (up to ATTEMPTS a precision and batch)
//! Working --computed wrongly----->  Working, another tile or the next precision     (no failure is counted)
//! Working --a bug, nothing left-->  GivenUp                                         (for good: the CPU does the rest)
//! ```
//!
//! Failures on small problems count separately: the CPU solves the present ones, and all later ones after
//! [`SMALL_ATTEMPTS`] failures. The engine carries out the [`Action`]; no other code decides.

use super::pass::Pass;
use super::pipeline::Variant;
use super::tile::Tile;

/// How many failures of the device in one precision of one batch until the CPU takes over.
const ATTEMPTS: usize = 6;

/// How many failures on small problems until the device gets no more of them.
const SMALL_ATTEMPTS: usize = 3;

/// Limits on the use of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most rows in a chunk.
    pub chunk: usize,
    /// The most bytes on the device.
    pub memory: u64,
}

/// The failures of the device so far, and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Working {
        limits: Limits,
        /// Failures since the present precision started on the present batch.
        failures: usize,
        /// Failures on small problems.
        small: usize,
    },
    /// Everything runs on the CPU.
    GivenUp { limits: Limits },
}

/// The kind of a device failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It is gone: unplugged, reset, or hung.
    Lost,
    OutOfMemory,
    /// It refused a command or a shader.
    Bug,
    /// It computed something different from the twin.
    Wrong,
}

/// An event that may change the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A precision starts on a batch.
    Begun,
    /// The device failed with chunks of `chunk` rows, `bytes` bytes in all.
    Failed {
        failure: Failure,
        chunk: usize,
        bytes: u64,
    },
    /// A variant computed wrongly: whether the precision has another tile, and whether there is another precision.
    Distrusted { tile_left: bool, next: bool },
    /// A precision could not be timed.
    Untimed,
    /// The device failed on small problems.
    SmallFailed(Failure),
}

/// The reaction. A lost device is dropped in any case, and opened again at the next use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Go,
    /// Drop the rows on the device and repeat the work within the new limits.
    Retry,
    OtherTile,
    OtherPrecision,
    /// The CPU solves the present small problems.
    LeaveToCpu,
    /// Drop the device for good.
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

    /// Whether the device gets small problems.
    pub fn takes_small(&self) -> bool {
        matches!(self, State::Working { small, .. } if *small < SMALL_ATTEMPTS)
    }

    /// The state after an event, and the reaction.
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
    /// Half of the limit that failed.
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

/// The tiles that a precision stops using after a wrong variant: the variant's own tile, or all if the pass is the same
/// for every tile.
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

    /// The actions for some events, and the final state.
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
        // Further failures change nothing.
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
        // Huge sizes cause no overflow, and a chunk keeps at least one row.
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
        // Packing rows is the same for all tiles with the same number of rows; packing directions depends on the tile.
        assert_eq!(distrusted(&variant(Pass::Pack, rows), &tiles), tiles);
        assert_eq!(
            distrusted(&variant(Pass::Pack, rows + 1), &tiles),
            [COOP_TILE]
        );
    }
}
