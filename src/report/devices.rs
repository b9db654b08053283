//! The machine's adapters with their self-checks, as a table and as JSON.

use crate::scan::gpu::adapters::{DRIVER_HINT, Facts};
use serde::Serialize;
use serde_json::{Value, json};

/// The result of the checks: every variant that f32 and the matrix unit need, against its CPU twin.
#[derive(Debug, Serialize)]
pub struct Check {
    pub trusted: bool,
    /// Time for opening the device, compiling the passes and running them.
    pub seconds: f64,
    /// The precision that `--precision auto` uses first, and why; `None` on an adapter that failed its checks.
    pub precision: Option<String>,
    /// Faults, and features that the scan does without.
    pub notes: Vec<String>,
}

/// All adapters, and the one that `auto` takes.
#[derive(Debug)]
pub struct Devices {
    pub cpu: String,
    pub adapters: Vec<(Facts, Check)>,
    /// The number of the adapter that `auto` takes; `None` for the CPU.
    pub taken: Option<usize>,
    pub why: String,
}

/// The devices as one object; field names are part of the interface.
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
            table.add_row(["auto precision", precision]);
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
