//! Runs each pass on a device and compares it with its twin, on integers, where every sum is exact: an error is traced
//! to one pass.
//!
//! On a few rows this shows within milliseconds whether an adapter computes correctly. Every variant is checked before
//! its answers are used (`trust`), and the tests check every tile, element type and form. The numbers are so large that
//! sums would not be exact in f16, and there are enough rows and directions for every lane of a tile to matter.

mod int8;
mod tiny;

use super::device::{Device, Trouble};
use super::needs::Params;
use super::pass::Pass;
use super::pipeline::Variant;
use super::tile::{
    Entry, GatherParams, LOWEST, MergeParams, NormsParams, PASS_THREADS, PackParams, RescoreParams,
    SPAN, ScanParams, SelectParams, Stored, padded,
};
use super::twin;
use half::f16;
use std::fmt::Debug;

/// A problem: its shape, and the seed of its small integers.
#[derive(Debug, Clone, Copy)]
pub struct Problem {
    pub rows: usize,
    pub columns: usize,
    pub queries: usize,
    pub kept: usize,
    pub seed: u32,
}

impl Problem {
    /// The problem for checking a variant: two whole panels of rows and one more row in a span of its own, one whole
    /// tile of directions and part of a second, and more rows than one step of a workgroup handles.
    pub fn known(variant: &Variant) -> Self {
        let tile = variant.tile;
        let (mut rows, mut queries, mut kept) = (300, 5, 40);
        match variant.pass {
            Pass::Scan | Pass::ScanCoop | Pass::ScanInt8 => {
                (rows, queries) = (2 * tile.rows + 33, tile.queries + 3);
            }
            Pass::Rescore | Pass::RescoreInt8 => {
                (rows, queries, kept) = (2 * tile.rows + 33, tile.queries + 3, 2);
            }
            // As many spans as a span has rows, so that each row is the longest of some span.
            Pass::Norms => rows = SPAN * (SPAN + 1) - 5,
            _ => (),
        }
        Problem {
            rows: rows as usize,
            columns: 17,
            queries: queries as usize,
            kept,
            seed: 1,
        }
    }
}

/// A device, the variant to check, and the packed problem on both sides.
struct Bench<'a> {
    device: &'a mut Device,
    variant: Variant,
    problem: Problem,
}

/// Packed rows, directions, biases.
struct Packed {
    x: Vec<f32>,
    w: Vec<f32>,
    row_bias: Vec<f32>,
    query_bias: Vec<f32>,
}

impl Device {
    /// Check a variant, unless it was checked before.
    ///
    /// Errors: [`Trouble::Wrong`] if it does not compute what its twin does, or cannot be compiled; a device that was
    /// lost or is out of memory, after which the variant remains unchecked.
    pub fn rely_on(&mut self, variant: Variant) -> Result<(), Trouble> {
        let fault = match self.trust.outcome(&variant) {
            Some(known) => known,
            None => {
                let fault = match self::variant(self, variant, Problem::known(&variant)) {
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

/// Run one pass on the device and its twin on the host.
///
/// Errors: [`Trouble::Wrong`] with the first difference, and anything that the device reports.
pub fn variant(device: &mut Device, variant: Variant, problem: Problem) -> Result<(), Trouble> {
    let mut bench = Bench {
        device,
        variant,
        problem,
    };
    match variant.pass {
        Pass::Pack => bench.pack(),
        Pass::Norms => bench.norms(),
        Pass::Scan | Pass::ScanCoop => bench.scan(),
        Pass::ScanInt8 => bench.scan_int8(),
        Pass::Select => bench.select(),
        Pass::Rescore => bench.rescore(),
        Pass::RescoreInt8 => bench.rescore_int8(),
        Pass::Merge => bench.merge(),
        Pass::Gather => bench.gather(),
        Pass::Tiny => bench.tiny(),
    }
}

/// The largest numbers in rows and in directions: 48 products of them, and 48 squares, are exact in f32 but not in f16.
const ROWS: u32 = 500;
const DIRECTIONS: u32 = 31;

/// The largest number where many values should be equal.
const FEW: u32 = 4;

/// The largest number where most values should differ.
const MANY: u32 = 10_000;

/// Integers of magnitude up to `most` from a linear congruential generator.
fn integers(count: usize, most: u32, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) % (2 * most + 1)) as f32 - most as f32
    };
    (0..count).map(step).collect()
}

/// The first index at which two buffers differ.
fn compare<T: PartialEq + Debug>(
    variant: Variant,
    found: &[T],
    expected: &[T],
) -> Result<(), Trouble> {
    match found.iter().zip(expected).position(|(a, b)| a != b) {
        None => Ok(()),
        Some(at) => Err(Trouble::Wrong(
            variant,
            format!(
                "element {at} is {:?} on the device, {:?} by its twin",
                found[at], expected[at]
            ),
        )),
    }
}

impl Bench<'_> {
    fn depth(&self) -> usize {
        padded(self.problem.columns)
    }

    fn spans(&self) -> usize {
        self.problem.rows.div_ceil(SPAN as usize)
    }

    fn slots(&self) -> usize {
        self.problem.kept.min(self.spans())
    }

    /// `count` vectors in panels of `width`.
    fn panels(&self, values: &[f32], count: usize, width: u32) -> Vec<f32> {
        let panels = count.div_ceil(width as usize);
        let mut out = vec![0.0; panels * width as usize * self.depth()];
        let params = PackParams {
            rows: count as u32,
            columns: self.problem.columns as u32,
            depth: self.depth() as u32,
            first_panel: 0,
            panels: panels as u32,
        };
        twin::pack(&params, width, values, &mut out, |value| value);
        out
    }

    fn packed(&self) -> Packed {
        let Problem {
            rows,
            columns,
            queries,
            seed,
            ..
        } = self.problem;
        let pad = |values: Vec<f32>, width: u32| {
            let mut values = values;
            values.resize(values.len().next_multiple_of(width as usize), 0.0);
            values
        };
        let tile = self.variant.tile;
        let x = integers(rows * columns, ROWS, seed);
        let w = integers(queries * columns, DIRECTIONS, seed + 1);
        Packed {
            x: self.panels(&x, rows, tile.rows),
            w: self.panels(&w, queries, tile.queries),
            row_bias: pad(integers(rows, FEW, seed + 2), tile.rows),
            query_bias: pad(integers(queries, FEW, seed + 3), tile.queries),
        }
    }

    /// A buffer of numbers in the stored type.
    fn stored(&mut self, values: &[f32], stored: Stored) -> Result<wgpu::Buffer, Trouble> {
        match stored {
            Stored::F32 => self.device.filled("check", values),
            Stored::F16 => {
                let mut bits: Vec<u16> =
                    values.iter().map(|&v| f16::from_f32(v).to_bits()).collect();
                bits.resize(bits.len().next_multiple_of(2), 0);
                self.device.filled("check", &bits)
            }
            Stored::Int8 => Err(Trouble::Bug("numbers are not stored in eight bits".into())),
        }
    }

    fn run<P: Params>(
        &mut self,
        params: &P,
        buffers: &[&wgpu::Buffer],
        groups: usize,
    ) -> Result<(), Trouble> {
        let variant = self.variant;
        self.device.guarded(&variant.label(), |device| {
            let mut encoder = device.record();
            device.issue(&mut encoder, variant, params, buffers, groups as u64)?;
            let index = device.submit(encoder)?;
            device.wait(index)
        })
    }

    fn pack(&mut self) -> Result<(), Trouble> {
        let Problem {
            rows,
            columns,
            seed,
            ..
        } = self.problem;
        let variant = self.variant;
        let width = variant.width as usize;
        let panels = rows.div_ceil(width);
        // The piece goes behind one panel that must not change.
        let params = PackParams {
            rows: rows as u32,
            columns: columns as u32,
            depth: self.depth() as u32,
            first_panel: 1,
            panels: panels as u32,
        };
        if variant.stored == Stored::Int8 {
            return self.pack_words(&params);
        }
        let raw = integers(rows * columns, ROWS, seed);
        let items = panels * width * self.depth();
        let mut expected = vec![3.0; items + width * self.depth()];
        let packed = self.stored(&expected, variant.stored)?;
        twin::pack(&params, width as u32, &raw, &mut expected, |value| value);
        let raw = self.device.filled("raw", &raw)?;
        self.run(
            &params,
            &[&raw, &packed],
            items.div_ceil(variant.threads() as usize),
        )?;
        let found = match variant.stored {
            Stored::F32 | Stored::Int8 => self.device.read::<f32>(&packed, expected.len())?,
            Stored::F16 => {
                let bits = self.device.read::<u16>(&packed, expected.len())?;
                bits.into_iter()
                    .map(|bits| f16::from_bits(bits).to_f32())
                    .collect()
            }
        };
        compare(variant, &found, &expected)
    }

    fn norms(&mut self) -> Result<(), Trouble> {
        let variant = self.variant;
        let Problem {
            rows,
            columns,
            seed,
            ..
        } = self.problem;
        // In each span a different row is the longest, by far.
        let mut values = integers(rows * columns, ROWS / 5, seed);
        let span = SPAN as usize;
        for (row, values) in values.chunks_exact_mut(columns).enumerate() {
            if row % span == row / span % span {
                values.iter_mut().for_each(|value| *value *= 5.0);
            }
        }
        let x = self.panels(&values, rows, variant.tile.rows);
        let params = NormsParams {
            spans: self.spans() as u32,
            depth: self.depth() as u32,
        };
        let mut expected = vec![0.0; self.spans()];
        twin::norms(&params, &variant.tile, &x, &mut expected);
        let x = self.stored(&x, variant.stored)?;
        let norms = self.device.filled("norms", &vec![-1f32; self.spans()])?;
        let groups = (self.spans() * SPAN as usize).div_ceil(variant.threads() as usize);
        self.run(&params, &[&x, &norms], groups)?;
        let found = self.device.read::<f32>(&norms, self.spans())?;
        // A device's square root may be off in its last places.
        let near = found.iter().zip(&mut expected).map(|(&found, expected)| {
            if (found - *expected).abs() <= 1e-6 * *expected {
                *expected
            } else {
                found
            }
        });
        let near: Vec<f32> = near.collect();
        compare(variant, &near, &expected)
    }

    fn scan_params(&self) -> ScanParams {
        let (Problem { rows, queries, .. }, tile) = (self.problem, self.variant.tile);
        ScanParams {
            rows: rows as u32,
            spans: self.spans() as u32,
            first_panel: 0,
            panels: rows.div_ceil(tile.rows as usize) as u32,
            first_tile: 0,
            tiles: queries.div_ceil(tile.queries as usize) as u32,
            queries: queries as u32,
            depth: self.depth() as u32,
        }
    }

    /// The first panel alone, then the rest, as the engine splits its submissions.
    fn run_scan(&mut self, params: &ScanParams, buffers: &[&wgpu::Buffer]) -> Result<(), Trouble> {
        for (first_panel, panels) in [(0, 1), (1, params.panels - 1)] {
            if panels > 0 {
                let part = ScanParams {
                    first_panel,
                    panels,
                    ..*params
                };
                self.run(&part, buffers, (panels * params.tiles) as usize)?;
            }
        }
        Ok(())
    }

    fn scan(&mut self) -> Result<(), Trouble> {
        let variant = self.variant;
        let (packed, params, tile) = (self.packed(), self.scan_params(), variant.tile);
        let (queries, spans) = (params.queries as usize, self.spans());
        let mut expected = vec![0.0; queries * spans];
        let coop = variant.pass == Pass::ScanCoop;
        let (of_rows, of_directions) = match coop {
            true => (Stored::F16, Stored::F16),
            false => (variant.stored, Stored::F32),
        };
        let function = if coop { twin::scan_coop } else { twin::scan };
        function(
            &params,
            &tile,
            &packed.x,
            &packed.w,
            &packed.row_bias,
            &packed.query_bias,
            &mut expected,
        );
        let x = self.stored(&packed.x, of_rows)?;
        let w = self.stored(&packed.w, of_directions)?;
        let row_bias = self.device.filled("row bias", &packed.row_bias)?;
        let query_bias = self.device.filled("query bias", &packed.query_bias)?;
        let maxima = self
            .device
            .filled("maxima", &vec![f32::MAX; queries * spans])?;
        self.run_scan(&params, &[&x, &w, &row_bias, &query_bias, &maxima])?;
        let found = self.device.read::<f32>(&maxima, expected.len())?;
        compare(variant, &found, &expected)
    }

    /// Once with many equal values, and once in several stripes of threads with mostly different values: an error in
    /// what one stripe carries over to the next shows only from the third stripe on, and only if the stripe chose something.
    fn select(&mut self) -> Result<(), Trouble> {
        self.select_of(self.problem.rows, FEW)?;
        self.select_of(3 * PASS_THREADS as usize + 17, MANY)
    }

    fn select_of(&mut self, rows: usize, most: u32) -> Result<(), Trouble> {
        let Problem {
            queries,
            kept,
            seed,
            ..
        } = self.problem;
        let variant = self.variant;
        let values = integers(queries * rows, most, seed + 4);
        let norms = integers(rows, FEW, seed + 5);
        let slack: Vec<[f32; 4]> = (0..queries).map(|q| [0.5, q as f32, 2.0, 0.0]).collect();
        let wanted = kept.min(rows);
        for by_norm in [0, 1] {
            let params = SelectParams {
                count: rows as u32,
                wanted: wanted as u32,
                queries: queries as u32,
                first_query: 0,
                by_norm,
                which: by_norm,
            };
            let mut chosen = vec![0u32; queries * wanted];
            let mut left = vec![7f32; 2 * queries];
            let buffers = [
                self.device.filled("values", &values)?,
                self.device.filled("norms", &norms)?,
                self.device.filled("slack", &slack)?,
                self.device
                    .filled("chosen", &vec![u32::MAX; queries * wanted])?,
                self.device.filled("left", &left)?,
            ];
            twin::select(&params, &values, &norms, &slack, &mut chosen, &mut left);
            let bound: Vec<&wgpu::Buffer> = buffers.iter().collect();
            self.run(&params, &bound, queries)?;
            compare(
                variant,
                &self.device.read::<u32>(&buffers[3], chosen.len())?,
                &chosen,
            )?;
            compare(
                variant,
                &self.device.read::<f32>(&buffers[4], left.len())?,
                &left,
            )?;
        }
        Ok(())
    }

    /// Some spans for each query, ascending.
    fn some_spans(&self) -> Vec<u32> {
        let (spans, slots) = (self.spans(), self.slots());
        let start = |query: usize| query % (spans - slots + 1);
        (0..self.problem.queries * slots)
            .map(|i| (start(i / slots) + i % slots) as u32)
            .collect()
    }

    fn rescore_params(&self) -> RescoreParams {
        RescoreParams {
            rows: self.problem.rows as u32,
            slots: self.slots() as u32,
            queries: self.problem.queries as u32,
            first_query: 0,
            depth: self.depth() as u32,
        }
    }

    fn rescore(&mut self) -> Result<(), Trouble> {
        let variant = self.variant;
        let packed = self.packed();
        let spans = self.some_spans();
        let params = self.rescore_params();
        let mut expected = vec![0.0; spans.len() * SPAN as usize];
        let Packed {
            x,
            w,
            row_bias,
            query_bias,
        } = &packed;
        twin::rescore(
            &params,
            &variant.tile,
            x,
            w,
            row_bias,
            query_bias,
            &spans,
            &mut expected,
        );
        let buffers = [
            self.stored(x, variant.stored)?,
            self.device.filled("w", w)?,
            self.device.filled("row bias", row_bias)?,
            self.device.filled("query bias", query_bias)?,
            self.device.filled("spans", &spans)?,
            self.device
                .filled("scores", &vec![f32::MAX; expected.len()])?,
        ];
        let bound: Vec<&wgpu::Buffer> = buffers.iter().collect();
        self.run(
            &params,
            &bound,
            expected.len().div_ceil(variant.threads() as usize),
        )?;
        compare(
            variant,
            &self.device.read::<f32>(&buffers[5], expected.len())?,
            &expected,
        )
    }

    /// Two chunks merged into empty lists; the second crosses row 2^32.
    fn merge(&mut self) -> Result<(), Trouble> {
        let Problem {
            queries,
            kept,
            seed,
            ..
        } = self.problem;
        let variant = self.variant;
        let (slots, spans) = (self.slots(), self.some_spans());
        let fresh = kept.min(slots * SPAN as usize);
        let step = slots * SPAN as usize / fresh;
        let chosen = (0..queries * fresh).map(|i| (i % fresh * step) as u32);
        let chosen: Vec<u32> = chosen.collect();
        let slack = vec![[0f32, 0.0, 0.5, 0.0]; queries];
        let mut held = vec![Entry::EMPTY; queries * kept];
        let mut missed = vec![LOWEST; queries];
        for (round, base) in [0u64, (1 << 32) - 40].into_iter().enumerate() {
            let scores = integers(
                queries * slots * SPAN as usize,
                FEW,
                seed + 6 + round as u32,
            );
            let left: Vec<[f32; 2]> = (0..queries).map(|q| [q as f32 - 9.0, -8.0]).collect();
            let params = MergeParams {
                kept: kept as u32,
                fresh: fresh as u32,
                slots: slots as u32,
                queries: queries as u32,
                first_query: 0,
                base_low: base as u32,
                base_high: (base >> 32) as u32,
            };
            let buffers = [
                self.device.filled("held", &held)?,
                self.device.filled("scores", &scores)?,
                self.device.filled("spans", &spans)?,
                self.device.filled("chosen", &chosen)?,
                self.device.filled("left", &left)?,
                self.device.filled("slack", &slack)?,
                self.device.filled("missed", &missed)?,
                self.device.filled(
                    "merged",
                    &vec![
                        Entry {
                            score: 9.0,
                            low: 9,
                            high: 9
                        };
                        held.len()
                    ],
                )?,
            ];
            let mut merged = vec![Entry::EMPTY; held.len()];
            twin::merge(
                &params,
                &held,
                &scores,
                &spans,
                &chosen,
                &left,
                &slack,
                &mut missed,
                &mut merged,
            );
            let bound: Vec<&wgpu::Buffer> = buffers.iter().collect();
            self.run(&params, &bound, queries)?;
            compare(
                variant,
                &self.device.read::<Entry>(&buffers[7], merged.len())?,
                &merged,
            )?;
            compare(
                variant,
                &self.device.read::<f32>(&buffers[6], missed.len())?,
                &missed,
            )?;
            held = merged;
        }
        Ok(())
    }

    fn gather(&mut self) -> Result<(), Trouble> {
        let Problem { rows, columns, .. } = self.problem;
        let variant = self.variant;
        let packed = self.packed();
        // All rows in descending order, and one row that does not exist.
        let wanted: Vec<u32> = (0..=rows as u32).rev().collect();
        let params = GatherParams {
            count: wanted.len() as u32,
            columns: columns as u32,
            depth: self.depth() as u32,
            rows: rows as u32,
        };
        if variant.stored == Stored::Int8 {
            return self.gather_words(&params, &wanted);
        }
        let mut expected = vec![0.0; wanted.len() * columns];
        twin::gather(&params, &variant.tile, &packed.x, &wanted, &mut expected);
        let x = self.stored(&packed.x, variant.stored)?;
        let list = self.device.filled("rows", &wanted)?;
        let gathered = self
            .device
            .filled("gathered", &vec![f32::MAX; expected.len()])?;
        self.run(
            &params,
            &[&x, &list, &gathered],
            expected.len().div_ceil(variant.threads() as usize),
        )?;
        compare(
            variant,
            &self.device.read::<f32>(&gathered, expected.len())?,
            &expected,
        )
    }
}
