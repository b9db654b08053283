//! Checks that the adapters of this machine compute right, and finds which one `auto` takes.

use crate::control::Control;
use crate::error::{Error, Result};
use crate::report::devices::{Check, Devices};
use crate::scan::gpu::adapters::{self, Adapter, Backend, Choice};
use crate::scan::gpu::{GpuEngine, Options};
use crate::scan::{CpuEngine, Engine};
use std::time::Instant;

/// Lists the adapters and checks each. Errors: [`Error::Interrupted`].
pub fn survey(control: &Control) -> Result<Devices> {
    let all = adapters::list();
    let (taken, why) = match adapters::choose(&all, Backend::Auto, None)? {
        Choice::Cpu { why } => (None, why),
        Choice::Gpu { adapter, why } => (Some(adapter.facts.index), why),
    };
    let adapters = all
        .iter()
        .map(|adapter| Ok((adapter.facts.clone(), check(adapter, control)?)))
        .collect::<Result<_>>()?;
    Ok(Devices {
        cpu: CpuEngine.describe(),
        adapters,
        taken,
        why,
    })
}

/// The numbers of columns and directions for which the choice of precision is shown.
const CHOICE: (usize, usize) = (512, 1024);

fn check(adapter: &Adapter, control: &Control) -> Result<Check> {
    let started = Instant::now();
    let opened = GpuEngine::open(adapter, Options::default(), control);
    let seconds = started.elapsed().as_secs_f64();
    let (precision, notes) = match opened {
        Ok(engine) => {
            let notes = engine.take_warnings();
            (Some(engine.choice(CHOICE.0, CHOICE.1)), notes)
        }
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(error) => (None, vec![error.to_string()]),
    };
    Ok(Check {
        trusted: precision.is_some(),
        seconds,
        precision,
        notes,
    })
}
