//! Faults planted by tests: a device that is lost, memory that runs out. Empty in every other run.

use std::sync::{Arc, Mutex};

/// What is to go wrong. Clones share one count, so a fault happens once even if the device is opened again.
#[derive(Debug, Clone, Default)]
pub struct Faults(Option<Arc<Mutex<Planted>>>);

#[derive(Debug, Default)]
struct Planted {
    submissions: usize,
    allocations: usize,
    /// Submissions (counted from 0, over all devices) after which the device is lost.
    lose_after: Vec<usize>,
    /// Allocations that fail.
    refuse: Vec<usize>,
}

impl Faults {
    /// Lose the device after the submissions of these numbers, refuse the allocations of those.
    #[doc(hidden)]
    pub fn planted(lose_after: &[usize], refuse: &[usize]) -> Self {
        Faults(Some(Arc::new(Mutex::new(Planted {
            lose_after: lose_after.to_vec(),
            refuse: refuse.to_vec(),
            ..Planted::default()
        }))))
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

    /// Count an allocation; whether it is to fail.
    pub(super) fn allocation_fails(&self) -> bool {
        let fails = |planted: &mut Planted| {
            planted.allocations += 1;
            planted.refuse.contains(&(planted.allocations - 1))
        };
        self.with(fails).unwrap_or(false)
    }

    /// Count a submission; whether the device is to be lost after it.
    pub(super) fn device_is_lost(&self) -> bool {
        let lost = |planted: &mut Planted| {
            planted.submissions += 1;
            planted.lose_after.contains(&(planted.submissions - 1))
        };
        self.with(lost).unwrap_or(false)
    }
}
