//! Which variants of the passes an adapter computes correctly: each is compared with its twin before its first use.
//!
//! `Device::dispatch` asks here, so no answer uses an unchecked variant. A check takes milliseconds and is remembered
//! for the life of the engine, also if its device is opened again. A variant that failed is refused from then on: `Trouble::Wrong`.

use super::pipeline::Variant;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The outcome of each check so far: what was wrong, or `None`. Shared by clones.
#[derive(Debug, Clone, Default)]
pub struct Trust(Arc<Mutex<HashMap<Variant, Option<String>>>>);

impl Trust {
    /// The outcome of a variant's check: `None` if it was not checked; else what was wrong with it, if anything.
    pub(super) fn outcome(&self, variant: &Variant) -> Option<Option<String>> {
        let known = self.0.lock().unwrap_or_else(|held| held.into_inner());
        known.get(variant).cloned()
    }

    pub(super) fn note(&self, variant: Variant, fault: Option<String>) {
        let mut known = self.0.lock().unwrap_or_else(|held| held.into_inner());
        known.insert(variant, fault);
    }
}
