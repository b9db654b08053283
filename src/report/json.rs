//! The summary as one JSON object, for scripts.

use crate::store::Context;
use crate::study::summary::Summary;
use serde_json::{Value, json};

/// Context and summary together. Field names are part of the interface.
pub fn summary(context: &Context, summary: &Summary) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": context.command,
        "inputs": { "reference": context.reference, "queries": context.queries },
        "settings": { "analysis": context.plan, "rows": context.rows },
        "backend": summary.backend,
        "reference": summary.reference,
        "hull": summary.hull,
        "neighbours": summary.neighbours,
        "notions": summary.notions,
        "self_test": summary.self_test,
        "leakage": summary.leakage,
        "warnings": summary.warnings,
        "seconds": summary.seconds,
        "scan": {
            "directions": summary.directions,
            "gflop": summary.scan_gflop,
            "gflop_per_second": summary.scan_gflop_per_second,
        },
    })
}
