//! The passes in eight bits against their twins. Sums of products are integers, and so small here that they and the
//! terms of the bounds are exact in f32 (48 words of products of up to 128 times 128, twice doubled by scales, are
//! below 2^24): the bounds must be equal.

use super::super::device::Trouble;
use super::super::integers;
use super::super::tile::{GatherParams, PackParams, SPAN, TERMS};
use super::super::twin::{self, Words};
use super::{Bench, DIRECTIONS, FEW, compare};

/// Words of arbitrary bytes.
fn words(count: usize, seed: u32) -> Vec<u32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut half = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    (0..count).map(|_| half() << 16 | half()).collect()
}

/// Vectors in panels, with their terms.
struct Packed {
    words: Vec<u32>,
    terms: Vec<f32>,
    width: u32,
}

impl Packed {
    fn of(&self) -> Words<'_> {
        Words {
            words: &self.words,
            terms: &self.terms,
            width: self.width,
        }
    }
}

impl Bench<'_> {
    /// Words of `count` vectors in panels of `width`.
    fn panels_of_words(&self, count: usize, width: u32, seed: u32) -> Vec<u32> {
        let (columns, depth) = (self.problem.columns, self.depth());
        let panels = count.div_ceil(width as usize);
        let mut out = vec![0; panels * width as usize * depth];
        let params = PackParams {
            rows: count as u32,
            columns: columns as u32,
            depth: depth as u32,
            first_panel: 0,
            panels: panels as u32,
        };
        let raw = words(count * columns, seed);
        twin::pack(&params, width, &raw, &mut out, |word| word);
        out
    }

    /// `count` vectors with random terms: scales of 1 or 2, the other terms small integers.
    fn packed_words(&self, count: usize, width: u32, seed: u32) -> Packed {
        let numbers = words(count * TERMS, seed + 1);
        let of_vector = |four: &[u32]| {
            let whole = |word: u32, most: u32| (word % (2 * most + 1)) as f32 - most as f32;
            [
                (1 + four[0] % 2) as f32,
                whole(four[1], DIRECTIONS),
                whole(four[2], FEW),
                whole(four[3], DIRECTIONS),
            ]
        };
        let terms: Vec<[f32; TERMS]> = numbers.chunks_exact(TERMS).map(of_vector).collect();
        Packed {
            words: self.panels_of_words(count, width, seed),
            terms: integers::in_panels(&terms, width),
            width,
        }
    }

    /// Rows and directions, on host and device.
    #[allow(clippy::type_complexity)] // two of each, and their four buffers
    fn both(&mut self) -> Result<(Packed, Packed, [wgpu::Buffer; 4]), Trouble> {
        let (tile, problem) = (self.variant.tile, self.problem);
        let x = self.packed_words(problem.rows, tile.rows, problem.seed);
        let w = self.packed_words(problem.queries, tile.queries, problem.seed + 2);
        let buffers = [
            self.device.filled("x", &x.words)?,
            self.device.filled("w", &w.words)?,
            self.device.filled("row terms", &x.terms)?,
            self.device.filled("query terms", &w.terms)?,
        ];
        Ok((x, w, buffers))
    }

    pub(super) fn scan_int8(&mut self) -> Result<(), Trouble> {
        let (x, w, [x_words, w_words, row_terms, query_terms]) = self.both()?;
        let params = self.scan_params();
        let count = params.queries as usize * params.spans as usize;
        let mut expected = vec![0.0; count];
        twin::scan_int8(&params, &self.variant.tile, x.of(), w.of(), &mut expected);
        let maxima = self.device.filled("maxima", &vec![f32::MAX; count])?;
        let bound = [&x_words, &w_words, &row_terms, &query_terms, &maxima];
        self.run_scan(&params, &bound)?;
        let found = self.device.read::<f32>(&maxima, count)?;
        compare(self.variant, &found, &expected)
    }

    pub(super) fn rescore_int8(&mut self) -> Result<(), Trouble> {
        let (x, w, [x_words, w_words, row_terms, query_terms]) = self.both()?;
        let spans = self.some_spans();
        let params = self.rescore_params();
        let count = spans.len() * SPAN as usize;
        let mut expected = vec![0.0; count];
        twin::rescore_int8(&params, x.of(), w.of(), &spans, &mut expected);
        let list = self.device.filled("spans", &spans)?;
        let scores = self.device.filled("scores", &vec![f32::MAX; count])?;
        let bound = [&x_words, &w_words, &row_terms, &query_terms, &list, &scores];
        let groups = count.div_ceil(self.variant.threads() as usize);
        self.run(&params, &bound, groups)?;
        let found = self.device.read::<f32>(&scores, count)?;
        compare(self.variant, &found, &expected)
    }

    pub(super) fn pack_words(&mut self, params: &PackParams) -> Result<(), Trouble> {
        let width = self.variant.width;
        let vectors = (params.first_panel + params.panels) * width;
        let raw = words(self.problem.rows * self.problem.columns, self.problem.seed);
        let mut expected = vec![3u32; vectors as usize * self.depth()];
        let packed = self.device.filled("packed", &expected)?;
        twin::pack(params, width, &raw, &mut expected, |word| word);
        let raw = self.device.filled("raw", &raw)?;
        let items = params.panels as usize * width as usize * self.depth();
        let groups = items.div_ceil(self.variant.threads() as usize);
        self.run(params, &[&raw, &packed], groups)?;
        let found = self.device.read::<u32>(&packed, expected.len())?;
        compare(self.variant, &found, &expected)
    }

    pub(super) fn gather_words(
        &mut self,
        params: &GatherParams,
        wanted: &[u32],
    ) -> Result<(), Trouble> {
        let (tile, count) = (self.variant.tile, wanted.len() * self.problem.columns);
        let x = self.panels_of_words(self.problem.rows, tile.rows, self.problem.seed);
        let mut expected = vec![0; count];
        twin::gather(params, &tile, &x, wanted, &mut expected);
        let x = self.device.filled("x", &x)?;
        let list = self.device.filled("rows", wanted)?;
        let gathered = self.device.filled("gathered", &vec![u32::MAX; count])?;
        let groups = count.div_ceil(self.variant.threads() as usize);
        self.run(params, &[&x, &list, &gathered], groups)?;
        let found = self.device.read::<u32>(&gathered, count)?;
        compare(self.variant, &found, &expected)
    }
}
