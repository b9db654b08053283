//! `paper`: the figures' points compared with exact probabilities and known counts; settings, files, and refused input.

use crate::common::{gaussian, random};
use crate::formats::{Folder, encode, npy};
use hullscope::control::Control;
use hullscope::job::paper::Options;
use hullscope::rows::{Element, Rows};
use hullscope::scan::{CpuEngine, Engine, Frame, Scan};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::RngExt;
use serde_json::Value;
use std::fs::{self, File};
use std::process::Output;

fn paper(folder: &Folder, words: &[&str]) -> Output {
    folder.run(&[&["paper"], words].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The JSON printed by a command that must succeed.
#[track_caller]
fn findings(folder: &Folder, words: &[&str]) -> Value {
    let output = paper(folder, &[words, &["--json", "-"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(value: &Value, key: &str) -> f64 {
    value[key]
        .as_f64()
        .unwrap_or_else(|| panic!("no {key} in {value}"))
}

fn points<'v>(found: &'v Value, series: &str) -> Vec<&'v Value> {
    let all = found["points"].as_array().unwrap();
    all.iter()
        .filter(|point| point["series"] == series)
        .collect()
}

#[test]
fn figure_1_comes_out_as_theory_says() {
    let found = findings(
        &Folder::new(),
        &["fig1", "--quick", "--trials", "600", "--seed", "3"],
    );
    let (mut known, mut limits) = (0, Vec::new());
    for point in found["points"].as_array().unwrap() {
        let (rate, trials) = (number(point, "rate"), number(point, "trials"));
        let Some(exact) = point["theory"].as_f64() else {
            continue;
        };
        known += 1;
        // Hundreds of points, correlated along each curve: five standard errors, plus one or two counts where few
        // queries are inside.
        let error = (exact * (1.0 - exact) / trials).sqrt();
        assert!(
            (rate - exact).abs() <= 5.0 * error + 2.0 / trials,
            "{point}"
        );
        limits.push((
            point["data"].as_str().unwrap().to_string(),
            number(point, "d") as u64,
        ));
    }
    // Gaussians of 2 to 7 dimensions, and 4-dimensional Gaussians in 5, 6 and 7 dimensions, at a dozen sizes or more each.
    limits.sort();
    limits.dedup();
    assert_eq!(limits.len(), 9, "{limits:?}");
    assert!(known > 100);
    // The first N at which half of the queries are inside, measured and exact.
    let halves = found["halves"].as_array().unwrap();
    let mut exact = Vec::new();
    for half in halves.iter().filter(|half| !half["exact"].is_null()) {
        let (n, measured) = (number(half, "exact"), number(half, "measured"));
        // The measured N is interpolated linearly between sizes, the exact one is an integer: a tenth is a wide tolerance.
        assert!((measured - n).abs() <= 0.1 * n + 1.0, "{half}");
        exact.push(n as u64);
    }
    assert_eq!(exact, [11, 27, 63, 135, 278, 555, 63, 63, 63]);
    // A curve that spans more dimensions needs more samples, and every curve reaches half inside, as in the paper.
    let manifold = |d: u64| {
        let mut halves = halves.iter();
        let half = halves.find(|h| h["data"].as_str().unwrap().contains("manifold") && h["d"] == d);
        half.unwrap()["measured"].as_f64()
    };
    let reached: Vec<f64> = (2..=7).map(|d| manifold(d).unwrap()).collect();
    assert!(reached.is_sorted_by(|a, b| a < b), "{reached:?}");
}

#[test]
fn vertices_of_cubes_have_the_exact_counts() {
    let folder = Folder::new();
    let found = findings(&folder, &["fig5", "-o", "out"]);
    let cubes = found["cubes"].as_array().unwrap();
    for (cube, (d, known)) in cubes
        .iter()
        .zip([(8, [16, 58, 128, 198]), (12, [24, 134, 464, 1124])])
    {
        assert_eq!(
            (cube["d"].as_u64(), cube["vertices"].as_u64()),
            (Some(d), Some(1 << d))
        );
        let exact = 1.0 / (d as f64).sqrt();
        for bound in cube["distance"].as_array().unwrap() {
            assert!((bound.as_f64().unwrap() - exact).abs() <= 1e-9, "{bound}");
        }
        let views = cube["views"].as_array().unwrap();
        assert_eq!(views[0]["outside"].as_u64(), Some(1 << d));
        for (view, outside) in views[1..].iter().zip(known) {
            assert_eq!(view["outside"].as_u64(), Some(outside), "{view}");
            assert_eq!(view["inside"].as_u64(), Some((1 << d) - outside), "{view}");
        }
    }
    for name in ["fig5.png", "fig5.svg", "report.html", "summary.json"] {
        assert!(
            fs::metadata(folder.path(&format!("out/{name}")))
                .unwrap()
                .len()
                > 1000,
            "{name}"
        );
    }
}

#[test]
fn embeddings_of_a_cube_are_asked_about_too() {
    let folder = Folder::new();
    let array = |rows: usize, d: usize, values: &[f64]| {
        npy(
            1,
            "'<f4'",
            "False",
            &format!("({rows}, {d})"),
            &encode(Element::F32, values, false),
        )
    };
    // Corners of a polygon: every one is outside the hull of the others.
    let turn = |i: usize| std::f64::consts::TAU * i as f64 / 256.0;
    let circle: Vec<f64> = (0..256)
        .flat_map(|i| [turn(i).cos(), turn(i).sin()])
        .collect();
    folder.file("circle.npy", &array(256, 2, &circle));
    folder.file("odd.npy", &array(100, 2, &gaussian(200, 1)));
    let found = findings(&folder, &["fig5", "--space", "file:circle.npy,circle.npy"]);
    let views = found["cubes"][0]["views"].as_array().unwrap();
    let view = views.last().unwrap();
    assert_eq!(view["outside"].as_u64(), Some(256), "{view}");
    for (words, parts) in [
        (
            ["fig5", "--space", "file:odd.npy,odd.npy"],
            ["100 rows", "256"],
        ),
        (
            ["fig5", "--space", "file:odd.npy,circle.npy"],
            ["file:EMBEDDING,EMBEDDING", "circle.npy"],
        ),
        (
            ["fig5", "--space", "pca:2"],
            ["file:EMBEDDING,EMBEDDING", "pca:2"],
        ),
        (
            ["fig1", "--space", "file:odd.npy,odd.npy"],
            ["--space", "fig5"],
        ),
        (["pixels", "--images", "missing"], ["--images", "2 values"]),
        (["pixels", "--data", "missing"], ["missing", "train-images"]),
        (["fig9", "--seed", "1"], ["fig9", "fig1"]),
        (["fig1", "--trials", "0"], ["one trial", "at least"]),
    ] {
        let output = paper(&folder, &[&words[..], &["-o", "out"]].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{words:?}: {part:?} is not in {said}");
        }
        assert!(fs::metadata(folder.path("out")).is_err(), "{words:?}");
    }
}

#[test]
fn latents_and_pixels_of_the_sample_fall_from_most_to_none() {
    let folder = Folder::new();
    let words = [
        "--quick",
        "--limit-reference",
        "400",
        "--limit-queries",
        "60",
        "-o",
        "out",
    ];
    let latents = findings(&folder, &[&["latents"], &words[..]].concat());
    let mut series: Vec<&str> = Vec::new();
    for point in latents["points"].as_array().unwrap() {
        let name = point["series"].as_str().unwrap();
        if !series.contains(&name) {
            series.push(name);
        }
    }
    assert_eq!(series.len(), 7, "{series:?}");
    for name in series {
        let points = points(&latents, name);
        assert!(number(points[0], "rate") > 0.9, "{name}");
        assert!(number(points[points.len() - 1], "rate") < 0.1, "{name}");
        for pair in points.windows(2) {
            assert!(number(pair[0], "d") < number(pair[1], "d"));
            // The subsets of features are not nested, so a small increase is possible.
            assert!(
                number(pair[0], "rate") + 0.05 >= number(pair[1], "rate"),
                "{name}"
            );
        }
    }
    // Results are reused, not computed again; the page describes what was done and found.
    let kept = fs::read_dir(folder.path("out/latents-sample-of-fashion-mnist/spaces")).unwrap();
    assert!(kept.count() > 20);
    let again = findings(&folder, &[&["latents"], &words[..]].concat());
    assert_eq!(again["points"], latents["points"]);
    let page = fs::read_to_string(folder.path("out/report.html")).unwrap();
    let page = page.replace('\u{a0}', " ");
    for part in [
        "Table 1",
        "it is one half at d = ",
        "arxiv.org/abs/2110.09485",
        "<svg",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let table = File::open(folder.path("out/points.parquet")).unwrap();
    let table = ParquetRecordBatchReaderBuilder::try_new(table).unwrap();
    let rows = table.metadata().file_metadata().num_rows();
    assert_eq!(rows as usize, latents["points"].as_array().unwrap().len());
}

/// Writes random byte images, N of H x W, to a file in the folder. The first pixel is the same in all images.
fn images(folder: &Folder, name: &str, [n, height, width]: [usize; 3], seed: u64) {
    let mut random = random(seed);
    let pixel = |place: usize| match place % (height * width) {
        0 => 7,
        _ => random.random(),
    };
    let bytes: Vec<u8> = (0..n * height * width).map(pixel).collect();
    let shape = format!("({n}, {height}, {width})");
    folder.file(name, &npy(1, "'|u1'", "False", &shape, &bytes));
}

/// Runs `paper`, which must succeed; returns stdout and stderr.
#[track_caller]
fn run(folder: &Folder, words: &str) -> (String, String) {
    let output = paper(folder, &words.split(' ').collect::<Vec<_>>());
    let (told, noted) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{words}: {noted}");
    (told, noted)
}

fn read(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.path(name)).unwrap()
}

fn summary(folder: &Folder) -> Value {
    serde_json::from_str(&read(folder, "out/summary.json")).unwrap()
}

/// The experiment with this name in a summary.
fn experiment<'v>(summary: &'v Value, name: &str) -> &'v Value {
    let all = summary["experiments"].as_array().unwrap();
    let found = all.iter().find(|made| made["experiment"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {all:?}"))
}

/// The figures that the points belong to, without repeats.
fn figures(summary: &Value) -> Vec<&str> {
    let points = summary["points"].as_array().unwrap().iter();
    let mut all: Vec<&str> = points
        .filter_map(|point| point["figure"].as_str())
        .collect();
    all.dedup();
    all
}

/// The number of rows of a table.
fn rows(folder: &Folder, name: &str) -> usize {
    let table = File::open(folder.path(name)).unwrap();
    let table = ParquetRecordBatchReaderBuilder::try_new(table).unwrap();
    table.metadata().file_metadata().num_rows() as usize
}

#[test]
fn runs_add_their_experiments_to_the_folder() {
    let folder = Folder::new();
    images(&folder, "x.npy", [200, 5, 5], 1);
    images(&folder, "y.npy", [30, 5, 5], 2);
    let small = "pixels --quick --images x.npy y.npy --seed 4 -o out";
    run(&folder, small);
    run(&folder, "fig1 --quick --trials 30 --seed 3 -o out");
    run(&folder, "fig5 -o out");
    let first = summary(&folder);
    // The experiments in the paper's order, each with its own settings and command.
    for (name, seed, words) in [
        ("fig1", 3, "paper fig1 --quick --trials 30"),
        ("pixels", 4, "paper pixels --quick"),
        ("fig5", 0, "paper fig5 -o out"),
    ] {
        let made = experiment(&first, name);
        assert_eq!(made["settings"]["seed"], seed, "{made}");
        assert!(made["command"].as_str().unwrap().contains(words), "{made}");
        assert!(made["date"].as_str().unwrap().ends_with('Z'), "{made}");
        assert!(
            made["set_up"]
                .as_str()
                .unwrap()
                .contains(&format!("seed {seed}"))
        );
    }
    assert_eq!(experiment(&first, "fig1")["settings"]["trials"], 30);
    assert_eq!(experiment(&first, "pixels")["settings"].get("trials"), None);
    assert_eq!(figures(&first), ["fig1", "pixels"]);
    assert_eq!(first["cubes"].as_array().unwrap().len(), 2);
    let all = first["points"].as_array().unwrap().len();
    assert_eq!(rows(&folder, "out/points.parquet"), all);
    let page = read(&folder, "out/report.html").replace('\u{a0}', " ");
    let headings = [
        "A new sample inside the hull",
        "Inside the hull of the training images: pixel space",
        "Vertices of a cube",
    ];
    let places = headings.map(|heading| page.find(&format!("<h2>{heading}")).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    assert!(page.contains("30 trials a curve") && page.contains("paper pixels --quick"));
    for name in [
        "fig1.png",
        "fig1.svg",
        "pixels.png",
        "pixels.svg",
        "fig5.png",
    ] {
        assert!(
            fs::exists(folder.path(&format!("out/{name}"))).unwrap(),
            "{name}"
        );
    }
    // Results of another run are unchanged to the last digit; a second run of an experiment replaces the first.
    run(&folder, "fig1 --quick --trials 40 --seed 5 -o out");
    let second = summary(&folder);
    let of = |found: &Value, figure: &str| {
        let points = found["points"].as_array().unwrap().iter();
        points
            .filter(|p| p["figure"] == figure)
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(of(&second, "pixels"), of(&first, "pixels"));
    assert_eq!(second["cubes"], first["cubes"]);
    assert_eq!(experiment(&second, "pixels"), experiment(&first, "pixels"));
    assert_eq!(experiment(&second, "fig1")["settings"]["seed"], 5);
    assert!(
        of(&second, "fig1")
            .iter()
            .all(|point| point["trials"] == 40)
    );
    assert_eq!(second["points"].as_array().unwrap().len(), all);
    // A run with only its own experiment reports only that one.
    let alone = findings(&folder, &small.split(' ').collect::<Vec<_>>());
    assert_eq!(figures(&alone), ["pixels"]);
    assert_eq!(alone["cubes"], Value::Array(Vec::new()));
    assert_eq!(alone["experiments"].as_array().unwrap().len(), 1);
}

/// The CPU, with a warning whenever it is asked for some.
struct Warning;

impl Engine for Warning {
    fn scan_in<'r>(
        &self,
        rows: &'r dyn Rows,
        frame: Frame,
        control: &Control,
    ) -> hullscope::Result<Box<dyn Scan + 'r>> {
        CpuEngine.scan_in(rows, frame, control)
    }

    fn describe(&self) -> String {
        CpuEngine.describe()
    }

    fn take_warnings(&self) -> Vec<String> {
        vec!["the device was lost".into()]
    }
}

/// The options of `paper` as a command of their own.
#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

/// The warnings of a run's engine belong to what the run has made, not to findings of an earlier one.
#[test]
fn findings_of_an_earlier_run_get_no_new_warnings() {
    let folder = Folder::new();
    let out = folder.path("out");
    let words = ["paper", "fig1", "--quick", "--trials", "5", "-o"];
    let words = words.into_iter().chain([out.as_str()]);
    let Line { options } = clap::Parser::parse_from(words);
    let control = Control::default();
    for run in 0..3 {
        let plan = options.plan().unwrap();
        let paper = plan.open(&control).unwrap();
        let made = paper.run("paper", &Warning, &control).unwrap();
        assert_eq!(made[0].notes, ["the device was lost"], "run {run}");
    }
}

#[test]
fn findings_that_cannot_be_read_are_left_out_and_named() {
    let folder = Folder::new();
    images(&folder, "x.npy", [60, 3, 3], 1);
    images(&folder, "y.npy", [10, 3, 3], 2);
    run(&folder, "fig1 --quick --trials 20 -o out");
    let kept = read(&folder, "out/findings/fig1.json");
    let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(kept.contains(&version));
    for (text, part) in [
        (
            kept.replace(&version, "\"version\":\"0.0.0\""),
            "version 0.0.0",
        ),
        (kept[..100].into(), "does not hold"),
    ] {
        folder.file("out/findings/fig1.json", text.as_bytes());
        let (_, noted) = run(&folder, "pixels --quick --images x.npy y.npy -o out");
        let found = summary(&folder);
        let note = found["notes"][0].as_str().unwrap();
        for said in [&noted, note, &read(&folder, "out/report.html")] {
            assert!(
                said.contains(part) && said.contains("findings of fig1 are left out"),
                "{said}"
            );
        }
        assert_eq!(found["experiments"].as_array().unwrap().len(), 1);
        assert_eq!(figures(&found), ["pixels"]);
        let points = found["points"].as_array().unwrap().len();
        assert_eq!(rows(&folder, "out/points.parquet"), points);
    }
    run(&folder, "fig1 --quick --trials 20 -o out");
    assert_eq!(summary(&folder)["experiments"].as_array().unwrap().len(), 2);
}

#[test]
fn each_experiment_states_its_set_up_wherever_it_is_shown() {
    let folder = Folder::new();
    images(&folder, "x.npy", [60, 5, 5], 1);
    images(&folder, "y.npy", [10, 5, 5], 2);
    let words = "all --quick --trials 20 --seed 6 --images x.npy y.npy -o out";
    let (told, _) = run(&folder, words);
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = summary(&folder);
    let page = read(&folder, "out/report.html").replace('\u{a0}', " ");
    for (name, parts) in [
        (
            "fig1",
            ["Every trial draws a fresh set", "Here: 20 trials a curve; "],
        ),
        (
            "pixels",
            [
                "central C x C pixels",
                "Here: 10 test images against 60 training images of x.npy; seed 6.",
            ],
        ),
        (
            "latents",
            [
                "residual network",
                "Here: 10 test images against 60 training images of x.npy; seed 6.",
            ],
        ),
        (
            "fig5",
            [
                "1/sqrt(d)",
                "cubes of 8, 12 dimensions, mapped by Gaussian random matrices to 2, 3, 4, 5; seed 6.",
            ],
        ),
    ] {
        let set_up = experiment(&found, name)["set_up"].as_str().unwrap();
        for part in parts {
            assert!(set_up.contains(part), "{part:?} is not in {set_up}");
        }
        assert!(told.contains(set_up), "{name}");
        assert!(page.contains(&set_up.replace('<', "&lt;")), "{name}");
    }
    // Images of 25 pixels have no 32 principal components; everything else is computed.
    let notes = experiment(&found, "latents")["notes"].to_string();
    assert!(
        notes.contains("x.npy: the images have 25 numbers each: points of 32, 64 "),
        "{notes}"
    );
    let components = points(&found, "pixels, principal components");
    let dims: Vec<f64> = components.iter().map(|point| number(point, "d")).collect();
    assert_eq!(dims, [2.0, 4.0, 8.0, 10.0, 12.0, 14.0, 16.0]);
}

#[test]
fn notes_of_spaces_and_of_changed_inputs_reach_the_reader() {
    let folder = Folder::new();
    images(&folder, "x.npy", [200, 4, 4], 1);
    images(&folder, "y.npy", [30, 4, 4], 2);
    let words = "pixels --quick --images x.npy y.npy -o out";
    let everywhere = |noted: &str, part: &str| {
        let notes = experiment(&summary(&folder), "pixels")["notes"].to_string();
        let page = read(&folder, "out/report.html").replace('\u{a0}', " ");
        [noted, &notes, &page].map(|said| said.contains(part))
    };
    let (_, noted) = run(&folder, words);
    let constant = "x.npy: patch:4: 1 of 16 columns are constant";
    assert_eq!(everywhere(&noted, constant), [true; 3], "{noted}");
    let changed = "has changed since";
    assert_eq!(everywhere(&noted, changed), [false; 3]);
    // Reused results are the same; and a changed input is noticed.
    let (_, noted) = run(&folder, words);
    assert_eq!(everywhere(&noted, constant), [true; 3]);
    assert_eq!(everywhere(&noted, changed), [false; 3]);
    images(&folder, "x.npy", [200, 4, 4], 3);
    let (_, noted) = run(&folder, words);
    assert_eq!(everywhere(&noted, changed), [true; 3], "{noted}");
    assert!(noted.contains("patch:2 is computed again"), "{noted}");
}

/// Asserts that the command is refused as bad input with this part in the message.
fn refused(folder: &Folder, words: &str, part: &str) {
    let output = paper(folder, &words.split(' ').collect::<Vec<_>>());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}: {said}");
    assert!(said.contains(part), "{words}: {said}");
}

#[test]
fn what_can_be_refused_is_refused_before_any_work() {
    let folder = Folder::new();
    images(&folder, "x.npy", [50, 5, 5], 1);
    images(&folder, "y.npy", [20, 5, 5], 2);
    images(&folder, "wide.npy", [20, 5, 6], 3);
    folder.file("broken.npy", b"no such thing");
    folder.file("odd.csv", b"1,2\n3,4\n");
    for (words, part) in [
        (
            "--images x.npy y.npy --images missing.npy y.npy",
            "missing.npy",
        ),
        ("--images x.npy broken.npy", "broken.npy"),
        ("--images x.npy wide.npy", "different shapes"),
        ("--images odd.csv odd.csv", "without a height"),
        (
            "--images x.npy y.npy --space file:odd.csv,odd.csv",
            "2 rows",
        ),
        ("--images x.npy y.npy --space file:no.npy,no.npy", "no.npy"),
        ("--images x.npy y.npy --trials 1e13", "--memory"),
        ("--images x.npy y.npy --memory 1KiB", "--memory"),
        ("--images x.npy y.npy --limit-queries 0", "--limit-queries"),
        ("--images x.npy y.npy --json no/such/file.json", "no/such"),
    ] {
        let words = format!("all --quick --trials 100 {words} -o out");
        let words = match words.contains("1e13") {
            true => words.replace("--trials 100 ", ""),
            false => words,
        };
        refused(&folder, &words, part);
        // Finished experiments are written at once: if anything had been run, figure 1, the first one, would exist.
        assert!(!fs::exists(folder.path("out")).unwrap(), "{words}");
    }
}

/// Figure 1 takes the longest: with the same settings the result of an earlier run in the folder is reused, with its command.
#[test]
fn figure_1_is_drawn_once() {
    let folder = Folder::new();
    let command = |trials: &str, more: &str| -> String {
        let words = format!("fig1 --quick --trials {trials} {more} -q -o out");
        let words: Vec<&str> = words.split_whitespace().collect();
        let output = paper(&folder, &words);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let summary = fs::read_to_string(folder.path("out/summary.json")).unwrap();
        let summary: Value = serde_json::from_str(&summary).unwrap();
        summary["experiments"][0]["command"]
            .as_str()
            .unwrap()
            .into()
    };
    let first = command("20", "--threads 1");
    assert_eq!(command("20", "--threads 2"), first);
    assert_ne!(command("30", "--threads 2"), first);
}

#[test]
fn options_of_another_experiment_and_files_in_the_way_are_refused() {
    let folder = Folder::new();
    images(&folder, "x.npy", [50, 5, 5], 1);
    fs::create_dir_all(folder.path("taken/report.html")).unwrap();
    for (words, part) in [
        (
            "pixels --images x.npy x.npy --trials 5",
            "--trials goes with fig1",
        ),
        ("fig1 --trials 5 --images x.npy x.npy", "--images goes with"),
        ("fig5 --space pca:2", "file:"),
        (
            "fig1 --trials 5 -o out --json ./out/../out/summary.json",
            "folder of -o",
        ),
        ("fig1 --trials 5 -o taken", "report.html is a folder"),
    ] {
        fs::create_dir_all(folder.path("out")).unwrap();
        refused(&folder, words, part);
        assert!(!fs::exists(folder.path("taken/summary.json")).unwrap());
        fs::remove_dir_all(folder.path("out")).unwrap();
    }
}

#[test]
fn a_folder_that_cannot_take_findings_is_refused_first() {
    let folder = Folder::new();
    folder.file("out/findings", b"");
    refused(
        &folder,
        "fig1 --trials 1000 -o out",
        "out/findings is a file",
    );
}

#[test]
fn pairs_with_one_training_set_keep_their_names_and_folders_apart() {
    let folder = Folder::new();
    images(&folder, "x.npy", [200, 4, 4], 1);
    images(&folder, "y.npy", [30, 4, 4], 2);
    images(&folder, "z.npy", [40, 4, 4], 3);
    for name in ["\u{e9}.npy", "\u{e8}.npy"] {
        fs::copy(folder.path("x.npy"), folder.path(name)).unwrap();
    }
    let words = "pixels --quick --images x.npy y.npy --images x.npy z.npy --images \u{e9}.npy y.npy --images \u{e8}.npy z.npy -o out";
    run(&folder, words);
    let found = summary(&folder);
    let mut queries: Vec<(String, u64)> = Vec::new();
    for point in points(&found, "central patches") {
        let data = point["data"].as_str().unwrap().to_string();
        queries.push((data, point["trials"].as_u64().unwrap()));
    }
    queries.dedup();
    let known = [
        ("x.npy and y.npy", 30),
        ("x.npy and z.npy", 40),
        ("\u{e9}.npy", 30),
        ("\u{e8}.npy", 40),
    ];
    assert_eq!(
        queries,
        known.map(|(data, queries)| (data.to_string(), queries))
    );
    let entries = fs::read_dir(folder.path("out")).unwrap();
    let spaces = entries.filter(|entry| entry.as_ref().unwrap().path().join("spaces").exists());
    assert_eq!(spaces.count(), 4);
}

#[test]
fn latents_are_left_out_for_the_folder_s_mnist_alone() {
    let folder = Folder::new();
    let idx = |name: &str, n: u8, seed: u64| {
        let mut random = random(seed);
        let head = [0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 6, 0, 0, 0, 6];
        let pixels = (0..usize::from(n) * 36).map(|_| random.random::<u8>());
        let bytes: Vec<u8> = head.into_iter().chain(pixels).collect();
        folder.file(name, &bytes);
    };
    let refused = |words: &str, named: &str| {
        let output = paper(&folder, &words.split(' ').collect::<Vec<_>>());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(named), "{said}");
    };
    // Of two sets that are not there, the first would be named: latents do not even look for MNIST.
    refused("latents --quick --data data", "data/fashion-mnist/train");
    refused("all --quick --data data", "data/mnist/train");
    idx("data/fashion-mnist/train-images-idx3-ubyte", 50, 1);
    idx("data/fashion-mnist/t10k-images-idx3-ubyte", 5, 2);
    idx("data/mnist/train-images-idx3-ubyte", 50, 3);
    idx("data/mnist/t10k-images-idx3-ubyte", 5, 4);
    let found = findings(
        &folder,
        &["all", "--quick", "--trials", "20", "--data", "data"],
    );
    let points = found["points"].as_array().unwrap().iter();
    let mut sets: Vec<String> = points
        .map(|point| format!("{} {}", point["figure"], point["data"]).replace('"', ""))
        .filter(|set| !set.starts_with("fig1"))
        .collect();
    sets.dedup();
    let expected = [
        "pixels MNIST",
        "pixels Fashion-MNIST",
        "latents Fashion-MNIST",
    ];
    assert_eq!(sets, expected);
    // A set to which the user gave that name is looked for, whatever --data says.
    let words = "latents --quick --data data --images MNIST test.npy";
    refused(words, "error: MNIST: there is no such file");
}
