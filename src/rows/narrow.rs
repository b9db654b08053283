//! Whole numbers in memory, each in only as many bits as the largest of them needs: none where all are 0.

/// A list of numbers of equal width in bits. Its length and its largest possible number are fixed when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Narrow {
    words: Vec<u64>,
    /// Bits per number, at most 64.
    width: u32,
    len: usize,
}

impl Narrow {
    /// Zeros, in whose places numbers of at most `most` fit.
    pub fn zeros(len: usize, most: usize) -> Self {
        let width = usize::BITS - most.leading_zeros();
        let bits = (len as u64).checked_mul(u64::from(width));
        let words = bits.expect("a list that fits in memory").div_ceil(64);
        Narrow {
            words: vec![0; words as usize],
            width,
            len,
        }
    }

    /// The numbers of an iterator, none above `most`.
    pub fn of(numbers: impl ExactSizeIterator<Item = usize>, most: usize) -> Self {
        let mut all = Narrow::zeros(numbers.len(), most);
        for (place, number) in numbers.enumerate() {
            all.set(place, number);
        }
        all
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// The word and the bit in it at which a number starts, and the mask of a number's bits.
    #[inline]
    fn seat(&self, place: usize) -> (usize, u32, u64) {
        assert!(place < self.len, "number {place} of {}", self.len);
        let bit = place as u64 * u64::from(self.width);
        let mask = u64::MAX >> (64 - self.width);
        ((bit / 64) as usize, (bit % 64) as u32, mask)
    }

    #[inline]
    pub fn get(&self, place: usize) -> usize {
        if self.width == 0 {
            assert!(place < self.len, "number {place} of {}", self.len);
            return 0;
        }
        let (word, shift, mask) = self.seat(place);
        let mut number = self.words[word] >> shift;
        if shift + self.width > 64 {
            number |= self.words[word + 1] << (64 - shift);
        }
        (number & mask) as usize
    }

    /// Panics if the number needs more bits than the largest one that was announced.
    #[inline]
    pub fn set(&mut self, place: usize, number: usize) {
        let number = number as u64;
        if self.width == 0 {
            assert!(place < self.len && number == 0, "only 0 fits");
            return;
        }
        let (word, shift, mask) = self.seat(place);
        assert!(number <= mask, "{number} is wider than {} bits", self.width);
        self.words[word] = self.words[word] & !(mask << shift) | number << shift;
        if shift + self.width > 64 {
            let rest = &mut self.words[word + 1];
            *rest = *rest & !(mask >> (64 - shift)) | number >> (64 - shift);
        }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        (0..self.len).map(|place| self.get(place))
    }

    /// Bytes of memory for the numbers.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every width, with numbers that cross words, written in an order in which neighbours are already there.
    #[test]
    fn numbers_of_every_width_come_out_as_they_went_in() {
        for width in 0..usize::BITS {
            let most = (1_usize << width) - 1;
            let number = |place: usize| place.wrapping_mul(0x9E37_79B9_7F4A_7C15) & most;
            let mut all = Narrow::of((0..200).map(|_| most), most);
            for place in (0..200).step_by(2).chain((0..200).skip(1).step_by(2)) {
                all.set(place, number(place));
            }
            assert!(all.iter().eq((0..200).map(number)), "{width} bits");
            assert!(all.bytes() <= 200 * width as usize / 8 + 8);
        }
        let all = Narrow::of([usize::MAX, 1, 0].into_iter(), usize::MAX);
        assert!(all.iter().eq([usize::MAX, 1, 0]));
    }

    #[test]
    #[should_panic(expected = "8 is wider than 3 bits")]
    fn a_number_that_is_too_wide_is_refused() {
        Narrow::zeros(1, 7).set(0, 8);
    }
}
