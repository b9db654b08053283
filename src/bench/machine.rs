//! Where and when figures were measured: the processor, the system, the adapters, and the date.

use crate::study::bench::Machine;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

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
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().into())
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
    // A clock before 1970 is wrong in any case.
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |passed| passed.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of the Gregorian calendar from the days since 1970. If years start on 1 March, month lengths
/// follow a pattern of 153 days for five months, and a leap day is the last day (Hinnant, "chrono-compatible low-level
/// date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * era + year + u64::from(month <= 2);
    (year, month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_calendar() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_780), (2026, 11, 23));
        assert_eq!(date().len(), 20);
    }
}
