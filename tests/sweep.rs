//! Rates of random points compared with exact probabilities; verdicts of small problems compared with the solver and a
//! linear program; `sweep` as users run it.

use crate::common::{lp, naive, rows};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use hullscope::Error;
use hullscope::control::Control;
use hullscope::hull::tiny::{Problems, RowGenerator, Trials, Turn, certificates, first_inside};
use hullscope::hull::{Answer, Certificate, Settings, Solver, SolverStage, Verdict};
use hullscope::rows::Rows;
use hullscope::rows::law::{Law, Query};
use hullscope::scan::{CpuEngine, CpuScan};
use hullscope::study::sweep::{DataPlan, LawPlan, Order, Point, run, run_data};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

const LAWS: [Law; 8] = [
    Law::Gaussian,
    Law::Ball,
    Law::Sphere,
    Law::Cube,
    Law::Vertices,
    Law::Subspace(2),
    Law::Curve(None),
    Law::Mixture(3),
];

fn trials(law: Law, d: usize, seed: u64) -> Trials {
    Trials {
        law,
        query: Query::Same,
        d,
        seed,
    }
}

fn turns(problems: &dyn Problems, count: u64, sizes: &[usize]) -> Vec<Turn> {
    first_inside(problems, 0..count, sizes, 1 << 30, &Control::default()).unwrap()
}

/// The share inside at one size; no problem may be undecided.
fn rate(problems: &dyn Problems, count: u64, n: usize) -> f64 {
    let turns = turns(problems, count, &[n]);
    let of = |verdict| turns.iter().filter(|t| t.verdict(0) == verdict).count();
    assert_eq!(of(Verdict::Undecided), 0);
    of(Verdict::Inside) as f64 / count as f64
}

/// Asserts that a measured share is within four standard errors of a probability.
fn within(found: f64, expected: f64, count: u64, what: &str) {
    let error = (expected * (1.0 - expected) / count as f64).sqrt();
    assert!(
        (found - expected).abs() <= 4.0 * error + 1e-12,
        "{what}: {found}, expected {expected} +- {error}"
    );
}

/// All rows and the query of a problem.
fn drawn(problems: &dyn Problems, number: u64, n: usize) -> (Vec<f64>, Vec<f64>) {
    let d = problems.dim();
    let (mut query, mut rows) = (vec![0.0; d], vec![0.0; n * d]);
    problems.begin(number, &mut query)(&mut rows);
    (rows, query)
}

/// A problem with rows written one by one by a function.
struct Written<F>(usize, F);

/// A query, and the generator of its rows.
type Beginning = (Vec<f64>, RowGenerator<'static>);

impl<F: Fn(u64) -> Beginning + Sync> Problems for Written<F> {
    fn dim(&self) -> usize {
        self.0
    }

    fn begin<'p>(&'p self, number: u64, query: &mut [f64]) -> RowGenerator<'p> {
        let (point, mut write) = self.1(number);
        query.copy_from_slice(&point);
        Box::new(move |rows| rows.chunks_exact_mut(self.0).for_each(&mut write))
    }
}

#[test]
fn every_certificate_holds_against_the_rows() {
    let sizes = [1, 3, 10, 40, 200];
    for law in LAWS {
        for d in [2, 3, 5, 8] {
            let problems = trials(law, d, 11);
            for number in 0..25 {
                let (x, query) = drawn(&problems, number, 200);
                let found = certificates(&problems, number, &sizes, &Control::default()).unwrap();
                assert_eq!(found.len(), sizes.len());
                let turn = turns(&problems, number + 1, &sizes)[number as usize];
                for (place, (&n, certificate)) in sizes.iter().zip(found).enumerate() {
                    let verdict = turn.verdict(place);
                    assert_ne!(verdict, Verdict::Undecided, "{law}, d = {d}");
                    let answer = Answer {
                        verdict,
                        proof: None,
                        residual: None,
                        reason: None,
                        stage: SolverStage::FullSolve,
                        margin: match certificate {
                            Certificate::Outside { margin, .. } => margin,
                            _ => 0.0,
                        },
                        support: 0,
                        scans: 0,
                        certificate,
                        distance: None,
                        nearest: None,
                    };
                    naive::certificate_holds(&rows(d, &x[..n * d]), &query, &answer, 1e-9);
                }
            }
        }
    }
}

/// The verdicts equal those of the solver for large sets, and those of a linear program where it is accurate enough.
#[test]
fn verdicts_equal_the_solvers_and_the_linear_programs() {
    let sizes = [4, 9, 30, 80];
    let (mut inside, mut compared) = (0, 0);
    for law in LAWS {
        for d in 2..6 {
            let problems = trials(law, d, 5);
            for (number, turn) in turns(&problems, 10, &sizes).into_iter().enumerate() {
                let (x, query) = drawn(&problems, number as u64, 80);
                for (place, &n) in sizes.iter().enumerate() {
                    let (verdict, part) = (turn.verdict(place), &x[..n * d]);
                    assert_eq!(
                        verdict,
                        solved(&rows(d, part), &query),
                        "{law}, d = {d}, trial {number}, N = {n}"
                    );
                    inside += usize::from(verdict == Verdict::Inside);
                    // Flat sets and queries near the boundary are beyond the linear program's tolerance.
                    let reach = lp::reach(d, part, &query).filter(|s| (s - 1.0).abs() > 1e-5);
                    if let Some(reach) = reach.filter(|_| law != Law::Subspace(2) && n > d) {
                        assert_eq!(
                            verdict == Verdict::Inside,
                            reach > 1.0,
                            "{law}, d = {d}, trial {number}, N = {n}: {reach}"
                        );
                        compared += 1;
                    }
                }
            }
        }
    }
    assert!(inside > 150 && compared > 500, "{inside}, {compared}");
}

/// P(inside) of a Gaussian point for N others in d dimensions, as (d, N, P): Kabluchko and Zaporozhets (2020),
/// evaluated to 40 digits. In the first ten, N is the first with at least one half.
const EXACT: [(usize, usize, f64); 16] = [
    (1, 3, 0.5),
    (2, 11, 0.518711533),
    (3, 27, 0.500318514),
    (4, 63, 0.503012520),
    (5, 135, 0.501300901),
    (6, 278, 0.500749916),
    (7, 555, 0.500294722),
    (8, 1084, 0.500146648),
    (9, 2080, 0.500080039),
    (10, 3934, 0.500038037),
    (8, 1000, 0.484964679),
    (16, 1000, 0.013749228),
    (2, 50, 0.843135689),
    (3, 10, 0.208076520),
    (3, 50, 0.654377303),
    (3, 200, 0.868942016),
];

#[test]
fn gaussian_points_are_inside_as_often_as_predicted() {
    for (d, n, exact) in EXACT {
        let count = if d < 9 { 1500 } else { 400 };
        within(
            rate(&trials(Law::Gaussian, d, 1), count, n),
            exact,
            count,
            &format!("d = {d}, N = {n}"),
        );
    }
}

#[test]
fn a_narrower_query_is_inside_more_often() {
    let narrow = Trials {
        query: Query::Variance(0.25),
        ..trials(Law::Gaussian, 32, 4)
    };
    within(
        rate(&narrow, 80, 10_000),
        0.701361,
        80,
        "d = 32, N = 10,000, s2 = .25",
    );
}

/// Only the dimension of the affine hull matters: .503013 for every d.
#[test]
fn points_of_a_subspace_are_inside_as_often_as_in_it() {
    for d in [4, 5, 6, 7, 12] {
        let found = rate(&trials(Law::Subspace(4), d, 5), 4000, 63);
        within(found, 0.503012520, 4000, &format!("d = {d}"));
    }
}

/// Wendel (1962), for several distributions that are symmetric about the origin.
#[test]
fn the_origin_is_inside_half_the_time_at_twice_as_many_points_as_dimensions() {
    for d in [2, 3, 5, 8, 12] {
        for law in [Law::Gaussian, Law::Ball, Law::Sphere, Law::Cube] {
            let origin = Trials {
                query: Query::Origin,
                ..trials(law, d, 6)
            };
            within(
                rate(&origin, 1000, 2 * d),
                0.5,
                1000,
                &format!("{law}, d = {d}"),
            );
            // Of the 2^d ways to reflect d of d + 1 points one surrounds the origin.
            let exact = 0.5f64.powi(d as i32);
            let found = rate(&origin, 1000, d + 1);
            within(found, exact, 1000, &format!("{law}, d = {d}, N = d + 1"));
        }
    }
}

#[test]
fn a_vertex_of_a_cube_is_inside_exactly_when_it_was_drawn_before() {
    for (d, n) in [(1, 2), (3, 5), (6, 40), (10, 700)] {
        let problems = trials(Law::Vertices, d, 7);
        for (number, turn) in turns(&problems, 300, &[n]).into_iter().enumerate() {
            let (x, query) = drawn(&problems, number as u64, n);
            let known = x.chunks_exact(d).any(|row| row == query);
            assert_eq!(
                turn.verdict(0) == Verdict::Inside,
                known,
                "d = {d}, trial {number}"
            );
            assert_ne!(turn.verdict(0), Verdict::Undecided);
        }
        let exact = 1.0 - (1.0 - 0.5f64.powi(d as i32)).powi(n as i32);
        within(rate(&problems, 3000, n), exact, 3000, &format!("d = {d}"));
    }
}

/// Every point of a sphere, or of the moment curve, is extreme; the distances fall like N^-d.
#[test]
fn extreme_points_are_never_inside() {
    for d in [2, 3, 6, 10] {
        assert_eq!(
            rate(&trials(Law::Sphere, d, 8), 300, 1000),
            0.0,
            "sphere, d = {d}"
        );
        let curve = Written(d, |number| {
            let mut line = Law::Cube.sampler(1, 9, number);
            let mut next = move |point: &mut [f64]| {
                let mut t = [0.0];
                line.rows(&mut t);
                for (value, power) in point.iter_mut().zip(1..) {
                    *value = t[0].powi(power);
                }
            };
            let mut query = vec![0.0; d];
            next(&mut query);
            (query, Box::new(next) as RowGenerator<'static>)
        });
        assert_eq!(rate(&curve, 300, 1000), 0.0, "moment curve, d = {d}");
    }
}

/// The midpoint of the last two of a few rows, as rounded: often on an edge of the hull.
#[test]
fn midpoints_are_always_inside() {
    for d in [1, 2, 5, 12] {
        for law in [
            Law::Gaussian,
            Law::Sphere,
            Law::Curve(None),
            Law::Subspace(1),
        ] {
            let n = 2 + d;
            let midpoint = Written(d, move |number| {
                let mut sampler = law.sampler(d, 10, number);
                let mut all = vec![0.0; n * d];
                sampler.rows(&mut all);
                let ends = (&all[(n - 2) * d..(n - 1) * d], &all[(n - 1) * d..]);
                let query = ends.0.iter().zip(ends.1).map(|(a, b)| 0.5 * (a + b));
                let query = query.collect();
                let mut at = 0;
                let write = move |row: &mut [f64]| {
                    row.copy_from_slice(&all[at..at + d]);
                    at += d;
                };
                (query, Box::new(write) as RowGenerator<'static>)
            });
            assert_eq!(rate(&midpoint, 300, n), 1.0, "{law}, d = {d}");
        }
    }
}

/// Points of a small grid: repeated rows, queries on vertices, edges and facets. The verdicts equal the solver's, and
/// none is undecided.
#[test]
fn points_of_a_grid_are_decided() {
    let sizes = [1, 2, 4, 8, 16, 40];
    for d in 1..6 {
        let grid = Written(d, |number| {
            let mut sampler = Law::Cube.sampler(d, 14, number);
            let mut next = move |row: &mut [f64]| {
                sampler.rows(row);
                row.iter_mut()
                    .for_each(|value| *value = (2.4 * *value).round());
            };
            let mut query = vec![0.0; d];
            next(&mut query);
            (query, Box::new(next) as RowGenerator<'static>)
        });
        for (number, turn) in turns(&grid, 150, &sizes).into_iter().enumerate() {
            let (x, query) = drawn(&grid, number as u64, 40);
            for (place, &n) in sizes.iter().enumerate() {
                let found = solved(&rows(d, &x[..n * d]), &query);
                assert_eq!(
                    turn.verdict(place),
                    found,
                    "d = {d}, trial {number}, N = {n}"
                );
            }
        }
    }
}

/// The solver's verdict on one query.
fn solved(reference: &dyn Rows, query: &[f64]) -> Verdict {
    let control = Control::default();
    let scan = CpuScan::new(reference, &control).unwrap();
    let mut solver = Solver::new(reference, &scan, Settings::default(), &control).unwrap();
    solver.answer(query, None, &control).unwrap()[0].verdict
}

/// A new set for each size gives the same rates as prefixes of one set.
#[test]
fn prefixes_are_sets_of_their_own() {
    let sizes = [2, 5, 12, 40, 150, 400];
    for law in LAWS {
        let problems = trials(law, 4, 12);
        let together = turns(&problems, 60, &sizes);
        for (place, &n) in sizes.iter().enumerate() {
            for (turn, alone) in together.iter().zip(turns(&problems, 60, &[n])) {
                assert_eq!(turn.verdict(place), alone.verdict(0), "{law}, N = {n}");
            }
        }
    }
}

#[test]
fn answers_do_not_depend_on_threads_memory_or_where_one_begins() {
    let sizes = [10, 100, 1000];
    let problems = trials(Law::Gaussian, 5, 13);
    let on = |threads: usize, memory: u64| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            first_inside(&problems, 0..500, &sizes, memory, &Control::default()).unwrap()
        })
    };
    let one = on(1, 1 << 30);
    assert_eq!(one, on(2, 1 << 30));
    assert_eq!(one, on(3, 1));
    let later = first_inside(&problems, 200..500, &sizes, 1 << 30, &Control::default()).unwrap();
    assert_eq!(one[200..], later);
}

#[test]
fn an_interrupt_ends_a_sweep() {
    let control = Control::default();
    control.stop();
    let found = first_inside(&trials(Law::Gaussian, 2, 1), 0..10, &[5], 1 << 30, &control);
    assert!(matches!(found, Err(Error::Interrupted)));
}

fn plan(laws: &[Law], dims: &[usize], sizes: &[usize], trials: u64) -> LawPlan {
    LawPlan {
        laws: laws.to_vec(),
        dims: dims.to_vec(),
        sizes: sizes.to_vec(),
        trials,
        seed: 21,
        query: Query::Same,
        shared_reference: false,
        memory: 1 << 30,
    }
}

fn points(plan: &LawPlan) -> Vec<Point> {
    run(plan, &CpuEngine, &Control::default()).unwrap()
}

/// The rates of every distribution with a known theory agree with it, with new references and, more loosely, with a
/// shared one.
#[test]
fn rates_keep_to_the_theory() {
    let fresh = plan(&LAWS, &[2, 3], &[2, 10, 50], 2000);
    let mut known = 0;
    for point in points(&fresh) {
        assert_eq!(point.undecided, 0);
        assert_eq!(point.rate, point.inside as f64 / 2000.0);
        let [low, high] = point.interval95;
        assert!(low <= point.rate && point.rate <= high);
        if let Some(theory) = point.theory {
            within(point.rate, theory, 2000, &format!("{point:?}"));
            known += 1;
        }
    }
    assert!(known >= 16, "{known}");
    let line = plan(
        &[Law::Ball, Law::Cube, Law::Curve(None), Law::Mixture(2)],
        &[1],
        &[1, 5, 30],
        2000,
    );
    for point in points(&line) {
        within(
            point.rate,
            1.0 - 2.0 / (point.n as f64 + 1.0),
            2000,
            &format!("{point:?}"),
        );
        assert!((point.theory.unwrap() - (1.0 - 2.0 / (point.n as f64 + 1.0))).abs() < 1e-15);
    }
}

/// Each repeated point is computed once, at its first place.
#[test]
fn what_is_named_twice_is_one_point() {
    let once = plan(&[Law::Ball, Law::Gaussian], &[3, 2], &[5, 20], 50);
    let twice = plan(
        &[Law::Ball, Law::Gaussian, Law::Ball],
        &[3, 2, 3, 2],
        &[20, 5, 20],
        50,
    );
    let found = points(&once);
    assert_eq!(found.len(), 8);
    assert_eq!(points(&twice), found);
    assert_eq!(twice.without_repeats(), once);
    let (reference, mut sampler) = Law::Gaussian.sample(40, 4, 1, 0);
    let mut queries = vec![0.0; 30 * 4];
    sampler.rows(&mut queries);
    let queries = rows(4, &queries);
    let of = |dims: &[usize], sizes: &[usize]| {
        let plan = DataPlan {
            dims: dims.to_vec(),
            sizes: sizes.to_vec(),
            order: Order::Seeded,
            seed: 3,
            memory: 1 << 30,
        };
        run_data(&plan, &reference, &queries, &CpuEngine, &Control::default()).unwrap()
    };
    let found = of(&[4, 2], &[10, 40]);
    assert_eq!(found.len(), 4);
    assert_eq!(of(&[4, 2, 2, 4], &[40, 10, 10]), found);
}

/// With a shared reference, the mean over references agrees with the theory.
#[test]
fn shared_references_average_to_the_theory() {
    let mut shared = plan(&[Law::Gaussian, Law::Subspace(3)], &[3], &[10, 27, 200], 50);
    shared.shared_reference = true;
    let mut inside = [0u64; 6];
    for seed in 0..40 {
        shared.seed = seed;
        for (sum, point) in inside.iter_mut().zip(points(&shared)) {
            *sum += point.inside;
            assert_eq!((point.undecided, point.trials), (0, 50));
        }
    }
    for (place, sum) in inside.into_iter().enumerate() {
        let n = [10, 27, 200][place % 3];
        let known = EXACT.iter().find(|(d, size, _)| (*d, *size) == (3, n));
        let (_, _, exact) = *known.unwrap();
        // Queries of one reference are correlated: the tolerance is that of 40 x 10 independent queries.
        within(sum as f64 / 2000.0, exact, 400, &format!("point {place}"));
    }
}

/// The rates of a data set equal the solver's on the same subset, and grow with N.
#[test]
fn rates_of_a_data_set_are_the_solvers() {
    let (reference, mut sampler) = Law::Mixture(4).sample(600, 6, 31, 0);
    let mut queries = vec![0.0; 200 * 6];
    sampler.rows(&mut queries);
    let queries = rows(6, &queries);
    let plan = DataPlan {
        dims: vec![2, 4, 6],
        sizes: vec![20, 100, 600],
        order: Order::Leading,
        seed: 3,
        memory: 1 << 30,
    };
    let control = Control::default();
    let found = run_data(&plan, &reference, &queries, &CpuEngine, &control).unwrap();
    assert_eq!(found.len(), 9);
    for part in found.chunks_exact(3) {
        assert!(part.is_sorted_by_key(|point| point.inside), "{part:?}");
        assert!(
            part.iter()
                .all(|point| point.trials == 200 && point.theory.is_none())
        );
    }
    // With all rows and all columns nothing is random, in either order.
    let whole = hullscope::scan::CpuScan::new(&reference, &control).unwrap();
    let mut solver = Solver::new(&reference, &whole, Settings::default(), &control).unwrap();
    let answers = solver
        .answer(&naive::values(&queries), None, &control)
        .unwrap();
    let inside = answers
        .iter()
        .filter(|a| a.verdict == Verdict::Inside)
        .count() as u64;
    assert_eq!(found[8].inside, inside);
    let seeded = DataPlan {
        order: Order::Seeded,
        ..plan
    };
    let other = run_data(&seeded, &reference, &queries, &CpuEngine, &control).unwrap();
    assert_eq!(other[8].inside, inside);
    assert!(inside > 20 && other != found);
    for (dims, sizes) in [
        (vec![7], vec![10]),
        (vec![2], vec![601]),
        (vec![], vec![10]),
        (vec![0], vec![3]),
    ] {
        let wrong = DataPlan {
            dims,
            sizes,
            ..seeded.clone()
        };
        let error = run_data(&wrong, &reference, &queries, &CpuEngine, &control).unwrap_err();
        assert!(matches!(error, Error::Usage(_)), "{error}");
    }
    assert_eq!(reference.len(), 600);
}

fn sweep(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hullscope"))
        .env("HULLSCOPE_BACKEND", "cpu")
        .arg("sweep")
        .args(arguments)
        .output()
        .unwrap()
}

/// Asserts that the command is refused with exit code 2, these words in the message, and nothing on stdout.
fn refused(arguments: &[&str], words: &[&str]) {
    let output = sweep(arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert!(output.stdout.is_empty());
    for word in words {
        assert!(text.contains(word), "{arguments:?}: {text}");
    }
}

#[test]
fn bad_input_is_named() {
    refused(
        &["--law", "gausian"],
        &["did you mean gaussian?", "mixture:K"],
    );
    refused(&["--law", "subspace"], &["subspace:4"]);
    refused(
        &["--law", "subspace:5", "--dims", "4"],
        &["subspace:5", "4 dimensions"],
    );
    refused(
        &["--law", "ball", "--query-variance", "0.5"],
        &["variance", "ball"],
    );
    refused(&["--query-variance", "-1"], &[]);
    refused(&["--query-variance", "1e-26"], &["1e-12"]);
    refused(&["--query-variance", "1e30"], &["1e12"]);
    refused(
        &["-o", "./twice.parquet", "--json", "twice.parquet"],
        &["two outputs"],
    );
    refused(&["--sizes", "10,...,100"], &["two numbers before it"]);
    refused(&["--sizes", "0"], &["at least 1"]);
    refused(&["--trials", "0"], &["at least one"]);
    refused(&["--dims", "1e6", "--sizes", "1e6"], &["--memory"]);
    refused(&["--trials", "9e15"], &["--memory"]);
    refused(&["-o", "points.csv"], &[".parquet"]);
    refused(&["--plot", "plot.pdf"], &[".svg"]);
    refused(&["-o", "no/such/points.parquet"], &["no/such"]);
    refused(&["only-one.npy"], &["QUERIES"]);
    refused(&["--normalize"], &["data set"]);
    refused(&["no.npy", "such.npy"], &["no.npy"]);
    refused(&["no.npy", "such.npy", "--law", "ball"], &["--law"]);
}

#[test]
fn every_output_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (parquet, text, plot) = (
        path("points.parquet"),
        path("points.json"),
        path("plot.svg"),
    );
    let output = sweep(&[
        "--law",
        "gaussian",
        "--law",
        "curve",
        "--dims",
        "1,2,...,3",
        "--sizes",
        "4,8,...,64",
        "--trials",
        "300",
        "-o",
        &parquet,
        "--json",
        &text,
        "--plot",
        &plot,
    ]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let points: Vec<serde_json::Value> =
        serde_json::from_str(&fs::read_to_string(&text).unwrap()).unwrap();
    assert_eq!(points.len(), 2 * 3 * 5);
    let table = String::from_utf8(output.stdout).unwrap();
    for (law, d, n) in [("gaussian", 1, 4), ("curve", 3, 64)] {
        let line = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.len() > 3 && words[..3] == [law, &d.to_string(), &n.to_string()]
        };
        assert!(table.lines().any(|l| line(&l)), "{law} {d} {n}: {table}");
    }
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&parquet).unwrap()).unwrap();
    let metadata = builder
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .unwrap();
    assert!(metadata.iter().any(|pair| pair.key == "hullscope.settings"));
    let batch = builder.build().unwrap().next().unwrap().unwrap();
    assert_eq!(batch.num_rows(), points.len());
    let float = |name: &str| batch[name].as_primitive::<Float64Type>().clone();
    let whole = |name: &str| batch[name].as_primitive::<Int64Type>().clone();
    for (row, point) in points.iter().enumerate() {
        assert_eq!(batch["law"].as_string::<i32>().value(row), point["law"]);
        for name in ["d", "n", "trials", "inside", "undecided"] {
            assert_eq!(
                whole(name).value(row),
                point[name].as_i64().unwrap(),
                "{name}"
            );
        }
        assert_eq!(float("rate").value(row), point["rate"].as_f64().unwrap());
        assert_eq!(
            float("interval_low").value(row),
            point["interval95"][0].as_f64().unwrap()
        );
        assert_eq!(
            float("interval_high").value(row),
            point["interval95"][1].as_f64().unwrap()
        );
        // Efron's identity: each of N + 1 points is a vertex if it is outside the hull of the others.
        let (n, outside) = (
            point["n"].as_f64().unwrap(),
            1.0 - point["rate"].as_f64().unwrap(),
        );
        let vertices = point["vertices"].as_f64().unwrap();
        assert!((vertices - (n + 1.0) * outside).abs() < 1e-9, "{point}");
        assert_eq!(float("vertices").value(row), vertices);
        let theory = float("theory");
        let theory = (!arrow_array::Array::is_null(&theory, row)).then(|| theory.value(row));
        assert_eq!(theory, point["theory"].as_f64());
        assert!(theory.is_some() || point["d"] != 1);
    }
    let svg = fs::read_to_string(&plot).unwrap();
    for word in [
        "gaussian",
        "curve",
        "d = 3",
        "reference points N",
        "share inside",
    ] {
        assert!(svg.contains(word), "{word}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

/// Every output, and the plan written beside the points, has each point once.
#[test]
fn repeats_are_in_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (parquet, plot) = (path("points.parquet"), path("plot.svg"));
    let laws = ["--law", "ball", "--law", "gaussian", "--law", "ball"];
    let numbers = ["--dims", "3,2,3", "--sizes", "8,4,8", "--trials", "20"];
    let files = ["-o", &parquet, "--plot", &plot, "--json", "-"];
    let output = sweep(&[&laws[..], &numbers, &files].concat());
    let points: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let named = |p: &serde_json::Value| format!("{} {} {}", p["law"], p["d"], p["n"]);
    let named: Vec<String> = points.iter().map(named).collect();
    let expected = ["ball", "gaussian"]
        .map(|law| [(3, 4), (3, 8), (2, 4), (2, 8)].map(|(d, n)| format!("\"{law}\" {d} {n}")));
    assert_eq!(named, expected.concat());
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&parquet).unwrap()).unwrap();
    let metadata = builder.metadata().file_metadata().clone();
    let settings = metadata.key_value_metadata().unwrap().iter();
    let settings = settings.filter(|pair| pair.key == "hullscope.settings");
    let settings: Vec<_> = settings.filter_map(|pair| pair.value.clone()).collect();
    let settings: serde_json::Value = serde_json::from_str(&settings[0]).unwrap();
    assert_eq!(settings["laws"], serde_json::json!(["ball", "gaussian"]));
    assert_eq!(settings["dims"], serde_json::json!([3, 2]));
    assert_eq!(settings["sizes"], serde_json::json!([4, 8]));
    let batch = builder.build().unwrap().next().unwrap().unwrap();
    assert_eq!(batch.num_rows(), 8);
    let svg = fs::read_to_string(&plot).unwrap();
    assert_eq!(svg.matches("d = 3").count(), 2, "a curve a panel");
}

#[test]
fn json_on_stdout_is_all_there_is_and_seeds_repeat() {
    let arguments = [
        "--dims", "2", "--sizes", "20", "--trials", "500", "--json", "-", "--seed",
    ];
    let with = |seed: &str| sweep(&[&arguments[..], &[seed]].concat()).stdout;
    let first = with("7");
    let points: Vec<serde_json::Value> = serde_json::from_slice(&first).unwrap();
    assert_eq!(
        (points.len(), &points[0]["trials"]),
        (1, &serde_json::json!(500))
    );
    assert_eq!(first, with("7"));
    assert_ne!(first, with("8"));
}

#[test]
fn a_data_set_is_swept_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, n: usize, seed: u64| {
        let mut values = vec![0.0; n * 4];
        Law::Gaussian.sampler(4, seed, 0).rows(&mut values);
        let lines: Vec<String> = values
            .chunks_exact(4)
            .map(|row| row.iter().map(f64::to_string).collect::<Vec<_>>().join(","))
            .collect();
        let path = folder.path().join(name);
        fs::write(&path, lines.join("\n")).unwrap();
        path.to_str().unwrap().to_string()
    };
    let (reference, queries) = (write("reference.csv", 320, 1), write("queries.csv", 100, 2));
    let output = sweep(&[&reference, &queries, "--dims", "2,4", "--json", "-"]);
    let points: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let sizes: Vec<u64> = points.iter().map(|p| p["n"].as_u64().unwrap()).collect();
    assert_eq!(sizes, [20, 40, 80, 160, 320, 20, 40, 80, 160, 320]);
    let rate = |place: usize| points[place]["rate"].as_f64().unwrap();
    assert!(rate(4) > rate(0) && rate(4) > rate(9), "{points:?}");
    assert!(Path::new(&reference).exists());
    refused(
        &[&reference, &queries, "--sizes", "400"],
        &["400", "320 rows"],
    );
}
