//! Options that choose the engine: the machine's cores, or a graphics adapter. Shared by the commands that scan.

use crate::control::Control;
use crate::error::{Error, Result};
use crate::scan::int8::Precision as CpuPrecision;
use crate::scan::{Engine, Int8Engine};
use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BackendArg {
    /// A discrete or integrated GPU if there is one, the CPU otherwise
    Auto,
    /// A GPU, or an error
    Gpu,
    Cpu,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrecisionArg {
    /// int8 or f16 where that is faster
    Auto,
    F32,
    /// int8 first; what it cannot prove goes to f32
    Int8,
    /// GPUs: f16 first; what it cannot prove goes to f32
    F16,
}

/// The engine that scans.
#[derive(Debug, clap::Args)]
pub struct BackendArgs {
    /// Device that scans the rows; the answers are the same on every one
    #[arg(long, value_enum, default_value_t = BackendArg::Auto, env = "HULLSCOPE_BACKEND")]
    backend: BackendArg,
    /// A GPU by number or part of its name, as `hullscope devices` lists it
    #[arg(long, value_name = "INDEX|NAME")]
    adapter: Option<String>,
    /// Number format of the scan's first pass; verdicts are the same in every one
    #[arg(long, value_enum, default_value_t = PrecisionArg::Auto)]
    precision: PrecisionArg,
    /// GPU memory to use at most; larger sets stream through it
    #[arg(long, value_name = "SIZE", value_parser = super::memory::parse)]
    gpu_memory: Option<u64>,
}

#[cfg(feature = "gpu")]
mod gpu {
    use super::{BackendArg, BackendArgs, PrecisionArg};
    use crate::control::Control;
    use crate::error::{Error, Result};
    use crate::scan::Engine;
    use crate::scan::gpu::adapters::{self, Adapter, Backend, Choice};
    use crate::scan::gpu::{GpuEngine, Options, Precision};

    /// The engine, or the reason why the CPU is used instead.
    pub type Taken = std::result::Result<Box<dyn Engine>, String>;

    impl BackendArgs {
        fn options(&self) -> Options {
            Options {
                precision: match self.precision {
                    PrecisionArg::Auto => Precision::Auto,
                    PrecisionArg::F32 => Precision::F32,
                    PrecisionArg::Int8 => Precision::Int8,
                    PrecisionArg::F16 => Precision::F16,
                },
                memory: self.gpu_memory,
                ..Options::default()
            }
        }

        pub fn take(&self, control: &Control) -> Result<Taken> {
            let backend = match self.backend {
                BackendArg::Auto => Backend::Auto,
                BackendArg::Gpu => Backend::Gpu,
                BackendArg::Cpu => Backend::Cpu,
            };
            // Drivers take a while to start, and some print messages, so none is loaded unless an adapter is wanted.
            let all: Vec<Adapter> = if backend == Backend::Cpu {
                Vec::new()
            } else {
                adapters::list()
            };
            let adapter = match adapters::choose(&all, backend, self.adapter.as_deref())? {
                Choice::Cpu { why } => return Ok(Err(why)),
                Choice::Gpu { adapter, .. } => adapter,
            };
            match GpuEngine::open(adapter, self.options(), control) {
                Ok(engine) => Ok(Ok(Box::new(engine))),
                Err(Error::Interrupted) => Err(Error::Interrupted),
                Err(error) if backend == Backend::Auto && self.adapter.is_none() => {
                    Ok(Err(error.to_string()))
                }
                Err(error) => Err(error),
            }
        }
    }
}

#[cfg(not(feature = "gpu"))]
impl BackendArgs {
    fn take(&self, _: &Control) -> Result<std::result::Result<Box<dyn Engine>, String>> {
        if self.backend == BackendArg::Gpu || self.adapter.is_some() {
            return Err(Error::Usage(NOT_BUILT.into()));
        }
        Ok(Err(NOT_BUILT.into()))
    }
}

/// The error of a program that was built without the `gpu` feature.
#[cfg(not(feature = "gpu"))]
pub const NOT_BUILT: &str =
    "this program was built without GPU support; build it with --features gpu";

impl BackendArgs {
    /// Whether a GPU was required, not only allowed.
    pub fn asks_for_gpu(&self) -> bool {
        self.backend == BackendArg::Gpu || self.adapter.is_some()
    }

    /// Whether scans may be in eight bits.
    pub fn allows_int8(&self) -> bool {
        self.precision != PrecisionArg::F32
    }

    /// Refuses options that contradict each other.
    pub fn check(&self) -> Result<()> {
        let refused = |text: &str| Err(Error::Usage(text.into()));
        if self.backend == BackendArg::Cpu && self.adapter.is_some() {
            return refused("--adapter goes with --backend gpu or auto, not with --backend cpu");
        }
        if self.backend == BackendArg::Cpu && self.gpu_memory.is_some() {
            return refused("--gpu-memory goes with --backend gpu or auto, not with --backend cpu");
        }
        if self.backend == BackendArg::Cpu && self.precision == PrecisionArg::F16 {
            return refused(
                "--precision f16 is for GPUs; with --backend cpu write auto, f32 or int8",
            );
        }
        Ok(())
    }

    /// The engine asked for; a note if `auto` takes the CPU. `memory` is the budget for rows, in bytes.
    pub fn engine(
        &self,
        memory: Option<u64>,
        control: &Control,
    ) -> Result<(Box<dyn Engine>, Option<String>)> {
        self.check()?;
        let precision = match self.precision {
            PrecisionArg::Auto | PrecisionArg::F16 => CpuPrecision::Auto,
            PrecisionArg::F32 => CpuPrecision::F32,
            PrecisionArg::Int8 => CpuPrecision::Int8,
        };
        let memory = memory.unwrap_or_else(super::memory::default_budget);
        let cpu = Box::new(Int8Engine::new(precision, memory)?);
        if self.backend == BackendArg::Cpu {
            return Ok((cpu, None));
        }
        Ok(match self.take(control)? {
            Ok(engine) => (engine, None),
            Err(why) => (cpu, Some(format!("the CPU scans: {why}"))),
        })
    }
}
