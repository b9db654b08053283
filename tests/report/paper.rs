//! Experiments of the paper, read in sentences.

use hullscope::report::paper::{Collection, Experiment, Findings, reading, text};
use hullscope::study::paper::Point;
use hullscope::study::paper::fig1::{Half, INNER, SETTINGS};
use hullscope::study::theory;
use serde_json::Value;

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
    let exact = theory::first_n_half(INNER as u64);
    let half = |setting: usize, d: u64, measured: Option<u64>| Half {
        data: SETTINGS[setting].0.into(),
        d,
        measured,
        interval95: [None; 2],
        exact: (setting == 2).then_some(exact),
    };
    let findings = Findings {
        points: [(4, 980), (16, 600), (64, 200), (196, 0)]
            .map(|(d, inside)| point(d, inside))
            .to_vec(),
        halves: vec![half(1, 2, Some(9)), half(1, 7, None), half(2, 5, Some(62))],
        ..Findings::default()
    };
    let read = reading(&findings).join("\n");
    // 22.6 = 16 * 4^(1/4): ln d is a quarter of the way from 16 to 64.
    for part in [
        "98.00 % at d = 4 (patches) and 0.00 % at d = 196 (patches); it is one half at d = 22.6 (patches), of as many",
        "Compare each rate",
    ] {
        assert!(read.contains(part), "{part} is not in {read}");
    }
    let page = text(&Collection {
        command: String::new(),
        date: String::new(),
        experiments: vec![Experiment {
            name: "fig1".into(),
            command: String::new(),
            date: String::new(),
            settings: Value::Null,
            notes: Vec::new(),
            findings,
        }],
        notes: Vec::new(),
    });
    let said = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for (setting, line) in [(1, "2 9 -"), (1, "7 - -"), (2, &format!("5 62 {exact}"))] {
        let line = format!("{} {line}", SETTINGS[setting].0);
        assert!(said.contains(&line), "{line} is not in {page}");
    }
    let findings = Findings::default();
    assert!(reading(&findings).is_empty());
}
