//! Sentences that accompany a result: work that was not done as asked for, or choices that were made for the user.

use std::ops::Deref;

/// Warnings in the order in which they arose, without repetition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warnings(Vec<String>);

impl Warnings {
    /// Adds a warning, unless it is there already.
    pub fn add(&mut self, warning: String) {
        if !self.0.contains(&warning) {
            self.0.push(warning);
        }
    }

    /// All warnings since the last call.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.0)
    }
}

impl Deref for Warnings {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl Extend<String> for Warnings {
    fn extend<I: IntoIterator<Item = String>>(&mut self, warnings: I) {
        warnings.into_iter().for_each(|warning| self.add(warning));
    }
}

impl FromIterator<String> for Warnings {
    fn from_iter<I: IntoIterator<Item = String>>(warnings: I) -> Self {
        let mut all = Warnings::default();
        all.extend(warnings);
        all
    }
}

impl IntoIterator for Warnings {
    type Item = String;
    type IntoIter = std::vec::IntoIter<String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sentence_is_said_once_until_it_is_taken() {
        let mut warnings: Warnings = ["b", "a", "b"].map(String::from).into_iter().collect();
        warnings.add("a".into());
        assert_eq!(*warnings, ["b", "a"]);
        assert_eq!(warnings.take(), ["b", "a"]);
        warnings.add("a".into());
        assert_eq!(warnings.take(), ["a"]);
    }
}
