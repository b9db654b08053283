//! `verify`: files changed at any place, files about other rows or options, extreme numbers.

use crate::commands::{
    D, Line, QUERIES, REFERENCE, Setting, code, lines_of, npy, read_parquet, stderr, stdout, stored,
};
use arrow_array::builder::{Float64Builder, ListBuilder, UInt64Builder};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{Field, Schema};
use hullscope::control::Control;
use hullscope::hull::certificate::STRICT;
use hullscope::job::verify::audit;
use hullscope::rows::RowSettings;
use hullscope::rows::{Memory, Rows};
use hullscope::scan::CpuEngine;
use hullscope::store::certificates::{CertificateReader, CertificateWriter, Origin};
use hullscope::store::{Context, FileSink, InputInfo};
use hullscope::study::analyze::{AnalysisPlan, run};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The key of the program's metadata.
const OWN: &str = "hullscope.certificates";
const ROWS: &str = "hullscope.rows";

/// Two sets, and a file with their certificates that can be changed at any place.
struct Proof {
    folder: tempfile::TempDir,
    reference: Memory,
    queries: Memory,
}

/// The content of a certificate file.
#[derive(Clone)]
struct Content {
    lines: Vec<Line>,
    metadata: Vec<(String, String)>,
    /// Columns to leave out.
    without: Vec<&'static str>,
}

/// Writes numbers as a list column.
fn floats(lines: &[Line], name: &str) -> ArrayRef {
    let mut list = ListBuilder::new(Float64Builder::new());
    for line in lines {
        let all = line[name].as_array();
        list.append_option(all.map(|all| all.iter().map(Value::as_f64).collect::<Vec<_>>()));
    }
    Arc::new(list.finish())
}

impl Content {
    fn read(path: &Path) -> Self {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        let metadata = builder.metadata().file_metadata();
        let pairs = metadata.key_value_metadata().unwrap().iter();
        Content {
            lines: lines_of(&read_parquet(path)),
            metadata: pairs
                .filter(|pair| pair.key.starts_with("hullscope."))
                .map(|pair| (pair.key.clone(), pair.value.clone().unwrap()))
                .collect(),
            without: Vec::new(),
        }
    }

    fn write(&self, path: &Path) {
        let lines = &self.lines;
        let mut rows = ListBuilder::new(UInt64Builder::new());
        for line in lines {
            let all = line["rows"].as_array();
            rows.append_option(all.map(|all| all.iter().map(Value::as_u64).collect::<Vec<_>>()));
        }
        let numbers = lines.iter().map(|line| line["query"].as_u64());
        let margins = lines.iter().map(|line| line["margin"].as_f64());
        let text = |name: &str| -> ArrayRef {
            let texts = lines.iter().map(|line| line[name].as_str());
            Arc::new(texts.collect::<StringArray>())
        };
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("of", text("of")),
            ("query", Arc::new(numbers.collect::<UInt64Array>())),
            ("verdict", text("verdict")),
            ("proof", text("proof")),
            ("direction", floats(lines, "direction")),
            ("margin", Arc::new(margins.collect::<Float64Array>())),
            ("rows", Arc::new(rows.finish())),
            ("weights", floats(lines, "weights")),
        ];
        let kept = columns
            .into_iter()
            .filter(|(name, _)| !self.without.contains(name));
        let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = kept
            .map(|(name, column)| (Field::new(name, column.data_type().clone(), true), column))
            .unzip();
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, None).unwrap();
        writer.write(&batch).unwrap();
        for (key, value) in &self.metadata {
            writer.append_key_value_metadata(KeyValue::new(key.clone(), value.clone()));
        }
        writer.close().unwrap();
    }

    /// Change the JSON stored under a key.
    fn edit(&mut self, key: &str, change: impl FnOnce(&mut Value)) {
        let pair = self.metadata.iter_mut().find(|pair| pair.0 == key);
        let (_, text) = pair.unwrap();
        let mut value = serde_json::from_str(text).unwrap();
        change(&mut value);
        *text = value.to_string();
    }
}

impl Proof {
    /// Analyze the sets and write the certificates.
    fn of(d: usize, reference: &[f64], queries: &[f64]) -> Self {
        Self::under(AnalysisPlan::default(), d, reference, queries)
    }

    fn under(plan: AnalysisPlan, d: usize, reference: &[f64], queries: &[f64]) -> Self {
        let proof = Proof {
            folder: tempfile::tempdir().unwrap(),
            reference: Memory::from_f64("train", d, reference.to_vec()),
            queries: Memory::from_f64("test", d, queries.to_vec()),
        };
        let control = Control::default();
        let info = |rows: &Memory| InputInfo {
            path: rows.name().into(),
            rows: rows.len() as u64,
            dim: d as u64,
            element: rows.element(),
            dropped: 0,
            columns: None,
            notes: Vec::new(),
        };
        let context = Context {
            command: String::new(),
            reference: info(&proof.reference),
            queries: info(&proof.queries),
            plan: plan.clone(),
            rows: RowSettings::default(),
        };
        let (reference, queries) = (&proof.reference, &proof.queries);
        let origin = Origin::of(reference, queries, RowSettings::default(), &control).unwrap();
        let mut writer =
            CertificateWriter::create(&proof.path(), &context, origin, reference).unwrap();
        run(&plan, &CpuEngine, reference, queries, &mut writer, &control).unwrap();
        Box::new(writer).written().unwrap().commit().unwrap();
        proof
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("proof.parquet")
    }

    /// Whether a file with these claims passes, and all messages.
    fn judge(&self, content: &Content, tolerance: f64) -> (bool, String) {
        content.write(&self.path());
        self.judge_file(tolerance)
    }

    fn judge_file(&self, tolerance: f64) -> (bool, String) {
        let reader = match CertificateReader::open(&self.path()) {
            Ok(reader) => reader,
            Err(error) => return (false, error.to_string()),
        };
        let mut said = Vec::new();
        let found = audit(
            reader,
            &RowSettings::default(),
            &self.reference,
            &self.queries,
            tolerance,
            &Control::default(),
            &mut |claim, fault| said.push(format!("query {}: {fault}", claim.query)),
        )
        .unwrap();
        said.extend(found.problems.iter().map(ToString::to_string));
        assert_eq!(found.holds(), said.is_empty(), "{said:?}");
        (found.holds(), said.join("\n"))
    }
}

/// The indices of the claims in [`example`].
const EXACT: usize = 0;
const OUTSIDE: usize = 1;
const TOLERANCE: usize = 2;
const UNDECIDED: usize = 3;

/// A small run of four queries, and a file with one claim of each kind, with the largest margin and the best weights,
/// so that any change makes it wrong. The last row of the reference is in no certificate.
fn example(d: usize) -> (Proof, Content) {
    let (reference, queries, inside, within): (Vec<f64>, Vec<f64>, _, _) = match d {
        1 => (
            vec![0.0, 1.0, 0.5],
            vec![0.25, 3.0, 0.75 + 1e-13, 0.1],
            (json!([0, 1]), json!([0.75, 0.25])),
            (json!([0, 1]), json!([0.25, 0.75])),
        ),
        3 => (
            [
                [0.0; 3],
                [1.0, 0.0, 0.0],
                [0.0, 1.0, 0.0],
                [0.0, 0.0, 1.0],
                [0.2; 3],
            ]
            .concat(),
            [
                [0.25, 0.25, 0.125],
                [1.0; 3],
                [0.5 + 1e-13, 0.25, 0.25],
                [0.1; 3],
            ]
            .concat(),
            (json!([0, 1, 2, 3]), json!([0.375, 0.25, 0.25, 0.125])),
            (json!([1, 2, 3]), json!([0.5, 0.25, 0.25])),
        ),
        other => panic!("no example in {other} dimensions"),
    };
    let proof = Proof::of(d, &reference, &queries);
    assert_eq!(
        proof.judge_file(STRICT),
        (true, String::new()),
        "the real run"
    );
    let mut content = Content::read(&proof.path());
    let margin = 2.0 / (d as f64).sqrt();
    let claims = [
        (
            "inside",
            json!("exact"),
            Value::Null,
            Value::Null,
            inside.0,
            inside.1,
        ),
        (
            "outside",
            json!("separated"),
            json!(vec![1.0; d]),
            json!(margin),
            Value::Null,
            Value::Null,
        ),
        (
            "inside",
            json!("tolerance"),
            Value::Null,
            Value::Null,
            within.0,
            within.1,
        ),
        (
            "undecided",
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
        ),
    ];
    for (line, claim) in content.lines.iter_mut().zip(claims) {
        let (verdict, proof, direction, margin, rows, weights) = claim;
        line["verdict"] = json!(verdict);
        line["proof"] = proof;
        line["direction"] = direction;
        line["margin"] = margin;
        line["rows"] = rows;
        line["weights"] = weights;
    }
    content.edit(OWN, |own| {
        own["certificates"] = json!({ "exact": 1, "tolerance": 1, "separated": 1, "undecided": 1 });
    });
    assert_eq!(
        proof.judge(&content, STRICT),
        (true, String::new()),
        "the example, unchanged"
    );
    (proof, content)
}

/// One change, and a word that the message must contain.
struct Change {
    what: String,
    content: Content,
    said: String,
}

/// Collects changes of one file.
struct Changes {
    good: Content,
    all: Vec<Change>,
}

impl Changes {
    fn file(
        &mut self,
        what: impl Into<String>,
        said: impl Into<String>,
        change: impl FnOnce(&mut Content),
    ) {
        let mut content = self.good.clone();
        change(&mut content);
        self.all.push(Change {
            what: what.into(),
            content,
            said: said.into(),
        });
    }

    fn line(
        &mut self,
        row: usize,
        what: &str,
        said: impl Into<String>,
        change: impl FnOnce(&mut Line),
    ) {
        self.file(format!("row {row}: {what}"), said, |content| {
            change(&mut content.lines[row])
        });
    }

    fn metadata(
        &mut self,
        key: &str,
        what: &str,
        said: impl Into<String>,
        change: impl FnOnce(&mut Value),
    ) {
        self.file(format!("{key}: {what}"), said, |content| {
            content.edit(key, change)
        });
    }
}

/// Changes every weight and row of the combinations.
fn change_combinations(changes: &mut Changes, spare: usize) {
    for row in [EXACT, TOLERANCE] {
        let weights = changes.good.lines[row]["weights"]
            .as_array()
            .unwrap()
            .clone();
        let count = weights.len();
        let weight = |i: usize| weights[i].as_f64().unwrap();
        for i in 0..count {
            let next = (i + 1) % count;
            changes.line(row, &format!("weight {i} larger"), "sum to", |line| {
                line["weights"][i] = json!(weight(i) * (1.0 + 1e-9));
            });
            changes.line(row, &format!("weight {i} moved"), "miss", |line| {
                line["weights"][i] = json!(weight(i) + 1e-6);
                line["weights"][next] = json!(weight(next) - 1e-6);
            });
            changes.line(
                row,
                &format!("weight {i} negative"),
                "the weight of",
                |line| {
                    line["weights"][i] = json!(-weight(i));
                },
            );
            changes.line(row, &format!("row {i} another"), "miss", |line| {
                line["rows"][i] = json!(spare);
            });
            changes.line(row, &format!("row {i} unknown"), "no row 99", |line| {
                line["rows"][i] = json!(99);
            });
            changes.line(row, &format!("row {i} twice"), "twice", |line| {
                line["rows"][i] = line["rows"][next].clone();
            });
        }
        changes.line(row, "a weight less", "one weight a row", |line| {
            line["weights"].as_array_mut().unwrap().pop();
        });
        changes.line(row, "a null among the rows", "null", |line| {
            line["rows"][0] = Value::Null
        });
        changes.line(row, "no weights", "null", |line| {
            line["weights"] = Value::Null
        });
    }
}

/// Changes every entry of the direction, and the margin.
fn change_direction(changes: &mut Changes, d: usize) {
    for i in 0..d {
        let mut entry = |what: &str, said, value: Value| {
            changes.line(OUTSIDE, &format!("direction {i} {what}"), said, |line| {
                line["direction"][i] = value;
            });
        };
        entry("negative", "separate", json!(-1.0));
        entry("null", "null", Value::Null);
        entry(
            "0",
            if d == 1 { "not usable" } else { "overstated" },
            json!(0.0),
        );
        // In one dimension this would be the same direction.
        if d > 1 {
            entry("larger", "overstated", json!(1.001));
        }
    }
    changes.line(OUTSIDE, "an entry more", "not usable", |line| {
        line["direction"].as_array_mut().unwrap().push(json!(0.0));
    });
    let margin = changes.good.lines[OUTSIDE]["margin"].as_f64().unwrap();
    for (value, said) in [
        (json!(margin * (1.0 + 1e-12)), "overstated"),
        (json!(2.0 * margin), "overstated"),
        (json!(-margin), "not usable"),
        (Value::Null, "needs a margin"),
    ] {
        changes.line(OUTSIDE, &format!("margin {value}"), said, |line| {
            line["margin"] = value
        });
    }
}

/// Changes query numbers, verdicts and proofs.
fn change_words(changes: &mut Changes, d: usize) {
    for row in 0..4 {
        changes.line(row, "the query of another", "earlier certificate", |line| {
            line["query"] = json!((row + 1) % 4);
        });
        changes.line(row, "an unknown query", "no such row", |line| {
            line["query"] = json!(77)
        });
        let verdict = changes.good.lines[row]["verdict"].clone();
        for other in ["inside", "outside", "undecided", "maybe"] {
            if verdict != other {
                changes.line(row, other, "contradicts itself", |line| {
                    line["verdict"] = json!(other)
                });
            }
        }
    }
    changes.file("two queries exchanged", "separate", |content| {
        content.lines[EXACT]["query"] = json!(OUTSIDE);
        content.lines[OUTSIDE]["query"] = json!(EXACT);
    });
    for (row, proof, said) in [
        (EXACT, json!("tolerance"), "states"),
        (EXACT, json!("separated"), "contradicts itself"),
        (EXACT, Value::Null, "there is no proof"),
        // On a line the same rows prove it exactly.
        (
            TOLERANCE,
            json!("exact"),
            if d == 1 { "states" } else { "cannot be proved" },
        ),
        (OUTSIDE, json!("exact"), "contradicts itself"),
        (OUTSIDE, Value::Null, "there is no proof"),
        (UNDECIDED, json!("separated"), "contradicts itself"),
        (UNDECIDED, json!("exact"), "contradicts itself"),
    ] {
        changes.line(row, &format!("proof {proof}"), said, |line| {
            line["proof"] = proof
        });
    }
    changes.line(OUTSIDE, "nothing claimed", "states", |line| {
        for name in ["proof", "direction", "margin"] {
            line[name] = Value::Null;
        }
        line["verdict"] = json!("undecided");
    });
    changes.file("the claim of another", "miss", |content| {
        content.lines[OUTSIDE] = content.lines[EXACT].clone();
        content.lines[OUTSIDE]["query"] = json!(OUTSIDE);
    });
}

/// Changes settings, counts and fingerprints; removes rows of the file and columns.
fn change_metadata(changes: &mut Changes) {
    for (name, value) in [
        ("limit_reference", json!(1)),
        ("limit_queries", json!(1)),
        ("scale", json!(2.0)),
        ("normalize", json!(true)),
        ("skip_nonfinite", json!(true)),
    ] {
        changes.metadata(ROWS, name, "were read with", |rows| rows[name] = value);
        changes.metadata(ROWS, name, "does not say", |rows| {
            rows[name] = json!("much")
        });
    }
    for key in [OWN, ROWS] {
        let stated = changes.good.metadata.iter().find(|pair| pair.0 == key);
        let stated: Value = serde_json::from_str(&stated.unwrap().1).unwrap();
        // The number of certificates about the cone may be left out.
        let fields = stated.as_object().unwrap().keys();
        for name in fields.filter(|name| *name != "cone") {
            let said = match name.as_str() {
                "version" => "the version is null".into(),
                name => format!("missing field `{name}`"),
            };
            changes.metadata(key, &format!("{name} gone"), said, |stated| {
                stated.as_object_mut().unwrap().remove(name);
            });
        }
        changes.metadata(key, "another field", "sorted", |stated| {
            stated["sorted"] = json!(true)
        });
    }
    changes.metadata(OWN, "version", "version is 1", |own| {
        own["version"] = json!(1)
    });
    for name in ["exact", "tolerance", "separated", "undecided"] {
        changes.metadata(OWN, name, "states 5", |own| {
            own["certificates"][name] = json!(2)
        });
        let said = format!("missing field `{name}`");
        changes.metadata(OWN, name, said, |own| {
            own["certificates"].as_object_mut().unwrap().remove(name);
        });
    }
    for (set, said) in [
        ("reference", "reference rows differ"),
        ("queries", "queries differ"),
    ] {
        for name in ["rows", "dim"] {
            changes.metadata(OWN, set, said, |own| own[set][name] = json!(17));
        }
        changes.metadata(OWN, set, said, |own| {
            let hash = own[set]["content"].as_str().unwrap();
            own[set]["content"] = json!(hash.chars().rev().collect::<String>());
        });
        changes.metadata(OWN, set, "does not say", |own| own[set] = Value::Null);
    }
    for key in [OWN, ROWS] {
        changes.file(format!("{key} missing"), "does not say", |content| {
            content.metadata.retain(|pair| pair.0 != key);
        });
        changes.file(format!("{key} twice"), "several", |content| {
            let pair = content.metadata.iter().find(|pair| pair.0 == key).unwrap();
            content.metadata.push(pair.clone());
        });
        for text in ["", "{", "null", "[1]"] {
            let said = format!("{key}: ");
            changes.file(format!("{key} is {text:?}"), said, |content| {
                let pair = content.metadata.iter_mut().find(|pair| pair.0 == key);
                pair.unwrap().1 = text.into();
            });
        }
    }
    for row in 0..4 {
        changes.file(
            format!("row {row} gone"),
            "1 queries have no certificate",
            |content| {
                content.lines.remove(row);
            },
        );
        changes.file(
            format!("row {row} twice"),
            "earlier certificate",
            |content| {
                content.lines.push(content.lines[row].clone());
            },
        );
    }
    changes.file("no rows", "4 queries have no certificate", |content| {
        content.lines.clear()
    });
    changes.file("no rows, and none stated", "for 4 queries", |content| {
        content.lines.clear();
        content.edit(OWN, |own| {
            own["certificates"] =
                json!({ "exact": 0, "tolerance": 0, "separated": 0, "undecided": 0 });
        });
    });
    for name in [
        "query",
        "verdict",
        "proof",
        "direction",
        "margin",
        "rows",
        "weights",
    ] {
        changes.file(format!("column {name} gone"), name, |content| {
            content.without.push(name)
        });
    }
}

/// Each changed weight, row, entry of a direction, margin, query number, verdict, proof, setting, count and fingerprint
/// is found and named.
#[test]
fn whatever_is_changed_in_a_file_is_found_and_named() {
    for d in [1, 3] {
        let (proof, good) = example(d);
        let mut changes = Changes {
            good,
            all: Vec::new(),
        };
        change_combinations(&mut changes, proof.reference.len() - 1);
        change_direction(&mut changes, d);
        change_words(&mut changes, d);
        change_metadata(&mut changes);
        assert!(changes.all.len() > 90, "{}", changes.all.len());
        for Change {
            what,
            content,
            said,
        } in &changes.all
        {
            let (holds, found) = proof.judge(content, STRICT);
            assert!(!holds, "d = {d}, {what}: passes");
            assert!(found.contains(said.as_str()), "d = {d}, {what}: {found}");
        }
    }
}

/// Directions in the positive orthant, and queries inside their cone, outside it, and zero.
fn of_cones() -> (Proof, Content) {
    of_cones_and(1.0)
}

/// The same, with the queries multiplied by a factor.
fn of_cones_and(factor: f64) -> (Proof, Content) {
    let d = 5;
    let waves = |i: usize, j: usize| ((7 * i * i + 3 * j * j + 5 * i * j + 1) % 23) as f64 / 23.0;
    let reference: Vec<f64> = (0..40 * d)
        .map(|k| 0.2 + waves(k / d, k % d) * (1 + k / d) as f64)
        .collect();
    let shift = |i: usize, j: usize| {
        if i.is_multiple_of(3) {
            0.0
        } else {
            -1.2 * waves(j, i)
        }
    };
    let mut queries: Vec<f64> = (0..30 * d)
        .map(|k| 0.4 + waves(50 + k / d, k % d) + shift(k / d, k % d))
        .collect();
    queries[..d].copy_from_slice(&reference[3 * d..4 * d]);
    queries[d..2 * d].fill(0.0);
    queries.iter_mut().for_each(|v| *v *= factor);
    let plan = AnalysisPlan {
        notions: hullscope::notion::registry::Wanted(vec!["hull,cone".into()]),
        ..AnalysisPlan::default()
    };
    let proof = Proof::under(plan, d, &reference, &queries);
    assert_eq!(
        proof.judge_file(STRICT),
        (true, String::new()),
        "the real run"
    );
    let content = Content::read(&proof.path());
    (proof, content)
}

/// The length of a query does not matter for the cone: queries much shorter or longer than the rows have the same
/// verdicts, with certificates that hold.
#[test]
fn the_cone_judges_queries_of_any_length() {
    let verdicts = |factor: f64| -> Vec<serde_json::Value> {
        let (_, content) = of_cones_and(factor);
        let lines = content
            .lines
            .into_iter()
            .filter(|line| line["of"] == "cone");
        lines.map(|line| line["verdict"].clone()).collect()
    };
    let usual = verdicts(1.0);
    assert!(
        usual.len() == 30
            && ["inside", "outside"]
                .iter()
                .all(|side| usual.contains(&json!(side)))
    );
    for factor in [1e-12, 1e-15, 2f64.powi(-60), 1e-100, 1e-250, 1e12, 1e100] {
        assert_eq!(verdicts(factor), usual, "{factor}");
    }
}

/// Certificates about the cone are checked like those about the hull; older files, which do not state the body, are
/// about the hull.
#[test]
fn certificates_of_the_cone_are_checked() {
    let (proof, good) = of_cones();
    let place = |of: &str, verdict: &str| {
        let mut lines = good.lines.iter().enumerate();
        let found = lines
            .find(|(_, line)| line["of"] == of && line["verdict"] == verdict && line["query"] != 1);
        found.unwrap().0
    };
    let count = |of: &str| good.lines.iter().filter(|line| line["of"] == of).count();
    assert_eq!((count("hull"), count("cone")), (30, 30));
    let (inside, outside) = (place("cone", "inside"), place("cone", "outside"));
    let outer = place("hull", "outside");
    let mut changes = Changes {
        good: good.clone(),
        all: Vec::new(),
    };
    changes.line(inside, "a weight", "the weighted rows miss", |line| {
        line["weights"][0] = json!(line["weights"][0].as_f64().unwrap() * 1.01);
    });
    changes.line(inside, "a negative weight", "weight", |line| {
        line["weights"][0] = json!(-1.0)
    });
    changes.line(inside, "no rows", "no rows", |line| {
        line["rows"] = json!([]);
        line["weights"] = json!([]);
    });
    changes.line(
        outside,
        "an angle beyond what is proved",
        "angle is overstated",
        |line| {
            line["margin"] = json!(line["margin"].as_f64().unwrap() * 1.001);
        },
    );
    changes.line(outside, "no angle", "not usable", |line| {
        line["margin"] = json!(0.0)
    });
    changes.line(
        outside,
        "the opposite direction",
        "angle is overstated",
        |line| {
            let turned = line["direction"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| -v.as_f64().unwrap());
            line["direction"] = json!(turned.collect::<Vec<f64>>());
        },
    );
    // Only the verdict is changed: the rest of the line still proves the opposite.
    for (line, word) in [(inside, "outside"), (outside, "inside")] {
        changes.line(line, word, "contradicts itself", |line| {
            line["verdict"] = json!(word)
        });
    }
    // A direction that separates a query from the hull normally has a positive product with some row.
    let of_hull = good.lines[outer]["direction"].clone();
    changes.line(outer, "the hull's direction for the cone", "", |line| {
        line["of"] = json!("cone")
    });
    changes.line(outside, "another direction", "", |line| {
        line["direction"] = of_hull
    });
    changes.line(outside, "another body", "not hull or cone", |line| {
        line["of"] = json!("box")
    });
    changes.file("a certificate gone", "holds 29", |content| {
        content.lines.remove(outside);
    });
    changes.file("one twice", "earlier certificate", |content| {
        let line = content.lines[inside].clone();
        content.lines.push(line);
    });
    changes.metadata(OWN, "the count", "31 certificates about the cone", |own| {
        own["cone"] = json!(31)
    });
    for Change {
        what,
        content,
        said,
    } in &changes.all
    {
        let (holds, found) = proof.judge(content, STRICT);
        assert!(!holds && found.contains(said), "{what}: {found}");
    }
    let mut older = good;
    older.lines.retain(|line| line["of"] == "hull");
    older.without.push("of");
    older.edit(OWN, |own| {
        own.as_object_mut().unwrap().remove("cone");
    });
    assert_eq!(proof.judge(&older, STRICT), (true, String::new()));
}

/// The checker's own tolerance counts, whatever the file says; the caller may set a larger one.
#[test]
fn the_tolerance_is_the_callers() {
    let (proof, mut content) = example(3);
    content.lines[TOLERANCE]["weights"] = json!([0.5 + 2e-8, 0.25 - 1e-8, 0.25 - 1e-8]);
    content.edit("hullscope.settings", |plan| {
        plan["tolerance"] = json!(1e300)
    });
    let (holds, said) = proof.judge(&content, STRICT);
    assert!(
        !holds && said.contains("query 2: the weighted rows miss"),
        "{said}"
    );
    assert_eq!(proof.judge(&content, 1e-7), (true, String::new()));
}

/// Other values, another row, or reordered rows are different sets, whatever their names.
#[test]
fn other_sets_are_named() {
    let (mut proof, content) = example(3);
    content.write(&proof.path());
    let values = |rows: &Memory| {
        let mut values = vec![0.0; rows.len() * 3];
        rows.read_f64(0, &mut values).unwrap();
        values
    };
    let set = |values: &[f64]| Memory::from_f64("train", 3, values.to_vec());
    let (reference, queries) = (values(&proof.reference), values(&proof.queries));
    let mut nudged = reference.clone();
    nudged[13] += 1e-15;
    let mut turned = reference.clone();
    turned[..6].rotate_left(3);
    for other in [&nudged[..], &reference[..12], &turned[..]] {
        proof.reference = set(other);
        let (holds, said) = proof.judge_file(STRICT);
        assert!(
            !holds && said.contains("reference rows differ") && !said.contains("queries differ"),
            "{said}"
        );
    }
    proof.reference = set(&reference);
    proof.queries = set(&[&queries[..], &[0.1; 3]].concat());
    let (holds, said) = proof.judge_file(STRICT);
    assert!(
        !holds && said.contains("queries differ") && !said.contains("reference"),
        "{said}"
    );
    // The same rows in another file with another name are the same set.
    proof.queries = Memory::from_f64("copy", 3, queries);
    assert_eq!(proof.judge_file(STRICT), (true, String::new()));
}

/// One row in one dimension, and more rows, at both ends of the range of f64: the certificates hold.
#[test]
fn certificates_at_the_edges_hold() {
    for scale in [1e-310, 1e-300, 1e-160, 1.0, 1e160, 1e300] {
        let at = |values: &[f64]| values.iter().map(|v| v * scale).collect::<Vec<_>>();
        for (d, reference, queries) in [
            (1, &[1.0][..], &[2.0, 1.0, -3.0][..]),
            (1, &[1.0, -1.0], &[7.0, 0.5, -1.0]),
            (
                2,
                &[0.0, 0.0, 1.0, 0.0, 0.0, 1.0],
                &[0.25, 0.25, 1.0, 1.0, -1.0, 0.5, 0.5, 0.5],
            ),
        ] {
            let proof = Proof::of(d, &at(reference), &at(queries));
            let content = Content::read(&proof.path());
            for line in &content.lines {
                assert!(
                    line["margin"].as_f64().is_none_or(f64::is_finite),
                    "{scale}: {line:?}"
                );
            }
            assert_eq!(
                proof.judge_file(STRICT),
                (true, String::new()),
                "{d} {scale}"
            );
        }
    }
}

#[test]
fn good_certificates_verify_under_the_options_they_were_made_with_and_no_others() {
    for options in [
        &[][..],
        &["--limit-reference", "300", "--scale", "0.5"],
        &["--normalize", "--limit-queries", "30"],
    ] {
        let setting = Setting::new();
        setting.analyze(&[&["--certificates", "proof.parquet"], options].concat());
        let verify = |more: &[&str]| {
            let words = ["verify", "proof.parquet", "reference.npy", "queries.npy"];
            setting.run(&[&words[..], more].concat())
        };
        let output = verify(options);
        assert_eq!(code(&output), 0, "{options:?}: {}", stderr(&output));
        let count = if options.contains(&"30") { 30 } else { QUERIES };
        let said = stdout(&output);
        assert!(
            said.starts_with(&format!("{count} of {count} certificates hold")),
            "{said}"
        );
        assert!(options.iter().all(|word| said.contains(word)), "{said}");
        let value: Value =
            serde_json::from_str(&stdout(&verify(&[options, &["--json", "-"]].concat()))).unwrap();
        assert_eq!(
            [&value["holds"], &value["certificates"]["failed"]],
            [count, 0]
        );
        assert_eq!(value["verified"], true);
        // With options other than those of the analysis, the message says what to type.
        let others: &[&str] = if options.is_empty() {
            &["--scale", "2"]
        } else {
            &[]
        };
        let output = verify(others);
        assert_eq!(code(&output), 1, "{options:?}");
        let line = format!(
            "hullscope verify proof.parquet reference.npy queries.npy {}\n",
            in_order(options)
        );
        assert!(
            stderr(&output).contains(line.replace(" \n", "\n").as_str()),
            "{}",
            stderr(&output)
        );
    }
}

/// Options as the program prints them.
fn in_order(options: &[&str]) -> String {
    match options {
        ["--normalize", limit, count] => format!("{limit} {count} --normalize"),
        other => other.join(" "),
    }
}

#[test]
fn without_inputs_only_certificates_of_the_built_in_sample_are_checked() {
    let setting = Setting::new();
    setting.analyze(&["--certificates", "proof.parquet"]);
    let output = setting.run(&["verify", "proof.parquet", "--json", "-"]);
    assert_eq!(code(&output), 1);
    let line = "hullscope verify proof.parquet reference.npy queries.npy\n";
    assert!(stderr(&output).contains(line), "{}", stderr(&output));
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (&value["verified"], &value["certificates"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(value["problems"].as_array().unwrap().len(), 2, "{value}");
}

#[test]
fn other_data_are_refused_by_name() {
    let setting = Setting::new();
    setting.analyze(&["--certificates", "proof.parquet"]);
    npy(
        &setting.path("reference.npy"),
        D,
        &stored(REFERENCE * D, 9, 1000.0),
    );
    let words = [
        "verify",
        "proof.parquet",
        "reference.npy",
        "queries.npy",
        "--json",
        "-",
    ];
    let output = setting.run(&words);
    assert_eq!(code(&output), 1);
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (&value["holds"], &value["verified"]),
        (&json!(0), &json!(false))
    );
    assert!(
        stderr(&output).contains("the reference rows differ"),
        "{}",
        stderr(&output)
    );
    let output = setting.run(&[
        "verify",
        "proof.parquet",
        "reference.npy",
        "queries.npy",
        "--quiet",
    ]);
    assert_eq!(
        (code(&output), stdout(&output), stderr(&output)),
        (1, String::new(), String::new())
    );
}

#[test]
fn changed_files_end_with_1_and_files_that_are_no_certificates_with_2() {
    let setting = Setting::new();
    setting.analyze(&["--certificates", "proof.parquet", "-o", "records.parquet"]);
    let whole = fs::read(setting.path("proof.parquet")).unwrap();
    fs::write(setting.path("cut.parquet"), &whole[..whole.len() - 9]).unwrap();
    let good = Content::read(&setting.path("proof.parquet"));
    let mut bold = good.clone();
    bold.lines[5]["margin"] = json!(bold.lines[5]["margin"].as_f64().unwrap() * 1.01);
    bold.write(&setting.path("bold.parquet"));
    let mut empty = good.clone();
    empty.lines.clear();
    empty.write(&setting.path("empty.parquet"));
    let mut broken = good;
    broken.lines[5]["direction"] = Value::Null;
    broken.write(&setting.path("broken.parquet"));
    for (file, ends, said) in [
        (
            "bold.parquet",
            1,
            "does not hold: query 5 (outside): the margin is overstated",
        ),
        (
            "broken.parquet",
            1,
            "query 5 (outside): the row contradicts itself",
        ),
        (
            "empty.parquet",
            1,
            "50 queries have no certificate, the first of them query 0",
        ),
        ("records.parquet", 2, "\"query\": the column is missing"),
        ("cut.parquet", 2, "cut.parquet"),
        ("reference.npy", 2, "reference.npy"),
        ("missing.parquet", 2, "missing.parquet"),
    ] {
        let output = setting.run(&["verify", file, "reference.npy", "queries.npy"]);
        assert_eq!(code(&output), ends, "{file}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(said),
            "{file}: {}",
            stderr(&output)
        );
        if file == "bold.parquet" {
            let begin = format!("{} of {QUERIES} certificates hold", QUERIES - 1);
            assert!(stdout(&output).starts_with(&begin), "{}", stdout(&output));
        }
    }
    let tolerance = ["--tolerance", "1"];
    let words = ["verify", "proof.parquet", "reference.npy", "queries.npy"];
    let output = setting.run(&[&words[..], &tolerance].concat());
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("between 0 and 1"),
        "{}",
        stderr(&output)
    );
}

/// Flipped bytes anywhere give claims or errors, never a panic.
#[test]
fn corrupt_certificate_files_do_not_panic() {
    let setting = Setting::new();
    setting.analyze(&["--certificates", "proof.parquet", "--limit-queries", "12"]);
    let good = fs::read(setting.path("proof.parquet")).unwrap();
    let read = |bytes: &[u8]| {
        let path = setting.path("flipped.parquet");
        fs::write(&path, bytes).unwrap();
        CertificateReader::open(&path).and_then(Iterator::collect::<Result<Vec<_>, _>>)
    };
    assert_eq!(read(&good).unwrap().len(), 12);
    let mut refused = 0;
    for at in (0..good.len()).step_by(7) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        refused += usize::from(read(&bytes).is_err());
        assert!(read(&good[..at]).is_err(), "cut at {at}");
    }
    assert!(refused > 0);
}
