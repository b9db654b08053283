//! Many short texts in one allocation: an id or a label for each row.

/// A text for each row, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    text: String,
    /// The end of each text.
    ends: Vec<usize>,
}

impl Texts {
    /// Appends a text.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    /// The text of a row, if there is one.
    pub fn get(&self, row: usize) -> Option<&str> {
        let end = *self.ends.get(row)?;
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Keeps the first `len` texts.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len() {
            self.text
                .truncate(len.checked_sub(1).map_or(0, |last| self.ends[last]));
            self.ends.truncate(len);
        }
    }

    /// Moves all texts of `others` to the end.
    pub fn append(&mut self, others: &mut Texts) {
        let before = self.text.len();
        self.text.push_str(&others.text);
        self.ends.extend(others.ends.iter().map(|end| before + end));
        others.text.clear();
        others.ends.clear();
    }

    /// The memory used, in bytes.
    pub fn bytes(&self) -> u64 {
        (self.text.len() + self.ends.len() * size_of::<usize>()) as u64
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|row| self.get(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_in_order() {
        let mut texts = Texts::default();
        for text in ["a", "", "löwe", "b"] {
            texts.push(text);
        }
        let mut more = texts.clone();
        texts.truncate(3);
        texts.append(&mut more);
        assert!(texts.iter().eq(["a", "", "löwe", "a", "", "löwe", "b"]));
        assert_eq!((texts.get(7), more.len()), (None, 0));
        texts.truncate(0);
        assert!(texts.is_empty());
    }
}
