//! The passes: one shader each, and the element types for which each is written.

use super::stored::Stored;

/// One WGSL pass: `shaders/NAME.wgsl`, its twin `super::twin::NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pass {
    Pack,
    Norms,
    Scan,
    ScanCoop,
    ScanInt8,
    Select,
    Rescore,
    RescoreInt8,
    Merge,
    Gather,
    Tiny,
}

impl Pass {
    /// Every pass.
    pub const ALL: [Pass; 11] = [
        Pass::Pack,
        Pass::Norms,
        Pass::Scan,
        Pass::ScanCoop,
        Pass::ScanInt8,
        Pass::Select,
        Pass::Rescore,
        Pass::RescoreInt8,
        Pass::Merge,
        Pass::Gather,
        Pass::Tiny,
    ];

    /// The element types for which the pass is written.
    pub const fn stores(self) -> &'static [Stored] {
        match self {
            Pass::ScanCoop => &[Stored::F16],
            Pass::ScanInt8 | Pass::RescoreInt8 => &[Stored::Int8],
            Pass::Norms | Pass::Scan | Pass::Rescore => &[Stored::F32, Stored::F16],
            Pass::Tiny => &[Stored::F32],
            Pass::Pack | Pass::Select | Pass::Merge | Pass::Gather => {
                &[Stored::F32, Stored::F16, Stored::Int8]
            }
        }
    }

    /// The name of the shader file and of the twin.
    pub const fn name(self) -> &'static str {
        match self {
            Pass::Pack => "pack",
            Pass::Norms => "norms",
            Pass::Scan => "scan",
            Pass::ScanCoop => "scan_coop",
            Pass::ScanInt8 => "scan_int8",
            Pass::Select => "select",
            Pass::Rescore => "rescore",
            Pass::RescoreInt8 => "rescore_int8",
            Pass::Merge => "merge",
            Pass::Gather => "gather",
            Pass::Tiny => "tiny",
        }
    }

    /// The shader text as in the file.
    pub const fn template(self) -> &'static str {
        match self {
            Pass::Pack => include_str!("../../../shaders/pack.wgsl"),
            Pass::Norms => include_str!("../../../shaders/norms.wgsl"),
            Pass::Scan => include_str!("../../../shaders/scan.wgsl"),
            Pass::ScanCoop => include_str!("../../../shaders/scan_coop.wgsl"),
            Pass::ScanInt8 => include_str!("../../../shaders/scan_int8.wgsl"),
            Pass::Select => include_str!("../../../shaders/select.wgsl"),
            Pass::Rescore => include_str!("../../../shaders/rescore.wgsl"),
            Pass::RescoreInt8 => include_str!("../../../shaders/rescore_int8.wgsl"),
            Pass::Merge => include_str!("../../../shaders/merge.wgsl"),
            Pass::Gather => include_str!("../../../shaders/gather.wgsl"),
            Pass::Tiny => include_str!("../../../shaders/tiny.wgsl"),
        }
    }
}
