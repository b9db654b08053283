//! A cache in the frame for what scans compute about its rows, for the next scan of the same rows, and the copy of the rows that
//! a file held, for the first scan.

use crate::scan::int8::StoredCopy;
use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// One value, of the type that the first scan stores, and a copy from a file; shared by the frame's clones and dropped with the
/// last of them.
#[derive(Clone, Default)]
pub struct Made {
    cached: Arc<OnceLock<Arc<dyn Any + Send + Sync>>>,
    copy: Arc<Mutex<Option<StoredCopy>>>,
}

impl Made {
    /// The cached value, or the value that `make` returns, which is then cached. If a value of another type is cached,
    /// `make` is called each time.
    pub fn of<T: Any + Send + Sync>(&self, make: impl Fn() -> T) -> Arc<T> {
        let there = self.cached.get_or_init(|| Arc::new(make()));
        Arc::clone(there)
            .downcast()
            .unwrap_or_else(|_| Arc::new(make()))
    }

    /// Leaves a copy of the rows for the first scan that asks for it.
    pub fn leave_copy(&self, copy: StoredCopy) {
        *self.copy.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
    }

    /// Takes the copy, once.
    pub fn take_copy(&self) -> Option<StoredCopy> {
        let mut copy = self.copy.lock().unwrap_or_else(PoisonError::into_inner);
        copy.take()
    }
}

impl fmt::Debug for Made {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Made").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_what_was_made_and_another_type_is_made_anew() {
        let made = Made::default();
        let first = made.of(|| vec![1]);
        let shared = made.clone().of(|| vec![2]);
        assert!(Arc::ptr_eq(&first, &shared));
        assert_eq!(*made.of(|| 3u8), 3);
        assert_eq!(*Made::default().of(|| vec![4]), [4]);
    }
}
