//! Lists of whole numbers as people write them: `10,100,...,1e6`.

/// The most numbers of a list: an ellipsis must not fill the memory.
const MOST: usize = 10_000;

/// A list of numbers as typed on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers(pub Vec<usize>);

/// A whole number: `1000`, `1e3`, `2.5e6`.
pub fn whole(text: &str) -> Result<u64, String> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    // Not every whole number above 2^53 is an f64.
    match text.parse::<f64>() {
        Ok(number) if (0.0..=9e15).contains(&number) && number.fract() == 0.0 => Ok(number as u64),
        _ => Err(format!(
            "{text:?} is not a whole number; write for example 1000 or 1e3"
        )),
    }
}

/// Parses numbers between commas. `...` continues the two numbers before it up to the one after it: by their ratio if
/// that leads there exactly, else by their difference.
pub fn parse(text: &str) -> Result<Numbers, String> {
    let mut numbers: Vec<usize> = Vec::new();
    let mut parts = text.split(',').map(str::trim).peekable();
    while let Some(part) = parts.next() {
        if !matches!(part, "..." | ".." | "…") {
            numbers.push(size(part)?);
            continue;
        }
        let (Some(&[a, b]), Some(last)) = (numbers.last_chunk(), parts.next()) else {
            return Err(format!(
                "{text:?}: {part} needs two numbers before it and one after it, as in 10,100,...,1e6"
            ));
        };
        let last = size(last)?;
        let between = between(a, b, last).ok_or_else(|| {
            format!(
                "{text:?}: {part} from {a} and {b} does not lead to {last}, neither by the same factor nor by the same \
                 step (or in more than {MOST} numbers)"
            )
        })?;
        numbers.extend(between);
    }
    Ok(Numbers(numbers))
}

fn size(text: &str) -> Result<usize, String> {
    let number = whole(text)?;
    usize::try_from(number).map_err(|_| format!("{number} is too large"))
}

/// The numbers after b in the progression a, b, .., last; `last` is included.
fn between(a: usize, b: usize, last: usize) -> Option<Vec<usize>> {
    let go = |next: &dyn Fn(usize) -> Option<usize>| {
        let mut found = Vec::new();
        let mut at = b;
        while at < last && found.len() < MOST {
            at = next(at)?;
            found.push(at);
        }
        (at == last).then_some(found)
    };
    if b <= a || last <= b {
        return None;
    }
    let by_factor = |at: usize| {
        let grown = at.checked_mul(b)?;
        (a > 0 && grown.is_multiple_of(a)).then(|| grown / a)
    };
    let by_step = |at: usize| at.checked_add(b - a);
    go(&by_factor).or_else(|| go(&by_step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_what_lies_between() {
        let list = |text: &str| parse(text).unwrap().0;
        assert_eq!(list("3"), [3]);
        assert_eq!(list("2, 4,8"), [2, 4, 8]);
        assert_eq!(
            list("10,100,...,1e6"),
            [10, 100, 1000, 10_000, 100_000, 1_000_000]
        );
        assert_eq!(list("1,2,..,6"), [1, 2, 3, 4, 5, 6]);
        assert_eq!(list("4,7,…,13,20"), [4, 7, 10, 13, 20]);
    }

    #[test]
    fn factors_come_before_steps() {
        assert_eq!(parse("1,2,...,16").unwrap().0, [1, 2, 4, 8, 16]);
        assert_eq!(parse("4,6,...,9").unwrap().0, [4, 6, 9]);
        assert_eq!(parse("10,15,...,30").unwrap().0, [10, 15, 20, 25, 30]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in [
            "",
            "a",
            "1,,2",
            "-1",
            "1.5",
            "10,...,100",
            "1,2,...",
            "...,3",
            "5,3,...,1",
            "1,2,...,1e9",
            "7,7,...,9",
            "0,3,...,10",
            "1e99",
            "nan",
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.contains('"') || error.contains("large"),
                "{text}: {error}"
            );
        }
        assert_eq!(whole("2.5e3"), Ok(2500));
        assert_eq!(whole("18446744073709551615"), Ok(u64::MAX));
    }
}
