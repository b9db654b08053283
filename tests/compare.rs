//! `compare` and its study: rates against independent computations, recounted pairs and classes, spaces that must
//! agree, written files, reused results, and refused input.

use crate::common::{gaussian, lp, random, rows};
use crate::formats::{Folder as Files, encode, npy};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use hullscope::control::Control;
use hullscope::hull::{Settings as Hull, Solver, Verdict};
use hullscope::job::archive::{ComparisonRun, Folder};
use hullscope::rows::RowSettings;
use hullscope::rows::images::Shape;
use hullscope::rows::{Element, Rows};
use hullscope::scan::{CpuEngine, CpuScan};
use hullscope::space::{Set, Settings, Spec, View, Views};
use hullscope::study::compare::{
    Archive, Classes, ComparisonPlan, Forget, Keeper, Report, RowContext, SpaceReport, Subject, run,
};
use hullscope::{Error, Result};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::RngExt;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

/// The side of the images, which are blurred so that neighbouring pixels are correlated.
const SIDE: usize = 6;
const D: usize = SIDE * SIDE;
const REFERENCE: usize = 300;
const QUERIES: usize = 80;

/// Values of smooth random images as bytes; in few dimensions about half of the queries are inside.
fn pictures(count: usize, seed: u64) -> Vec<f64> {
    let mut random = random(seed);
    let mut values = Vec::new();
    for _ in 0..count {
        let [a, b, c, phase]: [f64; 4] = std::array::from_fn(|_| random.random_range(-1.0..1.0));
        for place in 0..D {
            let (y, x) = ((place / SIDE) as f64, (place % SIDE) as f64);
            let wave = a * (0.7 * x + phase).sin() + b * (0.5 * y).cos() + c * (x * y / 9.0).sin();
            let noise: f64 = random.random_range(-4.0..4.0);
            values.push((128.0 + 40.0 * wave + noise).round());
        }
    }
    values
}

fn set(values: &[f64]) -> Set {
    Set {
        rows: Arc::new(rows(D, values)),
        shape: Some(Shape {
            height: SIDE,
            width: SIDE,
            channels: 1,
            planar: false,
        }),
        range: 255.0,
        framed: Vec::new(),
    }
}

fn subject(specs: &[&str], classes: Option<Classes>) -> Subject {
    let texts: Vec<String> = specs.iter().map(|text| text.to_string()).collect();
    Subject {
        sets: Some((set(&pictures(REFERENCE, 1)), set(&pictures(QUERIES, 2)))),
        classes,
        query_sets: Vec::new(),
        outcome: None,
        specs: Spec::parse_all(&texts).unwrap(),
        warnings: Default::default(),
    }
}

fn settings() -> Settings {
    Settings {
        seed: 3,
        memory: 1 << 30,
        ..Settings::default()
    }
}

fn compared(specs: &[&str]) -> Report {
    try_compared(
        &ComparisonPlan::default(),
        subject(specs, None),
        &mut Forget,
    )
    .unwrap()
}

fn try_compared(
    plan: &ComparisonPlan,
    subject: Subject,
    archive: &mut dyn Archive,
) -> Result<Report> {
    let control = Control::default();
    run(plan, subject, settings(), &CpuEngine, archive, &control)
}

/// The two sets in a space.
fn seen(space: &str) -> View {
    let specs = Spec::parse(space).unwrap();
    let control = Control::default();
    let sets = subject(&[], None).sets;
    let mut views = Views::new(sets, specs.clone(), settings(), &control).unwrap();
    views.view(&specs[0], &control).unwrap()
}

fn numbers(rows: &dyn Rows) -> Vec<f64> {
    let mut values = vec![0.0; rows.len() * rows.dim()];
    rows.read_f64(0, &mut values).unwrap();
    values
}

/// Classes in cyclic order: enough of them to notice a wrong order of rows.
fn by_turns() -> Classes {
    let turns = |count: usize| (0..count).map(|row| (row % 4) as u32).collect();
    Classes {
        reference: turns(REFERENCE),
        queries: turns(QUERIES),
        predicted: Vec::new(),
        names: ["a", "b", "c", "d"].map(String::from).to_vec(),
    }
}

// ---- results ----

/// A query to show is stored as its space sees it: cropped, or reconstructed from its components; for pixels it is the
/// query itself, and nothing in spaces that cannot be mapped back to images.
#[test]
fn picks_show_what_the_space_sees() {
    let whole = format!("pca:{D}");
    let found = compared(&["pixels", "patch:2", &whole, "pca:2", "random:3"]);
    let values = pictures(QUERIES, 2);
    let own = |query: u64| &values[D * query as usize..][..D];
    let far = |a: &[f32], b: &[f64]| {
        let apart = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - b).abs());
        apart.fold(0.0, f64::max)
    };
    let mut means = 0;
    for space in &found.spaces {
        let picks = &space.picks;
        let all: Vec<_> = picks
            .interpolated
            .iter()
            .chain(&picks.extrapolated)
            .collect();
        assert!(!all.is_empty(), "{}", space.space);
        for pick in all {
            let (seen, own) = (pick.seen.as_ref(), own(pick.query));
            let weights: f64 = pick.support.iter().map(|(_, weight)| weight).sum();
            assert!(pick.support.is_empty() || (weights - 1.0).abs() < 1e-9);
            match space.space.as_str() {
                "pixels" | "random:3" => assert_eq!(seen, None),
                "patch:2" => {
                    let seen = seen.unwrap();
                    let middle = [14, 15, 20, 21].map(|place| own[place]);
                    assert_eq!((seen.shape.width, seen.shape.height), (2, 2));
                    assert_eq!(far(&seen.values, &middle), 0.0);
                    // The weighted mean of an inside query's certificate, cropped in the same way, is the cropped query.
                    let inside = pick.verdict == "inside";
                    assert_eq!(pick.mean.is_some(), inside);
                    let mean = pick
                        .mean
                        .as_ref()
                        .map_or(0.0, |mean| far(&mean.values, &middle));
                    assert!(mean < 1e-3, "{mean}");
                    means += usize::from(inside);
                }
                "pca:2" => assert!(far(&seen.unwrap().values, own) > 1.0),
                _ => assert!(far(&seen.unwrap().values, own) < 1e-3),
            }
        }
    }
    assert!(means > 0, "no query of patch:2 is inside");
}

#[test]
fn maps_that_lose_nothing_change_no_verdict() {
    // Hull membership does not change under injective affine maps: rotations, scaled principal components, reordered columns.
    let spaces = [
        "pixels",
        "wavelet",
        "whiten",
        "pca:36",
        "dims:36",
        "random:36",
        "wavelet|pca:36",
    ];
    let report = compared(&spaces);
    let pixels = &report.spaces[0];
    assert!(pixels.verdicts.contains('o'));
    for space in &report.spaces[1..] {
        assert_eq!(space.verdicts, pixels.verdicts, "{}", space.space);
        assert_eq!((space.rank, space.d), (Some(36), 36), "{}", space.space);
    }
    // Distances do not change under rotations only.
    let median = |space: &SpaceReport| space.distance_ratio.as_ref().unwrap().median;
    for turned in [1, 3, 4, 6] {
        let (a, b) = (median(pixels), median(&report.spaces[turned]));
        assert!(
            (a - b).abs() <= 0.06 * a,
            "{}: {a}, {b}",
            report.spaces[turned].space
        );
    }
}

/// Saturated pixels, as in images of digits, put many queries exactly on faces of the hull, where the smallest rounding
/// of mapped rows would change verdicts.
#[test]
fn queries_on_faces_stay_on_them_in_every_turned_space() {
    let saturated = |count: usize, seed: u64| -> Vec<f64> {
        let values = gaussian(count * D, seed).into_iter();
        values
            .map(|v| (128.0 + 160.0 * v).round().clamp(0.0, 255.0))
            .collect()
    };
    let texts = [
        "patch:3",
        "patch:3|wavelet",
        "patch:3|whiten",
        "patch:3|pca:9",
        "patch:3|random:9",
        "patch:3|random:14",
        "patch:3|whiten|random:9",
    ];
    let texts = texts.map(String::from);
    let subject = Subject {
        sets: Some((set(&saturated(2000, 5)), set(&saturated(75, 6)))),
        classes: None,
        query_sets: Vec::new(),
        outcome: None,
        specs: Spec::parse_all(&texts).unwrap(),
        warnings: Default::default(),
    };
    let plan = ComparisonPlan {
        picks: 0,
        ..ComparisonPlan::default()
    };
    let report = try_compared(&plan, subject, &mut Forget).unwrap();
    let pixels = &report.spaces[0];
    let inside = pixels.verdicts.matches('i').count();
    assert!((4..70).contains(&inside), "{inside}");
    for space in &report.spaces[1..] {
        assert_eq!(space.verdicts, pixels.verdicts, "{}", space.space);
        assert_eq!(space.rank, Some(9), "{}", space.space);
    }
}

#[test]
fn verdicts_in_a_space_agree_with_a_linear_program_on_its_rows() {
    let report = compared(&[
        "pca:4",
        "patch:2",
        "smooth:2",
        "smooth:2|pca:3",
        "relu-features:5",
    ]);
    let mut both = [0, 0];
    for space in &report.spaces {
        let view = seen(&space.space);
        let d = view.reference.dim();
        let (x, q) = (numbers(&*view.reference), numbers(&*view.queries));
        // The program is slow: every other query.
        for (query, letter) in q.chunks_exact(d).zip(space.verdicts.chars()).step_by(2) {
            let Some(reach) = lp::reach(d, &x, query) else {
                continue;
            };
            if (reach - 1.0).abs() < 1e-5 {
                continue;
            }
            both[usize::from(reach > 1.0)] += 1;
            assert_eq!(letter == 'i', reach > 1.0, "{}: {reach}", space.space);
        }
    }
    assert!(both.iter().all(|&count| count > 20), "{both:?}");
}

#[test]
fn the_other_notions_are_those_of_their_definitions() {
    let report = compared(&["pca:3"]);
    let space = &report.spaces[0];
    let view = seen("pca:3");
    let (x, q) = (numbers(&*view.reference), numbers(&*view.queries));
    let beyond = |query: &&[f64]| {
        (0..3).any(|j| {
            let column = || x.iter().skip(j).step_by(3);
            column().all(|&v| v < query[j]) || column().all(|&v| v > query[j])
        })
    };
    let outside = q.chunks_exact(3).filter(beyond).count() as u64;
    assert_eq!(space.rate("range").unwrap().outside, outside);
    // The radius is the 95 % quantile of leave-one-out nearest distances: rank 285 of 300, or a neighbouring rank by convention.
    let distance = |a: &[f64], b: &[f64]| {
        let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
        squares.sum::<f64>().sqrt()
    };
    let nearest = |point: &[f64], but: usize| {
        let others = x.chunks_exact(3).enumerate().filter(|(row, _)| *row != but);
        others
            .map(|(_, row)| distance(row, point))
            .fold(f64::MAX, f64::min)
    };
    let mut own: Vec<f64> = x
        .chunks_exact(3)
        .enumerate()
        .map(|(row, p)| nearest(p, row))
        .collect();
    own.sort_by(f64::total_cmp);
    let beyond = |radius: f64| {
        q.chunks_exact(3)
            .filter(|p| nearest(p, usize::MAX) > radius)
            .count() as u64
    };
    let found = space.rate("ball").unwrap().outside;
    assert!(
        (beyond(own[286])..=beyond(own[283])).contains(&found),
        "{found}"
    );
    assert!(own[283] < own[286] && beyond(own[0]) > found);
}

#[test]
fn pairs_are_counted_query_by_query() {
    let report = compared(&["pixels", "pca:2", "pca:3", "patch:2"]);
    assert_eq!(report.pairs.len(), 6);
    let mut told = 0;
    for pair in &report.pairs {
        let verdicts = |name: &str| {
            let space = report.spaces.iter().find(|space| space.space == name);
            space.unwrap().verdicts.clone()
        };
        let (a, b) = (verdicts(&pair.a), verdicts(&pair.b));
        let count = |x: char, y: char| {
            let both = a.chars().zip(b.chars());
            both.filter(|&both| both == (x, y)).count() as u64
        };
        assert_eq!(pair.both_inside, count('i', 'i'));
        assert_eq!(pair.only_a_inside, count('i', 'o'));
        assert_eq!(pair.only_b_inside, count('o', 'i'));
        assert_eq!(pair.neither_inside, count('o', 'o'));
        assert_eq!(pair.undecided, 0);
        // Two-sided binomial probability by definition, in integers as long as they fit.
        let (low, n) = (
            pair.only_a_inside.min(pair.only_b_inside),
            pair.only_a_inside + pair.only_b_inside,
        );
        let choose = |k: u64| (0..k).fold(1.0, |c, i| c * (n - i) as f64 / (i + 1) as f64);
        let tail: f64 = (0..=low).map(choose).sum::<f64>() / 2f64.powi(n as i32);
        let expected = (2.0 * tail).min(1.0);
        assert!(
            (pair.p_value - expected).abs() <= 1e-9 * expected,
            "{} against {}: {}, {expected}",
            pair.a,
            pair.b,
            pair.p_value
        );
        told += u64::from(pair.p_value < 0.05);
    }
    assert!(told > 0);
    let alone: Vec<f64> = report.pairs.iter().map(|pair| pair.p_value).collect();
    let corrected: Vec<f64> = report.pairs.iter().map(|pair| pair.p_holm).collect();
    assert_eq!(corrected, hullscope::study::holm::holm(&alone));
}

#[test]
fn each_query_is_asked_about_its_own_class() {
    let plan = ComparisonPlan {
        by_label: true,
        ..ComparisonPlan::default()
    };
    let subject = subject(&["pca:3"], Some(by_turns()));
    let report = try_compared(&plan, subject, &mut Forget).unwrap();
    let space = &report.spaces[0];
    assert_eq!(space.labels.len(), 4);
    let view = seen("pca:3");
    let control = Control::default();
    for (class, label) in space.labels.iter().enumerate() {
        assert_eq!(label.label, ["a", "b", "c", "d"][class]);
        assert_eq!((label.n_reference, label.n_queries), (75, 20));
        let own = |rows: &dyn Rows, n: usize| {
            let members: Vec<usize> = (0..n).filter(|row| row % 4 == class).collect();
            let mut values = vec![0.0; members.len() * 3];
            rows.gather(&members, &mut values).unwrap();
            values
        };
        let (x, q) = (
            own(&*view.reference, REFERENCE),
            own(&*view.queries, QUERIES),
        );
        let x = rows(3, &x);
        let scan = CpuScan::new(&x, &control).unwrap();
        let mut solver = Solver::new(&x, &scan, Hull::default(), &control).unwrap();
        let answers = solver.answer(&q, None, &control).unwrap();
        let outside = answers
            .iter()
            .filter(|a| a.verdict == Verdict::Outside)
            .count();
        assert_eq!(label.own_class.as_ref().unwrap().outside, outside as u64);
        let all = space.verdicts.chars().skip(class).step_by(4);
        assert_eq!(
            label.rates[0].outside,
            all.filter(|&v| v == 'o').count() as u64
        );
        // The hull of a class is a subset of the hull of all rows.
        assert!(outside as u64 >= label.rates[0].outside);
    }
}

#[test]
fn a_space_is_fitted_on_the_reference_alone() {
    // More queries, far away, change nothing in the answers of the first ones.
    let texts = [
        "pca:3",
        "whiten",
        "relu-features:4",
        "random:5",
        "dims:7",
        "smooth:2|pca:2",
    ];
    let first = compared(&texts);
    let mut more = pictures(QUERIES, 2);
    more.extend(
        gaussian(40 * D, 9)
            .iter()
            .map(|v| (128.0 + 900.0 * v).round()),
    );
    let mut wider = subject(&texts, None);
    wider.sets = Some((set(&pictures(REFERENCE, 1)), set(&more)));
    let second = try_compared(&ComparisonPlan::default(), wider, &mut Forget).unwrap();
    for (a, b) in first.spaces.iter().zip(&second.spaces) {
        assert_eq!(a.verdicts, b.verdicts[..QUERIES], "{}", a.space);
    }
}

#[test]
fn one_row_and_one_query_are_enough() {
    let mut tiny = subject(&["pixels", "patch:2", "wavelet"], None);
    tiny.sets = Some((set(&pictures(1, 1)), set(&pictures(1, 2))));
    let report = try_compared(&ComparisonPlan::default(), tiny, &mut Forget).unwrap();
    for space in &report.spaces {
        assert_eq!(
            (space.rank, space.verdicts.as_str()),
            (Some(0), "o"),
            "{}",
            space.space
        );
    }
}

/// If every row of the reference occurs twice, the median nearest distance is 0 and distances are not divided by it.
#[test]
fn distances_of_doubled_rows_are_as_measured() {
    let once = compared(&["dims:4"]);
    let mut doubled = subject(&["dims:4"], None);
    let rows = pictures(REFERENCE, 1);
    doubled.sets = Some((
        set(&[rows.clone(), rows].concat()),
        set(&pictures(QUERIES, 2)),
    ));
    let doubled = try_compared(&ComparisonPlan::default(), doubled, &mut Forget).unwrap();
    let (once, doubled) = (&once.spaces[0], &doubled.spaces[0]);
    assert_eq!(once.verdicts, doubled.verdicts);
    assert_eq!(
        (doubled.median_nearest, doubled.distance_ratio),
        (Some(0.0), None)
    );
    let unit = once.median_nearest.unwrap();
    assert!(!once.picks.without_unit && doubled.picks.without_unit);
    let both = once
        .picks
        .extrapolated
        .iter()
        .zip(&doubled.picks.extrapolated);
    assert!(both.len() > 3);
    for (ratio, measured) in both {
        assert_eq!(ratio.query, measured.query);
        let expected = unit * ratio.distance_ratio;
        assert!(measured.distance_ratio > 0.0);
        assert!((measured.distance_ratio - expected).abs() < 0.06 * expected);
        assert!((measured.nearest_ratio - unit * ratio.nearest_ratio).abs() < 1e-6 * unit);
    }
}

// ---- reused results ----

fn origin(plan: &ComparisonPlan) -> ComparisonRun {
    ComparisonRun {
        command: "test".into(),
        inputs: Vec::new(),
        content: String::new(),
        rows: RowSettings::default(),
        plan: plan.clone(),
        seed: 3,
        more: String::new(),
        certificates: false,
        watch: Arc::default(),
    }
}

/// An archive that interrupts after some spaces, and counts the spaces that were begun.
struct Stops<'a> {
    inner: Folder<'a>,
    begun: usize,
    after: usize,
    control: &'a Control,
}

impl Archive for Stops<'_> {
    fn recall(&mut self, spec: &Spec) -> Result<Option<SpaceReport>> {
        self.inner.recall(spec)
    }

    fn begin<'v>(
        &mut self,
        spec: &Spec,
        view: &'v View,
        known: RowContext<'v>,
    ) -> Result<Box<dyn Keeper + 'v>> {
        self.begun += 1;
        if self.begun > self.after {
            self.control.stop();
        }
        self.inner.begin(spec, view, known)
    }
}

#[test]
fn an_interrupted_comparison_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let plan = ComparisonPlan::default();
    let texts = ["pixels", "pca:2", "patch:2"];
    let whole = compared(&texts);
    let go = |after: usize| {
        let control = Control::default();
        let mut archive = Stops {
            inner: Folder::new(folder.path(), origin(&plan), &control),
            begun: 0,
            after,
            control: &control,
        };
        let found = run(
            &plan,
            subject(&texts, None),
            settings(),
            &CpuEngine,
            &mut archive,
            &control,
        );
        (found, archive.begun)
    };
    // Interrupted within the second space: the first has both files, the second none.
    let (found, begun) = go(1);
    assert!(matches!(found, Err(Error::Interrupted)));
    assert_eq!(begun, 2);
    let names = |ending: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(folder.path().join("spaces")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(ending)).collect()
    };
    assert_eq!(
        names("").into_iter().collect::<Vec<_>>(),
        ["pixels.json", "pixels.parquet"]
    );
    let (found, begun) = go(usize::MAX);
    assert_eq!(begun, 2);
    let timeless = |report: &Report| -> Vec<SpaceReport> {
        let spaces = report.spaces.iter().cloned();
        spaces
            .map(|space| SpaceReport {
                seconds: 0.0,
                ..space
            })
            .collect()
    };
    assert_eq!(timeless(&found.unwrap()), timeless(&whole));
    let (found, begun) = go(usize::MAX);
    assert_eq!(begun, 0);
    assert_eq!(timeless(&found.unwrap()), timeless(&whole));
    // Another setting gives another result.
    let mut other = origin(&plan);
    other.seed = 4;
    let control = Control::default();
    let mut archive = Folder::new(folder.path(), other, &control);
    let spec = Spec::parse("pixels").unwrap();
    assert!(archive.recall(&spec[0]).unwrap().is_none());
    // A report without its records, or one that cannot be read, is treated as missing.
    let mut archive = Folder::new(folder.path(), origin(&plan), &control);
    assert!(archive.recall(&spec[0]).unwrap().is_some());
    fs::write(folder.path().join("spaces/pixels.json"), "{").unwrap();
    assert!(archive.recall(&spec[0]).unwrap().is_none());
    let spec = Spec::parse("pca:2").unwrap();
    fs::remove_file(folder.path().join("spaces/pca-2.parquet")).unwrap();
    assert!(archive.recall(&spec[0]).unwrap().is_none());
}

// ---- the program ----

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn works(folder: &Files, words: &[&str]) -> Output {
    let output = folder.run(words);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    output
}

/// Images as an .npy of (N, side, side) bytes.
fn image_array(side: usize, values: &[f64]) -> Vec<u8> {
    let count = values.len() / (side * side);
    let shape = format!("({count}, {side}, {side})");
    npy(
        1,
        "'|u1'",
        "False",
        &shape,
        &encode(Element::U8, values, false),
    )
}

/// A folder with train.npy and test.npy, and their class files.
fn two_sets() -> Files {
    let folder = Files::new();
    folder.file("train.npy", &image_array(SIDE, &pictures(REFERENCE, 1)));
    folder.file("test.npy", &image_array(SIDE, &pictures(QUERIES, 2)));
    let lines = |count: usize| {
        (0..count)
            .map(|row| format!("{}\n", row % 4))
            .collect::<String>()
    };
    folder.file("train.txt", lines(REFERENCE).as_bytes());
    folder.file("test.txt", lines(QUERIES).as_bytes());
    folder
}

fn table(path: &str) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mut batches = reader.build().unwrap();
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    batch
}

fn json(path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn everything(folder: &Files) -> BTreeSet<String> {
    fn walk(path: &Path, all: &mut BTreeSet<String>) {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            all.insert(path.display().to_string());
            if path.is_dir() {
                walk(&path, all);
            }
        }
    }
    let mut all = BTreeSet::new();
    walk(Path::new(&folder.path(".")), &mut all);
    all
}

#[test]
fn a_folder_gets_tables_plots_sheets_and_a_page() {
    let folder = two_sets();
    let words = [
        "compare",
        "train.npy",
        "test.npy",
        "--labels",
        "train.txt",
        "--query-labels",
        "test.txt",
        "--by-label",
        "--space",
        "pixels",
        "--space",
        "pca:2,3",
        "-o",
        "out",
        "--json",
        "both.json",
    ];
    let output = works(&folder, &words);
    let said = text(&output.stdout);
    for part in ["pca:2", "d_eff", "Gaussian", "McNemar", "By class"] {
        assert!(said.contains(part), "{said}");
    }
    let summary = json(&folder.path("out/summary.json"));
    assert_eq!(summary, json(&folder.path("both.json")));
    // Tidy format: one row for each space and notion, with the columns that the notebooks use.
    let rates = table(&folder.path("out/rates.parquet"));
    let column = |name: &str| {
        rates
            .column_by_name(name)
            .unwrap_or_else(|| panic!("no column {name}"))
    };
    let names = ["space", "notion"].map(|name| column(name).as_string::<i32>());
    let float = |name: &str| column(name).as_primitive::<Float64Type>();
    let whole = |name: &str| column(name).as_primitive::<Int64Type>();
    // Rates by class include the notion of each query's own class.
    assert_eq!(rates.num_rows(), 12);
    for row in 0..12 {
        let (space, notion) = (names[0].value(row), names[1].value(row));
        assert_eq!(space, ["pixels", "pca:2", "pca:3"][row / 4]);
        let notions = ["hull", "class_own", "range", "ball"];
        assert_eq!(notion, notions[row % 4]);
        let found = &summary["spaces"][row / 4];
        assert_eq!(found["space"], space);
        let rate = &found["notions"][row % 4];
        assert_eq!(
            whole("outside").value(row),
            rate["outside"].as_i64().unwrap()
        );
        assert_eq!(
            (
                whole("n_reference").value(row),
                whole("n_queries").value(row)
            ),
            (300, 80)
        );
        let d = [36, 2, 3][row / 4];
        assert_eq!((whole("d").value(row), whole("rank").value(row)), (d, d));
        let share = whole("outside").value(row) as f64 / 80.0;
        assert_eq!(float("rate").value(row), share);
        let (low, high) = (
            float("interval_low").value(row),
            float("interval_high").value(row),
        );
        assert!(low <= share && share <= high && high - low < 0.25);
        // Null rates exist for the hull only.
        assert_eq!(float("null_rate").is_valid(row), notion == "hull");
        assert_eq!(
            float("d_eff").is_valid(row),
            notion == "hull" && share > 0.0 && share < 1.0
        );
    }
    for (name, space) in [("pixels", 0), ("pca-2", 1), ("pca-3", 2)] {
        let records = table(&folder.path(&format!("out/spaces/{name}.parquet")));
        let verdicts = records.column_by_name("verdict").unwrap();
        let verdicts = verdicts.as_string::<i32>();
        let outside = verdicts.iter().filter(|v| *v == Some("outside")).count();
        assert_eq!(
            summary["spaces"][space]["notions"][0]["outside"], outside,
            "{name}"
        );
    }
    for name in [
        "rank",
        "rates",
        "distances",
        "sheet-pixels",
        "sheet-pca-2",
        "sheet-pca-3",
    ] {
        let picture = image::open(folder.path(&format!("out/{name}.png"))).unwrap();
        assert!(picture.width() > 300 && picture.height() > 200, "{name}");
    }
    for name in ["rank.svg", "rates.svg", "distances.svg"] {
        assert!(
            fs::read_to_string(folder.path(&format!("out/{name}")))
                .unwrap()
                .contains("<svg")
        );
    }
    let classes = table(&folder.path("out/by_label.parquet"));
    assert!(classes.num_rows() >= 12);
    let page = fs::read_to_string(folder.path("out/report.html")).unwrap();
    for part in [
        "<!DOCTYPE html>",
        "viewport",
        "@media print",
        "pca:3",
        "data:image/png;base64",
        "<svg",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // The page loads nothing from elsewhere.
    for part in ["src=\"http", "<link", "<script src", "@import", "url(http"] {
        assert!(!page.contains(part), "{part}");
    }
}

#[test]
fn finished_spaces_are_recalled_and_a_changed_input_is_noticed() {
    let folder = two_sets();
    let words = |more: &[&'static str]| {
        let mut words = vec![
            "compare",
            "train.npy",
            "test.npy",
            "-o",
            "out",
            "--space",
            "pca:2",
            "--space",
            "patch:2",
        ];
        words.extend(more);
        words
    };
    let made = || {
        let changed = |name: &str| {
            fs::metadata(folder.path(&format!("out/spaces/{name}")))
                .unwrap()
                .modified()
                .unwrap()
        };
        [
            "pca-2.parquet",
            "pca-2.json",
            "patch-2.parquet",
            "patch-2.json",
        ]
        .map(changed)
    };
    let again = |more: &[&'static str]| text(&works(&folder, &words(more)).stderr);
    again(&[]);
    let (first, rates) = (made(), table(&folder.path("out/rates.parquet")));
    let said = again(&["--space", "pca:3"]);
    assert!(!said.contains("changed"), "{said}");
    let kept = "note: taken over from out, where they are kept: pca:2, patch:2\n";
    assert!(said.contains(kept) && !said.contains("pca:3"), "{said}");
    assert_eq!(made(), first);
    assert_eq!(
        json(&folder.path("out/summary.json"))["spaces"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    again(&[]);
    assert_eq!(
        (made(), table(&folder.path("out/rates.parquet"))),
        (first, rates)
    );
    // Other settings: computed again, without a warning.
    let said = again(&["--seed", "5"]);
    assert!(!said.contains("changed"), "{said}");
    let anew =
        "note: computed again, because settings differ from those in out (seed): pca:2, patch:2\n";
    assert!(said.contains(anew), "{said}");
    let second = made();
    assert!(second.iter().zip(&first).all(|(a, b)| a != b));
    folder.file("test.npy", &image_array(SIDE, &pictures(QUERIES, 8)));
    let said = again(&["--seed", "5"]);
    assert!(
        said.contains("an input has changed") && said.contains("patch:2"),
        "{said}"
    );
    let third = made();
    assert!(third.iter().zip(&second).all(|(a, b)| a != b));
    let summary = fs::read_to_string(folder.path("out/summary.json")).unwrap();
    assert_eq!(summary.matches("an input has changed").count(), 2);
    // The warning concerned the earlier run and is not repeated.
    let said = again(&["--seed", "5"]);
    let summary = fs::read_to_string(folder.path("out/summary.json")).unwrap();
    assert!(
        !said.contains("changed") && !summary.contains("changed"),
        "{said}"
    );
    assert_eq!(made(), third);
    // Classes are columns of the tables, so the tables are written again.
    let labels = [
        "--seed",
        "5",
        "--labels",
        "train.txt",
        "--query-labels",
        "test.txt",
    ];
    again(&labels);
    let labelled = made();
    assert!(labelled.iter().zip(&third).all(|(a, b)| a != b));
    again(&labels);
    assert_eq!(made(), labelled);
    // A table that changed since it was written is not reused.
    let path = folder.path("out/spaces/pca-2.parquet");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
    let said = again(&labels);
    assert!(said.contains("table beside it has changed"), "{said}");
    assert_eq!(fs::read(&path).unwrap().len(), bytes.len());
}

#[test]
fn spaces_of_one_slug_have_files_of_their_own_in_any_order() {
    let folder = two_sets();
    let spaces = [
        "dims:3,seed=1",
        "dims:3|dims:3,seed=1",
        "random:3",
        "random:3,seed=1",
    ];
    let run = |spaces: &[&'static str]| {
        let named = spaces.iter().flat_map(|space| ["--space", space]);
        let words = ["compare", "train.npy", "test.npy", "-o", "out"].into_iter();
        works(&folder, &words.chain(named).collect::<Vec<_>>());
        fs::read_dir(folder.path("out/spaces"))
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (
                    entry.file_name(),
                    entry.metadata().unwrap().modified().unwrap(),
                )
            })
            .collect::<BTreeSet<_>>()
    };
    let first = run(&spaces);
    assert_eq!(first.len(), 8);
    let mut turned = spaces;
    turned.reverse();
    assert_eq!(run(&turned), first);
    // Contact sheets of spaces outside this run are removed; the records of these spaces stay.
    let sheets = || {
        let entries = fs::read_dir(folder.path("out")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("sheet-")).count()
    };
    assert_eq!(sheets(), 4);
    assert_eq!(run(&spaces[..1]), first);
    assert_eq!(sheets(), 1);
}

/// An .npy of rows of f32.
fn vectors(count: usize, d: usize, seed: u64) -> Vec<u8> {
    let shape = format!("({count}, {d})");
    let values = encode(Element::F32, &gaussian(count * d, seed), false);
    npy(1, "'<f4'", "False", &shape, &values)
}

#[test]
fn limits_and_classes_go_with_embeddings_too() {
    let folder = two_sets();
    folder.file("a-train.npy", &vectors(REFERENCE, 2, 1));
    folder.file("a-test.npy", &vectors(QUERIES, 2, 2));
    let found = |words: &[&str]| -> Value {
        let words = [&["compare", "--json", "-"], words].concat();
        serde_json::from_slice(&works(&folder, &words).stdout).unwrap()
    };
    let a = ["--space", "file:a-train.npy,a-test.npy"];
    let limits = ["--limit-reference", "100", "--limit-queries", "30"];
    let space = &found(&[&a[..], &limits].concat())["spaces"][0];
    assert_eq!(
        (&space["n_reference"], &space["n_queries"]),
        (&100.into(), &30.into())
    );
    // Classes for vectors that are no images, with and without a limit.
    let labels = ["--labels", "train.txt", "--query-labels", "test.txt"];
    let by_label = [&labels[..], &["--by-label"]].concat();
    let space = &found(&[&a[..], &by_label].concat())["spaces"][0];
    let counts = |space: &Value| -> Vec<(u64, u64)> {
        let each = space["labels"].as_array().unwrap().iter();
        each.map(|label| {
            let count = |key: &str| label[key].as_u64().unwrap();
            (count("n_reference"), count("n_queries"))
        })
        .collect()
    };
    assert_eq!(counts(space), [(75, 20); 4]);
    let space = &found(&[&a[..], &by_label, &limits].concat())["spaces"][0];
    assert_eq!(counts(space), [(25, 8), (25, 8), (25, 7), (25, 7)]);
    // Embeddings with a different number of reference rows may have classes, unless results are split by class.
    folder.file("b-train.npy", &vectors(120, 3, 3));
    let both = [
        &["train.npy", "test.npy", "--space", "patch:2"][..],
        &["--space", "file:b-train.npy,a-test.npy"],
        &labels,
    ]
    .concat();
    folder.file("a-test.npy", &vectors(QUERIES, 3, 2));
    let spaces = &found(&both)["spaces"];
    assert_eq!(
        (&spaces[0]["n_reference"], &spaces[1]["n_reference"]),
        (&300.into(), &120.into())
    );
    let refused = folder.run(&[&["compare"][..], &both, &["--by-label"]].concat());
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("120 rows") && said.contains("300"), "{said}");
}

#[test]
fn the_order_of_channels_and_the_scale_of_pixels_change_no_verdict() {
    let folder = Files::new();
    let mut random = random(5);
    let mut colour = |count: usize| -> Vec<f64> {
        let pixels = (0..count).flat_map(|_| {
            let base: f64 = random.random_range(40.0..200.0);
            (0..75)
                .map(|_| (base + random.random_range(-30.0..30.0)).round())
                .collect::<Vec<_>>()
        });
        pixels.collect()
    };
    let (train, test) = (colour(120), colour(40));
    // Row, column, channel; and planes of channels.
    let planar = |values: &[f64]| -> Vec<f64> {
        let images = values.chunks_exact(75);
        images
            .flat_map(|image| (0..75).map(|place| image[place % 25 * 3 + place / 25]))
            .collect()
    };
    let array = |shape: &str, values: &[f64]| {
        npy(
            1,
            "'|u1'",
            "False",
            shape,
            &encode(Element::U8, values, false),
        )
    };
    folder.file("train.npy", &array("(120, 5, 5, 3)", &train));
    folder.file("test.npy", &array("(40, 5, 5, 3)", &test));
    folder.file("planar.npy", &array("(40, 3, 5, 5)", &planar(&test)));
    let verdicts = |queries: &'static str, more: &[&'static str]| {
        let words = ["compare", "train.npy", queries, "--space", "patch:2|pca:3"];
        let spaces = [
            "--space",
            "gray|pca:2",
            "--space",
            "onnx:sample@bottleneck2",
            "-o",
            "out",
            "--replace",
        ];
        works(&folder, &[&words[..], &spaces, more].concat());
        let read = |name: &str| {
            let records = table(&folder.path(&format!("out/spaces/{name}.parquet")));
            let verdicts = records.column_by_name("verdict").unwrap();
            let verdicts = verdicts.as_string::<i32>().iter();
            verdicts.map(|v| v.unwrap().to_string()).collect::<Vec<_>>()
        };
        let network = fs::read_dir(folder.path("out/spaces")).unwrap();
        let network = network.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let network: Vec<_> = network
            .filter(|name| name.starts_with("onnx") && name.ends_with("parquet"))
            .collect();
        [
            read("patch-2-pca-3"),
            read("gray-pca-2"),
            read(network[0].trim_end_matches(".parquet")),
        ]
    };
    let plain = verdicts("test.npy", &[]);
    for space in &plain {
        assert!(space.contains(&"inside".into()) && space.contains(&"outside".into()));
    }
    assert_eq!(verdicts("planar.npy", &[]), plain);
    // Powers of two are exact: the network must see the same pixels.
    assert_eq!(verdicts("test.npy", &["--scale", "0.0625"]), plain);
}

#[test]
fn classes_that_were_found_and_not_typed_count_as_an_input() {
    let folder = Files::new();
    let picture = |value: u8| {
        let mut png = std::io::Cursor::new(Vec::new());
        let pixels =
            image::GrayImage::from_fn(4, 4, |x, y| image::Luma([value ^ (x * 7 + y * 31) as u8]));
        pixels.write_to(&mut png, image::ImageFormat::Png).unwrap();
        png.into_inner()
    };
    for value in 0..40u8 {
        let class = if value % 2 == 0 { "even" } else { "odd" };
        folder.file(
            &format!("train/{class}/{value:02}.png"),
            &picture(value.wrapping_mul(11)),
        );
        folder.file(
            &format!("test/{class}/{value:02}.png"),
            &picture(value.wrapping_mul(13)),
        );
    }
    let words = [
        "compare",
        "train",
        "test",
        "--space",
        "patch:2",
        "--by-label",
        "-o",
        "out",
    ];
    works(&folder, &words);
    let labels = |place: usize| {
        let summary = json(&folder.path("out/summary.json"));
        summary["spaces"][0]["labels"][place]["n_queries"]
            .as_u64()
            .unwrap()
    };
    assert_eq!((labels(0), labels(1)), (20, 20));
    fs::rename(
        folder.path("test/even/02.png"),
        folder.path("test/odd/02.png"),
    )
    .unwrap();
    works(&folder, &words);
    assert_eq!((labels(0), labels(1)), (19, 21));
}

#[test]
fn embeddings_made_elsewhere_need_no_sets() {
    let folder = Files::new();
    for (name, d) in [("a", 2), ("b", 5)] {
        folder.file(&format!("{name}-train.npy"), &vectors(200, d, 1));
        folder.file(&format!("{name}-test.npy"), &vectors(50, d, 2));
    }
    let words = [
        "compare",
        "--space",
        "file:a-train.npy,a-test.npy",
        "--space",
        "file:b-train.npy,b-test.npy",
        "--space",
        "file:b-train.npy,b-test.npy|pca:2",
        "--json",
        "-",
        "-o",
        "out",
    ];
    let output = works(&folder, &words);
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["pairs"].as_array().unwrap().len(), 3);
    let outside = |space: usize| {
        summary["spaces"][space]["notions"][0]["outside"]
            .as_u64()
            .unwrap()
    };
    // Gaussian data: few queries are outside in two dimensions, most in five.
    assert!(
        outside(0) < 10 && outside(1) > 10 && outside(2) < outside(1),
        "{} {} {}",
        outside(0),
        outside(1),
        outside(2)
    );
    // Without images there are no contact sheets.
    assert!(
        !everything(&folder)
            .iter()
            .any(|path| path.contains("sheet-"))
    );
}

/// Left-out rows keep their numbers in every table, and must be the same in all spaces whose queries are paired.
#[test]
fn rows_left_out_are_left_out_of_every_space() {
    let folder = Files::new();
    let with_hole = |count: usize, seed: u64, hole: Option<usize>| {
        let mut values = gaussian(count * 4, seed);
        if let Some(row) = hole {
            values[4 * row] = f64::NAN;
        }
        let body = encode(Element::F64, &values, false);
        npy(1, "'<f8'", "False", &format!("({count}, 4)"), &body)
    };
    folder.file("train.npy", &with_hole(200, 1, Some(7)));
    folder.file("test.npy", &with_hole(30, 2, Some(3)));
    folder.file("same.npy", &with_hole(30, 2, Some(3)));
    folder.file("other.npy", &with_hole(30, 2, Some(20)));
    let command = |spaces: &[&'static str]| -> Vec<&'static str> {
        let given = ["compare", "train.npy", "test.npy", "--skip-nonfinite"];
        let spaces = spaces.iter().flat_map(|space| ["--space", space]);
        given.into_iter().chain(spaces).collect()
    };
    let mut words = command(&["pixels", "pca:2", "file:train.npy,same.npy"]);
    words.extend(["-o", "out"]);
    works(&folder, &words);
    let expected: Vec<u64> = (0..30).filter(|&row| row != 3).collect();
    let (train, test) = (gaussian(200 * 4, 1), gaussian(30 * 4, 2));
    let nearest = expected.iter().map(|&query| {
        let q = &test[4 * query as usize..][..4];
        let square = |row: &u64| -> f64 {
            let x = &train[4 * *row as usize..][..4];
            x.iter().zip(q).map(|(x, q)| (x - q).powi(2)).sum()
        };
        let rows = (0..200).filter(|&row| row != 7);
        rows.min_by(|a, b| square(a).total_cmp(&square(b))).unwrap()
    });
    let nearest: Vec<u64> = nearest.collect();
    let mut tables = 0;
    for path in everything(&folder) {
        if path.contains("spaces/") && path.ends_with(".parquet") {
            let table = table(&folder.path(&path));
            let column = |name: &str| -> Vec<u64> {
                let column = table.column_by_name(name).unwrap();
                let rows = column.as_primitive::<Int64Type>().values();
                rows.iter().map(|&row| row as u64).collect()
            };
            assert_eq!(column("query_row"), expected, "{path}");
            if !path.contains("pca") {
                assert_eq!(column("nearest_row"), nearest, "{path}");
            }
            tables += 1;
        }
    }
    assert_eq!(tables, 3);
    for spaces in [
        &["pixels", "file:train.npy,other.npy"][..],
        &["file:train.npy,same.npy", "file:train.npy,other.npy"],
    ] {
        let output = folder.run(&command(spaces));
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(
            message.contains("not the same ones") && message.contains("other.npy"),
            "{message}"
        );
    }
}

/// Files may have different numbers of reference rows: no table, figure or page shows the first file's number for all.
#[test]
fn embeddings_with_other_numbers_of_rows_are_said_to_have_them() {
    let folder = Files::new();
    for (name, rows) in [("a", 200), ("b", 120)] {
        folder.file(&format!("{name}-train.npy"), &vectors(rows, 3, 1));
        folder.file(&format!("{name}-test.npy"), &vectors(50, 3, 2));
    }
    let spaces = ["a", "b"].map(|name| format!("file:{name}-train.npy,{name}-test.npy"));
    let words = [
        "compare", "--space", &spaces[0], "--space", &spaces[1], "-o", "out",
    ];
    let said = text(&works(&folder, &words).stdout);
    assert!(
        said.contains("50 queries against the hull of 120 to 200 reference rows"),
        "{said}"
    );
    let lines: Vec<&str> = said.split_whitespace().collect();
    let lines = lines.join(" ");
    assert!(
        lines.contains("a-train 200 3") && lines.contains("b-train 120 3"),
        "{said}"
    );
    assert!(
        lines.contains(&format!("a-train: {} b-train: {}", spaces[0], spaces[1])),
        "{said}"
    );
    let page = fs::read_to_string(folder.path("out/report.html")).unwrap();
    assert!(page.contains("<td>200</td>") && page.contains("<td>120</td>"));
    let note = "N = 120 to 200 reference rows, 50 queries";
    assert_eq!(
        page.matches(note).count(),
        6,
        "three figures, each for wide and for narrow pages"
    );
    for alone in [
        "the 200 reference rows",
        "N = 200 ",
        "the 120 reference rows",
        "N = 120 reference",
    ] {
        assert!(!page.contains(alone), "{alone}");
    }
}

/// A network of one node, for one image of the sets.
fn one_node(operator: &str) -> Vec<u8> {
    crate::common::onnx::one_node(operator, &[1, 1, SIDE, SIDE])
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_written() {
    let folder = two_sets();
    folder.file("other.npy", &image_array(8, &[7.0; 128]));
    folder.file("short.txt", b"1\n2\n");
    folder.file("stranger.txt", "9\n".repeat(QUERIES).as_bytes());
    folder.file("not.onnx", b"hello, world");
    folder.file("odd.onnx", &one_node("Teleport"));
    folder.file("relu.onnx", &one_node("Relu"));
    folder.file("short.npy", &image_array(SIDE, &pictures(9, 1)));
    let floats = npy(
        1,
        "'<f4'",
        "False",
        "(9, 6, 6)",
        &encode(Element::F32, &gaussian(9 * D, 1), false),
    );
    folder.file("floats.npy", &floats);
    folder.file("cut.npy", &image_array(SIDE, &pictures(9, 1))[..200]);
    let png = |side: u32| {
        let mut png = std::io::Cursor::new(Vec::new());
        image::GrayImage::new(side, side)
            .write_to(&mut png, image::ImageFormat::Png)
            .unwrap();
        png.into_inner()
    };
    folder.file("mixed/a/1.png", &png(4));
    folder.file("mixed/a/2.png", &png(5));
    folder.file("broken/a/1.png", &png(4)[..40]);
    fs::create_dir(folder.path("empty")).unwrap();
    // A valid network of one node, in a folder with special characters in its name.
    folder.file("a@2,b/net.onnx", &one_node("Relu"));
    for space in [
        "onnx:relu.onnx@y",
        "onnx:a@2,b/net.onnx",
        "onnx:a@2,b/net.onnx@y,mean=0.5",
    ] {
        works(
            &folder,
            &["compare", "train.npy", "test.npy", "--space", space],
        );
    }
    let sets = ["train.npy", "test.npy"];
    let with = |more: &[&'static str]| [&sets[..], more].concat();
    let refused: Vec<(Vec<&str>, Vec<&str>)> = vec![
        (
            with(&["--space", "pcs:8"]),
            vec!["pcs", "pca", "wavelet", "onnx:FILE"],
        ),
        (with(&["--space", "pca:8,x"]), vec!["pca", "x"]),
        (with(&["--space", "pca:0"]), vec!["pca:0"]),
        (with(&["--space", "pca"]), vec!["pca:8"]),
        (with(&["--space", "patch:7"]), vec!["patch:7", "6 x 6"]),
        (
            with(&["--space", "smooth:3|patch:4"]),
            vec!["patch:4", "2 x 2"],
        ),
        (with(&["--space", "pca:4|gray"]), vec!["gray"]),
        (with(&["--space", "pca:400"]), vec!["pca:400", "36"]),
        (
            with(&["--space", "patch:2|file:train.npy,test.npy"]),
            vec!["file", "first"],
        ),
        (
            with(&["--space", "onnx:not.onnx"]),
            vec!["not.onnx", "not a network in ONNX"],
        ),
        (
            with(&["--space", "onnx:odd.onnx"]),
            vec!["odd.onnx", "Teleport"],
        ),
        (
            with(&["--space", "onnx:relu.onnx@features"]),
            vec!["relu.onnx", "features", "from the end, y (Relu, 1 x 6 x 6)"],
        ),
        (
            with(&[
                "--space",
                "pixels",
                "--space",
                "file:train.npy,test.npy|pca:99",
            ]),
            vec!["pca:99", "36"],
        ),
        (
            with(&["--space", "pixels", "--space", "onnx:relu.onnx@y|pca:99"]),
            vec!["pca:99", "36"],
        ),
        (
            with(&["--space", "onnx:missing.onnx"]),
            vec!["missing.onnx"],
        ),
        (
            with(&["--space", "onnx:relu.onnx@z"]),
            vec!["relu.onnx", "did you mean y?"],
        ),
        (
            with(&["--space", "onnx:sampel@features"]),
            vec!["sampel", "did you mean sample?"],
        ),
        (
            with(&["--space", "pixels", "--space", "onnx:relu.onnx@y,size=5x5"]),
            vec!["relu.onnx", "6 x 6", "size=5x5"],
        ),
        (
            with(&[
                "--space",
                "pixels",
                "--space",
                "onnx:relu.onnx@y,layout=nhwc",
            ]),
            vec!["relu.onnx", "give layout=nchw"],
        ),
        (with(&["--space", "pixels|"]), vec!["stage 2 is empty"]),
        (
            with(&["--space", "onnx:relu.onnx,meen=1"]),
            vec!["meen", "mean"],
        ),
        // An error known only after the network has run.
        (
            with(&["--space", "onnx:relu.onnx@y|random:100000000"]),
            vec!["random:100000000", "1 GiB"],
        ),
        (with(&["--by-label"]), vec!["--labels"]),
        (
            with(&["--labels", "short.txt", "--query-labels", "test.txt"]),
            vec!["short.txt", "2", "300"],
        ),
        (
            with(&["--labels", "train.txt", "--query-labels", "stranger.txt"]),
            vec!["\"9\"", "row 0"],
        ),
        (with(&["--gap", "2"]), vec!["gap"]),
        (
            vec!["train.npy", "other.npy"],
            vec!["6 x 6", "8 x 8", "--resize"],
        ),
        (vec!["mixed", "mixed"], vec!["4 x 4", "5 x 5", "--resize"]),
        (vec!["broken", "broken"], vec!["1.png", "--skip-broken"]),
        (vec!["empty", "empty"], vec!["empty"]),
        (vec!["missing", "test.npy"], vec!["missing"]),
        (vec!["cut.npy", "test.npy"], vec!["cut.npy"]),
        (
            with(&["--space", "pixels", "--space", "file:train.npy,short.npy"]),
            vec!["80", "9", "same queries"],
        ),
        (
            with(&["--space", "pixels", "--space", "file:train.npy,cut.npy"]),
            vec!["cut.npy"],
        ),
        (
            vec!["train.npy", "floats.npy", "--space", "onnx:relu.onnx@y"],
            vec!["255", "up to 1", "one type"],
        ),
    ];
    let before = everything(&folder);
    let mut wrong = Vec::new();
    for (words, parts) in refused {
        let words = [&["compare", "-o", "out"], &words[..]].concat();
        let output = folder.run(&words);
        let said = text(&output.stderr);
        let told = parts.iter().all(|part| said.contains(part));
        let nothing_left = everything(&folder) == before && output.stdout.is_empty();
        if output.status.code() != Some(2) || !told || !nothing_left {
            wrong.push(format!(
                "{words:?}, of which it should say {parts:?}: {said}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Spaces with rows on a sphere are not compared by their hulls.
#[test]
fn hulls_of_rows_on_a_sphere_are_no_evidence() {
    let names = |found: &Report| -> Vec<String> {
        let all = found.pairs.iter();
        all.map(|pair| format!("{}, {}", pair.a, pair.b)).collect()
    };
    let unit = |values: Vec<f64>| -> Vec<f64> {
        let rows = values.chunks_exact(D);
        let row = |row: &[f64]| {
            let norm = row.iter().map(|value| value * value).sum::<f64>().sqrt();
            row.iter().map(|value| value / norm).collect::<Vec<_>>()
        };
        rows.flat_map(row).collect()
    };
    let mut on_sphere = subject(&["pixels", "pca:2", "dims:3"], None);
    let sets = [pictures(REFERENCE, 1), pictures(QUERIES, 2)].map(|values| set(&unit(values)));
    let [reference, queries] = sets;
    on_sphere.sets = Some((reference, queries));
    let found = try_compared(&ComparisonPlan::default(), on_sphere, &mut Forget).unwrap();
    let spheres = found.spaces.iter().map(|space| space.sphere.is_some());
    assert_eq!(spheres.collect::<Vec<_>>(), [true, false, false]);
    assert!((found.spaces[0].sphere.unwrap() - 1.0).abs() < 1e-6);
    assert_eq!(names(&found), ["pca:2, dims:3"]);
}
