//! No results are lost and no run hangs: signals, pipes, two runs at once, files that change, contradictory options.

use crate::commands::{D, Setting, code, npy, program, stderr, stdout, stored};
use crate::formats;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StructArray};
use arrow_schema::Field;
use hullscope::control::Control;
use hullscope::job::lock::Lock;
use hullscope::rows::{OpenOptions, open};
use hullscope::store::file;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn options_without_sense_are_refused_though_nothing_would_use_them() {
    let setting = Setting::new();
    let before = setting.files();
    for command in ["analyze", "compare"] {
        for options in [
            "--gap nan",
            "--gap 0",
            "--gap 1",
            "--threads 0",
            "--threads 100000",
        ] {
            let options: Vec<&str> = options.split(' ').collect();
            let words = [
                &[command, "reference.npy", "queries.npy", "--no-distance"],
                &options[..],
            ];
            let output = setting.run(&words.concat());
            let message = stderr(&output);
            assert_eq!(code(&output), 2, "{options:?}: {message}");
            assert!(message.contains(options[0]), "{options:?}: {message}");
        }
    }
    assert_eq!(setting.files(), before);
}

/// Without a desktop, Mesa's device-select layer prints this error twice in every run.
#[cfg(feature = "gpu")]
#[test]
fn drivers_write_no_errors_where_there_is_no_desktop() {
    let setting = Setting::new();
    let output = program()
        .current_dir(setting.folder.path())
        .env_remove("NODEVICE_SELECT")
        .env_remove("MESA_VK_DEVICE_SELECT")
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("DISPLAY")
        .env("HULLSCOPE_BACKEND", "auto")
        .args(["analyze", "reference.npy", "queries.npy", "--quiet"])
        .output()
        .unwrap();
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert!(stdout(&output).contains("verdicts"));
}

/// A folder with a set that takes minutes to process.
fn large() -> Setting {
    let setting = Setting::new();
    npy(&setting.path("large.npy"), 64, &stored(20_000 * 64, 5, 1.0));
    setting
}

/// Starts a run that takes minutes; returns once it has begun to write both of its files.
fn begun(setting: &Setting, mut command: Command) -> Child {
    let words = "analyze large.npy large.npy -o out.parquet --certificates proof.parquet --distance --gap 1e-6";
    let mut child = command
        .current_dir(setting.folder.path())
        .args(words.split(' '))
        .args(["--self-test", "5000"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while parts(setting) < 2 {
        let ended = child.try_wait().unwrap().is_some();
        assert!(!ended, "ended before it was interrupted");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// The number of temporary files in the folder.
fn parts(setting: &Setting) -> usize {
    let files = setting.files();
    files.iter().filter(|name| name.ends_with(".part")).count()
}

#[cfg(unix)]
fn send(signal: &str, child: &Child) {
    let killed = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
}

#[cfg(unix)]
#[test]
fn a_signal_to_end_ends_with_130_and_leaves_nothing() {
    let setting = large();
    let before = setting.files();
    for signal in ["-INT", "-TERM", "-HUP"] {
        let child = begun(&setting, program());
        send(signal, &child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), 130, "{signal}: {}", stderr(&output));
        assert_eq!(stderr(&output), "interrupted\n", "{signal}");
        assert_eq!(setting.files(), before, "{signal}");
    }
}

/// Under `nohup` a run outlives its terminal.
#[cfg(unix)]
#[test]
fn an_ignored_hang_up_stays_ignored() {
    let setting = large();
    let mut command = Command::new("sh");
    let binary = env!("CARGO_BIN_EXE_hullscope");
    command
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
        .arg(binary);
    command.env("HULLSCOPE_BACKEND", "cpu");
    let mut child = begun(&setting, command);
    send("-HUP", &child);
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it ended");
    send("-TERM", &child);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
}

#[test]
fn what_a_killed_run_left_is_swept_by_the_next_and_nothing_of_a_living_one() {
    let setting = large();
    let before = [vec![".hullscope-notes.txt".into()], setting.files()].concat();
    std::fs::write(setting.path(".hullscope-notes.txt"), "not ours").unwrap();
    let mut dead = begun(&setting, program());
    dead.kill().unwrap();
    dead.wait().unwrap();
    assert_eq!(parts(&setting), 2);
    setting.analyze(&["-o", "small.csv"]);
    assert_eq!(setting.files(), [before, vec!["small.csv".into()]].concat());
    let mut alive = begun(&setting, program());
    setting.analyze(&["-o", "small.csv"]);
    assert_eq!(parts(&setting), 2);
    alive.kill().unwrap();
    alive.wait().unwrap();
}

/// A new file of our own is locked: neither the sweep before it nor that of another run takes it.
#[test]
fn a_new_file_survives_sweeps() {
    let setting = Setting::new();
    let before = setting.files();
    std::fs::write(setting.path(".hullscope-dead00.part"), "half a table").unwrap();
    let alive = std::fs::File::create(setting.path(".hullscope-alive0.part")).unwrap();
    alive.lock().unwrap();
    let output = file::Output::create(Path::new(&setting.path("late.txt"))).unwrap();
    let there = |name: &str| setting.files().iter().any(|file| file == name);
    assert!(!there(".hullscope-dead00.part") && there(".hullscope-alive0.part"));
    assert_eq!(parts(&setting), 2);
    drop(alive);
    setting.analyze(&["-o", "small.csv"]);
    assert!(!there(".hullscope-alive0.part"));
    assert_eq!(parts(&setting), 1, "our own");
    let writer = output.writer().unwrap();
    output.close(writer).unwrap();
    let mut expected = [before, vec!["late.txt".into(), "small.csv".into()]].concat();
    expected.sort();
    assert_eq!(setting.files(), expected);
}

/// If nothing is ever written to the pipe, one Ctrl-C ends the wait. A pipe that would have to be read at several
/// places is refused, and not opened.
#[cfg(unix)]
#[test]
fn a_pipe_that_nobody_writes_to_hangs_nothing() {
    let setting = Setting::new();
    let made = Command::new("mkfifo").arg(setting.path("pipe")).status();
    assert!(made.unwrap().success());
    let mut child = program()
        .current_dir(setting.folder.path())
        .args(["analyze", "pipe", "queries.npy", "--quiet"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it did not wait");
    send("-INT", &child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (code(&output), stderr(&output).as_str()),
        (130, "interrupted\n")
    );
    for words in [
        "verify pipe reference.npy queries.npy",
        "score pipe queries.npy",
        "compare pipe queries.npy -o results",
        "encoder pipe",
    ] {
        let output = setting.run(&words.split(' ').collect::<Vec<_>>());
        let message = stderr(&output);
        assert_eq!(code(&output), 2, "{words}: {message}");
        assert!(message.contains("is a pipe"), "{words}: {message}");
    }
}

/// A set may be read from the standard input or from a process.
#[cfg(unix)]
#[test]
fn rows_may_come_from_a_pipe() {
    let setting = Setting::new();
    setting.analyze(&["-o", "file.csv"]);
    let binary = env!("CARGO_BIN_EXE_hullscope");
    for line in [
        "cat reference.npy | \"$0\" analyze - queries.npy -o pipe.csv",
        "mkfifo named; cat reference.npy > named & \"$0\" analyze named queries.npy -o pipe.csv",
    ] {
        let output = Command::new("sh")
            .current_dir(setting.folder.path())
            .env("HULLSCOPE_BACKEND", "cpu")
            .args(["-c", line])
            .arg(binary)
            .output()
            .unwrap();
        assert_eq!(code(&output), 0, "{line}: {}", stderr(&output));
        let read = |name| std::fs::read_to_string(setting.path(name)).unwrap();
        let rows = |text: String| {
            text.lines()
                .filter(|l| !l.starts_with('#'))
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(rows(read("pipe.csv")), rows(read("file.csv")), "{line}");
    }
}

/// A few compressed bytes that unpack to many: refused by the header, or by a limit, before they are unpacked.
#[test]
fn what_unpacks_to_more_than_it_claims_is_refused_early() {
    let setting = Setting::new();
    let header = formats::npy(1, "'<f8'", "False", "(10, 2)", &[]);
    let member = [header, vec![0; 8 << 20]].concat();
    let archive = formats::npz(&[("a.npy", &member)], zip::CompressionMethod::Deflated);
    let line = format!("{}1\n", "1,".repeat(5 << 19));
    let packed = |text: &str| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    };
    let small = "1,2\n".repeat(40_000);
    for (name, bytes, options, said) in [
        ("a.npz", archive, "--spool 1MiB", "follow the 10 rows"),
        (
            "first.csv.gz",
            packed(&line),
            "--memory 1MiB",
            "more than 4194304 bytes",
        ),
        (
            "later.csv.gz",
            packed(&(small + &line)),
            "--memory 1MiB",
            "too long",
        ),
    ] {
        std::fs::write(setting.path(name), bytes).unwrap();
        let words = [
            &["analyze", name, name][..],
            &options.split(' ').collect::<Vec<_>>(),
        ];
        let output = setting.run(&words.concat());
        let message = stderr(&output);
        assert_eq!(code(&output), 2, "{name}: {message}");
        assert!(message.contains(said), "{name}: {message}");
    }
}

/// If a streamed file is overwritten in place, the run fails instead of answering about a mixture.
#[cfg(unix)]
#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let setting = Setting::new();
    let path = setting.path("reference.npy");
    let open = || {
        let options = OpenOptions::default();
        open(path.to_str().unwrap(), &options, &Control::default()).unwrap()
    };
    let rows = open();
    let mut values = vec![0.0; rows.len() * rows.dim()];
    rows.read_f64(0, &mut values).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    let write = |bytes: &[u8]| {
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all(bytes).unwrap();
    };
    let before = std::fs::read(&path).unwrap();
    write(&before);
    let error = rows.read_f64(0, &mut values).unwrap_err().to_string();
    assert!(error.contains("written to while it was read"), "{error}");
    let rows = open();
    std::fs::write(&path, &before[..before.len() / 2]).unwrap();
    let error = rows.read_f64(0, &mut values).unwrap_err().to_string();
    assert!(error.contains("bytes, and has"), "{error}");
}

/// More streamed files than a process may open: the answers equal those of one file.
#[cfg(unix)]
#[test]
fn shards_beyond_the_limit_of_open_files_are_streamed() {
    let setting = Setting::new();
    let values = stored(150 * 4, 7, 1.0);
    let lines = |rows: &[f64]| {
        let line =
            |row: &[f64]| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",") + "\n";
        rows.chunks(4).map(line).collect::<String>()
    };
    for kind in ["npy", "csv", "npy.gz"] {
        std::fs::create_dir(setting.path(kind)).unwrap();
        for (shard, row) in values.chunks(4).enumerate() {
            let path = setting.path(kind).join(format!("{shard}.{kind}"));
            match kind {
                "csv" => std::fs::write(path, lines(row)).unwrap(),
                "npy" => npy(&path, 4, row),
                _ => {
                    npy(&path, 4, row);
                    let file = std::fs::read(&path).unwrap();
                    let file = std::fs::File::create(path).map(|to| (to, file)).unwrap();
                    let mut packer =
                        flate2::write::GzEncoder::new(file.0, flate2::Compression::fast());
                    packer.write_all(&file.1).unwrap();
                }
            }
        }
    }
    npy(&setting.path("whole.npy"), 4, &values);
    let answers = |set: &str| {
        let output = Command::new("sh")
            .current_dir(setting.folder.path())
            .env("HULLSCOPE_BACKEND", "cpu")
            .args(["-c", "ulimit -n 100; exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_hullscope"))
            .args(["analyze", set, set, "--memory", "64", "-q", "-o", "out.csv"])
            .output()
            .unwrap();
        assert_eq!(code(&output), 0, "{set}: {}", stderr(&output));
        let text = std::fs::read_to_string(setting.path("out.csv")).unwrap();
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let names: Vec<&str> = lines.next().unwrap().split(',').collect();
        let place = |name: &str| names.iter().position(|known| *known == name).unwrap();
        let places = ["verdict", "margin", "nearest_distance"].map(place);
        let residual = place("residual");
        let cells = lines.map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            // Text is read as f64 and the .npy files as f32, so that sums are taken in another order: weights may differ in their
            // last digits.
            let residual: f64 = cells[residual].parse().unwrap();
            assert!(residual < 1e-15, "{set}: {residual}");
            places.map(|place| cells[place].to_string())
        });
        cells.collect::<Vec<_>>()
    };
    let whole = answers("whole.npy");
    for set in ["npy", "csv", "npy.gz"] {
        assert!(answers(set) == whole, "{set}");
    }
}

#[test]
fn a_folder_of_results_is_one_runs() {
    let setting = Setting::new();
    let compare = [
        "compare",
        "reference.npy",
        "queries.npy",
        "-q",
        "-o",
        "results",
    ];
    let folder = setting.path("results");
    std::fs::create_dir(&folder).unwrap();
    let lock = std::fs::File::create(folder.join(".hullscope-lock")).unwrap();
    lock.lock().unwrap();
    (&lock).write_all(b"12345").unwrap();
    let output = setting.run(&compare);
    let message = stderr(&output);
    assert_eq!(code(&output), 2, "{message}");
    assert!(message.contains("process 12345"), "{message}");
    // The other run is dead: its lock is released, and the next run removes its file.
    drop(lock);
    let output = setting.run(&compare);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(folder.join("report.html").exists());
    assert!(!folder.join(".hullscope-lock").exists());
}

/// Readers parse nested columns recursively: a table with too deep nesting is refused before they do.
#[test]
fn columns_too_deep_in_one_another_are_refused() {
    let setting = Setting::new();
    let write = |name: &str, depth: usize| {
        let mut column: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
        for _ in 0..depth {
            let field = Field::new("a", column.data_type().clone(), false);
            column = Arc::new(StructArray::from(vec![(Arc::new(field), column)]));
        }
        let plain: ArrayRef = Arc::new(Float64Array::from(vec![3.0, 4.0]));
        let batch = RecordBatch::try_from_iter([("deep", column), ("x", plain)]).unwrap();
        let file = std::fs::File::create(setting.path(name)).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    };
    write("flat.parquet", 20);
    write("deep.parquet", 100);
    let run = |file: &str| setting.run(&["analyze", file, file, "--columns", "x", "-q"]);
    let flat = run("flat.parquet");
    assert_eq!(code(&flat), 0, "{}", stderr(&flat));
    let deep = run("deep.parquet");
    assert_eq!(code(&deep), 2);
    assert!(
        stderr(&deep).contains("101 deep in one another"),
        "{}",
        stderr(&deep)
    );
}

/// The options of a comparison, as typed.
#[derive(clap::Parser)]
struct Comparison {
    #[command(flatten)]
    options: hullscope::job::compare::Options,
}

/// A set that is replaced once it was read: the results are of what was read, and no later run takes them for those of the set
/// that took its place.
#[test]
fn results_are_kept_under_what_was_read() {
    let setting = Setting::new();
    let [reference, other] = ["reference.npy", "other.npy"].map(|name| setting.path(name));
    npy(&other, D, &stored(40 * D, 77, 1.0));
    let queries = setting.path("queries.npy");
    let words = [
        "compare",
        reference.to_str().unwrap(),
        queries.to_str().unwrap(),
    ];
    let words = words.into_iter().chain("--space whiten --loo 0".split(' '));
    let Comparison { options } = clap::Parser::parse_from(words);
    let folder = setting.path("results");
    let control = Control::default();
    let run = |meanwhile: &dyn Fn()| {
        let specs = options.specs().unwrap();
        let comparison = options.open("compare", specs, &control).unwrap();
        meanwhile();
        let engine = hullscope::scan::CpuEngine;
        let done = comparison.run(&engine, Some(&folder), &control).unwrap();
        let reference = done.report.spaces[0].n_reference;
        (reference, done.all_notes().join("\n"))
    };
    let (first, _) = run(&|| std::fs::rename(&other, &reference).unwrap());
    let (second, notes) = run(&|| ());
    assert!(notes.contains("an input has changed since"), "{notes}");
    assert_eq!(second, 40);
    assert_ne!(first, second);
    let (third, notes) = run(&|| ());
    assert_eq!(third, 40);
    assert!(!notes.contains("has changed since"), "{notes}");
}

#[test]
fn a_folder_is_one_runs_and_an_empty_one_goes() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("a/b");
    let lock = Lock::take(&results).unwrap();
    let error = Lock::take(&results).unwrap_err().to_string();
    assert!(
        error.contains(&format!("process {}", std::process::id())),
        "{error}"
    );
    drop(lock);
    assert!(!folder.path().join("a").exists());
    std::fs::create_dir_all(&results).unwrap();
    // The lock file that a killed run has left.
    std::fs::write(results.join(".hullscope-lock"), "1").unwrap();
    let lock = Lock::take(&results).unwrap();
    std::fs::write(results.join("kept"), "").unwrap();
    drop(lock);
    assert_eq!(std::fs::read_dir(&results).unwrap().count(), 1);
}

/// The limit of a small container or of a shared server, in KiB.
#[test]
#[cfg(target_os = "linux")]
fn a_run_needs_less_than_a_gigabyte_of_address_space() {
    let setting = Setting::new();
    let output = Command::new("sh")
        .current_dir(setting.folder.path())
        .env("HULLSCOPE_BACKEND", "cpu")
        .args(["-c", "ulimit -v 900000; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_hullscope"))
        .args(["analyze", "--threads", "2", "-q"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}
