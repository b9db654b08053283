//! Where and when figures were measured: the processor, the system, the adapters, and the date.

use crate::study::bench::Machine;
use sysinfo::{CpuRefreshKind, RefreshKind, System};

/// This machine.
pub fn machine() -> Machine {
    Machine {
        cpu: cpu().unwrap_or_else(|| std::env::consts::ARCH.into()),
        threads: rayon::current_num_threads(),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        adapters: adapters(),
    }
}

/// The processor's name, if the system provides it.
fn cpu() -> Option<String> {
    let asked = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(asked).ok()?;
    let brand = system.cpus().first()?.brand().trim();
    (!brand.is_empty()).then(|| brand.into())
}

#[cfg(feature = "gpu")]
fn adapters() -> Vec<String> {
    let each = crate::scan::gpu::adapters::list().into_iter();
    each.map(|adapter| {
        let info = adapter.handle.get_info();
        format!(
            "{}: {}, {:?}, {} {}",
            adapter.facts.index, info.name, info.device_type, info.driver, info.driver_info
        )
    })
    .collect()
}

#[cfg(not(feature = "gpu"))]
fn adapters() -> Vec<String> {
    Vec::new()
}

/// Now, in UTC: `2026-11-23T10:00:00Z`.
pub fn date() -> String {
    chrono::Utc::now().format("%FT%TZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};

    #[test]
    fn the_date_is_now_in_seconds() {
        let date = date();
        let read: DateTime<Utc> = date.parse().unwrap();
        assert!((Utc::now() - read).num_seconds().abs() < 60, "{date}");
        assert_eq!(date.len(), "2026-11-23T10:00:00Z".len());
        assert!(date.ends_with('Z'), "{date}");
    }
}
