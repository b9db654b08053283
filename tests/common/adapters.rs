//! The adapters that GPU tests run on: every one that is there, software ones included.

use super::required;
use hullscope::control::Control;
use hullscope::scan::gpu::adapters::{Adapter, list};
use hullscope::scan::gpu::{GpuEngine, Options};
use std::sync::OnceLock;

/// All adapters. Without one, tests say so; where one is promised (`HULLSCOPE_REQUIRE_GPU=1`) that is a failure.
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

/// The adapter for tests of what the host does around the shaders: any would do, and one in f16 has all of it.
pub fn one() -> Option<&'static Adapter> {
    let all = adapters().iter();
    all.max_by_key(|adapter| adapter.facts.f16)
}

/// Whether this adapter is [`one`]: what the host does is shown on it alone.
pub fn is_one(adapter: &Adapter) -> bool {
    one().is_some_and(|one| one.facts.index == adapter.facts.index)
}

/// An engine on an adapter.
pub fn engine(adapter: &Adapter, options: Options) -> GpuEngine {
    GpuEngine::open(adapter, options, &Control::default()).unwrap()
}
