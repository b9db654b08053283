//! `hullscope devices` and the options that choose the engine, with and without a graphics driver.

use crate::common::adapters::{adapters, one};
use serde_json::Value;
use std::process::{Command, Output};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hullscope"));
    command.env_remove("HULLSCOPE_BACKEND");
    command.args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

/// Run the program as on a machine without any driver.
fn without_drivers(arguments: &[&str]) -> Output {
    let mut command = program(arguments);
    for list in ["VK_ICD_FILENAMES", "VK_DRIVER_FILES"] {
        command.env(list, "/dev/null");
    }
    command.output().unwrap()
}

fn error(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(output.stdout.is_empty());
    text
}

/// A small part of the sample, with options that make it fast on a software adapter.
const SAMPLE: [&str; 5] = [
    "analyze",
    "--limit-reference",
    "300",
    "--limit-queries",
    "8",
];

fn sample<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SAMPLE[..], more].concat()
}

#[test]
fn devices_are_listed_and_checked() {
    let output = run(&["devices", "--json"]);
    assert!(output.status.success());
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let listed = found["adapters"].as_array().unwrap();
    assert_eq!(listed.len(), adapters().len());
    for (adapter, listed) in adapters().iter().zip(listed) {
        assert_eq!(listed["facts"]["name"], adapter.facts.name);
        assert_eq!(listed["check"]["trusted"], true, "{listed}");
        let precision = listed["check"]["precision"].as_str().unwrap();
        let software = listed["facts"]["kind"] == "software";
        let why = if software {
            "is not timed"
        } else {
            "times as fast"
        };
        assert!(precision.contains(why), "{listed}");
        for key in [
            "driver",
            "kind",
            "max_storage_binding_bytes",
            "f16",
            "subgroups",
        ] {
            assert!(!listed["facts"][key].is_null(), "{key}");
        }
    }
    assert!(found["auto"]["why"].is_string());
    let table = run(&["devices"]);
    let text = String::from_utf8(table.stdout).unwrap();
    assert!(table.status.success() && text.contains("auto takes"));
    assert!(adapters().is_empty() || text.contains("auto precision"));
    assert!(
        adapters()
            .iter()
            .all(|adapter| text.contains(&adapter.facts.name))
    );
}

#[test]
fn without_a_driver_the_cpu_scans_and_one_line_says_so() {
    let devices = without_drivers(&["devices"]);
    let text = String::from_utf8(devices.stdout).unwrap();
    assert!(
        devices.status.success() && text.contains("no Vulkan loader or driver"),
        "{text}"
    );

    let output = without_drivers(&sample(&["--json", "-"]));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("note: the CPU scans").count(), 1, "{said}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(summary["backend"].as_str().unwrap().starts_with("cpu"));

    let quiet = without_drivers(&sample(&["--backend", "cpu"]));
    let said = String::from_utf8(quiet.stderr).unwrap();
    assert!(
        quiet.status.success() && !said.contains("the CPU scans"),
        "{said}"
    );

    let refused = error(&without_drivers(&sample(&["--backend", "gpu"])));
    assert!(
        refused.contains("no GPU") && refused.contains("driver"),
        "{refused}"
    );
    assert_eq!(refused.trim().lines().count(), 1, "{refused}");
}

#[test]
fn options_that_clash_or_match_nothing() {
    let clash = error(&run(&sample(&["--backend", "cpu", "--adapter", "0"])));
    assert!(clash.contains("--backend cpu"), "{clash}");
    let clash = error(&run(&sample(&["--backend", "cpu", "--gpu-memory", "1GiB"])));
    assert!(clash.contains("--gpu-memory"), "{clash}");
    assert!(error(&run(&sample(&["--gpu-memory", "much"]))).contains("--gpu-memory"));
    let Some(any) = adapters().first() else {
        return;
    };
    let none = error(&run(&sample(&["--adapter", "no such card"])));
    assert!(
        none.contains("no adapter") && none.contains(&any.facts.name),
        "{none}"
    );
    if adapters().len() > 1 {
        // Every adapter name here contains an e.
        let several = error(&run(&sample(&["--adapter", "e"])));
        assert!(several.contains("matches 2 adapters"), "{several}");
    }
    let small = error(&run(&sample(&["--adapter", "0", "--gpu-memory", "3k"])));
    assert!(
        small.contains("--gpu-memory is 3072 bytes") && small.contains("at least"),
        "{small}"
    );
}

/// A named adapter gives the CPU's answers, wherever its rows are; damaged cache files do no harm.
#[test]
fn a_named_adapter_gives_the_same_table() {
    let folder = tempfile::tempdir().unwrap();
    let table = |name: &str, more: &[&str]| {
        let path = folder.path().join(name);
        let path = path.to_str().unwrap();
        let mut command = program(&sample(&["-q", "--neighbours", "3", "-o", path]));
        let output = command
            .args(more)
            .env("XDG_CACHE_HOME", folder.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = std::fs::read_to_string(path).unwrap();
        // Margins are bounds, and differ between engines.
        let columns = |line: &str| {
            let all: Vec<String> = line.split(',').map(String::from).collect();
            [&all[..2], &all[7..]].concat()
        };
        text.lines().map(columns).collect::<Vec<_>>()
    };
    let expected = table("cpu.csv", &["--backend", "cpu"]);
    if let Some(adapter) = one() {
        let index = adapter.facts.index.to_string();
        let named = ["--adapter", index.as_str()];
        assert_eq!(table("gpu.csv", &named), expected);
        let cached: Vec<_> = walk(folder.path());
        for file in &cached {
            std::fs::write(file, b"not a cache").unwrap();
        }
        for precision in ["f16", "int8"] {
            let streamed = [
                &named[..],
                &["--gpu-memory", "6MiB", "--precision", precision],
            ];
            assert_eq!(table("streamed.csv", &streamed.concat()), expected);
        }
    }
}

/// The summary reports which precision answered.
#[test]
fn int8_on_an_adapter_is_said() {
    if let Some(adapter) = one() {
        let index = adapter.facts.index.to_string();
        let more = ["--adapter", &index, "--precision", "int8", "--json", "-"];
        let output = run(&sample(&more));
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let backend = summary["backend"].as_str().unwrap();
        assert!(backend.ends_with("int8, then f32"), "{backend}");
        let directions = &summary["scan"]["directions"];
        assert!(directions["int8"].as_u64() > Some(0), "{directions}");
    }
}

/// Files of the program's cache.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let cache = folder.join("hullscope");
    let Ok(entries) = std::fs::read_dir(&cache) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().path()).collect()
}
