//! Faults injected by tests: a lost device, exhausted memory, a pass that computes wrongly, and given timings. Empty in
//! every other run.

use super::pass::Pass;
use super::pipeline::Variant;
use super::tile::{Stored, Tile};
use std::sync::{Arc, Mutex};

/// The faults to inject. Clones share one count, so a fault happens once even if the device is opened again.
#[derive(Debug, Clone, Default)]
pub struct Faults(Option<Arc<Mutex<Planted>>>);

#[derive(Debug, Default)]
struct Planted {
    submissions: usize,
    allocations: usize,
    /// Submissions (counted from 0, over all devices) after which the device is lost.
    lose_after: Vec<usize>,
    /// The allocations that fail.
    refuse: Vec<usize>,
    spoiled: Vec<Spoiled>,
    miscompiled: Vec<(Pass, &'static str, &'static str)>,
    times: Option<Vec<(Stored, f64)>>,
}

/// A variant that writes one wrong number. A field that is `None` matches anything.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Spoiled {
    pub pass: Pass,
    pub stored: Option<Stored>,
    pub tile: Option<Tile>,
    /// Which of the buffers that the pass writes, and which four bytes of it.
    pub output: usize,
    pub element: u64,
}

impl Spoiled {
    /// Spoils every variant of a pass, in the first number that it writes.
    #[doc(hidden)]
    pub fn any(pass: Pass) -> Self {
        Spoiled {
            pass,
            stored: None,
            tile: None,
            output: 0,
            element: 0,
        }
    }

    fn is_of(&self, variant: &Variant) -> bool {
        self.pass == variant.pass
            && self.stored.is_none_or(|stored| stored == variant.stored)
            && self.tile.is_none_or(|tile| tile == variant.tile)
    }
}

impl Faults {
    /// Lose the device after the submissions with these numbers, and fail the allocations with those.
    #[doc(hidden)]
    pub fn planted(lose_after: &[usize], refuse: &[usize]) -> Self {
        Faults(Some(Arc::new(Mutex::new(Planted {
            lose_after: lose_after.to_vec(),
            refuse: refuse.to_vec(),
            ..Planted::default()
        }))))
    }

    /// Sets the variants that write one wrong number from now on, replacing those of an earlier call.
    #[doc(hidden)]
    pub fn spoil(&self, spoiled: &[Spoiled]) {
        self.with(|planted| planted.spoiled = spoiled.to_vec());
    }

    /// Compiles a pass with every occurrence of `from` in its text replaced by `to`.
    #[doc(hidden)]
    pub fn miscompile(&self, pass: Pass, from: &'static str, to: &'static str) {
        self.with(|planted| planted.miscompiled = vec![(pass, from, to)]);
    }

    /// Sets the seconds that the tuner measures, by element type. A software adapter then counts as timed.
    #[doc(hidden)]
    pub fn time(&self, times: &[(Stored, f64)]) {
        self.with(|planted| planted.times = Some(times.to_vec()));
    }

    /// The planted times, if there are any.
    pub(super) fn times(&self) -> Option<Vec<(Stored, f64)>> {
        self.with(|planted| planted.times.clone()).flatten()
    }

    /// Submissions and allocations so far.
    #[doc(hidden)]
    pub fn counts(&self) -> (usize, usize) {
        self.with(|planted| (planted.submissions, planted.allocations))
            .unwrap_or_default()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Planted) -> T) -> Option<T> {
        let mut planted = self
            .0
            .as_ref()?
            .lock()
            .unwrap_or_else(|held| held.into_inner());
        Some(work(&mut planted))
    }

    /// Count an allocation. Returns whether it must fail.
    pub(super) fn allocation_fails(&self) -> bool {
        let fails = |planted: &mut Planted| {
            planted.allocations += 1;
            planted.refuse.contains(&(planted.allocations - 1))
        };
        self.with(fails).unwrap_or(false)
    }

    /// Count a submission. Returns whether the device is lost after it.
    pub(super) fn device_is_lost(&self) -> bool {
        let lost = |planted: &mut Planted| {
            planted.submissions += 1;
            planted.lose_after.contains(&(planted.submissions - 1))
        };
        self.with(lost).unwrap_or(false)
    }

    /// The output and the element that this variant must write wrongly.
    pub(super) fn spoils(&self, variant: &Variant) -> Option<(usize, u64)> {
        let spoiled = self.with(|planted| {
            let found = planted.spoiled.iter().find(|one| one.is_of(variant))?;
            Some((found.output, found.element))
        });
        spoiled.flatten()
    }

    /// The text of a pass as it is compiled, with the injected changes.
    pub(super) fn text(&self, pass: Pass, text: String) -> String {
        let planted = self.with(|planted| planted.miscompiled.clone());
        let of_pass = planted.unwrap_or_default().into_iter();
        of_pass
            .filter(|(which, ..)| *which == pass)
            .fold(text, |text, (_, from, to)| text.replace(from, to))
    }
}
