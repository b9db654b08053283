//! `paper`: the figures' points against exact probabilities and known counts; set-ups, files, and what is refused.

use crate::common::gaussian;
use crate::formats::{Folder, encode, npy};
use hullscope::rows::Element;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Output;

fn paper(folder: &Folder, words: &[&str]) -> Output {
    folder.run(&[&["paper"], words].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The JSON on stdout; must succeed.
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
        &["fig1", "--quick", "--trials", "3000", "--seed", "7"],
    );
    let (mut known, mut limits) = (0, Vec::new());
    for point in found["points"].as_array().unwrap() {
        let (rate, trials) = (number(point, "rate"), number(point, "trials"));
        let Some(exact) = point["theory"].as_f64() else {
            continue;
        };
        known += 1;
        // Hundreds of points, correlated along a curve: five standard errors, and a count or two where few are inside.
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
    // Gaussians of 2 to 7 dimensions, and those of four dimensions in 5, 6 and 7, at a dozen sizes or more each.
    limits.sort();
    limits.dedup();
    assert_eq!(limits.len(), 9, "{limits:?}");
    assert!(known > 100);
    // The first N at which half are inside, measured and exact.
    let halves = found["halves"].as_array().unwrap();
    let mut exact = Vec::new();
    for half in halves.iter().filter(|half| !half["exact"].is_null()) {
        let (n, measured) = (number(half, "exact"), number(half, "measured"));
        // Linear between sizes, and the first whole number beyond: a tenth is ample.
        assert!((measured - n).abs() <= 0.1 * n + 1.0, "{half}");
        exact.push(n as u64);
    }
    assert_eq!(exact, [11, 27, 63, 135, 278, 555, 63, 63, 63]);
    // A curve that spans more dimensions needs more samples, and in many dimensions never has half inside.
    let manifold = |d: u64| {
        let mut halves = halves.iter();
        let half = halves.find(|h| h["data"].as_str().unwrap().contains("manifold") && h["d"] == d);
        half.unwrap()["measured"].as_f64()
    };
    assert!(manifold(2).unwrap() < manifold(3).unwrap());
    assert!(manifold(3).unwrap() < manifold(4).unwrap());
    assert_eq!(manifold(7), None);
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
    // Corners of a polygon: all outside the hull of the others, whatever the cube was.
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
        "2000",
        "--limit-queries",
        "200",
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
            // The subset of more features need not hold the other; a little up is not excluded.
            assert!(
                number(pair[0], "rate") + 0.05 >= number(pair[1], "rate"),
                "{name}"
            );
        }
    }
    // Kept, and not computed again; the page says what was done and what came out.
    let kept = fs::read_dir(folder.path("out/latents-sample-of-fashion-mnist/spaces")).unwrap();
    assert!(kept.count() > 20);
    let again = findings(&folder, &[&["latents"], &words[..]].concat());
    assert_eq!(again["points"], latents["points"]);
    let page = fs::read_to_string(folder.path("out/report.html")).unwrap();
    for part in [
        "Table 1",
        "from most to none",
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

#[test]
fn mnist_in_pixels_has_the_known_counts() {
    let Some(data) = std::env::var_os("HULLSCOPE_DATA") else {
        println!("skipped: HULLSCOPE_DATA is not set");
        return;
    };
    let file = |name: &str| -> String {
        let path: PathBuf = [data.as_os_str(), "mnist".as_ref(), name.as_ref()]
            .iter()
            .collect();
        path.display().to_string()
    };
    let (train, test) = (
        file("train-images-idx3-ubyte.gz"),
        file("t10k-images-idx3-ubyte.gz"),
    );
    let found = findings(
        &Folder::new(),
        &["pixels", "--quick", "--images", &train, &test],
    );
    let patches = points(&found, "central patches");
    let inside = |d: u64| {
        let point = patches.iter().find(|point| point["d"] == d);
        let point = point.unwrap_or_else(|| panic!("no d = {d}"));
        assert_eq!(
            (&point["n"], &point["trials"]),
            (&Value::from(60_000), &Value::from(2000))
        );
        point["inside"].as_u64().unwrap()
    };
    for (side, count) in [
        (4, 1087),
        (5, 541),
        (6, 194),
        (8, 45),
        (10, 2),
        (14, 0),
        (28, 0),
    ] {
        assert_eq!(inside(side * side), count, "side {side}");
    }
    // Smoothing by 1 and a subsample of all are the pixels, blurred.
    let smoothed = points(&found, "smoothed and subsampled");
    assert!(number(smoothed[0], "rate") > 0.9);
    assert_eq!(number(smoothed[smoothed.len() - 1], "inside"), 0.0);
}
