//! The precisions that a scan tries one after the other, and the passes that each uses.

use super::pass::Pass;
use super::pipeline::Variant;
use super::tile::{Stored, Tile};

/// One precision of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PrecisionStage {
    /// f16 through the matrix unit.
    Coop,
    /// Rows in f16, arithmetic in f32.
    Half,
    /// Rows and directions in eight bits, integer sums.
    Int8,
    Single,
}

impl PrecisionStage {
    /// The element type of its rows.
    pub fn stored(self) -> Stored {
        match self {
            PrecisionStage::Single => Stored::F32,
            PrecisionStage::Coop | PrecisionStage::Half => Stored::F16,
            PrecisionStage::Int8 => Stored::Int8,
        }
    }

    /// The pass that scores spans.
    pub fn scan(self) -> Pass {
        match self {
            PrecisionStage::Coop => Pass::ScanCoop,
            PrecisionStage::Int8 => Pass::ScanInt8,
            PrecisionStage::Half | PrecisionStage::Single => Pass::Scan,
        }
    }

    /// The pass that scores the rows of chosen spans.
    pub fn rescore(self) -> Pass {
        match self {
            PrecisionStage::Int8 => Pass::RescoreInt8,
            PrecisionStage::Coop | PrecisionStage::Half | PrecisionStage::Single => Pass::Rescore,
        }
    }

    /// The variants that the precision uses with a tile.
    pub fn variants(self, tile: Tile, unrolled: bool) -> Vec<Variant> {
        let plain = |pass| Variant {
            pass,
            tile,
            stored: self.stored(),
            width: tile.rows,
            unrolled: false,
        };
        let of_directions = |stored| Variant {
            stored,
            width: tile.queries,
            ..plain(Pass::Pack)
        };
        let mut all = vec![
            Variant {
                unrolled,
                ..plain(self.scan())
            },
            plain(self.rescore()),
        ];
        match self {
            PrecisionStage::Coop => all.extend([Stored::F32, Stored::F16].map(of_directions)),
            PrecisionStage::Half | PrecisionStage::Single => all.push(of_directions(Stored::F32)),
            PrecisionStage::Int8 => all.push(of_directions(Stored::Int8)),
        }
        if self != PrecisionStage::Int8 {
            all.push(plain(Pass::Norms));
        }
        let others = [Pass::Pack, Pass::Gather, Pass::Select, Pass::Merge];
        all.extend(others.map(plain));
        all
    }
}
