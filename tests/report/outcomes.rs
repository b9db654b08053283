//! Outcomes as tables for a terminal, files, figures and a page.

use super::fixtures::outcomes;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use hullscope::report::outcomes::{
    deciles_figure, figures, findings, help, roc_figure, scores_figure, text, write_all, write_page,
};
use hullscope::report::plot::{png, svg};
use hullscope::study::outcomes::{Measured, Missing, NotionOutcomes};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

#[test]
fn all_files_are_there() {
    let folder = tempfile::tempdir().unwrap();
    write_all(
        folder.path(),
        "hullscope errors",
        &Value::Null,
        &outcomes(false),
    )
    .unwrap();
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = "outcome_deciles.parquet outcome_pairs.parquet outcomes.parquet outcomes_deciles.png \
                    outcomes_deciles.svg outcomes_roc.png outcomes_roc.svg outcomes_scores.png outcomes_scores.svg";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    // Losses have no ROC curves.
    assert_eq!(figures(&outcomes(true)).len(), 2);
}

#[test]
fn every_notion_has_a_line_and_no_number_is_nan() {
    for loss in [false, true] {
        let text = text(&outcomes(loss));
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("pixels") && line.contains("hull")),
            "{text}"
        );
        assert_eq!(
            lines
                .iter()
                .filter(|line| line.contains("  constant"))
                .count(),
            2,
            "{text}"
        );
        assert!(
            !text.contains("NaN") && lines.iter().all(|line| line.chars().count() <= 120),
            "{text}"
        );
    }
}

/// Words in cells have a line in the key, and only those that are there.
#[test]
fn words_in_cells_are_explained() {
    let mut found = outcomes(false);
    let explained = |found: &_, word: &str| {
        let text = text(found);
        let mut rests = text.lines().filter_map(|line| line.strip_prefix(word));
        rests.any(|rest| rest.starts_with("  ") && rest.ends_with('.'))
    };
    assert!(explained(&found, "constant") && explained(&found, "same score"));
    assert!(!explained(&found, "separated"));
    found.notions[0].adds = Measured::Missing(Missing::Separated);
    assert!(explained(&found, "separated"));
    assert!(!explained(&found, "class_own"));
    found.notions[1].notion = "class_own".into();
    assert!(explained(&found, "class_own"));
}

#[test]
fn the_best_score_is_compared_with_the_others() {
    let text = text(&outcomes(false));
    let (_, pairs) = text.split_once("The best score A of each space").unwrap();
    let mut lines = pairs
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = lines.find(|row| row.first() == Some(&"pixels")).unwrap();
    assert_eq!(row[..3], ["pixels", "nearest", "hull"], "{text}");
    assert!(!row[3].starts_with('-'), "{text}");
}

#[test]
fn first_the_finding_then_the_figures_then_the_numbers() {
    for loss in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        write_page(&path, "hullscope errors", "", &outcomes(loss)).unwrap();
        let page = std::fs::read_to_string(path).unwrap();
        let (_, body) = page.split_once("<h1>").unwrap();
        let first = |tag: &str| body.find(tag).unwrap();
        let last = |tag: &str| body.rfind(tag).unwrap();
        let order = [
            first("<p>"),
            first("<dl>"),
            first("<figure>"),
            last("</figure>"),
            first("<table>"),
            first("</table>"),
            first("<details>"),
        ];
        assert!(order.is_sorted(), "{order:?}");
        assert_eq!(first("<h2>What was found</h2>"), first("<h2>"));
        let (_, table) = body.split_once("<thead>").unwrap();
        let (head, rows) = table.split_once("</thead>").unwrap();
        let columns = head.matches("<th ").count();
        let (rows, _) = rows.split_once("</table>").unwrap();
        for row in rows.split("</tr>").filter(|row| row.contains("<td")) {
            let cells = row.matches("<td").count() + row.matches("<th ").count();
            assert_eq!(cells, columns, "{row}");
        }
        assert!(page.contains("constant") && !page.contains("NaN"));
    }
}

#[test]
fn figures_show_every_space_and_notion() {
    let found = outcomes(false);
    let scores = scores_figure(&found).unwrap();
    let svg = svg(&scores);
    assert!(svg.contains("pca:&lt;8&gt;"), "{svg}");
    for panel in &scores.panels {
        assert_eq!(panel.rows.len(), 3);
        let [chance, areas] = &panel.series[..] else {
            panic!("{panel:?}");
        };
        assert!(chance.points.len() == 3 && chance.points.iter().all(|point| point.y == 0.5));
        for point in &areas.points {
            let [low, high] = point.ends.unwrap();
            assert!(low <= point.y && point.y <= high, "{point:?}");
            let note = &panel.rows[point.x as usize].1;
            assert_eq!(*note, format!("{:.2}", point.y));
        }
    }
    assert_eq!(scores.panels[0].rows[2].1, "constant");
    assert_eq!(scores.panels[0].series[1].points.len(), 2);
    for figure in [deciles_figure(&found).unwrap(), roc_figure(&found).unwrap()] {
        assert_eq!(figure.panels.len(), 2);
        png(&figure).unwrap();
    }
}

#[test]
fn more_notions_than_styles_are_left_out_and_that_is_said() {
    let mut found = outcomes(false);
    let more = found.notions[1].clone();
    found.notions.extend((0..6).map(|n| NotionOutcomes {
        notion: format!("other {n}"),
        ..more.clone()
    }));
    let figure = deciles_figure(&found).unwrap();
    assert!(
        figure
            .note
            .ends_with("; the 3 strongest scores of each space"),
        "{}",
        figure.note
    );
    let lines = &figure.panels[0];
    assert_eq!(lines.series.len(), 3);
    assert!(lines.series.iter().all(|series| series.label != "hull"));
}

#[test]
fn numbers_read_back_and_missing_ones_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let found = outcomes(false);
    write_all(folder.path(), "hullscope errors", &Value::Null, &found).unwrap();
    let file = std::fs::File::open(folder.path().join("outcomes.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    let float = |name: &str| -> Vec<Option<f64>> {
        batch
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Float64Type>()
            .iter()
            .collect()
    };
    let expected: Vec<Option<f64>> = found
        .notions
        .iter()
        .map(|notion| notion.auroc.value().map(|area| area.value))
        .collect();
    assert_eq!(float("auroc"), expected);
    assert_eq!(
        (batch.num_rows(), expected[2], float("adds_p")[2]),
        (6, None, None)
    );
    let missing = batch
        .column_by_name("missing")
        .unwrap()
        .as_string::<i32>()
        .iter()
        .collect::<Vec<_>>();
    assert_eq!(
        missing,
        [None, None, Some("constant"), None, None, Some("constant")]
    );
    let queries = batch
        .column_by_name("queries")
        .unwrap()
        .as_primitive::<Int64Type>();
    assert!(queries.iter().all(|queries| queries == Some(200)));
}

#[test]
fn names_are_unique_and_every_column_is_explained() {
    let all = help();
    let mut names = std::collections::HashSet::new();
    for line in all.lines() {
        let (name, help) = line.split_once(": ").unwrap();
        assert!(help.ends_with('.') && names.insert(name), "{line}");
    }
    assert_eq!(names.len(), 54);
}

#[test]
fn the_finding_names_the_best_notion_and_what_the_hull_says() {
    let said = findings(&outcomes(false));
    assert_eq!((said.len(), said[0].0.as_str()), (2, "pixels"));
    for part in [
        "The best score for errors is that of nearest: AUROC 0.",
        "; chance: 0.5). Inside the hull: ",
        " (error rate, %).",
    ] {
        assert!(said[0].1.contains(part), "{part} {said:?}");
    }
    let said = findings(&outcomes(true));
    assert!(
        said[0]
            .1
            .starts_with("The best score for losses is that of ")
            && said[0].1.contains(": rank correlation -0.0"),
        "{said:?}"
    );
    assert!(said[0].1.contains("(mean loss)."), "{said:?}");
}

#[test]
fn what_is_missing_is_said_in_words() {
    let mut found = outcomes(false);
    for notion in &mut found.notions {
        notion.auroc = Measured::Missing(Missing::NoErrors);
        notion.inside = Measured::Missing(Missing::NoneInside);
        notion.fisher_p = Measured::Missing(Missing::NoneInside);
        notion.adds = Measured::Missing(Missing::NoErrors);
    }
    let said = findings(&found)[0].1.clone();
    assert!(
        said.starts_with("No score can predict errors. Inside the hull: none inside; "),
        "{said}"
    );
}
