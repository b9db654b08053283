//! Memory sizes as people write them, and how much this machine has.

use std::fs;
use std::path::Path;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// The budget where the machine's memory is unknown: 4 GiB.
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
    let ram = MemoryRefreshKind::nothing().with_ram();
    let machine = System::new_with_specifics(RefreshKind::nothing().with_memory(ram))
        .map_or(0, |system| system.total_memory());
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = group_limit(&groups, Path::new("/sys/fs/cgroup"));
    // A system that does not report its memory has 0 here.
    let all = [Some(machine).filter(|&bytes| bytes > 0), group];
    all.into_iter()
        .flatten()
        .min()
        .map_or(FALLBACK, |bytes| bytes / 2)
}

/// The least memory limit among the control groups of a process and their ancestors. `groups` is its `/proc/PID/cgroup`,
/// with a line `0::/PATH` (version 2) or `9:memory:/PATH` (version 1) for each. In a container the files of the process's
/// group may be at the root instead.
fn group_limit(groups: &str, root: &Path) -> Option<u64> {
    let limits = groups.lines().flat_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next(), fields.next(), fields.next());
        let (folder, file) = match controllers {
            Some("") => (root.to_path_buf(), "memory.max"),
            Some(names) if names.split(',').any(|name| name == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => return Vec::new(),
        };
        let own = folder.join(path.unwrap_or_default().trim_start_matches('/'));
        let above = own
            .ancestors()
            .take_while(|above| above.starts_with(&folder));
        let read = |group: &Path| {
            fs::read_to_string(group.join(file))
                .ok()?
                .trim()
                .parse()
                .ok()
        };
        above.filter_map(read).collect()
    });
    limits.min()
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
    fn the_least_limit_of_all_groups_counts() {
        let root = tempfile::tempdir().unwrap();
        let limit = |file: &str, text: &str| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        limit("a/b/memory.max", "max\n");
        limit("a/memory.max", "5000000\n");
        limit("memory/docker/x/memory.limit_in_bytes", "3000000\n");
        limit("memory/memory.limit_in_bytes", "9223372036854771712\n");
        let of = |groups| group_limit(groups, root.path());
        assert_eq!(of("0::/a/b\n"), Some(5_000_000));
        assert_eq!(
            of("4:cpu,memory:/docker/x\n1:name=systemd:/y\n0::/a\n"),
            Some(3_000_000)
        );
        // A path of the host, which a container does not see.
        assert_eq!(of("9:memory:/elsewhere\n"), Some(9_223_372_036_854_771_712));
        assert_eq!(of("0::/\n"), None);
        assert_eq!(of(""), None);
        assert!(default_budget() > 1 << 20);
    }
}
