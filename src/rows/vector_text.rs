//! Vectors spelled out in a cell of text: `[0.1, 0.2]`, as pandas writes a column of lists to CSV; `[0.1 0.2]`, as it
//! writes one of NumPy arrays; `[np.float64(0.1), ...]`, as NumPy 2 prints lists of its scalars; `{0.1,0.2}`, as SQL
//! prints arrays.

/// The content of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Spelled {
    /// A whole vector.
    Vector(Vec<f64>),
    /// A vector with a missing number: the word in its place.
    Lacking(String),
    /// A vector that NumPy abbreviated with `...`.
    Cut,
}

/// The characters that separate numbers.
const BETWEEN: [char; 12] = [
    '[', ']', '(', ')', '{', '}', ',', ';', ' ', '\t', '\n', '\r',
];

/// Python words around numbers that do not change their values.
fn is_wrapping(word: &str) -> bool {
    let known = [
        "array",
        "tensor",
        "np.array",
        "np.float64",
        "np.float32",
        "np.float16",
        "np.int64",
        "np.int32",
    ];
    known.contains(&word) || word.starts_with("dtype=") || word.starts_with("device=")
}

/// The vector that a text spells, with nested lists flattened; None if it spells none.
///
/// Without brackets, a vector has at least two numbers, half of them written as fractions: `030 1234` is none.
pub(super) fn parse(text: &str) -> Option<Spelled> {
    let text = text.trim();
    let bracketed = text.contains(['[', '{', '(']) && text.ends_with([']', '}', ')']);
    let (mut values, mut fractions, mut lacking) = (Vec::new(), 0, None);
    for word in text.split(BETWEEN).filter(|word| !word.is_empty()) {
        if let Ok(value) = word.parse::<f64>() {
            fractions += usize::from(word.contains(['.', 'e', 'E']));
            values.push(value);
        } else if word == "..." && !values.is_empty() {
            return Some(Spelled::Cut);
        } else if matches!(word, "None" | "null" | "NULL" | "NA") && bracketed {
            lacking = Some(word.to_string());
        } else if !(bracketed && is_wrapping(word)) {
            return None;
        }
    }
    match (bracketed, lacking) {
        (true, Some(word)) => Some(Spelled::Lacking(word)),
        (true, None) if !values.is_empty() => Some(Spelled::Vector(values)),
        (false, _) if values.len() > 1 && 2 * fractions >= values.len() => {
            Some(Spelled::Vector(values))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_in_text() {
        for (text, expected) in [
            ("[0.1, 2]", vec![0.1, 2.0]),
            ("[1 2 3]", vec![1.0, 2.0, 3.0]),
            ("[np.float64(0.5), np.float64(-1e-3)]", vec![0.5, -1e-3]),
            ("array([0.5, 1.], dtype=float32)", vec![0.5, 1.0]),
            ("[[1, 2], [3, 4]]", vec![1.0, 2.0, 3.0, 4.0]),
            ("{1,2}", vec![1.0, 2.0]),
            ("[7]", vec![7.0]),
            ("0.1;0.2", vec![0.1, 0.2]),
        ] {
            assert_eq!(parse(text), Some(Spelled::Vector(expected)), "{text}");
        }
        assert_eq!(parse("[ 0.5 0.25 ... 1 2]"), Some(Spelled::Cut));
        assert_eq!(parse("[0.5, None]"), Some(Spelled::Lacking("None".into())));
        for text in [
            "",
            "7",
            "a b",
            "2024-01-01",
            "[\"a\"]",
            "12 monkeys",
            "...",
            "030 1234",
            "[]",
            "f(0.5)",
            "[x, 0.5]",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
