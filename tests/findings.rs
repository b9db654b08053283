//! Experiments of the paper that a folder keeps: read back to the last digit, or left out with a reason.

use hullscope::job::findings::{self, keep};
use hullscope::report::paper::{Experiment, Findings};
use hullscope::study::paper::Point;
use serde_json::json;
use std::path::{Path, PathBuf};

/// An experiment with one curve of shares inside against the dimension.
fn experiment(name: &str, rates: &[(u64, f64)]) -> Experiment {
    let point = |&(d, rate): &(u64, f64)| Point {
        figure: name.into(),
        data: "data".into(),
        series: "curve".into(),
        space: format!("patch:{d}"),
        d,
        rank: Some(d),
        n: 6000,
        trials: 1000,
        inside: (1000.0 * rate) as u64,
        undecided: 0,
        rate,
        interval95: [rate / 2.0, 2.0 * rate],
        theory: None,
    };
    Experiment {
        name: name.into(),
        command: format!("hullscope paper {name}"),
        date: "2026-01-02T03:04:05Z".into(),
        settings: json!({ "seed": 7 }),
        notes: vec![format!("a note of {name}")],
        findings: Findings {
            points: rates.iter().map(point).collect(),
            ..Findings::default()
        },
    }
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join("findings").join(format!("{name}.json"))
}

#[test]
fn what_was_kept_comes_back_to_the_last_digit() {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = experiment(
        "pixels",
        &[(4, 0.1 + 0.2), (9, 1.0 / 3.0), (16, 2.0f64.sqrt() / 7e9)],
    );
    keep(folder.path(), &kept).unwrap();
    let (all, notes) = findings::all(folder.path(), &[]);
    assert_eq!((all, notes), (vec![kept.clone()], Vec::new()));
    // A new run of an experiment replaces it; other experiments stay, in the order of the paper.
    kept.command = "again".into();
    keep(folder.path(), &kept).unwrap();
    let first = experiment("fig1", &[(2, 0.5)]);
    let (all, notes) = findings::all(folder.path(), std::slice::from_ref(&first));
    assert_eq!((all, notes), (vec![first, kept], Vec::new()));
}

#[test]
fn what_cannot_be_used_is_said_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let kept = experiment("latents", &[(4, 0.5)]);
    keep(folder.path(), &kept).unwrap();
    let text = std::fs::read_to_string(path(folder.path(), "latents")).unwrap();
    let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    for (name, text, part) in [
        ("fig1", text.clone(), "holds the findings of latents"),
        ("pixels", text[..text.len() / 2].into(), "does not hold"),
        (
            "fig5",
            text.replace(&version, "\"version\":\"0.0.0\""),
            "version 0.0.0",
        ),
    ] {
        std::fs::write(path(folder.path(), name), text).unwrap();
        let (all, notes) = findings::all(folder.path(), &[]);
        assert_eq!(all, std::slice::from_ref(&kept));
        assert!(notes.len() == 1 && notes[0].contains(part), "{notes:?}");
        assert!(notes[0].contains(&format!("findings of {name} are left out")));
        std::fs::remove_file(path(folder.path(), name)).unwrap();
    }
}
