//! The constants that shaders and host share, each defined once: the tile, its WGSL prelude, the parameters.
//!
//! A shader file contains no number that Rust also needs: it is compiled after [`Tile::prelude`], and states the
//! relations that the numbers must satisfy as `const_assert`. The `repr(C)` structs here are the shaders' `Params` and
//! `Entry`; a test compares them with the layouts that naga computes.

use super::pass::Pass;
pub use super::stored::{DEPTH_STEP, Stored, padded};
use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// Rows whose scores share one maximum. A chosen span is scored again row by row, at a cost proportional to its length.
pub const SPAN: u32 = 32;

/// Threads of a workgroup in every pass but the scans and the merge.
pub const PASS_THREADS: u32 = 256;

/// Threads that merge the lists of one query.
pub const MERGE_THREADS: u32 = 64;

/// Threads of the cooperative-matrix scan: four subgroups of 32.
pub const COOP_THREADS: u32 = 128;

/// Below every score; WGSL has no infinities.
pub const LOWEST: f32 = -3.4e38;

/// The row number of an empty entry, in both halves.
pub const NONE: u32 = u32::MAX;

/// The most dimensions of a small problem, the threads that work on it, and the most rounds for one size.
pub const TINY_DIMS: u32 = 32;
pub const TINY_THREADS: u32 = 64;
pub const TINY_ROUNDS: u32 = 512;

/// The claims of `tiny.wgsl` about a small problem.
pub const OPEN: u32 = 0;
pub const OUTSIDE: u32 = 1;
pub const INSIDE: u32 = 2;
/// The value while a size is in progress.
const UNKNOWN: u32 = 3;

/// Tolerances for rounding in f32, as shares of the lengths involved, with a reserve: to be independent of a span, to
/// point along a residual, to vanish, to be behind a direction (per column).
pub const TINY_DEPENDENT: f32 = 1e-5;
pub const TINY_IMPROVES: f32 = 2e-6;
pub const TINY_VANISHED: f32 = 2e-6;
pub const TINY_BEHIND: f32 = 1.2e-7;

/// How the scan cuts its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tile {
    /// Rows and queries of a workgroup.
    pub rows: u32,
    pub queries: u32,
    /// Columns of a slab in workgroup memory.
    pub depth: u32,
    /// Rows and queries of a thread.
    pub row_lane: u32,
    pub query_lane: u32,
}

const fn tile(rows: u32, queries: u32, depth: u32, row_lane: u32, query_lane: u32) -> Tile {
    Tile {
        rows,
        queries,
        depth,
        row_lane,
        query_lane,
    }
}

/// The tiles that autotuning chooses from: large ones for many queries, narrow ones for few.
pub const TILES: [Tile; 7] = [
    tile(128, 128, 8, 8, 8),
    tile(128, 128, 16, 8, 8),
    tile(128, 64, 16, 8, 4),
    tile(128, 64, 8, 8, 8),
    tile(64, 64, 16, 4, 4),
    tile(128, 32, 16, 8, 4),
    tile(64, 32, 16, 4, 4),
];

/// The tile of the cooperative-matrix scan, which its shader fixes.
pub const COOP_TILE: Tile = TILES[0];

/// A tile that compiles fast and fits every device: for software adapters.
pub const PLAIN_TILE: Tile = TILES[6];

impl Tile {
    /// Threads of a workgroup.
    pub const fn threads(&self) -> u32 {
        (self.rows / self.row_lane) * (self.queries / self.query_lane)
    }

    /// Bytes of workgroup memory: two slabs.
    pub const fn workgroup_bytes(&self) -> u32 {
        2 * (self.rows + self.queries) * self.depth * 4
    }

    /// The constants, by name, for compiling a shader.
    pub fn constants(&self, width: u32) -> Vec<(&'static str, u32)> {
        let threads = self.threads();
        vec![
            ("SPAN", SPAN),
            ("PASS_THREADS", PASS_THREADS),
            ("MERGE_THREADS", MERGE_THREADS),
            ("COOP_THREADS", COOP_THREADS),
            ("NONE", NONE),
            ("TINY_DIMS", TINY_DIMS),
            ("TINY_THREADS", TINY_THREADS),
            ("TINY_ROUNDS", TINY_ROUNDS),
            ("OPEN", OPEN),
            ("OUTSIDE", OUTSIDE),
            ("INSIDE", INSIDE),
            ("UNKNOWN", UNKNOWN),
            ("PANEL", self.rows),
            ("TILE", self.queries),
            ("DEPTH", self.depth),
            ("WIDTH", width),
            ("THREADS", threads),
            ("ROW_VECS", self.row_lane / 4),
            ("QUERY_VECS", self.query_lane / 4),
            ("ROW_GROUPS", self.rows / self.row_lane),
            ("QUERY_GROUPS", self.queries / self.query_lane),
            ("X_LOADS", self.depth * self.rows / 4 / threads),
            ("W_LOADS", self.depth * self.queries / 4 / threads),
        ]
    }

    /// The WGSL text before a shader: its extensions, the element type, the constants.
    pub fn prelude(&self, pass: Pass, stored: Stored, width: u32) -> String {
        let mut text = String::new();
        if stored == Stored::F16 || pass == Pass::ScanCoop {
            text.push_str("enable f16;\n");
        }
        if pass == Pass::ScanCoop {
            text.push_str("enable wgpu_cooperative_matrix;\n");
        }
        let _ = writeln!(text, "alias Stored = {};", stored.wgsl());
        let _ = writeln!(text, "alias Raw = {};", stored.raw());
        for (name, value) in [
            ("LOWEST", LOWEST),
            ("TINY_DEPENDENT", TINY_DEPENDENT),
            ("TINY_IMPROVES", TINY_IMPROVES),
            ("TINY_VANISHED", TINY_VANISHED),
            ("TINY_BEHIND", TINY_BEHIND),
        ] {
            let _ = writeln!(text, "const {name}: f32 = {value:e};");
        }
        for (name, value) in self.constants(width) {
            let _ = writeln!(text, "const {name}: u32 = {value}u;");
        }
        text
    }
}

/// The number of terms of a vector in eight bits.
pub const TERMS: usize = 4;

macro_rules! params {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),* })*) => {
        $($(#[$doc])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, Default, PartialEq, Pod, Zeroable)]
        pub struct $name { $(pub $field: u32),* }

        impl $name {
            /// Field names in order, as the shader has them.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
        })*
    };
}

params! {
    /// `Params` of `scan.wgsl`, `scan_coop.wgsl` and `scan_int8.wgsl`.
    ScanParams { rows, spans, first_panel, panels, first_tile, tiles, queries, depth }
    /// `Params` of `pack.wgsl`.
    PackParams { rows, columns, depth, first_panel, panels }
    /// `Params` of `norms.wgsl`.
    NormsParams { spans, depth }
    /// `Params` of `select.wgsl`.
    SelectParams { count, wanted, queries, first_query, by_norm, which }
    /// `Params` of `rescore.wgsl` and `rescore_int8.wgsl`.
    RescoreParams { rows, slots, queries, first_query, depth }
    /// `Params` of `merge.wgsl`.
    MergeParams { kept, fresh, slots, queries, first_query, base_low, base_high }
    /// `Params` of `gather.wgsl`.
    GatherParams { count, columns, depth, rows }
    /// `Params` of `tiny.wgsl`.
    TinyParams { problems, first_problem, d, rows, sizes }
}

/// `Entry` of `merge.wgsl`: a score, and its row in two halves.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct Entry {
    pub score: f32,
    pub low: u32,
    pub high: u32,
}

impl Entry {
    /// An empty entry.
    pub const EMPTY: Entry = Entry {
        score: LOWEST,
        low: NONE,
        high: NONE,
    };

    /// The row, or `None` for an empty entry.
    pub fn row(&self) -> Option<u64> {
        (self.high != NONE).then(|| u64::from(self.high) << 32 | u64::from(self.low))
    }
}
