//! A comparison as text for a terminal, at most 120 columns wide.

use super::names::shortened;
use super::spaces::{columns, of_pairs};
use super::words;
use crate::report::numerals::filled;
use crate::report::text_table::Table;
use crate::study::compare::{LabelReport, Report, SetReport, SpaceReport};

/// The width of the terminal in letters.
const WIDE: usize = 120;

/// The most letters of a space's name in a line; longer names are broken.
const NAME: usize = 32;

/// The most classes that are listed.
const CLASSES: usize = 30;

/// The rates of each space; then the spaces against the first, query by query; then the rates by class.
pub fn table(report: &Report) -> String {
    let (report, typed) = &shortened(report);
    let Some(first) = report.spaces.first() else {
        return String::new();
    };
    let reference = words::reference_rows(report);
    let mut text = match first.n_queries {
        0 => format!(
            "{reference} reference rows among themselves; rates are shares outside, in %\n\n"
        ),
        queries => format!(
            "{} queries against the hull of {reference} reference rows; rates are shares outside, in %\n\n",
            words::grouped(queries)
        ),
    };
    text += &rates(&report.spaces);
    text += &dimensions(&report.spaces);
    for (name, typed) in typed {
        text += &format!("{name}: {typed}\n");
    }
    text += &notions(&report.spaces);
    text += &sets(&report.spaces);
    text += &rows(report);
    text += &undecided(&report.spaces);
    text += &pairs(report);
    text + &classes(&report.spaces)
}

/// Breaks the names of a table.
fn break_names(table: &mut Table) {
    let names = table.rows.iter_mut().filter_map(|row| row.first_mut());
    names.for_each(|name| *name = broken(name));
}

/// A name in lines of at most [`NAME`] letters, broken before a punctuation mark where possible.
fn broken(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut lines: Vec<String> = Vec::new();
    let mut rest = &letters[..];
    while rest.len() > NAME {
        let signs = (NAME / 2..=NAME).rev();
        let at = signs
            .into_iter()
            .find(|&at| "|@,/".contains(rest[at]))
            .unwrap_or(NAME);
        lines.push(rest[..at].iter().collect());
        rest = &rest[at..];
    }
    lines.push(rest.iter().collect());
    lines.join("\n  ")
}

/// Columns of the table of spaces for which a terminal has no room.
const LEFT_OUT: [&str; 3] = ["N", "TwoNN", "MLE"];

/// The table of rates, one line per space.
fn rates(spaces: &[SpaceReport]) -> String {
    let mut columns = columns();
    columns.retain(|column| !LEFT_OUT.contains(&column.name.as_str()));
    let mut table = Table::of("", &columns, spaces);
    // The line above the table says that rates are in percent.
    let heads = table.head.iter_mut();
    heads.for_each(|name| *name = name.replace(", %", ""));
    break_names(&mut table);
    let key = "
outside: of the hull. left out: % of reference rows outside the hull of all other rows.
rank: affine rank of the reference. Gaussian: Gaussian data of the same N and rank.
d_eff: the rank where Gaussian data have the measured rate.
distance: median certified distance to the hull, in median nearest distances of the reference. scans: per query.
";
    table.text() + key
}

/// The intrinsic dimensions, and how many repeated rows they leave out.
fn dimensions(spaces: &[SpaceReport]) -> String {
    let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.1}"));
    let known = spaces
        .iter()
        .filter(|s| s.two_nn.is_some() || s.mle.is_some());
    let each = known.map(|s| format!("{} {} / {}", s.space, number(s.two_nn), number(s.mle)));
    let repeats = words::counted(spaces, |space| space.repeated_rows);
    listed("intrinsic dimension of the reference (TwoNN / MLE)", each)
        + &listed("repeated reference rows, which these count once", repeats)
}

/// One line per notion and one column per space, in blocks that fit the width.
fn notions(spaces: &[SpaceReport]) -> String {
    let more = |space: &&SpaceReport| space.notions.iter().any(|n| n.rate.notion != "hull");
    let Some(first) = spaces.first().filter(more) else {
        return String::new();
    };
    let mut text = String::from(
        "\nby notion: outside, % (reference rows, each left out, %); `--help` explains the notions\n",
    );
    let ids: Vec<&str> = first.notions.iter().map(|n| &*n.rate.notion).collect();
    let names: Vec<String> = ids.iter().map(|id| words::named(first, id)).collect();
    let widest = ids.iter().map(|id| id.len()).max().unwrap_or(0);
    text += &blocks(
        "notion",
        &names,
        widest,
        spaces.iter().collect(),
        |space, place| {
            let id = ids[place];
            words::bracketed(words::asked(space, id), words::left_out(space, id))
        },
    );
    text
}

/// One line per name and one column per space, in blocks that fit the width beside names of `widest` letters; `cell` has the
/// space and the index of the name.
fn blocks(
    what: &str,
    names: &[String],
    widest: usize,
    mut rest: Vec<&SpaceReport>,
    cell: impl Fn(&SpaceReport, usize) -> String,
) -> String {
    let (mut text, cell) = (String::new(), &cell);
    while !rest.is_empty() {
        let block = fitting(&mut rest, widest);
        let titles = block.iter().map(|space| broken(&space.space));
        let rows = names.iter().enumerate().map(|(place, name)| {
            let cells = block.iter().map(move |space| cell(space, place));
            std::iter::once(name.clone()).chain(cells).collect()
        });
        let head = std::iter::once(what.to_string()).chain(titles);
        text += &format!("\n{}", Table::new("", head, rows).text());
    }
    text
}

/// If there are several query sets: a table per space, with one line per notion and one column per set.
fn sets(spaces: &[SpaceReport]) -> String {
    let mut text = String::new();
    for space in spaces.iter().filter(|space| !space.sets.is_empty()) {
        let names = space.sets.iter().map(|set| set.set.clone());
        let rows = space.notions.iter().enumerate().map(|(place, notion)| {
            let rates = space
                .sets
                .iter()
                .map(move |set| words::share(set.rates.get(place)));
            let name = words::named(space, &notion.rate.notion);
            std::iter::once(name).chain(rates).collect()
        });
        let head = std::iter::once("notion".to_string()).chain(names);
        text += &format!(
            "\noutside by set of queries, %, in {}\n\n{}{}",
            space.space,
            Table::new("", head, rows).text(),
            not_sampled(space)
        );
    }
    text
}

/// A line for each set without a query in the sample of a notion.
fn not_sampled(space: &SpaceReport) -> String {
    let line = |set: &SetReport| {
        let all = set.rates.iter().map(|rate| rate.queries).max()?;
        let missed = set.rates.iter().filter(|rate| rate.queries == 0 && all > 0);
        let ids: Vec<&str> = missed.map(|rate| rate.notion.as_str()).collect();
        (!ids.is_empty()).then(|| format!("-: {}\n", words::none_sampled(&set.set, all, &ids)))
    };
    space.sets.iter().filter_map(line).collect()
}

/// Takes the next spaces whose columns fit beside a first column of width `first`; at least one.
fn fitting<'s>(rest: &mut Vec<&'s SpaceReport>, first: usize) -> Vec<&'s SpaceReport> {
    let mut used = first.max(6) + 1;
    let fits = |space: &&&SpaceReport| {
        let lines = broken(&space.space);
        let widest = lines.lines().map(|line| line.chars().count()).max();
        used += widest.unwrap_or(0).max(13) + 2;
        used <= WIDE
    };
    let count = rest.iter().take_while(fits).count().max(1);
    rest.drain(..count).collect()
}

/// A list of values by space after the heading `what`, in lines that fit; empty without values.
fn listed(what: &str, spaces: impl IntoIterator<Item = String>) -> String {
    let mut texts: Vec<String> = spaces.into_iter().map(|space| space + ",").collect();
    let Some(last) = texts.last_mut() else {
        return String::new();
    };
    last.pop();
    texts.insert(0, format!("{what}:"));
    // The lines after the first are indented.
    let fits = |line: &str| line.chars().count() + 2 <= WIDE;
    filled(texts, fits).join("\n  ") + "\n"
}

/// The number of reference rows of each space, where these differ.
fn rows(report: &Report) -> String {
    if words::same_rows(report) {
        return String::new();
    }
    let what = "numbers of reference rows differ, and rates depend on them";
    listed(
        what,
        words::counted(&report.spaces, |space| space.n_reference),
    )
}

/// The numbers of undecided queries, if any, against all rows and against the rows of a class.
fn undecided(spaces: &[SpaceReport]) -> String {
    let all = |space: &SpaceReport| space.rate("hull").map_or(0, |rate| rate.undecided);
    let all = words::counted(spaces, all);
    let of_class = words::counted(spaces, words::undecided_in_class);
    listed("undecided (counted as not outside)", all)
        + &listed(
            "undecided within their class (counted as not outside)",
            of_class,
        )
}

/// Every space against the first, query by query.
fn pairs(report: &Report) -> String {
    let first = &report.spaces[0].space;
    let shown = report.pairs.iter().filter(|pair| &pair.a == first);
    let count = shown.clone().count();
    if count == 0 {
        return String::new();
    }
    // The heading names A.
    let mut table = Table::of("", &of_pairs()[1..], shown);
    break_names(&mut table);
    let rest = match report.pairs.len() - count {
        0 => String::new(),
        rest => format!("\npairs not shown: {rest}; the JSON summary and the report have all\n"),
    };
    format!(
        "\nagainst A = {first}, query by query\n\n{}\np: McNemar's exact test, two-sided; Holm: corrected for all {} pairs \
         of spaces\n{rest}",
        table.text(),
        report.pairs.len()
    )
}

/// One line per class and one column per space, in blocks that fit the width.
fn classes(spaces: &[SpaceReport]) -> String {
    let split: Vec<&SpaceReport> = spaces.iter().filter(|s| !s.labels.is_empty()).collect();
    let Some(first) = split.first() else {
        return String::new();
    };
    let labels = &first.labels;
    let names: Vec<String> = labels
        .iter()
        .take(CLASSES)
        .map(|l| l.label.clone())
        .collect();
    let widest = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::from(
        "\nby class: outside the hull of all rows, % (outside the hull of the rows of the class, %)\n",
    );
    let mut all = split.iter().flat_map(|space| &space.labels);
    if all.any(|label| label.own_class.is_none()) {
        text += "-: the reference has no row of the class\n";
    }
    text += &blocks("class", &names, widest, split, |space, place| {
        space.labels.get(place).map_or("-".into(), class)
    });
    if labels.len() > CLASSES {
        text += &format!(
            "{} more classes are in by_label.parquet\n",
            labels.len() - CLASSES
        );
    }
    text
}

fn class(label: &LabelReport) -> String {
    let hull = label.rates.iter().find(|rate| rate.notion == "hull");
    words::bracketed(hull, label.own_class.as_ref())
}
