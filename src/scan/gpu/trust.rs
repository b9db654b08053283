//! Which variants of the passes an adapter computes right: each is held against its twin before it is first used.
//!
//! [`Device::dispatch`] asks here, so no answer rests on a variant that was not checked, whatever asks for it. A check
//! takes milliseconds and is remembered as long as the engine lives, also when its device is opened again. A variant
//! that failed is refused from then on: [`Trouble::Wrong`].

use super::check::{self, Problem};
use super::device::{Device, Trouble};
use super::pipeline::Variant;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The outcome of each check so far: what was wrong, or nothing. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Trust(Arc<Mutex<HashMap<Variant, Option<String>>>>);

impl Trust {
    fn outcome(&self, variant: &Variant) -> Option<Option<String>> {
        let known = self.0.lock().unwrap_or_else(|held| held.into_inner());
        known.get(variant).cloned()
    }

    fn note(&self, variant: Variant, fault: Option<String>) {
        let mut known = self.0.lock().unwrap_or_else(|held| held.into_inner());
        known.insert(variant, fault);
    }
}

impl Device {
    /// Check a variant if it was not.
    ///
    /// Errors: [`Trouble::Wrong`] if it computes something else than its twin, or cannot be compiled; a device that was
    /// lost or is out of memory, and then nothing is known of the variant yet.
    pub fn rely_on(&mut self, variant: Variant) -> Result<(), Trouble> {
        let fault = match self.trust.outcome(&variant) {
            Some(known) => known,
            None => {
                let fault = match check::variant(self, variant, Problem::known(&variant)) {
                    Ok(()) => None,
                    Err(Trouble::Wrong(_, what) | Trouble::Bug(what)) => Some(what),
                    Err(trouble) => return Err(trouble),
                };
                self.trust.note(variant, fault.clone());
                fault
            }
        };
        fault.map_or(Ok(()), |what| Err(Trouble::Wrong(variant, what)))
    }
}
