//! How long each buffer of a pass must be, from its parameters.
//!
//! Shaders are compiled without bounds checks, so an index beyond a buffer would be undefined behaviour. An index is
//! bounded either by a parameter, and then the buffer length that this requires is stated here and checked before every
//! dispatch; or it is read from a buffer, and then the shader itself compares or clamps it.

use super::pass::Pass;
use super::pipeline::Variant;
use super::tile::{
    Entry, GatherParams, MergeParams, NormsParams, PackParams, RescoreParams, SPAN, ScanParams,
    SelectParams, Stored, TERMS, TINY_DIMS, TinyParams,
};
use bytemuck::Pod;

/// The length that a pass requires of one of its buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Its name in the shader.
    pub name: &'static str,
    /// The smallest number of elements, and their size in bytes.
    pub elements: u64,
    pub bytes_each: u64,
    pub written: bool,
}

impl Need {
    /// The smallest length in bytes.
    pub const fn bytes(&self) -> u64 {
        self.elements * self.bytes_each
    }
}

/// The parameters of a pass.
pub trait Params: Pod {
    /// The passes with these parameters.
    const PASSES: &'static [Pass];

    /// The required lengths of the pass's buffers, from binding 1 on.
    fn needs(&self, variant: &Variant) -> Vec<Need>;
}

/// Checks the lengths of buffers against what a pass requires. Panics if one is too short, which is a bug in this program.
pub fn assert_lengths<P: Params>(variant: &Variant, params: &P, lengths: &[u64]) {
    let label = variant.label();
    assert!(
        P::PASSES.contains(&variant.pass),
        "{label}: these are the parameters of {:?}",
        P::PASSES
    );
    let needs = params.needs(variant);
    assert_eq!(
        lengths.len(),
        needs.len(),
        "{label}: the number of its buffers"
    );
    for (need, &length) in needs.iter().zip(lengths) {
        let Need { name, elements, .. } = *need;
        // Shaders index elements with 32 bits.
        assert!(
            elements <= 1 << 32,
            "{label}: {elements} elements of `{name}` are more than an index can reach"
        );
        assert!(
            length >= need.bytes(),
            "{label}: the buffer `{name}` of {length} bytes is too short, its parameters ask for {}",
            need.bytes()
        );
    }
}

fn read(name: &'static str, elements: u64, bytes_each: u64) -> Need {
    Need {
        name,
        elements,
        bytes_each,
        written: false,
    }
}

fn written(name: &'static str, elements: u64, bytes_each: u64) -> Need {
    Need {
        written: true,
        ..read(name, elements, bytes_each)
    }
}

/// Elements in panels of `width` vectors that hold `count` vectors.
fn packed(count: u64, width: u32, depth: u32) -> u64 {
    count.next_multiple_of(u64::from(width)) * u64::from(depth)
}

/// What each of `count` vectors has beside its elements: a bias, or for eight bits the terms of its bound, in panels.
fn beside(bias: &'static str, terms: &'static str, variant: &Variant, count: u64) -> Need {
    if variant.stored != Stored::Int8 {
        return read(bias, count, 4);
    }
    let width = match terms {
        "row_terms" => variant.tile.rows,
        _ => variant.tile.queries,
    };
    read(terms, packed(count, width, TERMS as u32), 4)
}

/// Parameters have 32 bits; their products may need 64.
fn wide<const N: usize>(numbers: [u32; N]) -> [u64; N] {
    numbers.map(u64::from)
}

impl Params for PackParams {
    const PASSES: &'static [Pass] = &[Pass::Pack];

    fn needs(&self, variant: &Variant) -> Vec<Need> {
        let [rows, columns, first, panels] =
            wide([self.rows, self.columns, self.first_panel, self.panels]);
        let vectors = (first + panels) * u64::from(variant.width);
        let stored = variant.stored.bytes() as u64;
        vec![
            read("raw", rows * columns, 4),
            written("packed", packed(vectors, variant.width, self.depth), stored),
        ]
    }
}

impl Params for NormsParams {
    const PASSES: &'static [Pass] = &[Pass::Norms];

    fn needs(&self, variant: &Variant) -> Vec<Need> {
        let rows = u64::from(self.spans) * u64::from(SPAN);
        let stored = variant.stored.bytes() as u64;
        vec![
            read("x", packed(rows, variant.tile.rows, self.depth), stored),
            written("norms", self.spans.into(), 4),
        ]
    }
}

impl Params for ScanParams {
    const PASSES: &'static [Pass] = &[Pass::Scan, Pass::ScanCoop, Pass::ScanInt8];

    fn needs(&self, variant: &Variant) -> Vec<Need> {
        let tile = variant.tile;
        let [first, panels, first_tile, tiles, queries, spans] = wide([
            self.first_panel,
            self.panels,
            self.first_tile,
            self.tiles,
            self.queries,
            self.spans,
        ]);
        let rows = (first + panels) * u64::from(tile.rows);
        let directions = (first_tile + tiles) * u64::from(tile.queries);
        let (x, w) = match variant.pass {
            Pass::ScanCoop => (2, 2),
            _ => (variant.stored.bytes() as u64, 4),
        };
        vec![
            read("x", packed(rows, tile.rows, self.depth), x),
            read("w", packed(directions, tile.queries, self.depth), w),
            beside("row_bias", "row_terms", variant, rows),
            beside("query_bias", "query_terms", variant, directions),
            written("maxima", queries * spans, 4),
        ]
    }
}

impl Params for SelectParams {
    const PASSES: &'static [Pass] = &[Pass::Select];

    fn needs(&self, _: &Variant) -> Vec<Need> {
        let [count, wanted, queries, first] =
            wide([self.count, self.wanted, self.queries, self.first_query]);
        assert!(
            wanted <= count,
            "select: {wanted} of {count} values are wanted"
        );
        vec![
            read("values", queries * count, 4),
            read("norms", if self.by_norm == 1 { count } else { 0 }, 4),
            read("slack", first + queries, 16),
            written("chosen", queries * wanted, 4),
            written("left", queries * 2, 4),
        ]
    }
}

impl Params for RescoreParams {
    const PASSES: &'static [Pass] = &[Pass::Rescore, Pass::RescoreInt8];

    fn needs(&self, variant: &Variant) -> Vec<Need> {
        let tile = variant.tile;
        let [rows, slots, queries, first] =
            wide([self.rows, self.slots, self.queries, self.first_query]);
        let stored = variant.stored.bytes() as u64;
        vec![
            read("x", packed(rows, tile.rows, self.depth), stored),
            read("w", packed(first + queries, tile.queries, self.depth), 4),
            beside("row_bias", "row_terms", variant, rows),
            beside("query_bias", "query_terms", variant, first + queries),
            read("spans", queries * slots, 4),
            written("scores", queries * slots * u64::from(SPAN), 4),
        ]
    }
}

impl Params for MergeParams {
    const PASSES: &'static [Pass] = &[Pass::Merge];

    fn needs(&self, _: &Variant) -> Vec<Need> {
        let [kept, fresh, slots, queries, first] = wide([
            self.kept,
            self.fresh,
            self.slots,
            self.queries,
            self.first_query,
        ]);
        let (list, entry) = ((first + queries) * kept, size_of::<Entry>() as u64);
        vec![
            read("held", list, entry),
            read("scores", queries * slots * u64::from(SPAN), 4),
            read("spans", queries * slots, 4),
            read("chosen", queries * fresh, 4),
            read("left", queries, 8),
            read("slack", first + queries, 16),
            written("missed", first + queries, 4),
            written("merged", list, entry),
        ]
    }
}

impl Params for GatherParams {
    const PASSES: &'static [Pass] = &[Pass::Gather];

    fn needs(&self, variant: &Variant) -> Vec<Need> {
        let [rows, count, columns] = wide([self.rows, self.count, self.columns]);
        let stored = variant.stored.bytes() as u64;
        vec![
            read("x", packed(rows, variant.tile.rows, self.depth), stored),
            read("rows", count, 4),
            written("gathered", count * columns, 4),
        ]
    }
}

impl Params for TinyParams {
    const PASSES: &'static [Pass] = &[Pass::Tiny];

    fn needs(&self, _: &Variant) -> Vec<Need> {
        let [problems, first, d, rows, sizes] = wide([
            self.problems,
            self.first_problem,
            self.d,
            self.rows,
            self.sizes,
        ]);
        assert!(
            (1..=TINY_DIMS).contains(&self.d) && rows > 0,
            "tiny: {rows} rows of {d} columns"
        );
        let all = first + problems;
        vec![
            read("vectors", all * d * rows, 4),
            read("sizes", sizes, 4),
            written("claims", all * sizes, 4),
            written("directions", all * sizes * d, 4),
            written("supports", all * (d + 1), 4),
        ]
    }
}
