//! The machine's adapters with their self-checks, as a table and as JSON.

use crate::control::Control;
use crate::error::{Error, Result};
use crate::scan::gpu::adapters::{self, Adapter, Backend, Choice, DRIVER_HINT, Facts};
use crate::scan::gpu::{GpuEngine, Options};
use crate::scan::{CpuEngine, Engine};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Instant;

/// The outcome of the checks: every variant that f32 and the matrix unit need, against its twin.
#[derive(Debug, Serialize)]
pub struct Check {
    pub trusted: bool,
    /// Opening the device, compiling the passes and running them.
    pub seconds: f64,
    /// What `--precision auto` multiplies first there, and why; none on an adapter that is not trusted.
    pub precision: Option<String>,
    /// What is wrong, or what is done without.
    pub notes: Vec<String>,
}

/// All adapters, and which one `auto` takes.
#[derive(Debug)]
pub struct Devices {
    cpu: String,
    adapters: Vec<(Facts, Check)>,
    taken: Option<usize>,
    why: String,
}

/// List the adapters and check each. Errors: [`Error::Interrupted`].
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

/// The columns and directions for which the choice of a precision is shown.
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

/// One object; field names are part of the interface.
pub fn json(devices: &Devices) -> Value {
    let adapters: Vec<Value> = devices
        .adapters
        .iter()
        .map(|(facts, check)| json!({ "facts": facts, "check": check }))
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "cpu": devices.cpu,
        "adapters": adapters,
        "auto": {
            "backend": if devices.taken.is_some() { "gpu" } else { "cpu" },
            "adapter": devices.taken,
            "why": devices.why,
        },
    })
}

/// A block of lines for each adapter, for a terminal.
pub fn table(devices: &Devices) -> String {
    let mut table = super::text_table::table();
    table.add_row(["cpu", &devices.cpu]);
    for (facts, check) in &devices.adapters {
        table.add_row(["", ""]);
        table.add_row(["adapter", &facts.title()]);
        table.add_row(["limits", &limits(facts)]);
        table.add_row(["features", &features(facts)]);
        table.add_row(["self-check", &checked(check)]);
        if let Some(precision) = &check.precision {
            table.add_row(["auto multiplies", precision]);
        }
    }
    table.add_row(["", ""]);
    let auto = match devices.taken {
        Some(index) => format!("adapter {index}: {}", devices.why),
        None => format!("the CPU: {}", devices.why),
    };
    table.add_row(["auto takes", &auto]);
    if devices.taken.is_none() {
        table.add_row(["for a GPU", DRIVER_HINT]);
    }
    format!("{}\n", table.trim_fmt())
}

fn limits(facts: &Facts) -> String {
    let mib = |bytes: u64| format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20));
    format!(
        "binding {}, buffer {}, workgroup memory {} KiB, {} invocations, {} groups a dimension",
        mib(facts.max_storage_binding_bytes),
        mib(facts.max_buffer_bytes),
        facts.max_workgroup_memory_bytes >> 10,
        facts.max_workgroup_invocations,
        facts.max_workgroups_per_dimension,
    )
}

fn features(facts: &Facts) -> String {
    let subgroups = format!(
        "subgroups of {}..{}",
        facts.subgroup_min, facts.subgroup_max
    );
    let all = [
        (facts.subgroups, subgroups.as_str()),
        (facts.f16, "f16"),
        (facts.cooperative_matrices, "cooperative matrices"),
        (facts.timestamps, "timestamps"),
        (facts.pipeline_cache, "pipeline cache"),
    ];
    let (with, without): (Vec<_>, Vec<_>) = all.into_iter().partition(|(has, _)| *has);
    let join = |of: Vec<(bool, &str)>| {
        of.into_iter()
            .map(|(_, name)| name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (with.is_empty(), without.is_empty()) {
        (_, true) => join(with),
        (true, _) => format!("none of {}", join(without)),
        _ => format!("{}; not {}", join(with), join(without)),
    }
}

fn checked(check: &Check) -> String {
    let outcome = if check.trusted { "passed" } else { "FAILED" };
    let mut text = format!("{outcome} in {:.2} s", check.seconds);
    for note in &check.notes {
        text.push_str("; ");
        text.push_str(note);
    }
    text
}
