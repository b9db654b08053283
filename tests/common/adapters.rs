//! The adapters for GPU tests: every one on this machine, including software adapters.

use super::required;
use hullscope::control::Control;
use hullscope::scan::gpu::adapters::{Adapter, list};
use hullscope::scan::gpu::{GpuEngine, Options};
use std::sync::OnceLock;

/// All adapters. Without any, tests print that they are skipped; if one is required (`HULLSCOPE_REQUIRE_GPU=1`) they fail.
pub fn adapters() -> &'static [Adapter] {
    static ALL: OnceLock<Vec<Adapter>> = OnceLock::new();
    let all = ALL.get_or_init(list);
    if all.is_empty() {
        assert!(
            !required("HULLSCOPE_REQUIRE_GPU"),
            "HULLSCOPE_REQUIRE_GPU is set and there is no adapter"
        );
        eprintln!("skipped: no adapter");
    }
    all
}

/// One adapter for tests of the host code around the shaders: preferably one with f16, which covers all of it.
pub fn one() -> Option<&'static Adapter> {
    let all = adapters().iter();
    all.max_by_key(|adapter| adapter.facts.f16)
}

/// Whether this adapter is [`one`], the only one on which the host code is tested.
pub fn is_one(adapter: &Adapter) -> bool {
    one().is_some_and(|one| one.facts.index == adapter.facts.index)
}

/// An engine on an adapter.
pub fn engine(adapter: &Adapter, options: Options) -> GpuEngine {
    GpuEngine::open(adapter, options, &Control::default()).unwrap()
}
