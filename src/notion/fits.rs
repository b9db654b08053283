//! What was computed about a reference, by name: notions and sessions on the same reference compute it once.

use super::Classes;
use super::classes::distinct;
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use crate::scan::{Engine, Frame, Scan};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Values by name. A name must hold every option that its value depends on, but for the reference itself.
#[derive(Default)]
pub struct Fits(Mutex<BTreeMap<String, Arc<dyn Any + Send + Sync>>>);

impl Fits {
    /// The value of this name, or the one that `make` returns, which is then kept.
    ///
    /// Errors: those of `make`.
    pub fn of<T: Any + Send + Sync>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        if let Some(found) = self.found(name) {
            return Ok(found);
        }
        // Unlocked: other values may be asked for while this one is made.
        let made = Arc::new(make()?);
        self.keep(name, &made);
        Ok(made)
    }

    /// The same where there may be no value; then none is kept.
    ///
    /// Errors: those of `make`.
    pub fn of_some<T: Any + Send + Sync>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Option<T>>,
    ) -> Result<Option<Arc<T>>> {
        if let Some(found) = self.found(name) {
            return Ok(Some(found));
        }
        let made = make()?.map(Arc::new);
        if let Some(made) = &made {
            self.keep(name, made);
        }
        Ok(made)
    }

    /// A scan of `rows`; its frame is kept, with what scans compute of the rows. `name` stands for the rows.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn scan<'r>(
        &self,
        name: &str,
        rows: &'r dyn Rows,
        engine: &dyn Engine,
        control: &Control,
    ) -> Result<Box<dyn Scan + 'r>> {
        let frame = self.of(&format!("frame of {name}"), || Frame::survey(rows, control))?;
        engine.scan_in(rows, frame.as_ref().clone(), control)
    }

    fn found<T: Any + Send + Sync>(&self, name: &str) -> Option<Arc<T>> {
        let found = self.held().get(name).cloned();
        found.and_then(|value| value.downcast().ok())
    }

    fn keep<T: Any + Send + Sync>(&self, name: &str, value: &Arc<T>) {
        let value = Arc::clone(value) as Arc<dyn Any + Send + Sync>;
        self.held().insert(name.into(), value);
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Arc<dyn Any + Send + Sync>>> {
        // A poisoned lock still holds whole values.
        self.0.lock().unwrap_or_else(|held| held.into_inner())
    }
}

/// A number for the classes of all reference rows, to tell them from others.
pub fn of_classes(classes: Option<&Classes>) -> u64 {
    let Some(classes) = classes else {
        return 0;
    };
    let mut hash = blake3::Hasher::new();
    for &class in &classes.reference {
        hash.update(&class.to_le_bytes());
    }
    for class in distinct(&classes.reference) {
        let name = classes.name(class);
        hash.update(&(name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
    }
    first_word(&hash)
}

/// A number for a list of rows, to tell it from others.
pub fn of_rows(rows: &[usize]) -> u64 {
    let mut hash = blake3::Hasher::new();
    for &row in rows {
        hash.update(&(row as u64).to_le_bytes());
    }
    first_word(&hash)
}

fn first_word(hash: &blake3::Hasher) -> u64 {
    let mut word = [0; 8];
    hash.finalize_xof().fill(&mut word);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn a_value_is_made_once_for_each_name() {
        let fits = Fits::default();
        let first = fits.of("a", || Ok(vec![1])).unwrap();
        let again = fits.of("a", || -> Result<Vec<i32>> { panic!("made twice") });
        assert!(Arc::ptr_eq(&first, &again.unwrap()));
        assert_eq!(*fits.of("b", || Ok(vec![2])).unwrap(), [2]);
        let failed = fits.of("c", || -> Result<u8> { Err(Error::Usage("no".into())) });
        assert!(failed.is_err());
        assert_eq!(*fits.of("c", || Ok(3u8)).unwrap(), 3);
        assert!(fits.of_some("d", || Ok(None::<u8>)).unwrap().is_none());
        assert_eq!(
            fits.of_some("d", || Ok(Some(4u8))).unwrap().as_deref(),
            Some(&4)
        );
    }

    #[test]
    fn other_classes_and_rows_have_other_numbers() {
        let classes = |reference: &[u32], names: &[&str]| Classes {
            reference: reference.to_vec(),
            names: names.iter().map(|name| name.to_string()).collect(),
            ..Classes::default()
        };
        let all = [
            of_classes(None),
            of_classes(Some(&classes(&[0, 1], &["a", "b"]))),
            of_classes(Some(&classes(&[1, 0], &["a", "b"]))),
            of_classes(Some(&classes(&[0, 1], &["ab", ""]))),
        ];
        assert!((0..4).all(|i| !all[..i].contains(&all[i])), "{all:?}");
        // A class without reference rows changes nothing.
        let more = classes(&[0, 1], &["a", "b", "c"]);
        assert_eq!(of_classes(Some(&more)), all[1]);
        assert_ne!(of_rows(&[1, 2]), of_rows(&[2, 1]));
    }
}
