//! The classes of both sets, and those that a model predicted.

use crate::rows::images::UNLABELLED;

/// The class of every row of both sets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Classes {
    pub reference: Vec<u32>,
    pub queries: Vec<u32>,
    /// The class that a model predicts for each query; empty without a model.
    pub predicted: Vec<Option<u32>>,
    /// The name of each class.
    pub names: Vec<String>,
}

impl Classes {
    /// A hash of the classes of all rows and their names.
    pub fn hash(&self) -> String {
        let mut hash = blake3::Hasher::new();
        for class in self.reference.iter().chain(&self.queries) {
            hash.update(&class.to_le_bytes());
        }
        for class in &self.predicted {
            hash.update(&class.map_or(u64::MAX, u64::from).to_le_bytes());
        }
        hash.update(self.names.join("\n").as_bytes());
        hash.finalize().to_hex().to_string()
    }

    /// Every class that occurs among the queries, ascending.
    pub fn present(&self) -> Vec<u32> {
        distinct(&self.queries)
    }

    /// The class of the query with this index, if it has one.
    pub fn of_query(&self, place: usize) -> Option<u32> {
        self.labelled(&self.queries, place)
    }

    /// The class of a reference row, if it has one.
    pub fn of_reference(&self, row: usize) -> Option<u32> {
        self.labelled(&self.reference, row)
    }

    fn labelled(&self, classes: &[u32], row: usize) -> Option<u32> {
        let class = *classes.get(row)?;
        let name = self.names.get(class as usize);
        Some(class).filter(|_| name.is_none_or(|name| name != UNLABELLED))
    }

    /// The name of a class.
    pub fn name(&self, class: u32) -> String {
        let known = self.names.get(class as usize);
        known.cloned().unwrap_or_else(|| class.to_string())
    }

    /// The reference rows of a class, ascending.
    pub fn members(&self, class: u32) -> Vec<usize> {
        members(&self.reference, class)
    }
}

/// Every class of a list, ascending.
pub(super) fn distinct(classes: &[u32]) -> Vec<u32> {
    let mut all = classes.to_vec();
    all.sort_unstable();
    all.dedup();
    all
}

/// The indices of the entries that equal a class, ascending.
pub fn members(classes: &[u32], class: u32) -> Vec<usize> {
    (0..classes.len())
        .filter(|&row| classes[row] == class)
        .collect()
}
