//! A prepared reference (`fit`): a file gives the same answers, whichever queries are asked together, and wrong files
//! are refused.

use crate::commands::{npy, read_parquet};
use crate::common::watched::Watched;
use crate::common::{Kept, gaussian, rows};
use crate::formats;
use arrow_array::{Array, RecordBatch};
use hullscope::control::Control;
use hullscope::rows::{Memory, Rows};
use hullscope::scan::{Batch, CpuEngine, Engine, Int8Engine, int8::Precision};
use hullscope::store::hull_file;
use hullscope::study::analyze::{AnalysisPlan, Sets, prepare, with_session};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The records of queries that are asked in groups of a given size.
fn asked(
    plan: &AnalysisPlan,
    engine: &dyn Engine,
    reference: &Memory,
    values: &[f64],
    at_once: usize,
) -> Vec<String> {
    let control = Control::default();
    let sets = Sets {
        reference,
        queries: reference,
        classes: None,
        layers: &[],
        warnings: &[],
        memory: u64::MAX,
    };
    let known = prepare(plan, engine, &sets, &control).unwrap();
    let d = reference.dim();
    let mut kept = Kept::default();
    with_session(
        plan,
        engine,
        &sets,
        Some(&known),
        &control,
        |mut session| {
            for part in values.chunks(at_once * d) {
                session.answer(&rows(d, part), &mut kept)?;
            }
            Ok(())
        },
    )
    .unwrap();
    // A record's place is its index in the call.
    let each = kept
        .0
        .iter()
        .map(|r| format!("{:?} {:?} {:?}", r.hull, r.judgements, r.neighbours));
    each.collect()
}

#[test]
fn answers_do_not_depend_on_what_is_asked_with_them() {
    let int8 = Int8Engine::new(Precision::Int8, 1 << 30).unwrap();
    // Rows, columns, and queries from the middle outwards; in many columns only queries that the first direction settles.
    let cases = [
        (5_000, 2, 0..30),
        (4_353, 16, 0..12),
        (1_030, 40, 0..8),
        (1_060, 520, 3..9),
    ];
    for (n, d, range) in cases {
        let wide = d > 512;
        let plan = AnalysisPlan {
            gap: (!wide).then_some(0.05),
            alone: true,
            ..AnalysisPlan::default()
        };
        let reference = rows(d, &gaussian(n * d, 1));
        let count = range.len();
        let mut values = gaussian(count * d, 2);
        let each = range.clone().zip(values.chunks_exact_mut(d));
        each.for_each(|(i, row)| {
            row.iter_mut()
                .for_each(|v| *v *= 4.0 * i as f64 / count as f64)
        });
        let together = asked(&plan, &CpuEngine, &reference, &values, count);
        assert_eq!(
            asked(&plan, &CpuEngine, &reference, &values, 1),
            together,
            "{n} x {d}"
        );
        // One at a time a query's first direction and its nearest rows are found in one pass, in 16 bits times 8.
        for at_once in [5, 1] {
            assert_eq!(
                asked(&plan, &int8, &reference, &values, at_once),
                together,
                "{n} x {d}, {at_once} at once"
            );
        }
        let any = |said: &str| together.iter().any(|record| record.contains(said));
        assert!(
            any("verdict: Outside") && (wide || any("verdict: Inside")),
            "{n} x {d}"
        );
    }
}

fn run(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hullscope"));
    command
        .current_dir(folder)
        .args(line.split_whitespace())
        .args(["--backend", "cpu"]);
    command.output().unwrap()
}

/// The notes of a command that succeeds.
fn done(folder: &Path, line: &str) -> String {
    let output = run(folder, line);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{line}: {said}");
    said
}

fn refused(folder: &Path, line: &str, said: &str) {
    let output = run(folder, line);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(2) && text.contains(said),
        "{line}: {text}"
    );
}

fn sets(folder: &Path) {
    let mut values = gaussian(900 * 6, 3);
    values.copy_within(0..6, 60);
    values[300] = f64::NAN;
    npy(&folder.join("train.npy"), 6, &values);
    npy(&folder.join("queries.npy"), 6, &gaussian(50 * 6, 4));
}

/// A file with one of three classes for each row.
fn labels(path: &Path, rows: usize) {
    let classes = (0..rows as u64).flat_map(|row| (row * row % 7 % 3).to_le_bytes());
    let body: Vec<u8> = classes.collect();
    let bytes = formats::npy(1, "'<i8'", "False", &format!("({rows},)"), &body);
    fs::write(path, bytes).unwrap();
}

/// Reference rows without missing values, one of them twice, and queries.
fn numbers(folder: &Path) {
    let mut values = gaussian(900 * 6, 3);
    values.copy_within(0..6, 60);
    npy(&folder.join("train.npy"), 6, &values);
    npy(&folder.join("queries.npy"), 6, &gaussian(50 * 6, 4));
    labels(&folder.join("y.npy"), 900);
    labels(&folder.join("yq.npy"), 50);
}

#[test]
fn a_file_takes_queries_to_its_space() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    numbers(folder);
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    for (space, there) in [("pca:3", "a"), ("whiten|random:4,seed=2", "b")] {
        let output = Command::new(env!("CARGO_BIN_EXE_hullscope"))
            .current_dir(folder)
            .args([
                "embed",
                "train.npy",
                "queries.npy",
                "-o",
                there,
                "--space",
                space,
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let line = format!("analyze {there}/train.npy {there}/queries.npy --distance");
        done(folder, &format!("{line} -o plain.csv"));
        done(folder, &format!("{line} --alone -o alone.csv"));
        done(
            folder,
            &format!("fit train.npy --distance -o ref.hull --space {space}"),
        );
        done(
            folder,
            "analyze ref.hull queries.npy --distance -o from.csv",
        );
        done(folder, "score ref.hull queries.npy -o scored.csv");
        assert!(read("from.csv") == read("plain.csv"), "{space}");
        assert!(read("scored.csv") == read("alone.csv"), "{space}");
    }
    npy(&folder.join("narrow.npy"), 3, &gaussian(9, 1));
    let said = "has 3 columns, and the reference had 6 before it was mapped";
    refused(folder, "score ref.hull narrow.npy", said);
    let line = "analyze ref.hull queries.npy --certificates proof.parquet";
    refused(
        folder,
        line,
        "about the rows of a file; fit the reference without --space",
    );
    for (space, said) in [
        ("onnx:sample", "which a fitted reference does not hold"),
        ("pca:2,3", "names several spaces"),
        ("patch:2", "needs images"),
        ("pca:2 --link", "--link"),
    ] {
        refused(
            folder,
            &format!("fit train.npy -o no.hull --space {space}"),
            said,
        );
    }
    assert!(!folder.join("no.hull").exists());
}

#[test]
fn a_file_knows_the_classes_of_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    numbers(folder);
    let judged = "--space pca:3 --notion hull,class,mahalanobis:tied --labels y.npy";
    done(folder, &format!("fit train.npy {judged} -o ref.hull"));
    let score = "score ref.hull queries.npy";
    done(folder, &format!("{score} --labels yq.npy -o known.parquet"));
    let compare = "compare train.npy queries.npy --query-labels yq.npy --alone --no-distance --loo 0 -o compared";
    done(folder, &format!("{compare} {judged}"));
    let table = |name: &str| read_parquet(&folder.join(name)).remove(0);
    let (known, compared) = (table("known.parquet"), table("compared/queries.parquet"));
    for name in [
        "label",
        "verdict",
        "margin",
        "hull_score",
        "class_own_outside",
        "class_own_score",
        "mahalanobis_class_score",
        "nearest_distance",
    ] {
        let column = |table: &RecordBatch| table.column_by_name(name).map(|all| all.to_data());
        assert!(
            column(&known).is_some_and(|all| all.null_count() < 50),
            "{name}"
        );
        assert_eq!(column(&known), column(&compared), "{name}");
    }
    // Without the queries' labels: all columns except those about labels.
    let said = done(folder, &format!("{score} -o unknown.parquet"));
    let note = "note: class_own is null for all queries, since their classes are not known; hullscope score takes them with \
                --labels FILE";
    assert!(said.contains(note), "{said}");
    let unknown = table("unknown.parquet");
    let column = |table: &RecordBatch, name: &str| table.column_by_name(name).unwrap().to_data();
    assert_eq!(column(&unknown, "class_own_outside").null_count(), 50);
    let name = "mahalanobis_class_score";
    assert_eq!(column(&unknown, name), column(&known, name));
    refused(
        folder,
        &format!("{score} --labels queries.npy"),
        "queries.npy",
    );
    refused(
        folder,
        &format!("{score} --labels y.npy --json yq.npy"),
        "y.npy",
    );
    done(folder, "fit train.npy -o bare.hull");
    let line = "score bare.hull queries.npy --labels yq.npy";
    refused(folder, line, "fit --labels");
    let line = "fit train.npy --notion class -o none.hull";
    refused(folder, line, "labels");
    refused(
        folder,
        "fit train.npy --labels yq.npy -o none.hull",
        "yq.npy",
    );
}

/// `fit` prints the same notes about the reference as `analyze`.
#[test]
fn fit_says_what_is_to_be_known_of_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut values = gaussian(300 * 6, 3);
    values.copy_within(0..6, 60);
    values[6 * 200..][..6].fill(1e9);
    values.chunks_exact_mut(6).for_each(|row| row[5] = row[4]);
    npy(&folder.join("train.npy"), 6, &values);
    npy(&folder.join("queries.npy"), 6, &gaussian(50 * 6, 4));
    let notes = |said: String| -> Vec<String> {
        let notes = said.lines().filter(|line| line.starts_with("note: "));
        notes.map(String::from).collect()
    };
    let mut analyzed = notes(done(folder, "analyze train.npy queries.npy --notion all"));
    // `fit` does not know the queries, of which the cone cannot judge some beside the far row.
    let of_queries = |note: &String| note.contains("of the 50 queries that it judged");
    assert_eq!(analyzed.iter().filter(|note| of_queries(note)).count(), 1);
    analyzed.retain(|note| !of_queries(note));
    let fitted = notes(done(folder, "fit train.npy --notion all -o ref.hull"));
    assert_eq!(fitted, analyzed);
    let text = fitted.join("\n");
    for part in [
        "--exclude-rows 200",
        "affine rank 5 of 6",
        "1 columns repeat",
        "1 of 300 reference rows repeat",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let quiet = done(folder, "fit train.npy -q -o quiet.hull");
    assert_eq!(quiet, "");
}

/// Queries that equal reference rows are noted as a leak where rows are used as stored, but not where only a part of
/// them is.
#[test]
fn queries_that_repeat_rows_are_said_of_a_file_without_a_space() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    numbers(folder);
    for (space, said) in [
        ("", true),
        ("--space pixels", true),
        ("--space pca:3", false),
    ] {
        done(folder, &format!("fit train.npy {space} -o ref.hull"));
        let notes = done(folder, "score ref.hull train.npy");
        assert_eq!(notes.contains("the sets overlap"), said, "{space}: {notes}");
    }
}

#[test]
fn a_file_gives_the_records_of_the_rows_it_was_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    sets(folder);
    let options = "--skip-nonfinite --scale 0.5 --distance --neighbours 3";
    let judged = "--distance --neighbours 3";
    done(
        folder,
        &format!("analyze train.npy queries.npy {options} -o plain.csv"),
    );
    done(
        folder,
        &format!("analyze train.npy queries.npy {options} --alone -o alone.csv"),
    );
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    for link in ["", " --link"] {
        done(
            folder,
            &format!("fit train.npy {options} -o ref.hull{link}"),
        );
        done(
            folder,
            &format!("analyze ref.hull queries.npy {judged} -o from.csv"),
        );
        let files = "-o scored.csv --certificates proof.parquet";
        done(folder, &format!("score ref.hull queries.npy {files}"));
        let verify = "verify proof.parquet train.npy queries.npy --skip-nonfinite --scale 0.5";
        let checked = Command::new(env!("CARGO_BIN_EXE_hullscope"))
            .current_dir(folder)
            .args(verify.split(' '))
            .status();
        assert!(checked.unwrap().success(), "{link}");
        assert!(read("from.csv") == read("plain.csv"), "{link}");
        assert!(read("scored.csv") == read("alone.csv"), "{link}");
        // With options other than those of `fit`, the answers are computed anew.
        done(
            folder,
            "analyze ref.hull queries.npy --metric cosine --seed 3 -o cosine.csv",
        );
        let line = "analyze train.npy queries.npy --skip-nonfinite --scale 0.5 --metric cosine --seed 3 -o other.csv";
        done(folder, line);
        assert!(read("cosine.csv") == read("other.csv"), "{link}");
    }
    refused(
        folder,
        "score ref.hull queries.npy --normalize",
        "leave out --normalize",
    );
    refused(folder, "fit train.npy -o ref.npy", "write -o NAME.hull");
    done(
        folder,
        "fit train.npy --skip-nonfinite --no-hull -o bare.hull",
    );
    let line = "score bare.hull queries.npy --certificates proof.parquet";
    refused(folder, line, "certificates are of hull verdicts");
    sets(folder);
    let mut train = read("train.npy");
    train[2_000] ^= 1;
    fs::write(folder.join("train.npy"), train).unwrap();
    refused(folder, "score ref.hull queries.npy", "has changed");
}

/// The hash of a folder covers the names of its files, which are those of the path that the file holds.
#[test]
fn a_folder_named_from_where_the_command_runs_is_linked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("parts")).unwrap();
    for (name, seed) in [("parts/a.npy", 1), ("parts/b.npy", 2), ("queries.npy", 3)] {
        npy(&folder.join(name), 4, &gaussian(60 * 4, seed));
    }
    done(folder, "fit parts --link -o ref.hull");
    done(folder, "score ref.hull queries.npy -o out.csv");
    npy(&folder.join("parts/b.npy"), 4, &gaussian(61 * 4, 2));
    refused(folder, "score ref.hull queries.npy", "has changed");
}

/// A copy of the file with the bytes of one member changed and the archive's checksums corrected.
fn with(from: &Path, to: &Path, name: &str, change: impl Fn(&mut Vec<u8>)) {
    let mut old = zip::ZipArchive::new(fs::File::open(from).unwrap()).unwrap();
    let mut new = zip::ZipWriter::new(fs::File::create(to).unwrap());
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for at in 0..old.len() {
        let mut member = old.by_index(at).unwrap();
        let found = member.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        if found == name {
            change(&mut bytes);
        }
        new.start_file(found, options).unwrap();
        new.write_all(&bytes).unwrap();
    }
    new.finish().unwrap();
}

/// A copy of the file without the members of this name.
fn without(from: &Path, to: &Path, name: &str) {
    let mut old = zip::ZipArchive::new(fs::File::open(from).unwrap()).unwrap();
    let mut new = zip::ZipWriter::new(fs::File::create(to).unwrap());
    for at in 0..old.len() {
        let member = old.by_index(at).unwrap();
        if !member.name().unwrap().starts_with(name) {
            new.raw_copy_file(member).unwrap();
        }
    }
    new.finish().unwrap();
}

#[test]
fn a_file_that_is_changed_cut_or_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    sets(folder);
    labels(&folder.join("y.npy"), 900);
    let line = "fit train.npy --skip-nonfinite --space pca:3 --labels y.npy -o ref.hull";
    done(folder, line);
    let (from, to) = (folder.join("ref.hull"), folder.join("bad.hull"));
    let line = "score bad.hull queries.npy";
    let whole = fs::read(&from).unwrap();
    for length in [0, 10, whole.len() / 2, whole.len() - 1] {
        fs::write(&to, &whole[..length]).unwrap();
        refused(folder, line, "not a .hull file");
    }
    let names = names(&from);
    assert!(names.len() > 15, "{names:?}");
    for needed in ["space.0.basis.npy", "space.0.centre.npy", "rows.class.npy"] {
        assert!(names.iter().any(|name| name == needed), "{names:?}");
    }
    for name in &names {
        let last = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
        with(&from, &to, name, last);
        refused(folder, line, "its hash does not match");
    }
    fs::copy(&from, &to).unwrap();
    let to = fs::File::options().read(true).write(true).open(&to);
    let mut more = zip::ZipWriter::new_append(to.unwrap()).unwrap();
    more.start_file("more.npy", zip::write::SimpleFileOptions::default())
        .unwrap();
    more.finish().unwrap();
    refused(folder, line, "the manifest does not name it");
    for version in [1, 4] {
        in_version(&from, &folder.join("next.hull"), version);
        let said = format!("it is version {version} of");
        refused(folder, "score next.hull queries.npy", &said);
    }
    in_version(&from, &folder.join("old.hull"), 2);
    done(folder, "score old.hull queries.npy -o old.csv");
    done(folder, "score ref.hull queries.npy -o new.csv");
    assert!(fs::read(folder.join("old.csv")).unwrap() == fs::read(folder.join("new.csv")).unwrap());
}

/// The names of the members.
fn names(path: &Path) -> Vec<String> {
    let archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let names = archive.file_names();
    names.map(|name| name.unwrap().into_owned()).collect()
}

/// The bytes of a member.
fn member(path: &Path, name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let mut bytes = Vec::new();
    let mut member = archive.by_name(name).unwrap();
    member.read_to_end(&mut bytes).unwrap();
    bytes
}

/// A copy of the file whose manifest is changed, with a hash that fits.
fn manifested(from: &Path, to: &Path, change: impl Fn(String) -> String) {
    let between = to.with_extension("part");
    with(from, &between, "manifest.json", |bytes| {
        *bytes = change(String::from_utf8(bytes.clone()).unwrap()).into_bytes();
    });
    let hash = blake3::hash(&member(&between, "manifest.json")).to_hex();
    with(&between, to, "manifest.blake3", |bytes| {
        *bytes = hash.as_bytes().to_vec()
    });
}

/// A copy of the file that says it is of another version.
fn in_version(from: &Path, to: &Path, version: u32) {
    let said = format!("\"version\": {version}");
    manifested(from, to, |text| text.replace("\"version\": 3", &said));
}

/// Rows for which scans use eight bits: one far, one twice, a constant column; and queries.
fn many(folder: &Path) {
    let d = 20;
    let mut values = gaussian(4_500 * d, 5);
    values.copy_within(0..d, 9 * d);
    values[7 * d..8 * d].fill(1e9);
    values.chunks_exact_mut(d).for_each(|row| row[3] = 2.0);
    npy(&folder.join("train.npy"), d, &values);
    let mut queries = gaussian(60 * d, 6);
    let some = queries.chunks_exact_mut(d).take(40);
    some.for_each(|row| row[3] = 2.0);
    npy(&folder.join("queries.npy"), d, &queries);
}

/// Whether a file holds a copy in eight bits.
fn has_copy(path: &Path) -> bool {
    names(path).iter().any(|name| name == "int8.levels.npy")
}

#[test]
fn a_copy_in_eight_bits_changes_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    many(folder);
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let options = "--distance --neighbours 3";
    let fit = |more: &str| {
        done(
            folder,
            &format!("fit train.npy {options} -o ref.hull {more}"),
        );
        has_copy(&folder.join("ref.hull"))
    };
    assert!(!fit("--precision f32"));
    done(
        folder,
        "score ref.hull queries.npy --precision f32 -o f32.csv",
    );
    let line = format!("analyze train.npy queries.npy {options} -o plain.csv");
    done(folder, &line);
    for more in ["", "--link"] {
        assert!(fit(more));
        for precision in ["int8", "auto", "f32", "int8 --memory 500KB"] {
            let line = format!("score ref.hull queries.npy --precision {precision} -o out.csv");
            done(folder, &line);
            assert!(read("out.csv") == read("f32.csv"), "{more} {precision}");
        }
        let line = format!("analyze ref.hull queries.npy {options} -o from.csv --precision int8");
        done(folder, &line);
        assert!(read("from.csv") == read("plain.csv"));
    }
    assert!(!fit("--memory 500KB"), "rows and copy take more");
    done(
        folder,
        "fit train.npy --no-hull --metric cosine -o ref.hull",
    );
    assert!(
        !has_copy(&folder.join("ref.hull")),
        "rows of unit length are scanned"
    );
}

#[test]
fn a_copy_in_eight_bits_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    many(folder);
    done(folder, "fit train.npy -o ref.hull");
    let (from, to) = (folder.join("ref.hull"), folder.join("bad.hull"));
    let line = "score bad.hull queries.npy";
    // From the middle of the integers on the numbers are those of no row.
    let wrong = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle..].fill(0x80);
    };
    for name in ["int8.levels", "int8.scale", "int8.lost", "int8.length"] {
        let name = format!("{name}.npy");
        with(&from, &to, &name, wrong);
        refused(folder, line, "its hash does not match");
        // The same with hashes that fit.
        let hashes = [&from, &to].map(|path| blake3::hash(&member(path, &name)).to_hex());
        let next = folder.join("next.hull");
        manifested(&to, &next, |text| text.replace(&*hashes[0], &hashes[1]));
        let output = run(folder, "score next.hull queries.npy");
        let said = String::from_utf8_lossy(&output.stderr);
        let what = ["out of range", "not in the range", "a length is"];
        let told = what.iter().any(|what| said.contains(what));
        assert!(output.status.code() == Some(2) && told, "{name}: {said}");
    }
}

/// A part of a copy without the others, which the manifest does not name.
#[test]
fn a_copy_in_eight_bits_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    many(folder);
    done(folder, "fit train.npy -o ref.hull");
    for name in ["int8.levels", "int8.scale", "int8.lost", "int8.length"] {
        manifested(&folder.join("ref.hull"), &folder.join("bad.hull"), |text| {
            let lines = text.lines().filter(|line| !line.contains(name));
            lines.collect::<Vec<_>>().join("\n")
        });
        without(&folder.join("bad.hull"), &folder.join("less.hull"), name);
        let output = run(folder, "score less.hull queries.npy");
        let said = String::from_utf8_lossy(&output.stderr);
        let told =
            said.contains(name) && (said.contains("missing") || said.contains("no such array"));
        assert!(output.status.code() == Some(2) && told, "{said}");
    }
}

/// The first scan of a file with a copy reads the few rows that it scores; without one it reads all, to quantise them.
#[test]
fn the_first_scan_of_a_file_quantises_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (n, d) = (5_000, 32);
    npy(&folder.join("train.npy"), d, &gaussian(n * d, 8));
    let directions: Vec<f32> = gaussian(d, 9).iter().map(|&v| v as f32).collect();
    let control = Control::default();
    let read = |file: &str, memory: u64| {
        let opened = hull_file::open(&folder.join(file), memory, &control).unwrap();
        let read = AtomicUsize::new(0);
        let count = |rows| _ = read.fetch_add(rows, Relaxed);
        let rows = Watched {
            rows: &*opened.rows,
            seen: &count,
        };
        let engine = Int8Engine::new(Precision::Int8, memory).unwrap();
        let frame = opened.known.frame().clone();
        let scan = engine.scan_in(&rows, frame, &control).unwrap();
        let batch = Batch {
            directions: &directions,
            bias: &[0.0],
            k: 1,
        };
        let hits = scan.scan(&batch, &control).unwrap();
        assert_eq!(hits.proved(), [("int8", 1)]);
        (read.load(Relaxed), hits)
    };
    done(folder, "fit train.npy -o with.hull");
    done(folder, "fit train.npy -o without.hull --precision f32");
    let (some, all) = (read("with.hull", 1 << 30), read("without.hull", 1 << 30));
    assert_eq!(some.1, all.1);
    assert!(some.0 < n / 2 && all.0 >= n, "{} and {}", some.0, all.0);
}
