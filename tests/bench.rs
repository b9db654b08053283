//! `hullscope bench`: engines must agree or are refused, outputs are complete, bad input is found before any work.

use hullscope::bench::{BenchPlan, Candidate, run};
use hullscope::control::Control;
use hullscope::report::bench::{BenchContext, figure, json, table};
use hullscope::report::plot;
use hullscope::rows::Rows;
use hullscope::scan::{Batch, CpuEngine, Engine, Floor, Frame, Hits, Scan};
use hullscope::study::bench::{Machine, Proved, Report, Shape};
use serde_json::Value;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

fn plan() -> BenchPlan {
    BenchPlan {
        shape: Shape {
            rows: 600,
            dim: 8,
            queries: 40,
            k: 3,
        },
        inside: 0.25,
        seed: 1,
        repeats: 2,
        patience: 1.0,
        hull: true,
        sizes: vec![200, 600],
        dims: vec![4, 8],
    }
}

fn context() -> BenchContext {
    BenchContext {
        command: "test".into(),
        date: "2026-01-02T03:04:05Z".into(),
        machine: Machine {
            cpu: "a processor".into(),
            threads: 2,
            system: "a system".into(),
            adapters: Vec::new(),
        },
        warnings: Vec::new(),
    }
}

/// The CPU engine, with every row number moved by one if `lies`.
struct Shifted {
    lies: Arc<AtomicBool>,
    /// Only sets with fewer columns than this get wrong row numbers.
    below: usize,
}

struct ShiftedScan<'r> {
    scan: Box<dyn Scan + 'r>,
    lies: bool,
}

impl Engine for Shifted {
    fn scan_in<'r>(
        &self,
        rows: &'r dyn Rows,
        frame: Frame,
        control: &Control,
    ) -> hullscope::Result<Box<dyn Scan + 'r>> {
        Ok(Box::new(ShiftedScan {
            lies: self.lies.load(Relaxed) && rows.dim() < self.below,
            scan: CpuEngine.scan_in(rows, frame, control)?,
        }))
    }

    fn describe(&self) -> String {
        "a liar".into()
    }
}

impl Scan for ShiftedScan<'_> {
    fn len(&self) -> usize {
        self.scan.len()
    }

    fn frame(&self) -> &Frame {
        self.scan.frame()
    }

    fn scan_above(
        &self,
        batch: &Batch<'_>,
        _: &[Floor],
        control: &Control,
    ) -> hullscope::Result<Hits> {
        let hits = self.scan.scan(batch, control)?;
        if !self.lies {
            return Ok(hits);
        }
        let n = self.scan.len();
        let rows = hits.rows().iter().map(|row| (row + 1) % n).collect();
        Ok(Hits::new(n, hits.k(), hits.scores().to_vec(), rows))
    }

    fn error_bound(&self, norm: f64, c: f32) -> f64 {
        self.scan.error_bound(norm, c)
    }
}

/// Runs the bench with the CPU against this other engine.
fn against(lies: bool, below: usize) -> Report {
    let other = Shifted {
        lies: Arc::new(AtomicBool::new(lies)),
        below,
    };
    let engines = [Candidate::cpu(), Candidate::new("other", Arc::new(other))];
    run(&plan(), &engines, &Control::default(), &mut |_| ()).unwrap()
}

#[test]
fn engines_that_agree_are_compared() {
    let report = against(false, usize::MAX);
    assert!(report.agrees());
    let found = report.verdicts.unwrap();
    assert_eq!(found.inside + found.outside + found.undecided, 40);
    assert!(found.inside >= 5 && found.outside >= 5, "{found:?}");
    let [cpu, other] = &report.engines[..] else {
        panic!("two engines");
    };
    assert!(cpu.scan_speedup.is_none() && other.scan_speedup.unwrap() > 0.0);
    assert!(other.hull_speedup.unwrap() > 0.0 && other.neighbours_speedup.unwrap() > 0.0);
    assert!(cpu.figures.nearest.share_of_product.unwrap() > 0.0);
    assert!(other.figures.nearest.share_of_product.is_none());
    assert!(cpu.figures.hull.as_ref().unwrap().scans_per_query > 0.5);
    assert!(cpu.figures.neighbours.scans_per_query >= 1.0);
    let flop = 2e-9 * 600.0 * 8.0 * 40.0;
    let nearest = &cpu.figures.nearest;
    let stated = nearest.gflop_per_second * nearest.timing.median_seconds;
    assert!((stated / flop - 1.0).abs() < 1e-12);
    for engine in [cpu, other] {
        let sizes = engine.by_rows.iter().map(|point| point.shape.rows);
        assert!(sizes.eq([200, 600]) && engine.by_dim.len() == 2);
    }
}

#[test]
fn counts_are_grouped_in_the_table_and_in_the_figure() {
    let mut report = against(false, usize::MAX);
    report.shape.rows = 1_234_567;
    report.shape.queries = 8_901;
    let text = table(&context(), &report);
    assert!(
        text.contains("1,234,567 x 8 reference rows, 8,901 queries"),
        "{text}"
    );
    let drawn = plot::svg(&figure(&context(), &report));
    assert!(drawn.contains("8,901 queries") && drawn.contains("N = 1,234,567"));
}

#[test]
fn a_lying_engine_is_not_compared() {
    let report = against(true, usize::MAX);
    assert!(!report.agrees());
    let liar = &report.engines[1];
    let what = liar.differs.as_ref().unwrap();
    assert!(what.contains("not"), "{what}");
    assert_eq!(liar.scan_speedup, None);
    assert_eq!((liar.hull_speedup, liar.neighbours_speedup), (None, None));
    assert!(liar.by_rows.is_empty() && liar.by_dim.is_empty());
    let text = table(&context(), &report);
    assert!(text.contains("its answers differ: ") && !text.contains("speed-up"));
    let value = json(&context(), &report);
    assert_eq!(value["agrees"], Value::Bool(false));
    assert_eq!(value["engines"][1]["scan_speedup"], Value::Null);
    let drawn = plot::svg(&figure(&context(), &report));
    assert!(drawn.contains("other left out: its answers differ"));
}

#[test]
fn a_lie_at_one_point_of_a_curve_is_found() {
    let report = against(true, 8);
    let what = report.engines[1].differs.as_ref().unwrap();
    assert!(what.starts_with("at 600 x 4: neighbours of"), "{what}");
    assert!(report.engines[1].by_rows.is_empty() && report.engines[1].scan_speedup.is_none());
}

#[test]
fn an_engine_that_the_cpu_stands_in_for_is_not_compared() {
    let mut idle = Candidate::new("idle", Arc::new(CpuEngine));
    idle.proved = Some(Box::new(Proved::default));
    let engines = [Candidate::cpu(), idle];
    let report = run(&plan(), &engines, &Control::default(), &mut |_| ()).unwrap();
    let idle = &report.engines[1];
    assert!(report.agrees() && idle.fell_back && !report.engines[0].fell_back);
    assert!(idle.scan_speedup.is_none() && idle.by_rows.is_empty());
    assert!(table(&context(), &report).contains("the CPU answered for it; not compared"));
    assert!(plot::svg(&figure(&context(), &report)).contains("idle left out"));
}

#[test]
fn no_engine_and_an_interrupt_are_errors() {
    let nothing = run(&plan(), &[], &Control::default(), &mut |_| ());
    assert!(nothing.unwrap_err().to_string().contains("no engine"));
    let control = Control::default();
    control.stop();
    let stopped = run(&plan(), &[Candidate::cpu()], &control, &mut |_| ());
    assert!(matches!(stopped, Err(hullscope::Error::Interrupted)));
}

fn bench(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hullscope"))
        .arg("bench")
        .args(words)
        .output()
        .unwrap()
}

const SMALL: [&str; 8] = [
    "--rows",
    "500",
    "--dim",
    "6",
    "--queries",
    "30",
    "--repeats",
    "2",
];

#[test]
fn outputs_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (json, svg, png) = (path("b.json"), path("b.svg"), path("b.png"));
    let done = bench(&[&SMALL[..], &["--json", &json, "--plot", &svg]].concat());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    let shown = String::from_utf8(done.stdout).unwrap();
    assert!(shown.contains("500 x 6 reference rows") && shown.contains("nearest scan, ms"));
    let value: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(value["shape"]["rows"], 500);
    assert_eq!(value["agrees"], true);
    let cpu = &value["engines"][0];
    assert_eq!(cpu["label"], "CPU");
    assert_eq!(cpu["figures"]["nearest"]["repeats"], 2);
    assert!(
        cpu["figures"]["nearest"]["median_seconds"]
            .as_f64()
            .unwrap()
            > 0.0
    );
    assert_eq!(cpu["by_rows"].as_array().unwrap().len(), 5);
    assert!(value["machine"]["cpu"].as_str().unwrap().len() > 2);
    let drawn = std::fs::read_to_string(&svg).unwrap();
    for word in ["GFLOP/s", "reference rows N", "dimension d", "CPU"] {
        assert!(drawn.contains(word), "{word}");
    }
    let done = bench(&[&SMALL[..], &["--quiet", "--plot", &png, "--no-hull"]].concat());
    assert!(done.status.success() && done.stderr.is_empty());
    assert!(!done.stdout.is_empty(), "the table stays");
    assert!(image::open(&png).unwrap().width() > 2_000);
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 3, "nothing but the outputs is left behind");
}

#[test]
fn json_on_stdout_is_json_alone() {
    let done = bench(&[&SMALL[..], &["--json", "-"]].concat());
    let value: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(value["engines"][0]["figures"]["hull"]["queries_per_second"].is_number());
}

#[test]
fn bad_input_is_found_out_before_measuring() {
    let cases: [(&[&str], &str); 13] = [
        (&["--rows", "0"], "--rows is 0"),
        (&["--dim", "0"], "--dim is 0"),
        (&["--queries", "0"], "--queries is 0"),
        (&["-k", "0"], "-k is 0"),
        (&["--repeats", "0"], "--repeats is 0"),
        (&["--sizes", "10,0"], "--sizes is 0"),
        (&["--inside", "2"], "--inside is 2"),
        (&["--patience=-1"], "--patience is -1"),
        (&["-k", "11", "--rows", "10"], "at most as many"),
        (&["--plot", "curve.pdf"], ".png or .svg"),
        (&["--plot", "no/such/folder/b.svg"], "no/such/folder"),
        (&["--json", "no/such/folder/b.json"], "no/such/folder"),
        (
            &["--rows", "99999999999", "--dim", "9999"],
            "this machine has",
        ),
    ];
    for (words, expected) in cases {
        let done = bench(words);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(expected), "{words:?}: {said}");
        assert!(!said.contains("making rows"), "{words:?} was measured");
    }
    let huge = usize::MAX.to_string();
    let done = bench(&["--rows", &huge, "--dim", &huge]);
    assert_eq!(done.status.code(), Some(2));
}

#[test]
fn help_has_examples() {
    let done = bench(&["--help"]);
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(text.contains("Examples:") && text.contains("--plot bench.svg"));
}

/// Software adapters do everything that real ones do.
#[cfg(feature = "gpu")]
#[test]
fn adapters_agree_with_the_cpu() {
    if crate::common::adapters::adapters().is_empty() {
        return;
    }
    let done = bench(&[&SMALL[..], &["--software", "--json", "-", "-q"]].concat());
    let value: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{value:#}");
    let engines = value["engines"].as_array().unwrap();
    assert!(engines.len() > 1);
    for engine in &engines[1..] {
        assert!(engine["label"].as_str().unwrap().starts_with("GPU"));
        assert_eq!(engine["fell_back"], false);
        assert!(engine["scan_speedup"].as_f64().unwrap() > 0.0);
        let proved = &engine["figures"]["proved"];
        assert!(
            proved["f32_directions"].as_u64().unwrap()
                + proved["f16_directions"].as_u64().unwrap()
                + proved["int8_directions"].as_u64().unwrap()
                > 0
        );
    }
    let labels = engines[1..]
        .iter()
        .map(|engine| engine["label"].as_str().unwrap());
    assert!(labels.filter(|label| label.ends_with("int8")).count() >= 1);
}
