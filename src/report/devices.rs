//! The machine's adapters with their self-checks, as a table and as JSON.

use super::text_table::lines;
use crate::scan::gpu::adapters::{DRIVER_HINT, Facts};
use itertools::Itertools;
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
    let adapters = devices.adapters.iter();
    let adapters = adapters.map(|(facts, check)| json!({ "facts": facts, "check": check }));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "cpu": devices.cpu,
        "adapters": adapters.collect::<Vec<_>>(),
        "auto": {
            "backend": if devices.taken.is_some() { "gpu" } else { "cpu" },
            "adapter": devices.taken,
            "why": devices.why,
        },
    })
}

/// A block of lines for each adapter, for a terminal.
pub fn table(devices: &Devices) -> String {
    let mut all = vec![("cpu", devices.cpu.clone())];
    for (facts, check) in &devices.adapters {
        let outcome = if check.trusted { "passed" } else { "FAILED" };
        let outcome = format!("{outcome} in {:.2} s", check.seconds);
        let checked = [outcome].iter().chain(&check.notes).join("; ");
        all.extend([
            ("", String::new()),
            ("adapter", facts.title()),
            ("limits", limits(facts)),
            ("features", features(facts)),
            ("self-check", checked),
        ]);
        let precision = check.precision.iter().cloned();
        all.extend(precision.map(|precision| ("auto precision", precision)));
    }
    let taken = devices.taken.map(|index| format!("adapter {index}"));
    let why = format!("{}: {}", taken.unwrap_or("the CPU".into()), devices.why);
    all.extend([("", String::new()), ("auto takes", why)]);
    if devices.taken.is_none() {
        all.push(("for a GPU", DRIVER_HINT.into()));
    }
    lines(all.into_iter().map(|(name, text)| (name.into(), text)))
}

fn limits(facts: &Facts) -> String {
    format!(
        "binding {} MiB, buffer {} MiB, workgroup memory {} KiB, {} invocations, {} groups a dimension",
        facts.max_storage_binding_bytes >> 20,
        facts.max_buffer_bytes >> 20,
        facts.max_workgroup_memory_bytes >> 10,
        facts.max_workgroup_invocations,
        facts.max_workgroups_per_dimension,
    )
}

fn features(facts: &Facts) -> String {
    let facts_by_name = json!(facts);
    let each = facts_by_name.as_object().into_iter().flatten();
    let mut each = each.filter_map(|(name, has)| {
        let no = if has.as_bool()? { "" } else { "no " };
        Some(format!("{no}{}", name.replace('_', " ")))
    });
    let (least, most) = (facts.subgroup_min, facts.subgroup_max);
    format!("{}; subgroups of {least}..{most}", each.join(", "))
}
