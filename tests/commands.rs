//! The program as users run it: input files, output files, exit codes, and no files left behind.

use crate::{common, formats};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use hullscope::rows::Element;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub const D: usize = 6;
pub const REFERENCE: usize = 400;
pub const QUERIES: usize = 50;

/// A folder with a Gaussian reference and queries: every other query is well inside, the others well outside.
pub struct Setting {
    pub folder: tempfile::TempDir,
}

/// A .npy file of f32 in C order.
pub fn npy(path: &Path, d: usize, values: &[f64]) {
    let shape = format!("({}, {d})", values.len() / d);
    let bytes = formats::encode(Element::F32, values, false);
    fs::write(path, formats::npy(1, "'<f4'", "False", &shape, &bytes)).unwrap();
}

/// The program on the CPU, whatever adapters this machine has.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hullscope"));
    command.env("HULLSCOPE_BACKEND", "cpu");
    command
}

/// Values that are exact in f32.
pub fn stored(count: usize, seed: u64, factor: f64) -> Vec<f64> {
    common::gaussian(count, seed)
        .into_iter()
        .map(|v| f64::from((factor * v) as f32))
        .collect()
}

fn reference() -> Vec<f64> {
    stored(REFERENCE * D, 1, 1.0)
}

fn queries() -> Vec<f64> {
    let (near, far) = (stored(QUERIES * D, 2, 0.1), stored(QUERIES * D, 3, 30.0));
    (0..QUERIES * D)
        .map(|i| if is_inside(i / D) { near[i] } else { far[i] })
        .collect()
}

fn is_inside(query: usize) -> bool {
    query.is_multiple_of(2)
}

impl Setting {
    pub fn new() -> Self {
        let setting = Setting {
            folder: tempfile::tempdir().unwrap(),
        };
        npy(&setting.path("reference.npy"), D, &reference());
        npy(&setting.path("queries.npy"), D, &queries());
        setting
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Run the program in the folder.
    pub fn run(&self, words: &[&str]) -> Output {
        program()
            .current_dir(self.folder.path())
            .args(words)
            .output()
            .unwrap()
    }

    /// Run `analyze reference.npy queries.npy` with more arguments; must succeed.
    pub fn analyze(&self, more: &[&str]) -> Output {
        let output = self.run(&[&["analyze", "reference.npy", "queries.npy"], more].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        output
    }

    /// Names of all files in the folder, including hidden ones.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

pub fn code(output: &Output) -> i32 {
    output.status.code().expect("ended by a signal")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// One record, by column.
pub type Line = Map<String, Value>;

/// A cell as JSON.
fn cell(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::UInt64 => json!(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Int64 => json!(array.as_primitive::<Int64Type>().value(row)),
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Float64 => json!(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(row);
            (0..list.len()).map(|i| cell(&list, i)).collect()
        }
        other => panic!("unexpected type {other}"),
    }
}

pub fn lines_of(batches: &[RecordBatch]) -> Vec<Line> {
    let line = |batch: &RecordBatch, row| {
        let names = batch
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect::<Vec<_>>();
        names
            .into_iter()
            .zip(batch.columns())
            .map(|(name, column)| (name, cell(column, row)))
            .collect()
    };
    batches
        .iter()
        .flat_map(|batch| (0..batch.num_rows()).map(move |row| line(batch, row)))
        .collect()
}

pub fn read_parquet(path: &Path) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap())
        .unwrap()
        .build()
        .unwrap();
    reader.map(Result::unwrap).collect()
}

fn read_csv(path: &Path) -> Vec<Line> {
    let integer = |name: &str| {
        matches!(
            name,
            "query_row" | "support" | "scans" | "nearest_row" | "neighbour_rows" | "range_count"
        )
    };
    let one = |name: &str, text: &str| match name {
        "verdict" | "proof" | "reason" => json!(text),
        name if integer(name) => json!(text.parse::<u64>().unwrap()),
        name if name.ends_with("_outside") || name == "range_every" => json!(text == "true"),
        _ => json!(text.parse::<f64>().unwrap()),
    };
    let value = |name: &str, text: &str| match text {
        "" => Value::Null,
        list if name.starts_with("neighbour_") => {
            list.split(';').map(|text| one(name, text)).collect()
        }
        text => one(name, text),
    };
    let mut reader = csv::Reader::from_path(path).unwrap();
    let names = reader.headers().unwrap().clone();
    let line = |record: csv::StringRecord| {
        names
            .iter()
            .zip(&record)
            .map(|(name, text)| (name.to_string(), value(name, text)))
            .collect()
    };
    reader
        .records()
        .map(|record| line(record.unwrap()))
        .collect()
}

/// Reads a table of any of the formats.
fn read(path: &Path) -> Vec<Line> {
    match path.extension().unwrap().to_str().unwrap() {
        "parquet" => lines_of(&read_parquet(path)),
        "arrow" => {
            let reader =
                arrow_ipc::reader::FileReader::try_new(File::open(path).unwrap(), None).unwrap();
            lines_of(&reader.map(Result::unwrap).collect::<Vec<_>>())
        }
        "csv" => read_csv(path),
        "jsonl" => {
            let text = fs::read_to_string(path).unwrap();
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        }
        other => panic!("{other}"),
    }
}

const COLUMNS: [&str; 22] = [
    "query_row",
    "verdict",
    "proof",
    "reason",
    "margin",
    "residual",
    "support",
    "scans",
    "distance_lower",
    "distance_upper",
    "gap",
    "hull_outside",
    "hull_score",
    "range_outside",
    "range_score",
    "range_count",
    "range_every",
    "ball_outside",
    "ball_score",
    "nearest_row",
    "nearest_distance",
    "nearest_ratio",
];

fn sorted_names(line: &Line) -> Vec<&str> {
    let mut names: Vec<&str> = line.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn every_format_holds_the_same_true_records() {
    let setting = Setting::new();
    let mut first: Option<Vec<Line>> = None;
    for name in ["out.parquet", "out.arrow", "out.csv", "out.jsonl"] {
        setting.analyze(&["-o", name, "--neighbours", "3", "--distance", "--quiet"]);
        let lines = read(&setting.path(name));
        assert_eq!(*first.get_or_insert_with(|| lines.clone()), lines, "{name}");
    }
    let lines = first.unwrap();
    assert_eq!(lines.len(), QUERIES);
    let mut names = [&COLUMNS[..], &["neighbour_rows", "neighbour_distances"]].concat();
    names.sort_unstable();
    let reference = common::rows(D, &reference());
    for (number, (line, query)) in lines.iter().zip(queries().chunks_exact(D)).enumerate() {
        assert_eq!(sorted_names(line), names);
        assert_eq!(line["query_row"], number);
        assert_eq!(
            line["verdict"],
            if is_inside(number) {
                "inside"
            } else {
                "outside"
            }
        );
        let float = |name: &str| line[name].as_f64().unwrap();
        if is_inside(number) {
            assert!(line["margin"].is_null());
            assert_eq!([float("distance_lower"), float("distance_upper")], [0.0; 2]);
            assert!((1..=D as u64 + 1).contains(&line["support"].as_u64().unwrap()));
        } else {
            assert!(
                0.0 < float("margin") && float("margin") <= float("distance_upper"),
                "{line:?}"
            );
            assert!(float("distance_lower") <= float("distance_upper"));
            assert!(
                float("distance_upper") <= 1.0101 * float("distance_lower"),
                "the gap is 0.01"
            );
        }
        let text = |name: &str| line[name].as_str().unwrap();
        let proofs: &[&str] = if is_inside(number) {
            &["exact", "tolerance"]
        } else {
            &["separated"]
        };
        assert!(proofs.contains(&text("proof")) && line["reason"].is_null());
        assert_eq!(line["residual"].is_null(), !is_inside(number));
        let (lower, upper) = (float("distance_lower"), float("distance_upper"));
        let gap = if upper > 0.0 {
            (upper - lower) / upper
        } else {
            0.0
        };
        assert_eq!(float("gap"), gap);
        let nearest = common::naive::nearest(&reference, query, 3);
        let rows: Value = nearest.iter().map(|(_, row)| *row).collect();
        assert_eq!(line["neighbour_rows"], rows);
        assert_eq!(line["nearest_row"], rows[0]);
        assert_eq!(line["nearest_distance"], line["neighbour_distances"][0]);
        for (found, (distance, _)) in line["neighbour_distances"]
            .as_array()
            .unwrap()
            .iter()
            .zip(&nearest)
        {
            assert!((found.as_f64().unwrap() - distance).abs() <= 1e-12 * distance);
        }
        assert!(float("nearest_ratio") > 0.0);
    }
}

#[test]
fn columns_not_asked_for_are_left_out() {
    let setting = Setting::new();
    let distance = ["distance_lower", "distance_upper", "gap"];
    let hull = [
        "verdict",
        "proof",
        "reason",
        "margin",
        "residual",
        "support",
        "scans",
        "hull_outside",
        "hull_score",
    ];
    let nearest = ["nearest_row", "nearest_distance", "nearest_ratio"];
    for (options, absent) in [
        (&["--no-hull"][..], [&hull[..], &distance].concat()),
        (&["--neighbours", "0"], [&nearest[..], &distance].concat()),
        (&[], distance.to_vec()),
        (&["--notion", "hull", "--distance"], {
            let starts = |name: &&&str| name.starts_with("range") || name.starts_with("ball");
            COLUMNS.iter().filter(starts).copied().collect()
        }),
    ] {
        let mut names: Vec<&str> = COLUMNS.to_vec();
        names.retain(|name| !absent.contains(name));
        names.sort_unstable();
        for name in ["out.parquet", "out.csv", "out.pq", "out.ndjson"] {
            setting.analyze(&[&["-o", name], options].concat());
            let path = setting.path(name);
            let known = [("pq", "parquet"), ("ndjson", "jsonl")];
            let same = known.iter().find(|(other, _)| name.ends_with(other));
            let path = same.map_or(path.clone(), |(_, usual)| {
                let usual = path.with_extension(usual);
                fs::rename(&path, &usual).unwrap();
                usual
            });
            for line in read(&path) {
                assert_eq!(sorted_names(&line), names, "{name} {options:?}");
            }
        }
    }
}

#[test]
fn files_say_where_they_come_from() {
    let setting = Setting::new();
    setting.analyze(&[
        "-o",
        "out.parquet",
        "--certificates",
        "proof.parquet",
        "--limit-queries",
        "5",
    ]);
    setting.analyze(&["-o", "out.arrow", "--limit-queries", "5"]);
    let of_parquet = |name: &str| {
        let file = File::open(setting.path(name)).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let pairs = builder
            .metadata()
            .file_metadata()
            .key_value_metadata()
            .unwrap()
            .clone();
        pairs
            .into_iter()
            .map(|pair| (pair.key, pair.value.unwrap()))
            .collect::<Vec<_>>()
    };
    let arrow = File::open(setting.path("out.arrow")).unwrap();
    let arrow = arrow_ipc::reader::FileReader::try_new(arrow, None).unwrap();
    let of_arrow = arrow.schema().metadata().clone().into_iter().collect();
    for pairs in [
        of_parquet("out.parquet"),
        of_parquet("proof.parquet"),
        of_arrow,
    ] {
        let get = |key: &str| {
            &pairs
                .iter()
                .find(|(name, _)| name == key)
                .unwrap_or_else(|| panic!("{key}"))
                .1
        };
        let parsed = |key: &str| serde_json::from_str::<Value>(get(key)).unwrap();
        assert_eq!(get("hullscope.version"), env!("CARGO_PKG_VERSION"));
        assert!(get("hullscope.command").contains("analyze reference.npy queries.npy"));
        assert_eq!(parsed("hullscope.reference")["rows"], REFERENCE);
        assert_eq!(parsed("hullscope.queries")["path"], "queries.npy");
        assert_eq!(parsed("hullscope.settings")["tolerance"], 1e-9);
        assert_eq!(parsed("hullscope.rows")["limit_queries"], 5);
    }
}

/// Asserts that every path in `names` ("a.b") exists.
fn has(value: &Value, names: &[&str]) {
    for name in names {
        let pointer = format!("/{}", name.replace('.', "/"));
        assert!(
            value
                .pointer(&pointer)
                .is_some_and(|found| !found.is_null()),
            "{name} is missing in {value:#}"
        );
    }
}

#[test]
fn json_on_stdout_is_nothing_but_json() {
    let setting = Setting::new();
    let output = setting.analyze(&["--json", "-", "--self-test", "20", "--distance"]);
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    has(
        &value,
        &[
            "version",
            "command",
            "backend",
            "settings",
            "warnings",
            "reference",
            "scan.directions",
            "scan.gflop_per_second",
        ],
    );
    has(
        &value,
        &[
            "inputs.reference.path",
            "inputs.reference.element",
            "inputs.queries.dropped",
        ],
    );
    has(
        &value,
        &[
            "hull.scans_per_query",
            "hull.rounds",
            "hull.pool",
            "hull.settled_by",
        ],
    );
    has(
        &value,
        &[
            "hull.margin.median",
            "hull.distance_lower.q05",
            "hull.distance_upper.max",
        ],
    );
    has(
        &value,
        &[
            "neighbours.nearest_distance.median",
            "neighbours.nearest_ratio.q95",
        ],
    );
    has(
        &value,
        &[
            "seconds.read",
            "seconds.hull",
            "seconds.neighbours",
            "seconds.write",
            "seconds.total",
        ],
    );
    let stages: Vec<&String> = value["seconds"].as_object().unwrap().keys().collect();
    let run = "open_backend read survey whiten reference_neighbours";
    let first: Vec<&str> = run.split(' ').collect();
    assert_eq!(&stages[..first.len()], first);
    assert_eq!(stages.last().unwrap().as_str(), "total");
    let (inputs, hull) = (&value["inputs"], &value["hull"]);
    assert_eq!(
        [&inputs["reference"]["rows"], &inputs["reference"]["dim"]],
        [REFERENCE, D]
    );
    assert_eq!(inputs["queries"]["rows"], QUERIES);
    let half = QUERIES as u64 / 2;
    assert_eq!(
        [&hull["inside"], &hull["outside"], &hull["undecided"]],
        [half, half, 0]
    );
    assert_eq!(hull["extrapolation_rate"], 0.5);
    let [low, high] = [0, 1].map(|end| hull["interval95"][end].as_f64().unwrap());
    assert!(0.3 < low && low < 0.5 && 0.5 < high && high < 0.7);
    assert_eq!(
        [&value["self_test"]["rows"], &value["self_test"]["inside"]],
        [20, 20]
    );
}

#[test]
fn the_table_goes_to_stdout_and_quiet_is_quiet() {
    let setting = Setting::new();
    let output = setting.analyze(&["--json", "summary.json"]);
    let (table, half) = (stdout(&output), QUERIES / 2);
    assert!(
        table.contains(&format!("{half} inside, {half} outside, 0 undecided")),
        "{table}"
    );
    assert!(
        table.contains("50.00 %") && table.contains("reference.npy"),
        "{table}"
    );
    let value: Value =
        serde_json::from_str(&fs::read_to_string(setting.path("summary.json")).unwrap()).unwrap();
    assert_eq!(value["hull"]["inside"], half);
    // One line for each notion, with the numbers of the summary.
    for notion in value["notions"].as_array().unwrap() {
        let (id, rate) = (notion["notion"].as_str().unwrap(), &notion["rate"]);
        let line = table.lines().find(|line| line.starts_with(id));
        let line = line.unwrap_or_else(|| panic!("{id}: {table}"));
        let shown: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(
            (shown - 100.0 * rate.as_f64().unwrap()).abs() < 0.06,
            "{line}"
        );
    }
    assert!(
        table.contains("\nrange ") && table.contains("\nball "),
        "{table}"
    );
    let output = setting.analyze(&["--quiet"]);
    assert!(stdout(&output).contains("outside"), "the table stays");
    assert_eq!(stderr(&output), "");
}

/// With few rows on a sphere, the output must mention both facts.
#[test]
fn what_must_be_known_before_believing_a_rate_is_said() {
    let setting = Setting::new();
    let output = setting.analyze(&["--normalize", "--limit-reference", "4", "--json", "-"]);
    let warnings = serde_json::from_str::<Value>(&stdout(&output)).unwrap()["warnings"].to_string();
    for word in ["rank 3 of 6", "sphere", "4 rows in 6 dimensions"] {
        assert!(warnings.contains(word), "{word}: {warnings}");
        assert!(
            stderr(&output).contains(word),
            "{word}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn the_built_in_sample_needs_no_arguments() {
    let setting = Setting::new();
    let more = [
        "--limit-queries",
        "20",
        "--certificates",
        "proof.parquet",
        "--json",
        "-",
    ];
    let output = setting.run(&[&["analyze"], &more[..]].concat());
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(value["inputs"]["reference"]["dim"], 784);
    assert_eq!(value["inputs"]["queries"]["rows"], 20);
    let output = setting.run(&["verify", "proof.parquet", "--limit-queries", "20"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stdout(&output).starts_with("20 of 20 certificates hold"),
        "{}",
        stdout(&output)
    );
}

/// Results do not depend on the number of threads, nor on a budget that makes rows stream.
#[test]
fn threads_and_memory_change_nothing() {
    let setting = Setting::new();
    setting.analyze(&[
        "-o",
        "one.csv",
        "--threads",
        "1",
        "--distance",
        "--neighbours",
        "4",
    ]);
    setting.analyze(&[
        "-o",
        "three.csv",
        "--threads",
        "3",
        "--distance",
        "--neighbours",
        "4",
        "--memory",
        "1kB",
    ]);
    assert_eq!(
        fs::read(setting.path("one.csv")).unwrap(),
        fs::read(setting.path("three.csv")).unwrap()
    );
}

/// The eight-bit scan, with any kernel, changes nothing in the records, and is reported in the summary.
#[test]
fn eight_bits_change_nothing_but_are_said() {
    let folder = tempfile::tempdir().unwrap();
    npy(
        &folder.path().join("reference.npy"),
        24,
        &stored(1300 * 24, 1, 1.0),
    );
    npy(
        &folder.path().join("queries.npy"),
        24,
        &stored(30 * 24, 2, 0.7),
    );
    let analyze = |precision: &str, kernel: &str| {
        let out = program()
            .current_dir(folder.path())
            .env("HULLSCOPE_CPU", kernel)
            .args([
                "analyze",
                "reference.npy",
                "queries.npy",
                "--neighbours",
                "3",
                "-q",
            ])
            .args(["--precision", precision, "-o", "out.csv", "--json", "-"])
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let summary: Value = serde_json::from_slice(&out.stdout).unwrap();
        (fs::read(folder.path().join("out.csv")).unwrap(), summary)
    };
    let (expected, plain) = analyze("f32", "plain");
    assert!(plain["backend"].as_str().unwrap().ends_with(", f32"));
    assert!(plain["scan"]["directions"]["int8"].is_null());
    assert!(plain["scan"]["directions"]["f32"].as_u64() >= Some(60));
    let (found, summary) = analyze("int8", "plain");
    assert!(found == expected);
    assert!(
        summary["backend"]
            .as_str()
            .unwrap()
            .ends_with("int8 by plain code")
    );
    let kernels = hullscope::scan::int8::Kernel::all();
    // Without fused multiply-add the scan only uses f32.
    assert!(kernels.len() == 1 || summary["scan"]["directions"]["int8"].as_u64() >= Some(60));
    assert!(analyze("auto", "plain").0 == expected);
}

/// Unknown kernels, and precisions of another engine, are refused.
#[test]
fn kernels_and_precisions_that_do_not_go_are_refused() {
    let setting = Setting::new();
    let refused = |kernel: Option<&str>, args: &[&str]| {
        let mut command = program();
        command.current_dir(setting.folder.path());
        command
            .args(["analyze", "reference.npy", "queries.npy"])
            .args(args);
        kernel.map(|kernel| command.env("HULLSCOPE_CPU", kernel));
        let out = command.output().unwrap();
        assert_eq!(out.status.code(), Some(2));
        String::from_utf8_lossy(&out.stderr).into_owned()
    };
    let unknown = refused(Some("sse9"), &[]);
    assert!(unknown.contains("HULLSCOPE_CPU=sse9") && unknown.contains("plain"));
    assert!(refused(None, &["--precision", "f16"]).contains("--precision f16 is for GPUs"));
    assert!(refused(None, &["--gpu-memory", "1GiB"]).contains("--gpu-memory goes with"));
}

/// A row excluded by its number appears in no answer, whatever it holds; the others keep their numbers.
#[test]
fn rows_can_be_left_out_by_number() {
    let setting = Setting::new();
    let mut values = reference();
    values[7 * D] = 1e14;
    values[13 * D + 1] = f64::NAN;
    npy(&setting.path("far.npy"), D, &values);
    let left: Vec<f64> = (0..REFERENCE)
        .filter(|row| *row != 7 && !(12..=14).contains(row))
        .flat_map(|row| values[row * D..][..D].to_vec())
        .collect();
    npy(&setting.path("left.npy"), D, &left);
    let exclude = ["--exclude-rows", "12-14,7"];
    for more in [&[][..], &["--memory", "1kB"]] {
        let options = [
            "-o",
            "far.csv",
            "--certificates",
            "proof.parquet",
            "--distance",
        ];
        let words = [
            &["analyze", "far.npy", "queries.npy"],
            &options[..],
            &exclude,
            more,
        ]
        .concat();
        let output = setting.run(&words);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(
            stdout(&output).contains("396 x 6 F32, 4 rows dropped"),
            "{}",
            stdout(&output)
        );
        setting.run(&[
            "analyze",
            "left.npy",
            "queries.npy",
            "-o",
            "left.csv",
            "--distance",
        ]);
        let (far, left) = (
            read(&setting.path("far.csv")),
            read(&setting.path("left.csv")),
        );
        assert_eq!(far.len(), QUERIES);
        for (mut far, mut left) in far.into_iter().zip(left) {
            let place = left.remove("nearest_row").unwrap().as_u64().unwrap();
            let mut number =
                (0..REFERENCE as u64).filter(|row| *row != 7 && !(12..=14).contains(row));
            assert_eq!(
                far.remove("nearest_row").unwrap().as_u64(),
                number.nth(place as usize)
            );
            assert_eq!(far, left);
        }
        let words = ["verify", "proof.parquet", "far.npy", "queries.npy"];
        let output = setting.run(&[&words[..], &exclude].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    }
    for (list, said) in [
        (
            "400",
            "row 400 is to be left out, and rows are numbered 0 to 399",
        ),
        ("3-500", "row 500 is to be left out"),
        ("0-399", "every row is to be left out"),
        ("7,x", "7,12-19"),
    ] {
        let output = setting.run(&[
            "analyze",
            "reference.npy",
            "queries.npy",
            "--exclude-rows",
            list,
        ]);
        assert_eq!(code(&output), 2, "{list}");
        assert!(
            stderr(&output).contains(said),
            "{list}: {}",
            stderr(&output)
        );
    }
}

/// Bad arguments, and what the message must say about each.
#[test]
fn mistakes_end_with_2_and_leave_nothing() {
    let setting = Setting::new();
    npy(&setting.path("wide.npy"), D + 1, &[1.0; 3 * (D + 1)]);
    let mut hole = queries();
    hole[7 * D + 2] = f64::NAN;
    npy(&setting.path("hole.npy"), D, &hole);
    fs::write(
        setting.path("cut.npy"),
        &fs::read(setting.path("queries.npy")).unwrap()[..500],
    )
    .unwrap();
    fs::write(setting.path("words.txt"), "no numbers here").unwrap();
    let before = setting.files();
    let cases: &[(&str, &[&str])] = &[
        ("reference.npy missing.npy -o out.csv", &["missing.npy"]),
        ("reference.npy words.txt -o out.csv", &["words.txt"]),
        (
            "reference.npy cut.npy -o out.csv --json out.json",
            &["cut.npy"],
        ),
        (
            "reference.npy wide.npy -o out.parquet",
            &["reference.npy", "wide.npy", "6", "7"],
        ),
        (
            "reference.npy hole.npy -o out.parquet --certificates proof.parquet",
            &["hole.npy", "row 7", "column 2"],
        ),
        ("reference.npy", &["QUERIES"]),
        (
            "reference.npy queries.npy -o out.xlsx",
            &["out.xlsx", ".parquet", ".jsonl"],
        ),
        ("reference.npy queries.npy -o out", &["out", ".csv"]),
        (
            "reference.npy queries.npy --certificates proof.csv",
            &["proof.csv", ".parquet"],
        ),
        (
            "reference.npy queries.npy -o out.csv --json ./out.csv",
            &["out.csv", "two outputs"],
        ),
        (
            "reference.npy queries.npy -o out.parquet --certificates ../{}/out.parquet",
            &["two outputs"],
        ),
        (
            "reference.npy queries.npy --json queries.npy",
            &["queries.npy", "input"],
        ),
        ("reference.npy * -o out.csv", &["out.csv", "input"]),
        (". queries.npy -o out.csv", &["out.csv", "input"]),
        ("reference.npy queries.npy -o no/such/out.csv", &["no/such"]),
        ("reference.npy queries.npy --json .", &["folder"]),
        (
            "reference.npy queries.npy --limit-queries 0",
            &["limit-queries"],
        ),
        ("reference.npy queries.npy --memory much", &["memory"]),
        ("reference.npy queries.npy --tolerance 2", &["tolerance"]),
        (
            "reference.npy queries.npy --no-hull --notion hull -o out.csv",
            &["notion hull", "turned off"],
        ),
        (
            "reference.npy queries.npy --no-hull --certificates proof.parquet",
            &["--no-hull"],
        ),
        ("reference.npy queries.npy --threads 0", &["threads"]),
    ];
    let own = setting
        .folder
        .path()
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    for (words, said) in cases {
        let words = words.replace("{}", &own);
        let output =
            setting.run(&[&["analyze"], &words.split(' ').collect::<Vec<_>>()[..]].concat());
        let message = stderr(&output);
        assert_eq!(code(&output), 2, "{words}: {message}");
        assert!(message.starts_with("error: "), "{words}: {message}");
        assert!(
            said.iter().all(|word| message.contains(word)),
            "{words}: {message}"
        );
        assert_eq!(stdout(&output), "", "{words}");
        assert_eq!(setting.files(), before, "{words}");
    }
}

/// The inputs do not exist either, but the message is about the output, because outputs are tried first.
#[test]
fn outputs_are_tried_before_inputs_are_read() {
    let setting = Setting::new();
    for output in [
        ["-o", "no/out.csv"],
        ["--json", "no/out.json"],
        ["--certificates", "no/out.parquet"],
    ] {
        let output =
            setting.run(&[&["analyze", "missing.npy", "missing.npy"], &output[..]].concat());
        assert_eq!(code(&output), 2);
        assert!(
            stderr(&output).contains("create this folder for no/out."),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn dropped_rows_are_counted_and_keep_the_numbers_of_the_others() {
    let setting = Setting::new();
    let mut hole = queries();
    hole[7 * D + 2] = f64::INFINITY;
    npy(&setting.path("queries.npy"), D, &hole);
    let more = [
        "--skip-nonfinite",
        "-o",
        "out.csv",
        "--certificates",
        "proof.parquet",
        "--json",
        "-",
    ];
    let output = setting.analyze(&more);
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        [
            &value["inputs"]["queries"]["dropped"],
            &value["inputs"]["queries"]["rows"]
        ],
        [1, QUERIES - 1]
    );
    let numbers: Vec<Value> = read(&setting.path("out.csv"))
        .iter()
        .map(|line| line["query_row"].clone())
        .collect();
    assert!(
        (0..QUERIES)
            .filter(|&row| row != 7)
            .map(Value::from)
            .eq(numbers)
    );
    let words = ["verify", "proof.parquet", "reference.npy", "queries.npy"];
    let output = setting.run(&[&words[..], &["--skip-nonfinite"]].concat());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

/// Analyzes with these options, and no one reads the standard output: the program must end without an error or a word.
fn unread(setting: &Setting, options: &[&str]) {
    let mut child = program()
        .current_dir(setting.folder.path())
        .args(["analyze", "reference.npy", "queries.npy"])
        .args(options)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), stderr(&output)), (0, String::new()));
}

/// It is no error if nobody reads the program's output.
#[test]
fn a_closed_pipe_is_no_error() {
    let setting = Setting::new();
    for more in [&["--json", "-"][..], &[]] {
        unread(&setting, &[&["-o", "out.csv"], more].concat());
        assert_eq!(read(&setting.path("out.csv")).len(), QUERIES);
    }
}

/// Records on a standard output that nobody reads do not keep a run from its other outputs.
#[test]
fn a_closed_pipe_of_records_leaves_the_other_outputs() {
    let setting = Setting::new();
    let others = ["--json", "summary.json", "--certificates", "proof.parquet"];
    unread(&setting, &[&["-o", "-"][..], &others].concat());
    assert!(setting.path("summary.json").exists() && setting.path("proof.parquet").exists());
}

/// The command lines in the README, each with its option names: `hullscope COMMAND ... --option ...`.
fn lines_of_the_readme() -> Vec<(String, Vec<String>)> {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let lines = readme.lines().filter_map(|line| {
        let line = line.strip_prefix("    hullscope ")?;
        let line = line.split(" #").next()?;
        let (command, words) = line.split_once(' ')?;
        let options = words
            .split([' ', '='])
            .filter(|word| word.starts_with("--"));
        Some((command.into(), options.map(String::from).collect()))
    });
    lines.collect()
}

/// Every command has examples, and every option used in the README or in an example exists.
#[test]
fn help_names_every_option_in_use_and_shows_examples() {
    let help = |words: &[&str]| {
        let output = program().args(words).arg("--help").output().unwrap();
        assert_eq!(code(&output), 0);
        stdout(&output)
    };
    let all = help(&[]);
    let commands = all
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"));
    let commands = commands
        .skip(1)
        .map_while(|line| line.split_whitespace().next());
    let commands: Vec<&str> = commands.filter(|command| *command != "help").collect();
    assert!(commands.len() > 10, "{commands:?}");
    let readme = lines_of_the_readme();
    assert!(readme.len() > 15, "{readme:?}");
    for command in commands {
        let text = help(&[command]);
        assert!(text.contains("Examples:"), "{command} has no examples");
        let defined: Vec<&str> = text
            .lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with('-'))
            .flat_map(|line| line.split([' ', ',', '=', '[']))
            .filter(|word| word.starts_with("--"))
            .collect();
        let examples = text.split("Examples:").nth(1).unwrap_or_default();
        // Examples show other commands too, before or after this one.
        let own = format!("hullscope {command} ");
        let examples = examples
            .lines()
            .filter(|line| line.trim_start().starts_with(&own))
            .flat_map(str::split_whitespace)
            .map(|word| word.trim_end_matches(['.', ',', ';', ':', ')']))
            .filter(|word| word.starts_with("--"));
        let used = readme.iter().filter(|(of, _)| of == command);
        let used = used.flat_map(|(_, options)| options).map(String::as_str);
        for option in used.chain(examples) {
            assert!(
                defined.contains(&option),
                "{command} has no {option}: {text}"
            );
        }
    }
}
