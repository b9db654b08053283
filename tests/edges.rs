//! Extreme numbers: the largest and smallest, integers that f64 rounds, digits that must not depend on threads or memory,
//! and very many equal rows.

use crate::common::alloc::largest;
use crate::common::{gaussian, rows};
use crate::formats::{Folder, batch, encode, npy, npz, parquet, safetensors};
use arrow_array::{ArrayRef, Float64Array, Int64Array, UInt64Array};
use hullscope::control::Control;
use hullscope::hull::{Answer, Evidence, Settings, Solver, Verdict};
use hullscope::notion::metric::Metric;
use hullscope::notion::neighbours::{Neighbours, UnitReference};
use hullscope::rows::images::Shape;
use hullscope::rows::{Element, Memory, OpenOptions, Repeats, Rows, open, sample};
use hullscope::scan::{CpuEngine, CpuScan};
use hullscope::space::{Set, Settings as Spaces, Spec, View};
use hullscope::study::compare::{self, Archive, Keeper, RowContext, SpaceReport, Subject};
use hullscope::study::{Record, Sink, analyze};
use hullscope::{Error, Result};
use parquet::basic::Compression;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

// ---- integers beyond 2^53 ----

/// 2^53: from here on only every other integer is an f64.
const EDGE: i64 = 1 << 53;

fn read(spec: &str, memory: u64) -> Result<Box<dyn Rows>> {
    let options = OpenOptions {
        memory,
        ..OpenOptions::default()
    };
    open(spec, &options, &Control::default())
}

/// Three rows of two columns; the tested value is in row 2, column 1.
fn six(value: i64) -> [i64; 6] {
    [0, -7, EDGE, 12, -EDGE, value]
}

/// The same table in every format that stores 64-bit integers.
fn tables(folder: &Folder, value: i64) -> Vec<String> {
    let values = six(value);
    let little: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let big: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
    let columns = [0, 1].map(|j| {
        values
            .iter()
            .skip(j)
            .step_by(2)
            .copied()
            .collect::<Vec<i64>>()
    });
    let fortran: Vec<u8> = columns
        .concat()
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let plain = npy(1, "'<i8'", "False", "(3, 2)", &little);
    let [first, second] = columns.map(|column| Arc::new(Int64Array::from(column)) as ArrayRef);
    let header = r#"{"a":{"dtype":"I64","shape":[3,2],"data_offsets":[0,48]}}"#;
    let text = |separator: &str| -> String {
        let lines = values
            .chunks(2)
            .map(|row| format!("{}{separator}{}\n", row[0], row[1]));
        lines.collect()
    };
    vec![
        folder.file("little.npy", &plain),
        folder.file("big.npy", &npy(1, "'>i8'", "False", "(3, 2)", &big)),
        folder.file("fortran.npy", &npy(1, "'<i8'", "True", "(3, 2)", &fortran)),
        folder.file(
            "x.npz",
            &npz(&[("x.npy", &plain)], zip::CompressionMethod::Deflated),
        ),
        folder.file("x.safetensors", &safetensors(header, &little)),
        folder.file(
            "x.parquet",
            &parquet(
                &[batch(vec![("a", first), ("b", second)])],
                Compression::UNCOMPRESSED,
            ),
        ),
        folder.file("x.csv", text(",").as_bytes()),
        folder.file("x.tsv", text("\t").as_bytes()),
    ]
}

#[test]
fn integers_that_f64_rounds_are_refused_in_every_format() {
    let folder = Folder::new();
    for value in [EDGE + 1, -EDGE - 1, i64::MAX] {
        for path in tables(&folder, value) {
            for memory in [1 << 30, 0] {
                let error = read(&path, memory)
                    .err()
                    .unwrap_or_else(|| panic!("{path}"));
                assert!(matches!(error, Error::Input { .. }), "{error:?}");
                let message = error.to_string();
                let row = if path.ends_with("sv") {
                    "line 3"
                } else {
                    "row 2"
                };
                for part in [path.as_str(), row, "column 1", &value.to_string(), "2^53"] {
                    assert!(message.contains(part), "{part:?} is not in: {message}");
                }
            }
        }
    }
}

#[test]
fn integers_that_f64_holds_are_read_as_they_are() {
    let folder = Folder::new();
    for value in [EDGE, -EDGE, EDGE + 2, i64::MIN, 1 << 62] {
        for path in tables(&folder, value) {
            for memory in [1 << 30, 0] {
                let rows = read(&path, memory).unwrap();
                let mut found = vec![0.0; 6];
                rows.read_f64(0, &mut found).unwrap();
                assert_eq!(found, six(value).map(|v| v as f64), "{path}");
            }
        }
    }
}

#[test]
fn unsigned_integers_and_rows_that_are_left_out() {
    let folder = Folder::new();
    let large = [3u64, u64::MAX, 1 << 63];
    let bytes: Vec<u8> = large.iter().flat_map(|v| v.to_le_bytes()).collect();
    let path = folder.file("u.npy", &npy(1, "'<u8'", "False", "(3, 1)", &bytes));
    let message = read(&path, 0).err().unwrap().to_string();
    assert!(message.contains("row 1, column 0") && message.contains("18446744073709551615"));
    // Rows outside the selection are not checked.
    let options = OpenOptions {
        limit: Some(1),
        ..OpenOptions::default()
    };
    assert_eq!(open(&path, &options, &Control::default()).unwrap().len(), 1);
    let column = Arc::new(UInt64Array::from(large.to_vec())) as ArrayRef;
    let beside = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0])) as ArrayRef;
    let table = batch(vec![("x", beside), ("id", column)]);
    let path = folder.file("u.parquet", &parquet(&[table], Compression::UNCOMPRESSED));
    let message = read(&path, 0).err().unwrap().to_string();
    assert!(message.contains("row 1, column 1"), "{message}");
    // The other column alone, which holds ordinary numbers, is accepted.
    assert_eq!(read(&format!("{path}:x"), 0).unwrap().dim(), 1);
}

#[test]
fn a_scale_that_leaves_the_numbers_is_refused() {
    let folder = Folder::new();
    let output = folder.run(&["analyze", "--scale", "1e308", "--limit-queries", "5"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.contains("1e308") && message.contains("--scale"),
        "{message}"
    );
}

/// Two rows of 30 million columns, in a file that has only its header on disk.
#[test]
fn rows_too_wide_for_the_memory_are_refused_before_they_are_read() {
    let folder = Folder::new();
    let path = folder.file("wide.npy", &npy(1, "'<f8'", "False", "(2, 30000000)", &[]));
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len() + 2 * 30_000_000 * 8)
        .unwrap();
    let options = OpenOptions {
        memory: 16 << 20,
        work: Some(16 << 20),
        ..OpenOptions::default()
    };
    let mut message = String::new();
    let most = largest(|| {
        let opened = open(&path, &options, &Control::default());
        message = opened.err().unwrap().to_string();
    });
    assert!(most < 1 << 20, "{most} bytes at once");
    for part in ["wide.npy", "30000000 columns", "--memory"] {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    let output = folder.run(&["analyze", "wide.npy", "wide.npy", "--memory", "16MiB"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("30000000 columns"));
}

// ---- the same digits everywhere ----

/// The result of `work`, which must be the same on 1 and 2 threads with resident rows, and on 3 with streamed ones.
fn on_any_threads<T: PartialEq + Send>(what: &str, work: impl Fn(u64) -> T + Sync) {
    let on = |threads, memory| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| work(memory))
    };
    let first = on(1, 1 << 30);
    for (threads, memory) in [(2, 1 << 30), (3, 0)] {
        let same = on(threads, memory) == first;
        assert!(
            same,
            "{what} on {threads} threads with {memory} bytes for rows"
        );
    }
}

/// Writes images of the sample to a file.
fn images(folder: &Folder, name: &str, rows: &Memory, count: usize) -> String {
    let d = rows.dim();
    let mut values = vec![0.0; count * d];
    rows.read_f64(0, &mut values).unwrap();
    let bytes = encode(Element::U8, &values, false);
    folder.file(
        name,
        &npy(1, "'|u1'", "False", &format!("({count}, {d})"), &bytes),
    )
}

/// 600 images of 784 pixels are rank-deficient: their hull has no interior, and margins depend on the whole factor.
fn pair(folder: &Folder, memory: u64) -> [Box<dyn Rows>; 2] {
    let (reference, queries) = (sample::reference().unwrap(), sample::queries().unwrap());
    let reference = images(folder, "reference.npy", &reference, 600);
    let queries = images(folder, "queries.npy", &queries, 20);
    [reference, queries].map(|path| read(&path, memory).unwrap())
}

/// A sink that keeps all records as text, with every digit.
#[derive(Default)]
struct Said(Rc<RefCell<String>>);

impl Sink for Said {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        *self.0.borrow_mut() += &format!("{records:?}\n");
        Ok(())
    }
}

impl Keeper for Said {
    fn finish(self: Box<Self>, _: &SpaceReport) -> Result<()> {
        Ok(())
    }
}

impl Archive for Said {
    fn recall(&mut self, _: &Spec) -> Result<Option<SpaceReport>> {
        Ok(None)
    }
    fn begin<'v>(
        &mut self,
        _: &Spec,
        _: &'v View,
        _: RowContext<'v>,
    ) -> Result<Box<dyn Keeper + 'v>> {
        Ok(Box::new(Said(Rc::clone(&self.0))))
    }
}

#[test]
fn analyze_has_the_same_digits_on_any_threads_and_in_any_memory() {
    let folder = Folder::new();
    on_any_threads("analyze", |memory| {
        let [reference, queries] = pair(&folder, memory);
        assert_eq!(reference.resident_bytes() > 0, memory > 0);
        let plan = analyze::AnalysisPlan {
            neighbours: 2,
            gap: Some(0.1),
            ..analyze::AnalysisPlan::default()
        };
        let mut said = Said::default();
        let control = Control::default();
        analyze::run(
            &plan,
            &CpuEngine,
            &*reference,
            &*queries,
            &mut said,
            &control,
        )
        .unwrap();
        said.0.take()
    });
}

#[test]
fn compare_has_the_same_digits_on_any_threads_and_in_any_memory() {
    let folder = Folder::new();
    let spaces = ["pca:8", "patch:8"].map(String::from);
    {
        on_any_threads("compare", |memory| {
            let [reference, queries] = pair(&folder, memory).map(|rows| Set {
                shape: Some(Shape {
                    height: 28,
                    width: 28,
                    channels: 1,
                    planar: false,
                }),
                rows: Arc::from(rows),
                range: 255.0,
                framed: Vec::new(),
            });
            let subject = Subject {
                sets: Some((reference, queries)),
                classes: None,
                query_sets: Vec::new(),
                outcome: None,
                specs: Spec::parse_all(&spaces).unwrap(),
                warnings: Default::default(),
            };
            let settings = Spaces {
                seed: 0,
                memory,
                ..Spaces::default()
            };
            let plan = compare::ComparisonPlan::default();
            let mut said = Said::default();
            let control = Control::default();
            compare::run(&plan, subject, settings, &CpuEngine, &mut said, &control).unwrap();
            said.0.take()
        });
    }
}

// ---- neighbours of any size ----

/// `number * 2^power`, exact for integers of few bits.
fn times(number: f64, power: i32) -> f64 {
    // In two steps, because 2^-1070 is not a normal number.
    number * 2f64.powi(power / 2) * 2f64.powi(power - power / 2)
}

fn scaled(values: &[f64], power: i32) -> Vec<f64> {
    values.iter().map(|&v| times(v, power)).collect()
}

/// Powers of two from the smallest numbers to the largest, for integers up to 2^11.
const POWERS: [i32; 9] = [-1070, -1022, -700, -520, 0, 333, 520, 700, 1012];

fn nearest(metric: Metric, d: usize, x: &[f64], q: &[f64], k: usize) -> Vec<Vec<(usize, f64)>> {
    let (reference, control) = (rows(d, x), Control::default());
    let unit = UnitReference::new(&reference);
    let unit_scan = unit
        .scan(&CpuEngine, &hullscope::notion::Fits::default(), &control)
        .unwrap();
    let scan = CpuScan::new(&reference, &control).unwrap();
    let search = match metric {
        Metric::Cosine => Neighbours::new(&reference, &*unit_scan, metric),
        _ => Neighbours::new(&reference, &scan, metric),
    };
    search.nearest(q, k, &control).unwrap()
}

#[test]
fn neighbours_are_right_from_the_smallest_numbers_to_the_largest() {
    let (d, k, n) = (4, 5, 300);
    let whole = |count: usize, seed| -> Vec<f64> {
        gaussian(count, seed)
            .iter()
            .map(|v| (40.0 * v).round())
            .collect()
    };
    let (x, q) = (whole(n * d, 1), whole(12 * d, 2));
    // Exact: sums of integers.
    let order = |query: &[f64], measure: &dyn Fn(&[f64], &[f64]) -> f64| -> Vec<usize> {
        let mut all: Vec<(f64, usize)> = x
            .chunks_exact(d)
            .map(|x| measure(x, query))
            .zip(0..)
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all[..k].iter().map(|near| near.1).collect()
    };
    let square = |x: &[f64], q: &[f64]| x.iter().zip(q).map(|(x, q)| (x - q).powi(2)).sum::<f64>();
    let dot = |x: &[f64], q: &[f64]| 0.0 - x.iter().zip(q).map(|(x, q)| x * q).sum::<f64>();
    let cosines = nearest(Metric::Cosine, d, &x, &q, k);
    for a in POWERS {
        let x = scaled(&x, a);
        for b in POWERS {
            let q = scaled(&q, b);
            let seen = nearest(Metric::Dot, d, &x, &q, k);
            let unscaled = scaled(&q, -b);
            for (found, query) in seen.iter().zip(unscaled.chunks_exact(d)) {
                let rows: Vec<usize> = found.iter().map(|near| near.0).collect();
                assert_eq!(rows, order(query, &dot), "dot, rows 2^{a}, queries 2^{b}");
            }
            let seen = nearest(Metric::Cosine, d, &x, &q, k);
            assert_eq!(seen, cosines, "cosine, rows 2^{a}, queries 2^{b}");
        }
        let q = scaled(&q, a);
        let seen = nearest(Metric::Euclidean, d, &x, &q, k);
        let unscaled = scaled(&q, -a);
        for (found, query) in seen.iter().zip(unscaled.chunks_exact(d)) {
            let rows: Vec<usize> = found.iter().map(|near| near.0).collect();
            assert_eq!(rows, order(query, &square), "euclidean, 2^{a}");
        }
    }
    // A far row on either side changes no other row's place.
    let mut far = scaled(&x, -700);
    far.extend([-1e300, 0.0, 0.0, 0.0]);
    for (found, query) in nearest(Metric::Dot, d, &far, &q, k)
        .iter()
        .zip(q.chunks_exact(d))
    {
        let mut expected = order(query, &dot);
        if query[0] < 0.0 {
            expected.insert(0, n);
        }
        let rows: Vec<usize> = found.iter().map(|near| near.0).collect();
        assert_eq!(rows, expected[..k], "with a far row");
    }
}

// ---- verdicts of any size ----

fn answers(d: usize, x: &[f64], q: &[f64], gap: Option<f64>) -> Vec<Answer> {
    let (reference, control) = (rows(d, x), Control::default());
    let scan = CpuScan::new(&reference, &control).unwrap();
    let settings = Settings {
        gap,
        ..Settings::default()
    };
    let mut solver = Solver::new(&reference, &scan, settings, &control).unwrap();
    solver.answer(q, None, &control).unwrap()
}

/// The verdict is the expected one, or undecided with a reason if `may`.
fn agrees(found: &Answer, inside: bool, may: bool, what: &str) {
    match found.verdict {
        // Within tolerance is not a proof of inside.
        Verdict::Inside => assert!(
            inside || (may && found.proof == Some(Evidence::Tolerance)),
            "{what}: inside, but it is outside"
        ),
        Verdict::Outside => assert!(!inside, "{what}: outside, but it is inside"),
        Verdict::Undecided => assert!(may && found.reason.is_some(), "{what}: undecided"),
    }
    assert!(
        found.margin.is_finite() && found.margin >= 0.0,
        "{what}: margin {}",
        found.margin
    );
    if let Some(distance) = found.distance {
        assert!(
            distance.lower >= 0.0 && distance.lower <= distance.upper,
            "{what}: {distance:?}"
        );
    }
}

/// A simplex in three dimensions, and points whose side is known.
fn simplex() -> (Vec<f64>, Vec<(bool, [f64; 3])>) {
    let corners = vec![
        0.0, 0.0, 0.0, 64.0, 0.0, 0.0, 0.0, 64.0, 0.0, 0.0, 0.0, 64.0,
    ];
    let mut points = Vec::new();
    for x in [-8.0, 0.0, 1.0, 16.0, 63.0, 70.0] {
        for y in [-1.0, 0.0, 16.0, 40.0] {
            for z in [0.0, 5.0, 32.0] {
                let sum: f64 = x + y + z;
                let inside = x >= 0.0 && y >= 0.0 && z >= 0.0 && sum <= 64.0;
                points.push((inside, [x, y, z]));
            }
        }
    }
    (corners, points)
}

#[test]
fn verdicts_do_not_change_with_a_power_of_two() {
    let (corners, points) = simplex();
    let queries: Vec<f64> = points.iter().flat_map(|(_, point)| *point).collect();
    for gap in [None, Some(0.1)] {
        for power in [
            -1060, -1000, -960, -900, -700, -500, -333, 0, 333, 500, 512, 700, 900, 1000, 1016,
        ] {
            let found = answers(3, &scaled(&corners, power), &scaled(&queries, power), gap);
            for (found, (inside, point)) in found.iter().zip(&points) {
                // Below 2^-1022 numbers have fewer digits, and arithmetic with them proves less.
                let may = power < -900;
                agrees(
                    found,
                    *inside,
                    may,
                    &format!("2^{power}, {point:?}, gap {gap:?}"),
                );
            }
        }
    }
}

#[test]
fn intervals_are_right_wherever_their_ends_are() {
    let sizes = [
        5e-324, 1e-310, 1e-300, 1e-200, 1e-154, 1e-100, 1e-10, 1.0, 1e10, 1e100, 1e154, 1e200,
        1e300, 1.7e308,
    ];
    let numbers: Vec<f64> = sizes.iter().flat_map(|&v| [v, -v]).chain([0.0]).collect();
    for &low in &numbers {
        for &high in numbers.iter().filter(|high| **high >= low) {
            let found = answers(1, &[low, high], &numbers, None);
            for (found, &q) in found.iter().zip(&numbers) {
                agrees(
                    found,
                    q >= low && q <= high,
                    true,
                    &format!("{q:e} in [{low:e}, {high:e}]"),
                );
            }
        }
    }
}

#[test]
fn sizes_that_do_not_go_together_are_no_panic_and_no_wrong_verdict() {
    let (corners, points) = simplex();
    let queries: Vec<f64> = points.iter().flat_map(|(_, point)| *point).collect();
    let powers = [-1060, -900, -500, 0, 500, 900, 1016];
    for a in powers {
        for b in powers.into_iter().filter(|&b| b != a) {
            let (x, q) = (scaled(&corners, a), scaled(&queries, b));
            for (found, point) in answers(3, &x, &q, Some(0.1)).iter().zip(q.chunks_exact(3)) {
                let inside = point.iter().all(|v| *v >= 0.0)
                    && point.iter().map(|v| v / 4.0).sum::<f64>() <= times(16.0, a);
                agrees(found, inside, true, &format!("rows 2^{a}, query {point:?}"));
            }
        }
    }
    // Rows of every magnitude in one set.
    let mixed: Vec<f64> = (0..40)
        .map(|i| times(gaussian(1, i)[0], 60 * (i as i32) - 1200 + 180))
        .collect();
    answers(2, &mixed, &mixed, Some(0.1));
    for metric in [Metric::Euclidean, Metric::Cosine, Metric::Dot] {
        nearest(metric, 2, &mixed, &mixed, 3);
    }
}

/// The whole program, from files to a table and to `verify`.
#[test]
fn the_program_takes_any_finite_numbers() {
    let folder = Folder::new();
    let base = gaussian(40 * 3, 5);
    for (name, power) in [
        ("tiny", -1040),
        ("small", -700),
        ("large", 700),
        ("huge", 1018),
    ] {
        let file = |name: &str, values: &[f64]| {
            let shape = format!("({}, 3)", values.len() / 3);
            folder.file(
                name,
                &npy(
                    1,
                    "'<f8'",
                    "False",
                    &shape,
                    &encode(Element::F64, values, false),
                ),
            )
        };
        let reference = file("reference.npy", &scaled(&base, power));
        let queries: Vec<f64> = base[..30].iter().map(|v| 1.5 * v).collect();
        let queries = file("queries.npy", &scaled(&queries, power));
        for metric in ["euclidean", "cosine", "dot"] {
            let words = [
                "analyze",
                &reference,
                &queries,
                "--distance",
                "--metric",
                metric,
            ];
            let more = ["-o", "out.csv", "--json", "out.json", "--self-test", "5"];
            let kept = ["--certificates", "out.parquet"];
            let output = folder.run(&[&words[..], &more, &kept].concat());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{name}, {metric}: {said}");
        }
    }
}

// ---- very many equal rows ----

/// The search for equal rows asks for no list as long as the set: 16 bytes for each row were 32 MiB here.
#[test]
fn equal_rows_are_found_without_a_list_of_them() {
    let rows = 1 << 21;
    let values = vec![2.5; rows];
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let (found, most) = pool.unwrap().install(|| {
        let mut found = None;
        let most = largest(|| {
            found = Repeats::of_values(&values, 1, &Control::default()).unwrap();
        });
        (found.unwrap(), most)
    });
    assert_eq!((found.distinct(), found.count(0)), (1, rows));
    assert!(found.members(0).eq(0..rows));
    assert!(most <= 4 << 20, "a request for {most} bytes");
}
