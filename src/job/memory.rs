//! Memory sizes as people write them, and how much this machine has.

use std::fs;

/// Where the machine does not say: a budget that any machine of this decade has.
const FALLBACK: u64 = 4 << 30;

/// `4GiB`, `500MB`, `1.5G` or plain bytes.
pub fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => {
            return Err(format!(
                "{unit:?} is not a unit of memory; write for example 4GiB or 500MB"
            ));
        }
    };
    let number: f64 = number
        .parse()
        .map_err(|_| "a size starts with a number, for example 4GiB".to_string())?;
    let bytes = number * factor as f64;
    if bytes.is_finite() && bytes < u64::MAX as f64 {
        Ok(bytes as u64)
    } else {
        Err("the size is too large".into())
    }
}

/// Half of what this machine, or the control group that the program runs in, has.
pub fn default_budget() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| total(&text));
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let all = [machine, group].into_iter().flatten().min();
    all.map_or(FALLBACK, |bytes: u64| bytes / 2)
}

/// `MemTotal:       24650000 kB`, in bytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_write_them() {
        assert_eq!(parse("4GiB"), Ok(4 << 30));
        assert_eq!(parse("500 MB"), Ok(500_000_000));
        assert_eq!(parse("1.5k"), Ok(1536));
        assert_eq!(parse("77"), Ok(77));
        assert!(parse("4 bananas").is_err() && parse("GiB").is_err() && parse("1e400").is_err());
    }

    #[test]
    fn total_memory_is_read_from_its_line() {
        assert_eq!(
            total("MemFree: 1 kB\nMemTotal:       100 kB\n"),
            Some(102_400)
        );
        assert_eq!(total("nothing"), None);
        assert!(default_budget() > 1 << 20);
    }
}
