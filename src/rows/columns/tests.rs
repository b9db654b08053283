//! The rule on tables made by hand.

use super::*;

fn table(columns: &[(&str, ColumnKind)]) -> Vec<SourceColumn> {
    let column = |(name, kind): &(&str, ColumnKind)| SourceColumn {
        name: (*name).into(),
        kind: kind.clone(),
        stored: "type".into(),
    };
    columns.iter().map(column).collect()
}

fn chosen(columns: &[(&str, ColumnKind)], choice: &Choice) -> Result<Chosen> {
    choose(Path::new("t"), &table(columns), None, choice)
}

fn fault(columns: &[(&str, ColumnKind)], choice: &Choice) -> String {
    chosen(columns, choice).unwrap_err().to_string()
}

#[test]
fn one_column_of_vectors_is_the_vector_whatever_stands_beside_it() {
    let columns = [
        ("id", ColumnKind::Number),
        ("image", ColumnKind::Unread),
        ("v", ColumnKind::Vector),
        ("text", ColumnKind::Other("text")),
    ];
    let found = chosen(&columns, &Choice::default()).unwrap();
    assert_eq!((found.places, found.vector), (vec![2], true));
    assert_eq!(found.columns.vector.as_deref(), Some("v"));
    let line = "the vectors of v; left out: id, image, text (beside the vectors)";
    assert_eq!(found.columns.line(), line);
}

#[test]
fn several_vectors_and_unread_ones_are_refused_with_all_columns() {
    let two = [
        ("id", ColumnKind::Number),
        ("a", ColumnKind::Vector),
        ("b", ColumnKind::Vector),
    ];
    let message = fault(&two, &Choice::default());
    for part in [
        "several columns",
        "a: type",
        "b: type",
        "id: type",
        "FILE:COLUMN",
        "--columns",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let unread = [("id", ColumnKind::Number), ("a", ColumnKind::Unread)];
    let message = fault(&unread, &Choice::default());
    assert!(
        message.contains("no column of vectors can be read"),
        "{message}"
    );
    assert!(
        message.contains("a: type") && message.contains("id: type"),
        "{message}"
    );
    let drop = Choice {
        drop: vec!["a".into()],
        ..Choice::default()
    };
    assert_eq!(chosen(&unread, &drop).unwrap().places, [0]);
}

#[test]
fn numbers_are_used_without_what_numbers_the_rows() {
    let columns = [
        ("", ColumnKind::Index("it has no name and counts the rows")),
        ("x1", ColumnKind::Number),
        ("x2", ColumnKind::Number),
        ("name", ColumnKind::Other("text")),
        ("y", ColumnKind::Number),
    ];
    let found = chosen(&columns, &Choice::default()).unwrap();
    assert_eq!(found.places, [1, 2, 4]);
    assert_eq!(
        found.columns.line(),
        "3 columns: x1 .. y; left out: (unnamed) (it has no name and counts the rows), name (text)"
    );
    let choice = Choice {
        columns: vec!["x*".into()],
        label: Some("y".into()),
        id: Some("name".into()),
        ..Choice::default()
    };
    let found = chosen(&columns, &choice).unwrap();
    assert_eq!(
        (&found.places[..], found.id, found.label),
        (&[1, 2][..], Some(3), Some(4))
    );
    let wrong = |columns: &[&str]| Choice {
        columns: columns.iter().map(|&name| name.into()).collect(),
        ..Choice::default()
    };
    assert!(fault(&columns, &wrong(&["z*"])).contains("no column is called so"));
    assert!(fault(&columns, &wrong(&["x*", "name"])).contains("neither numbers nor vectors"));
}

#[test]
fn names_of_keys_and_classes_among_the_features_are_pointed_out() {
    let columns = [
        ("user_id", ColumnKind::Number),
        ("x", ColumnKind::Number),
        ("Label", ColumnKind::Number),
    ];
    let notes = chosen(&columns, &Choice::default())
        .unwrap()
        .columns
        .notes
        .join("");
    assert!(notes.contains("user_id, Label may hold keys"), "{notes}");
    let named = Choice {
        columns: vec!["*".into()],
        ..Choice::default()
    };
    assert!(
        chosen(&columns, &named).unwrap().columns.notes.is_empty(),
        "they were asked for"
    );
}

#[test]
fn columns_are_matched_by_name() {
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(|&n| n.into()).collect() };
    let order =
        |these: &[&str], like: &[&str]| order(Path::new("t"), &names(these), &names(like), "other");
    assert_eq!(order(&["a", "b"], &["a", "b"]).unwrap(), None);
    let turned = order(&["c", "a", "b"], &["a", "b", "c"]).unwrap();
    assert_eq!(turned.as_deref(), Some(&[1, 2, 0][..]));
    let mut values = [30u8, 10, 20, 31, 11, 21];
    reorder(&mut values, 1, &turned.unwrap());
    assert_eq!(values, [10, 20, 30, 11, 21, 31]);
    let message = order(&["a", "d"], &["a", "b"]).unwrap_err().to_string();
    assert!(
        message.contains("lacks b") && message.contains("has d besides"),
        "{message}"
    );
    let twice = order(&["a", "a", "b"], &["b", "a", "a"])
        .unwrap_err()
        .to_string();
    assert!(twice.contains("more than once"), "{twice}");
}

#[test]
fn counting_columns() {
    let counts = |values: &[f64]| counts(values.iter().map(|&v| Some(v)));
    assert!(counts(&[0.0, 1.0, 2.0]) && counts(&[7.0, 8.0]) && counts(&[3.0]));
    assert!(!counts(&[0.5, 1.5]) && !counts(&[0.0, 2.0]) && !counts(&[]));
    assert!(unnamed("") && unnamed("Unnamed: 0") && !unnamed("Unnamed: x") && !unnamed("id"));
}
