//! The engines that a bench compares: the CPU, and each adapter in each precision that it supports.

use super::product;
use crate::control::Control;
use crate::error::Result;
use crate::scan::{CpuEngine, Engine};
use crate::study::bench::{Proved, Shape};
use crate::warnings::Warnings;
use std::iter;
use std::sync::Arc;

/// Prepares plain matrix products of a shape. The returned function runs one and returns its seconds, or `None` if the
/// device cannot run it.
pub type PrepareProduct = dyn Fn(&Shape) -> Box<dyn FnMut() -> Option<f64>> + Send + Sync;

/// Measures the time to copy the answers of a shape back from the device.
pub type ReadBack = dyn Fn(&Shape) -> Option<f64> + Send + Sync;

/// An engine to measure.
pub struct Candidate {
    /// A short name for tables and plots: `CPU`, `GPU f16`.
    pub label: String,
    pub engine: Arc<dyn Engine>,
    /// A plain matrix product on the same device, if there is one to time.
    pub product: Option<Box<PrepareProduct>>,
    /// The directions that each precision has proved so far.
    pub proved: Option<Box<dyn Fn() -> Proved + Send + Sync>>,
    /// The seconds to copy the answers of a shape back from the device; `None` if the device is gone.
    pub read_back: Option<Box<ReadBack>>,
}

impl Candidate {
    /// An engine with no timings but those of its scans.
    pub fn new(label: impl Into<String>, engine: Arc<dyn Engine>) -> Self {
        Candidate {
            label: label.into(),
            engine,
            product: None,
            proved: None,
            read_back: None,
        }
    }

    /// The directions proved so far, if the engine counts them.
    pub(super) fn proved(&self) -> Option<Proved> {
        self.proved.as_ref().map(|proved| proved())
    }

    /// Whether the CPU has answered for the device since an earlier count.
    pub(super) fn fell_back_since(&self, earlier: Option<Proved>) -> bool {
        self.proved()
            .zip(earlier)
            .is_some_and(|(now, earlier)| now.mostly_cpu_since(&earlier))
    }

    /// The CPU, with which the others' answers are compared.
    pub fn cpu() -> Self {
        Candidate {
            product: Some(Box::new(product::cpu)),
            ..Candidate::new("CPU", Arc::new(CpuEngine))
        }
    }
}

/// The CPU, whose answers the others must have, and every real adapter, with `software` the software adapters too; `memory`
/// is the most that is used of an adapter's.
///
/// An adapter that cannot be used is left out, with a warning. Errors: [`crate::Error::Interrupted`].
pub fn candidates(
    software: bool,
    memory: Option<u64>,
    warnings: &mut Warnings,
    control: &Control,
) -> Result<Vec<Candidate>> {
    let gpus = gpu::gpus(software, memory, warnings, control)?;
    let all: Vec<Candidate> = iter::once(Candidate::cpu()).chain(gpus).collect();
    if all.len() == 1 {
        let why = match (cfg!(feature = "gpu"), software) {
            (false, _) => "this program was built without the feature `gpu`: only the CPU is timed",
            (_, true) => "no adapter can be used: only the CPU is timed",
            (_, false) => {
                "no GPU can be used: only the CPU is timed (--software times software adapters)"
            }
        };
        warnings.add(why.into());
    }
    Ok(all)
}

#[cfg(not(feature = "gpu"))]
mod gpu {
    use super::{Candidate, Control, Result, Warnings};

    /// None: without the feature, adapters are not looked for.
    pub(super) fn gpus(
        _: bool,
        _: Option<u64>,
        _: &mut Warnings,
        _: &Control,
    ) -> Result<Vec<Candidate>> {
        Ok(Vec::new())
    }
}

#[cfg(feature = "gpu")]
mod gpu {
    use super::Candidate;
    use crate::control::Control;
    use crate::error::{Error, Result};
    use crate::scan::Engine;
    use crate::scan::gpu::adapters::{Adapter, AdapterKind, Facts, list};
    use crate::scan::gpu::{GpuEngine, Options, Precision};
    use crate::study::bench::Proved;
    use crate::warnings::Warnings;
    use std::sync::Arc;

    /// Every real adapter, and with `software` the software adapters too, in every precision that each supports.
    pub(super) fn gpus(
        software: bool,
        memory: Option<u64>,
        warnings: &mut Warnings,
        control: &Control,
    ) -> Result<Vec<Candidate>> {
        let adapters: Vec<Adapter> = list()
            .into_iter()
            .filter(|adapter| software || !is_software(adapter))
            .collect();
        let mut found = Vec::new();
        for adapter in &adapters {
            let name = if adapters.len() > 1 {
                format!("GPU {}", adapter.facts.index)
            } else {
                "GPU".into()
            };
            for (kind, options) in kinds(&adapter.facts, memory) {
                match GpuEngine::open(adapter, options, control) {
                    // Its warnings say that its matrix unit failed its check.
                    Ok(engine) if kind == TENSOR_CORES && !engine.has_matrix_unit() => {
                        warnings.extend(engine.take_warnings());
                    }
                    Ok(engine) => {
                        warnings.extend(engine.take_warnings());
                        let label = format!("{name} {kind}");
                        found.push(candidate(label, engine, is_software(adapter)));
                    }
                    Err(Error::Interrupted) => return Err(Error::Interrupted),
                    Err(error) => warnings.add(error.to_string()),
                }
            }
        }
        Ok(found)
    }

    const TENSOR_CORES: &str = "tensor cores";

    /// The names and options with which an adapter is measured.
    fn kinds(facts: &Facts, memory: Option<u64>) -> Vec<(&'static str, Options)> {
        let options = |precision, no_matrix_unit| Options {
            precision,
            memory,
            no_matrix_unit,
            ..Options::default()
        };
        let mut kinds = vec![("f32", options(Precision::F32, true))];
        if facts.f16 {
            kinds.push(("f16", options(Precision::F16, true)));
        }
        kinds.push(("int8", options(Precision::Int8, true)));
        if facts.cooperative_matrices {
            kinds.push((TENSOR_CORES, options(Precision::F16, false)));
        }
        kinds
    }

    fn candidate(label: String, engine: GpuEngine, software: bool) -> Candidate {
        let engine = Arc::new(engine);
        let mut candidate = Candidate::new(label, engine.clone());
        let counter = Arc::clone(&engine);
        candidate.proved = Some(Box::new(move || {
            let proven = counter.proven();
            Proved {
                int8_directions: proven.int8,
                f16_directions: proven.f16,
                f32_directions: proven.f32,
                cpu_directions: proven.cpu,
            }
        }));
        let reader = Arc::clone(&engine);
        candidate.read_back = Some(Box::new(move |shape| {
            reader.read_back_seconds(shape.queries, shape.k)
        }));
        // The product is large enough to time a GPU; a software adapter would take minutes for it.
        if !software {
            candidate.product = Some(Box::new(move |shape| {
                let (engine, shape) = (Arc::clone(&engine), *shape);
                Box::new(move || engine.product_seconds(shape.rows, shape.dim, shape.queries))
            }));
        }
        candidate
    }

    /// Whether the adapter is a software implementation on the CPU.
    fn is_software(adapter: &Adapter) -> bool {
        adapter.facts.kind == AdapterKind::Software
    }
}
