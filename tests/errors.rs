//! `errors` as users run it: a folder written by `compare`, files of a model's outcomes, written files and refused input.

use crate::commands::{QUERIES as ALL, REFERENCE, Setting, stderr};
use crate::common::gaussian;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const QUERIES: usize = 120;

/// The class of a query.
fn class(query: usize) -> &'static str {
    ["Bag", "Coat", "Ankle boot"][query % 3]
}

/// The model's prediction: wrong for every fifth query, and for most of the last third.
fn predicted(query: usize) -> &'static str {
    match query.is_multiple_of(5) || query > 80 && !query.is_multiple_of(3) {
        true => class(query + 1),
        false => class(query),
    }
}

/// A table of two spaces, whose nearest distance predicts errors and whose hull does not.
fn write_queries(folder: &Path) {
    let places = || (0..2 * QUERIES).map(|row| (row / QUERIES, row % QUERIES));
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "space",
            Arc::new(StringArray::from_iter_values(
                places().map(|(space, _)| ["pixels", "pca:8"][space]),
            )),
        ),
        (
            "query_row",
            Arc::new(Int64Array::from_iter_values(
                places().map(|(_, query)| query as i64),
            )),
        ),
        (
            "label",
            Arc::new(StringArray::from_iter_values(
                places().map(|(_, query)| class(query)),
            )),
        ),
        (
            "hull_outside",
            Arc::new(BooleanArray::from_iter(
                places().map(|(_, query)| Some(query.is_multiple_of(2))),
            )),
        ),
        (
            "hull_score",
            Arc::new(Float64Array::from_iter_values(
                places().map(|(_, query)| (query * 17 % 60) as f64),
            )),
        ),
        (
            "range_outside",
            Arc::new(BooleanArray::from_iter(places().map(|_| Some(false)))),
        ),
        (
            "range_score",
            Arc::new(Float64Array::from_iter_values(places().map(|_| 0.0))),
        ),
        (
            "nearest_distance",
            Arc::new(Float64Array::from_iter_values(
                places().map(|(_, query)| query as f64),
            )),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = File::create(folder.join("queries.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn hullscope(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hullscope"));
    command.args(arguments).output().unwrap()
}

#[test]
fn predictions_become_tables_figures_and_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    write_queries(folder.path());
    let file = folder.path().join("predictions.txt");
    let lines: Vec<&str> = (0..QUERIES).map(predicted).collect();
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    let output = hullscope(&["errors", path, "--predictions", file.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{text} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let wrong = (0..QUERIES)
        .filter(|&query| predicted(query) != class(query))
        .count();
    assert!(
        text.contains("Of 120 queries the outcome is known; error rate, %: "),
        "{text}"
    );
    assert!(
        text.contains("The best score for errors is that of nearest: AUROC ")
            && text.contains("constant"),
        "{text}"
    );
    let names = [
        "outcomes.parquet",
        "outcome_pairs.parquet",
        "outcome_deciles.parquet",
        "outcomes_scores.png",
        "outcomes_roc.svg",
        "outcomes_deciles.png",
        "outcomes.html",
    ];
    for name in names {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    let reader = File::open(folder.path().join("outcomes.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(reader).unwrap();
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    let float = |name: &str, row: usize| {
        batch
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Float64Type>()
            .value(row)
    };
    assert_eq!(batch.num_rows(), 6);
    // The area under the curve by definition: pairs of an error and another query, ties count half.
    let error = |query: usize| predicted(query) != class(query);
    let (mut above, mut pairs) = (0.0, 0.0);
    for a in (0..QUERIES).filter(|&query| error(query)) {
        for b in (0..QUERIES).filter(|&query| !error(query)) {
            above += if a > b { 1.0 } else { 0.0 };
            pairs += 1.0;
        }
    }
    assert!((float("auroc", 2) - above / pairs).abs() < 1e-12);
    assert!((float("chance_precision", 2) - wrong as f64 / QUERIES as f64).abs() < 1e-12);
    let page = fs::read_to_string(folder.path().join("outcomes.html")).unwrap();
    assert!(page.contains("Which notion predicts errors?") && !page.contains("NaN"));
}

#[test]
fn losses_and_labels_of_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    write_queries(folder.path());
    let file = folder.path().join("table.csv");
    let line = |query: usize| format!("{query},{},{}", class(query), (query * query) as f64 / 7.0);
    let lines: Vec<String> = (0..QUERIES).map(line).collect();
    fs::write(&file, format!("row,class,loss\n{}\n", lines.join("\n"))).unwrap();
    let (loss, labels) = (
        format!("{}:loss", file.display()),
        format!("{}:class", file.display()),
    );
    let output = hullscope(&[
        "errors", path, "--loss", &loss, "--labels", &labels, "--json", "-",
    ]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let nearest = &json["outcomes"]["notions"][2];
    assert_eq!(
        (&nearest["notion"], &nearest["spearman"]["value"]["rho"]),
        (&"nearest".into(), &1.0.into())
    );
    assert_eq!(nearest["auroc"]["missing"], "not_of_this_outcome");
    assert!(!folder.path().join("outcomes_roc.svg").exists());
}

/// An outcomes file for the whole set is matched by row number if rows were left out or cut; with another length it is refused.
#[test]
fn outcomes_of_queries_that_were_left_out_are_matched_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let row = |row: usize| match row {
        3 => "nan,1".to_string(),
        _ => format!("{},{}", row * 7 % 20, row * 3 % 20),
    };
    let rows = |rows: std::ops::Range<usize>| rows.map(row).collect::<Vec<_>>().join("\n");
    fs::write(file("a.csv"), rows(4..60)).unwrap();
    fs::write(file("q.csv"), rows(0..20)).unwrap();
    // Rows 3, 7 and 11 are errors.
    let wrong = |rows: usize| {
        let each = (0..rows).map(|row| u8::from([3, 7, 11].contains(&row)).to_string());
        each.collect::<Vec<_>>().join("\n")
    };
    fs::write(file("all.txt"), wrong(20)).unwrap();
    fs::write(file("cut.txt"), wrong(19)).unwrap();
    let (a, q, all, cut) = (
        file("a.csv"),
        file("q.csv"),
        file("all.txt"),
        file("cut.txt"),
    );
    let said = |arguments: &[&str], code: i32| {
        let output = hullscope(arguments);
        let text = String::from_utf8(if code == 0 {
            output.stdout
        } else {
            output.stderr
        })
        .unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        text
    };
    let errors = |folder: &str, more: &[&str]| {
        let text = said(
            &[&["errors", folder, "--errors", &all, "--json", "-"], more].concat(),
            0,
        );
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["outcomes"]["all"]["value"]
            .clone()
    };
    let common = [
        "compare", &a, &q, "--space", "pixels", "--notion", "range", "--quiet", "-o",
    ];

    let gaps = file("gaps");
    said(&[&common[..], &[&gaps, "--skip-nonfinite"]].concat(), 0);
    let found = errors(&gaps, &[]);
    assert_eq!(
        (&found["queries"], &found["mean"]),
        (&19.into(), &(2.0 / 19.0).into()),
        "{found}"
    );
    let error = said(&["errors", &gaps, "--errors", &cut], 2);
    assert!(error.contains("19 queries of 20 rows"), "{error}");
    let refused = file("refused");
    let error = said(
        &[
            &common[..],
            &[&refused, "--skip-nonfinite", "--errors", &cut],
        ]
        .concat(),
        2,
    );
    assert!(error.contains("19 queries of 20 rows"), "{error}");

    // Row numbers run through all files of a set.
    let several = file("several");
    let sets = [format!("x={q}"), format!("y={a}")];
    let common = ["compare", &a, "--queries", &sets[0], "--queries", &sets[1]];
    let common = [
        &common[..],
        &[
            "--space",
            "pixels",
            "--notion",
            "range",
            "--quiet",
            "--skip-nonfinite",
            "-o",
        ],
    ]
    .concat();
    said(&[&common[..], &[&several]].concat(), 0);
    let error = said(&["errors", &several, "--errors", &cut], 2);
    assert!(error.contains("75 queries of 76 rows"), "{error}");

    fs::write(file("q.csv"), rows(4..24)).unwrap();
    let limited = file("limited");
    let common = [
        "compare", &a, &q, "--space", "pixels", "--notion", "range", "--quiet", "-o",
    ];
    said(
        &[&common[..], &[&limited, "--limit-queries", "10"]].concat(),
        0,
    );
    let found = errors(&limited, &["--labels", &all]);
    assert_eq!(
        (&found["queries"], &found["mean"]),
        (&10.into(), &(2.0 / 10.0).into()),
        "{found}"
    );
}

/// `top` lists the queries of a space by a column, and names what the comparison has where it lacks what was asked for.
#[test]
fn the_queries_with_the_largest_scores_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    write_queries(folder.path());
    let path = folder.path().to_str().unwrap();
    let top = |more: &[&str]| {
        let output = hullscope(&[&["top", path], more].concat());
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let scores = |more: &[&str]| {
        let (code, text) = top(more);
        assert_eq!(code, Some(0), "{text}");
        let lines: Vec<&str> = text.lines().skip(3).collect();
        let last = |line: &&str| line.split_whitespace().last()?.parse().ok();
        let scores: Vec<f64> = lines.iter().filter_map(last).collect();
        (text.lines().next().unwrap().to_string(), scores)
    };
    assert_eq!(
        scores(&["-n", "3"]),
        (
            "3 queries of the largest hull_score in pixels".into(),
            vec![59.0, 59.0, 58.0]
        )
    );
    assert_eq!(
        scores(&["-n", "3", "--least", "--space", "pca:8"]),
        (
            "3 queries of the smallest hull_score in pca:8".into(),
            vec![0.0, 0.0, 1.0]
        )
    );
    for (more, part) in [
        (["--by", "label"], "column of numbers \"label\"; it has"),
        (["--space", "no"], "space \"no\"; it has pixels, pca:8"),
        (["--errors-only", "--least"], "which queries are errors"),
        (
            ["--sheet", &format!("{path}/queries.parquet")],
            "also an input",
        ),
        (["--sheet", "-"], "contact sheets are written as .png"),
        (
            ["--sheet", "sheet.svg"],
            "contact sheets are written as .png",
        ),
        (
            ["--sheet", "no/such/folder.png"],
            "create this folder for no/such/folder.png",
        ),
    ] {
        let (code, text) = top(&more);
        assert!(code == Some(2) && text.contains(part), "{text}");
    }
}

#[test]
fn what_cannot_be_said_is_refused_with_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let refused = |arguments: &[&str], what: &str| {
        let output = hullscope(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.code() == Some(2) && error.contains(what),
            "{error}"
        );
    };
    refused(
        &["errors", path, "--errors", "x"],
        "has no queries.parquet: name a folder that `hullscope compare -o` wrote",
    );
    write_queries(folder.path());
    refused(
        &["errors", path],
        "name --predictions, --correct, --errors or --loss",
    );
    let file = folder.path().join("short.txt");
    fs::write(&file, "0\n1\n").unwrap();
    let short = file.to_str().unwrap();
    refused(
        &["errors", path, "--errors", short],
        "there are 2 values, and ",
    );
    refused(
        &["errors", path, "--errors", short, "--loss", short],
        "cannot be used with",
    );
    refused(
        &["errors", path, "--correct", short, "--labels", short],
        "labels: there are 2 values, and ",
    );
    let help = hullscope(&["errors", "--help-columns"]);
    assert!(
        String::from_utf8(help.stdout)
            .unwrap()
            .contains("outcomes.parquet  fisher_p (float): Fisher's exact test")
    );
}

/// `all` lets costly notions judge 500 queries; rates, classes and outcomes count these alone, in the run and afterwards.
#[test]
fn what_is_not_in_the_sample_of_a_costly_notion_counts_for_nothing() {
    let (count, d) = (1_200, 2);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (reference, queries, errors) = (file("a.npy"), file("q.npy"), file("errors.txt"));
    crate::commands::npy(Path::new(&reference), d, &gaussian(80 * d, 1));
    crate::commands::npy(Path::new(&queries), d, &gaussian(count * d, 2));
    let wrong: Vec<&str> = (0..count)
        .map(|query| if query.is_multiple_of(4) { "1" } else { "0" })
        .collect();
    fs::write(&errors, wrong.join("\n")).unwrap();
    let run = |notions: &str, name: &str| {
        let out = file(name);
        let output = hullscope(&[
            "compare", &reference, &queries, "--space", "pixels", "--notion", notions, "--errors",
            &errors, "-o", &out, "--loo", "20", "--json", "-",
        ]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let after = hullscope(&["errors", &out, "--errors", &errors, "--json", "-"]);
        let after: serde_json::Value = serde_json::from_slice(&after.stdout).unwrap();
        (said, summary, after)
    };
    let (said, summary, after) = run("all", "some");
    assert!(
        said.contains(
            "500 of the 1,200 queries, drawn by --seed 0, are judged by cone, gauge, delaunay"
        ),
        "{said}"
    );
    let rated = |summary: &serde_json::Value, notion: &str| {
        let all = summary["spaces"][0]["notions"].as_array().unwrap().clone();
        let one = all.iter().find(|one| one["notion"] == notion).unwrap();
        one["queries"].as_u64().unwrap()
    };
    let counted = |outcomes: &serde_json::Value, notion: &str| {
        let all = outcomes["notions"].as_array().unwrap().clone();
        let one = all.iter().find(|one| one["notion"] == notion).unwrap();
        ["queries", "unknown", "undecided"].map(|name| one[name].as_u64().unwrap())
    };
    assert_eq!(
        ["hull", "cone", "gauge"].map(|id| rated(&summary, id)),
        [1200, 500, 500]
    );
    let sides = |outcomes: &serde_json::Value, notion: &str| {
        let all = outcomes["notions"].as_array().unwrap().clone();
        let one = all.iter().find(|one| one["notion"] == notion).unwrap();
        let count = |side: &str| one[side]["value"]["queries"].as_u64().unwrap();
        count("inside") + count("outside")
    };
    for outcomes in [&summary["outcomes"][0], &after["outcomes"]] {
        assert_eq!(counted(outcomes, "hull"), [1200, 0, 0]);
        assert_eq!(
            (sides(outcomes, "hull"), sides(outcomes, "gauge")),
            (1200, 500)
        );
        for notion in ["cone", "gauge"] {
            assert_eq!(counted(outcomes, notion), [500, 0, 0], "{notion}");
        }
    }
    let (said, summary, _) = run("all,cone,gauge,delaunay", "every");
    assert!(!said.contains("drawn by"), "{said}");
    assert_eq!(rated(&summary, "cone"), 1200);
    assert_eq!(counted(&summary["outcomes"][0], "cone"), [1200, 0, 0]);
}

/// With a small set the sample of a costly notion may contain no query: this is reported, and there is no number.
#[test]
fn a_set_of_which_no_query_is_in_the_sample_has_no_numbers() {
    let (count, d) = (1_200, 2);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (reference, usual, few) = (file("a.npy"), file("q.npy"), file("few.npy"));
    crate::commands::npy(Path::new(&reference), d, &gaussian(80 * d, 1));
    crate::commands::npy(Path::new(&usual), d, &gaussian(count * d, 2));
    crate::commands::npy(Path::new(&few), d, &gaussian(d, 3));
    // A seed with which the 500 of 1,201 queries do not include the last one.
    let seed =
        (0..).find(|&seed| !hullscope::notion::sample(count + 1, 500, seed).contains(&count));
    let (seed, usual, few) = (
        seed.unwrap().to_string(),
        format!("usual={usual}"),
        format!("few={few}"),
    );
    let summary = file("summary.json");
    let output = hullscope(&[
        "compare",
        &reference,
        "--queries",
        &usual,
        "--queries",
        &few,
        "--space",
        "pixels",
        "--notion",
        "all",
        "--seed",
        &seed,
        "--loo",
        "20",
        "--json",
        &summary,
    ]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = [
        "- the sample that the notion judged holds no query of the set.",
        "none sampled the sample that the notion judged holds no query of one of the two sets.",
    ];
    assert!(said.iter().all(|said| text.contains(said)), "{text}");
    let (before, after) = text.split_once("AUROC").unwrap();
    assert!(
        !before.contains("no errors") && !after.contains("no errors"),
        "{text}"
    );
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(&summary).unwrap()).unwrap();
    let outcomes = summary["outcomes"][0]["notions"].as_array().unwrap();
    let gauge = outcomes
        .iter()
        .find(|one| one["notion"] == "gauge")
        .unwrap();
    for name in ["inside", "outside", "fisher_p", "auroc", "precision"] {
        assert_eq!(
            gauge[name],
            serde_json::json!({ "missing": "second_not_sampled" }),
            "{name}"
        );
    }
    let sets = &summary["spaces"][0]["sets"];
    let rate = |set: usize| {
        let all = sets[set]["rates"].as_array().unwrap();
        all.iter()
            .find(|one| one["notion"] == "gauge")
            .unwrap()
            .clone()
    };
    assert_eq!(
        (&rate(0)["queries"], &rate(1)["queries"]),
        (&500.into(), &0.into())
    );
}

/// Predictions and classes are names or codes: a folder knows the names of its classes, and `--class-names` gives others.
#[test]
fn predictions_are_codes_or_names() {
    let setting = Setting::new();
    let names = ["Bag", "Coat", "Boot"];
    let write = |file: &str, count: usize, text: &dyn Fn(usize) -> String| {
        let lines: String = (0..count).map(|row| text(row) + "\n").collect();
        fs::write(setting.path(file), lines).unwrap();
    };
    let guess = |query: usize| (query + usize::from(query.is_multiple_of(4))) % 3;
    write("reference.txt", REFERENCE, &|row| (row % 3).to_string());
    write("codes.txt", ALL, &|query| (query % 3).to_string());
    write("words.txt", ALL, &|query| names[query % 3].into());
    write("names.txt", 3, &|class| names[class].into());
    write("by-code.txt", ALL, &|query| guess(query).to_string());
    write("by-name.txt", ALL, &|query| names[guess(query)].into());
    let run = |line: &str| {
        let output = setting.run(&line.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{line}: {}", stderr(&output));
        output
    };
    let compare = "compare reference.npy queries.npy --space pixels --loo 0 -q";
    run(&format!(
        "{compare} -o named --labels reference.txt --query-labels codes.txt --class-names names.txt"
    ));
    run(&format!("{compare} -o plain"));
    let found = |line: &str| {
        let output = run(&format!("errors {line} --json -"));
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        value["outcomes"].clone()
    };
    let expected = found("named --predictions by-name.txt");
    let wrong = (0..ALL).filter(|query| guess(*query) != query % 3).count();
    assert_eq!(expected["all"]["value"]["mean"], wrong as f64 / ALL as f64);
    for line in [
        "named --predictions by-code.txt",
        "named --predictions by-code.txt --labels codes.txt",
        "named --predictions by-name.txt --labels codes.txt",
        "plain --predictions by-code.txt --labels codes.txt",
        "plain --predictions by-name.txt --labels codes.txt --class-names names.txt",
        "plain --predictions by-code.txt --labels words.txt --class-names names.txt",
    ] {
        assert_eq!(found(line), expected, "{line}");
    }
    write("lower.txt", 3, &|class| names[class].to_lowercase());
    write("lower-words.txt", ALL, &|query| {
        names[query % 3].to_lowercase()
    });
    write("odd.txt", ALL, &|query| match query {
        1 => "Hat".into(),
        _ => (query % 3).to_string(),
    });
    let codes = "names or codes (--class-names FILE says what codes are called)";
    let upper = "no prediction is a class of the queries: predictions are Coat, Boot, Bag, classes bag, coat, boot";
    for (line, part) in [
        ("plain --predictions by-code.txt --labels words.txt", codes),
        (
            "named --predictions by-code.txt --labels lower-words.txt",
            upper,
        ),
        (
            "named --predictions by-name.txt --labels lower-words.txt",
            upper,
        ),
        (
            "named --predictions by-code.txt --class-names lower.txt",
            "there is no name for the label Bag of the queries",
        ),
        (
            "plain --predictions by-code.txt --labels odd.txt --class-names names.txt",
            "there is no name for the label Hat of the queries",
        ),
    ] {
        let line = format!("errors {line}");
        let refused = setting.run(&line.split(' ').collect::<Vec<_>>());
        let said = stderr(&refused);
        assert!(
            refused.status.code() == Some(2) && said.contains(part),
            "{line}: {said}"
        );
    }
}
