//! The options that name the outcome of each query: a model's prediction, whether it was right, or its loss.

use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::images::Names;
use crate::rows::{Values, column};
use crate::store::queries::{self as table, FileRows};
use crate::study::outcomes::{Outcome, Outcomes, measure};
use clap::Args;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// The most values that are shown in a message.
const SHOWN: usize = 5;

/// Outcomes of the queries; at most one of the last three options.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Outcomes")]
pub struct OutcomeArgs {
    /// The class that a model predicts for each query, by code or by name: .npy, a column of a table, lines of text, a JSON
    /// list; with the queries' classes it says which queries are errors
    #[arg(long, value_name = "FILE[:COLUMN]")]
    pub predictions: Option<String>,
    /// Whether a model is right about each query: 1 or true where it is
    #[arg(long, value_name = "FILE[:COLUMN]", conflicts_with_all = ["errors", "loss"])]
    pub correct: Option<String>,
    /// Whether a model is wrong about each query: 1 or true where it is
    #[arg(long, value_name = "FILE[:COLUMN]", conflicts_with = "loss")]
    pub errors: Option<String>,
    /// A model's loss of each query: larger is worse
    #[arg(long, value_name = "FILE[:COLUMN]")]
    pub loss: Option<String>,
}

/// The queries that outcomes belong to.
pub struct Queries<'q> {
    /// The name of the set in messages.
    pub name: &'q str,
    /// The row of each query in its file.
    pub numbers: &'q [u64],
    /// How many rows their file has, including rows that are not queries.
    pub of: FileRows,
    /// The class of each query, where known.
    pub labels: Option<&'q [Option<String>]>,
    /// The names of classes by code; empty where codes have no names.
    pub classes: &'q HashMap<String, String>,
}

/// The outcomes and predictions that were given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// `None` where only predictions are known, and no classes to compare them with.
    pub outcome: Option<Outcome>,
    /// The predicted class of each query, by name; empty without `--predictions`.
    pub predicted: Vec<Option<String>>,
}

impl Given {
    /// Outcomes from predictions: an error where the predicted class is not the query's.
    pub fn compared(predicted: Vec<Option<String>>, labels: &[Option<String>]) -> Self {
        Given {
            outcome: Some(compared(&predicted, labels)),
            predicted,
        }
    }
}

impl OutcomeArgs {
    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.files().next().is_none()
    }

    /// The files that the options name.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let all = [&self.predictions, &self.correct, &self.errors, &self.loss];
        all.into_iter().flatten().map(String::as_str)
    }

    /// Reads the files that the options name.
    ///
    /// Errors: files that cannot be read, a number of values that does not match the queries, values that are no truth values
    /// or no numbers, predictions of which none is a class of the queries.
    pub fn read(&self, queries: &Queries<'_>, control: &Control) -> Result<Given> {
        let predicted = match &self.predictions {
            Some(file) => predictions(file, queries, control)?,
            None => Vec::new(),
        };
        let outcome = if let Some(file) = &self.correct {
            let right = truths(file, "correct", queries, control)?;
            Some(Outcome::Wrong(
                right
                    .into_iter()
                    .map(|right| right.map(|right| !right))
                    .collect(),
            ))
        } else if let Some(file) = &self.errors {
            Some(Outcome::Wrong(truths(file, "errors", queries, control)?))
        } else if let Some(file) = &self.loss {
            Some(Outcome::Loss(losses(file, queries, control)?))
        } else {
            queries
                .labels
                .filter(|_| self.predictions.is_some())
                .map(|labels| compared(&predicted, labels))
        };
        Ok(Given { outcome, predicted })
    }
}

/// The classes of the queries, where others than the comparison's are asked for.
#[derive(Debug, Clone, Args)]
pub struct ClassArgs {
    /// The class of each query (default: what the comparison knew)
    #[arg(long, value_name = "FILE[:COLUMN]")]
    pub labels: Option<String>,
    /// Names of the classes, as `compare` takes them (default: those of the comparison)
    #[arg(long, value_name = "FILE")]
    pub class_names: Option<String>,
}

impl ClassArgs {
    /// The files that the options name.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let all = [&self.labels, &self.class_names];
        all.into_iter().flatten().map(String::as_str)
    }

    /// Labels by name: codes become names, and names stay as they are.
    ///
    /// Errors: `--class-names` was given, and a label is neither a code nor a name in it.
    fn named(
        &self,
        labels: Vec<Option<String>>,
        names: &HashMap<String, String>,
    ) -> Result<Vec<Option<String>>> {
        let known: HashSet<&String> = names.values().collect();
        let mut given = labels.iter().flatten();
        if given.clone().all(|label| known.contains(label)) {
            return Ok(labels);
        }
        let unnamed = given.find(|label| !names.contains_key(*label) && !known.contains(label));
        match (unnamed, &self.class_names) {
            (Some(label), Some(file)) => Err(Error::input(
                file,
                Place::Whole,
                format!("there is no name for the label {label} of the queries"),
                "every label must be a code or a name of this file; lines name the codes 0, 1, 2, ...",
            )),
            (Some(_), None) => Ok(labels),
            (None, _) => Ok(labels
                .into_iter()
                .map(|label| label.map(|label| names.get(&label).cloned().unwrap_or(label)))
                .collect()),
        }
    }
}

/// Names by code, for the codes 0, 1, ...
pub fn numbered(names: &[String]) -> HashMap<String, String> {
    let codes = (0..names.len()).map(|code| code.to_string());
    codes.zip(names.iter().cloned()).collect()
}

/// How well each notion of a comparison predicts the outcomes that were named, or else those that the comparison had. `path`
/// is its table of queries.
///
/// Errors: files that cannot be read or do not match the queries; nothing to predict.
pub fn predicted(
    path: &Path,
    classes: &ClassArgs,
    given: &OutcomeArgs,
    control: &Control,
) -> Result<Outcomes> {
    let kept = table::read(path)?;
    let name = &path.display().to_string();
    let names = match &classes.class_names {
        Some(file) => Names::read(file)?.of,
        None => numbered(&kept.classes),
    };
    let queries = |labels| Queries {
        name,
        numbers: &kept.rows,
        of: kept.of,
        labels,
        classes: &names,
    };
    let labels = match &classes.labels {
        Some(file) => {
            let (labels, rows) = of_queries(file, "labels", &queries(None), control)?;
            Some(rows.into_iter().map(|row| labels.text(row)).collect())
        }
        None => kept.labels.clone(),
    };
    let labels = labels
        .map(|labels| classes.named(labels, &names))
        .transpose()?;
    let labels: Option<&[Option<String>]> = labels.as_deref();
    let (outcome, missing) = match given.is_empty() {
        true => (
            kept.errors.clone().map(Outcome::Wrong),
            "there is nothing to predict: name --predictions, --correct, --errors or --loss (the comparison had none of these)",
        ),
        false => (
            given.read(&queries(labels), control)?.outcome,
            "--predictions needs the classes of the queries to be compared with: name a file with --labels",
        ),
    };
    let outcome = outcome.ok_or_else(|| Error::Usage(missing.into()))?;
    let classes = labels.map(codes);
    measure(&kept.scores, &outcome, classes.as_deref(), kept.nearest)
}

/// One number per class.
fn codes(labels: &[Option<String>]) -> Vec<Option<u32>> {
    let mut known: HashMap<&str, u32> = HashMap::new();
    let mut code = |label| {
        let next = known.len() as u32;
        *known.entry(label).or_insert(next)
    };
    labels
        .iter()
        .map(|label| label.as_deref().map(&mut code))
        .collect()
}

/// An error where the predicted class is not the query's; unknown where one of the two is.
fn compared(predicted: &[Option<String>], labels: &[Option<String>]) -> Outcome {
    let each = predicted.iter().zip(labels);
    Outcome::Wrong(
        each.map(|(predicted, label)| Some(predicted.as_ref()? != label.as_ref()?))
            .collect(),
    )
}

/// One value per query, and the row of the file that it is from. In a file of outcomes with as many rows as the queries'
/// file, that is the query's row number. A file with one value per query is taken in their order only if no row before the
/// last query was left out: otherwise it might as well be the beginning of a file for all rows.
///
/// Errors: a file that cannot be read, another number of values, queries with unknown row numbers.
fn of_queries(
    file: &str,
    what: &str,
    queries: &Queries<'_>,
    control: &Control,
) -> Result<(Values, Vec<usize>)> {
    let wanted = queries.numbers.len();
    let rows = match queries.of {
        FileRows::Exactly(rows) => vec![wanted as u64, rows],
        _ => vec![wanted as u64],
    };
    let cut = !matches!(queries.of, FileRows::Exactly(_));
    let values = column(file, control)?.of_rows(&rows, cut)?;
    let (found, name) = (values.len() as u64, queries.name);
    let refused = |why: String, advice: &str| {
        let what = format!("{what}: there are {found} values, and {name} has {why}");
        Err(Error::input(file, Place::Whole, what, advice))
    };
    let last = queries.numbers.iter().copied().max().unwrap_or(0);
    let gapless = (0..).zip(queries.numbers).all(|(at, &number)| at == number);
    let whole = match queries.of {
        FileRows::Unnumbered(broken) => {
            return refused(
                format!(
                    "{wanted} queries beside {broken} images that could not be decoded, so that rows are not known"
                ),
                "take those images out of the set, and their rows out of this file",
            );
        }
        FileRows::Exactly(rows) => found == rows,
        FileRows::Cut => found > last,
    };
    if whole || (gapless && values.len() == wanted) {
        let rows = queries.numbers.iter().map(|&number| number as usize);
        return Ok((values, rows.collect()));
    }
    match queries.of {
        _ if gapless => refused(
            format!("{wanted} queries"),
            "name a file of one value for each query, in their order",
        ),
        FileRows::Exactly(rows) => refused(
            format!("{wanted} queries of {rows} rows, others of which were left out"),
            "name a file of one value for each row of the whole set, so that values are matched by row",
        ),
        _ => refused(
            format!("{wanted} queries up to row {last}, others before which were left out"),
            "name a file of one value for each row of the whole set, so that values are matched by row",
        ),
    }
}

fn numbers(
    file: &str,
    what: &str,
    queries: &Queries<'_>,
    control: &Control,
) -> Result<Vec<(usize, Option<f64>)>> {
    let (values, rows) = of_queries(file, what, queries, control)?;
    let Values::Numbers(values) = values else {
        return Err(Error::input(
            file,
            Place::Whole,
            format!(
                "{what}: the values are text, as in {:?}",
                values.text(0).unwrap_or_default()
            ),
            "numbers were expected; predicted classes go with --predictions",
        ));
    };
    Ok(rows.into_iter().map(|row| (row, values[row])).collect())
}

fn truths(
    file: &str,
    what: &str,
    queries: &Queries<'_>,
    control: &Control,
) -> Result<Vec<Option<bool>>> {
    let truth = |(row, value): (usize, Option<f64>)| match value {
        None => Ok(None),
        Some(value) if value.is_nan() => Ok(None),
        Some(0.0) => Ok(Some(false)),
        Some(1.0) => Ok(Some(true)),
        Some(value) => Err(Error::input(
            file,
            Place::Row(row as u64),
            format!("--{what}: {value} is neither 0 nor 1"),
            "write 1 or true, 0 or false; losses go with --loss",
        )),
    };
    numbers(file, what, queries, control)?
        .into_iter()
        .map(truth)
        .collect()
}

fn losses(file: &str, queries: &Queries<'_>, control: &Control) -> Result<Vec<f64>> {
    let loss = |(row, value): (usize, Option<f64>)| match value {
        Some(value) if value.is_infinite() => Err(Error::input(
            file,
            Place::Row(row as u64),
            "--loss: the loss is infinite",
            "leave it empty or NaN where it is not known",
        )),
        value => Ok(value.unwrap_or(f64::NAN)),
    };
    numbers(file, "loss", queries, control)?
        .into_iter()
        .map(loss)
        .collect()
}

/// Predicted classes by name: codes become the names of the queries' classes, if these have names.
fn predictions(
    file: &str,
    queries: &Queries<'_>,
    control: &Control,
) -> Result<Vec<Option<String>>> {
    let (values, rows) = of_queries(file, "predictions", queries, control)?;
    let texts: Vec<Option<String>> = rows.iter().map(|&row| values.text(row)).collect();
    let Some(labels) = queries.labels else {
        return Ok(texts);
    };
    let named: HashSet<&String> = queries.classes.values().collect();
    let known: HashSet<&String> = labels.iter().flatten().collect();
    let is_name = |text| named.contains(text) || known.contains(text);
    // If all texts are names of classes, then none is a code, even if names are numbers.
    let texts = match texts.iter().flatten().all(is_name) {
        true => texts,
        false => called(&texts, queries.classes).unwrap_or(texts),
    };
    // A model may predict classes that no query has, but at least one prediction must be a class of the queries.
    let classes = match known.is_empty() {
        true => &named,
        false => &known,
    };
    let mut given = texts.iter().flatten();
    let any = given.clone().any(|text| classes.contains(text));
    // Or all are names of the same list: then all predictions are wrong.
    let of_one_list = given.clone().chain(labels.iter().flatten());
    let of_one_list = of_one_list.clone().all(|text| named.contains(text));
    if any || of_one_list || given.next().is_none() {
        return Ok(texts);
    }
    Err(Error::input(
        file,
        Place::Whole,
        format!(
            "no prediction is a class of the queries: predictions are {}, classes {}",
            some(texts.iter().flatten()),
            some(labels.iter().flatten())
        ),
        "name predictions by the classes' names or codes (--class-names FILE says what codes are called)",
    ))
}

/// Codes as the names of classes; `None` if a text is no code that has a name.
fn called(
    texts: &[Option<String>],
    classes: &HashMap<String, String>,
) -> Option<Vec<Option<String>>> {
    let name = |text: &Option<String>| match text {
        Some(code) => classes.get(code).cloned().map(Some),
        None => Some(None),
    };
    texts.iter().map(name).collect()
}

/// A few different texts, for a message.
fn some<'t>(texts: impl Iterator<Item = &'t String>) -> String {
    let mut shown: Vec<&str> = Vec::new();
    for text in texts {
        if !shown.contains(&text.as_str()) {
            shown.push(text);
        }
        if shown.len() == SHOWN {
            break;
        }
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some(text.to_string())).collect()
    }

    /// Reads outcomes from a file with the given bytes, for three queries with classes.
    fn read(make: impl FnOnce(String) -> OutcomeArgs, name: &str, bytes: &[u8]) -> Result<Given> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let labels = texts(&["cat", "dog", "cat"]);
        let queries = Queries {
            name: "test.npy",
            numbers: &[0, 1, 2],
            of: FileRows::Exactly(3),
            labels: Some(&labels),
            classes: &numbered(&["cat".to_string(), "dog".to_string()]),
        };
        make(path.display().to_string()).read(&queries, &Control::default())
    }

    fn predictions(file: String) -> OutcomeArgs {
        OutcomeArgs {
            predictions: Some(file),
            ..OutcomeArgs::default()
        }
    }

    #[test]
    fn predictions_by_name_and_by_code_give_the_same_errors() {
        let wrong = Some(Outcome::Wrong(vec![Some(false), Some(true), Some(false)]));
        let given = read(predictions, "p.txt", b"cat\ncat\ncat\n").unwrap();
        assert_eq!(
            (given.outcome, given.predicted),
            (wrong.clone(), texts(&["cat"; 3]))
        );
        let given = read(predictions, "p.txt", b"0\n0\n0\n").unwrap();
        assert_eq!(
            (given.outcome, given.predicted),
            (wrong, texts(&["cat"; 3]))
        );
        // A class that no query has is still a prediction.
        let given = read(predictions, "p.txt", b"newt\ndog\ncat\n").unwrap();
        assert_eq!(
            given.outcome,
            Some(Outcome::Wrong(vec![Some(true), Some(false), Some(false)]))
        );
    }

    #[test]
    fn right_and_wrong_are_opposites_and_losses_are_numbers() {
        let correct = |file| OutcomeArgs {
            correct: Some(file),
            ..OutcomeArgs::default()
        };
        let errors = |file| OutcomeArgs {
            errors: Some(file),
            ..OutcomeArgs::default()
        };
        let loss = |file| OutcomeArgs {
            loss: Some(file),
            ..OutcomeArgs::default()
        };
        let right = read(correct, "c.json", b"[true, false, null]")
            .unwrap()
            .outcome;
        assert_eq!(
            right,
            Some(Outcome::Wrong(vec![Some(false), Some(true), None]))
        );
        let wrong = read(errors, "e.csv", b"1\n0\n1\n").unwrap().outcome;
        assert_eq!(
            wrong,
            Some(Outcome::Wrong(vec![Some(true), Some(false), Some(true)]))
        );
        let losses = read(loss, "l.csv", b"0.5\n2\n1e-3\n").unwrap().outcome;
        assert_eq!(losses, Some(Outcome::Loss(vec![0.5, 2.0, 1e-3])));
        let error = read(errors, "e.csv", b"1\n0\n0.5\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("row 2: --errors: 0.5 is neither 0 nor 1"),
            "{error}"
        );
        let error = read(loss, "l.csv", b"1\n0\ninf\n").unwrap_err().to_string();
        assert!(error.contains("the loss is infinite"), "{error}");
        let error = read(loss, "l.txt", b"a\nb\nc\n").unwrap_err().to_string();
        assert!(error.contains("the values are text"), "{error}");
    }

    #[test]
    fn what_does_not_fit_the_queries_is_refused() {
        let error = read(predictions, "p.txt", b"cat\ndog\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("there are 2 values, and test.npy has 3 queries"),
            "{error}"
        );
        let error = read(predictions, "p.txt", b"7\n8\n9\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("predictions are 7, 8, 9, classes cat, dog"),
            "{error}"
        );
    }

    /// From a file for all rows, the values of the queries' rows are taken.
    #[test]
    fn a_part_of_the_queries_takes_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.txt");
        std::fs::write(&path, "0\n1\n0\n1\n1\n").unwrap();
        let args = OutcomeArgs {
            errors: Some(path.display().to_string()),
            ..OutcomeArgs::default()
        };
        let read = |numbers: &[u64], of| {
            let queries = Queries {
                name: "q",
                numbers,
                of,
                labels: None,
                classes: &HashMap::new(),
            };
            args.read(&queries, &Control::default())
        };
        for of in [FileRows::Exactly(5), FileRows::Cut] {
            let given = read(&[1, 4], of).unwrap();
            assert_eq!(given.outcome, Some(Outcome::Wrong(vec![Some(true); 2])));
        }
        // Five values may be those of rows 0, 1, 2, 4, 5 or the first five of all: the order is ambiguous.
        for of in [FileRows::Exactly(6), FileRows::Exactly(7), FileRows::Cut] {
            let error = read(&[0, 1, 2, 4, 5], of).unwrap_err().to_string();
            assert!(
                error.contains("so that values are matched by row"),
                "{error}"
            );
        }
        // Rows that are missing at the end shift no other row.
        let rows = &[0, 1, 2, 3, 4];
        let given = read(rows, FileRows::Exactly(6)).unwrap();
        let wrong = [0, 1, 0, 1, 1].map(|value| Some(value == 1));
        assert_eq!(given.outcome, Some(Outcome::Wrong(wrong.into())));
        let error = read(rows, FileRows::Unnumbered(2)).unwrap_err().to_string();
        assert!(
            error.contains("2 images that could not be decoded"),
            "{error}"
        );
    }
}
