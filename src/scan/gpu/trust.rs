//! Which variants of the passes an adapter computes right: each is held against its twin before it is first used.
//!
//! `Device::dispatch` asks here, so no answer rests on a variant that was not checked, whatever asks for it. A check
//! takes milliseconds and is remembered as long as the engine lives, also when its device is opened again. A variant
//! that failed is refused from then on: `Trouble::Wrong`.

use super::pipeline::Variant;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The outcome of each check so far: what was wrong, or nothing. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Trust(Arc<Mutex<HashMap<Variant, Option<String>>>>);

impl Trust {
    /// What is known of a variant: nothing yet, or what was wrong with it, if anything.
    pub(super) fn outcome(&self, variant: &Variant) -> Option<Option<String>> {
        let known = self.0.lock().unwrap_or_else(|held| held.into_inner());
        known.get(variant).cloned()
    }

    pub(super) fn note(&self, variant: Variant, fault: Option<String>) {
        let mut known = self.0.lock().unwrap_or_else(|held| held.into_inner());
        known.insert(variant, fault);
    }
}
