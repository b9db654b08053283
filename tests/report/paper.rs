//! Experiments of the paper: kept in a folder, and read in sentences.

use super::fixtures::experiment;
use hullscope::report::paper::{self, Findings, keep, reading};
use hullscope::study::paper::Point;
use hullscope::study::paper::fig1::{Half, INNER, SETTINGS};
use hullscope::study::theory;
use std::path::{Path, PathBuf};

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
    let (all, notes) = paper::all(folder.path(), &[]);
    assert_eq!((all, notes), (vec![kept.clone()], Vec::new()));
    // A new run of an experiment replaces it; other experiments stay, in the order of the paper.
    kept.command = "again".into();
    keep(folder.path(), &kept).unwrap();
    let first = experiment("fig1", &[(2, 0.5)]);
    let (all, notes) = paper::all(folder.path(), std::slice::from_ref(&first));
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
        let (all, notes) = paper::all(folder.path(), &[]);
        assert_eq!(all, std::slice::from_ref(&kept));
        assert!(notes.len() == 1 && notes[0].contains(part), "{notes:?}");
        assert!(notes[0].contains(&format!("findings of {name} are left out")));
        std::fs::remove_file(path(folder.path(), name)).unwrap();
    }
}

fn point(d: u64, inside: u64) -> Point {
    Point {
        figure: "pixels".into(),
        data: "A".into(),
        series: "patches".into(),
        space: String::new(),
        d,
        rank: Some(d),
        n: 6000,
        trials: 1000,
        inside,
        undecided: 0,
        rate: inside as f64 / 1000.0,
        interval95: [0.0, 1.0],
        theory: None,
    }
}

#[test]
fn ends_and_halves_are_said() {
    let half = |setting: usize, d: u64, measured: Option<u64>| Half {
        data: SETTINGS[setting].0.into(),
        d,
        measured,
        interval95: [None; 2],
        exact: None,
    };
    let mut findings = Findings {
        points: [(4, 980), (16, 600), (64, 200), (196, 0)]
            .map(|(d, inside)| point(d, inside))
            .to_vec(),
        halves: vec![half(1, 2, Some(9)), half(1, 7, None), half(2, 5, Some(62))],
        ..Findings::default()
    };
    let text = reading(&findings).join("\n");
    // 22.6 = 16 * 4^(1/4): ln d is a quarter of the way from 16 to 64.
    for part in [
        "98.00 % at d = 4 (patches) and 0.00 % at d = 196 (patches); it is one half at d = 22.6 (patches), of as many",
        &format!(
            "inside: 62 (d = 5) for Gaussian samples of rank {INNER}, exactly {}; 9 (d = 2), none drawn (d = 7) for",
            theory::first_n_half(INNER as u64)
        ),
        "Compare each rate",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    findings = Findings::default();
    assert!(reading(&findings).is_empty());
}
