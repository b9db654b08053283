//! Outcomes as figures: a heat map of areas by space and notion, rates by decile, ROC curves.

use super::words;
use crate::report::numerals::{distinct, grouped};
use crate::report::plot::{Axis, Figure, Heat, HeatCell, Lines, Panel, Series, THEORY};
use crate::study::outcomes::{NotionOutcomes, OutcomeKind, Outcomes};

/// The most curves in one panel, as many as there are styles; the second limit is for curves with bands.
const CURVES: usize = 6;
const BANDS: usize = 3;

fn note(outcomes: &Outcomes) -> String {
    let queries = outcomes.all.value().map_or(0, |all| all.queries);
    format!("{} queries of known outcome", grouped(queries))
}

/// AUROC or rank correlation by space and notion; `None` without notions.
pub fn heat_figure(outcomes: &Outcomes) -> Option<Figure> {
    let columns = distinct(outcomes.notions.iter().map(|notion| notion.notion.as_str()));
    let loss = outcomes.kind == OutcomeKind::Loss;
    let spaces = words::spaces(outcomes);
    let cell = |space: &str, column: &str| {
        let found = outcomes.of_space(space);
        let notion = found.into_iter().find(|notion| notion.notion == column)?;
        Some(match notion.strength() {
            // Strength runs from -1 to 1; 0 is chance.
            Ok(value) => HeatCell {
                text: format!("{value:.2}"),
                strength: if loss { value } else { 2.0 * value - 1.0 },
            },
            Err(why) => HeatCell {
                text: why.words().into(),
                strength: 0.0,
            },
        })
    };
    let rows = spaces
        .iter()
        .map(|space| columns.iter().map(|column| cell(space, column)).collect());
    let title = match loss {
        true => "Rank correlation of score and loss".into(),
        false => format!(
            "Which score predicts {}: AUROC",
            words::target(&outcomes.kind)
        ),
    };
    (!columns.is_empty()).then(|| Figure {
        title,
        note: format!(
            "{}; {}",
            note(outcomes),
            match loss {
                true => "0: no relation; darker: stronger, orange: negative",
                false => "0.5: chance; darker: stronger, orange: worse than chance",
            }
        ),
        panels: vec![Panel::Heat(Heat {
            rows: spaces.iter().map(|space| space.to_string()).collect(),
            columns: columns.iter().map(|column| column.to_string()).collect(),
            cells: rows.collect(),
        })],
    })
}

/// The strongest notions of a space that have a curve, in their original order.
fn strongest<'o>(
    outcomes: &'o Outcomes,
    space: &str,
    has: fn(&NotionOutcomes) -> bool,
    most: usize,
) -> Vec<&'o NotionOutcomes> {
    let all = outcomes.of_space(space);
    let all: Vec<&NotionOutcomes> = all.into_iter().filter(|notion| has(notion)).collect();
    let strength = |place: &usize| all[*place].strength().unwrap_or(0.0);
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|a, b| strength(b).total_cmp(&strength(a)));
    order.truncate(most);
    order.sort_unstable();
    order.into_iter().map(|place| all[place]).collect()
}

/// A note for figures in which a space has more curves than are drawn.
fn left_out(outcomes: &Outcomes, has: fn(&NotionOutcomes) -> bool, most: usize) -> String {
    let spaces = words::spaces(outcomes);
    let mut counts = spaces.iter().map(|space| {
        let all = outcomes.of_space(space);
        all.into_iter().filter(|notion| has(notion)).count()
    });
    match counts.any(|count| count > most) {
        true => format!("; the {most} strongest scores of each space"),
        false => String::new(),
    }
}

/// A panel for each space, with a curve for each notion for which `series` returns one.
fn panels(
    outcomes: &Outcomes,
    has: fn(&NotionOutcomes) -> bool,
    most: usize,
    axes: [Axis; 2],
    more: &[Series],
    series: impl Fn(usize, &NotionOutcomes) -> Series,
) -> Vec<Panel> {
    // A notion has the same style in every panel.
    let spaces = words::spaces(outcomes).into_iter();
    let drawn = spaces.flat_map(|space| strongest(outcomes, space, has, most));
    let drawn = distinct(drawn.map(|notion| notion.notion.as_str()));
    let style = |id: &str| drawn.iter().position(|known| *known == id).unwrap_or(0);
    let panel = |space: &&str| {
        let notions = strongest(outcomes, space, has, most);
        let curves = notions
            .iter()
            .map(|notion| series(style(&notion.notion), notion));
        let [x, y] = axes.clone();
        (!notions.is_empty()).then(|| {
            let series = more.iter().cloned().chain(curves).collect();
            Panel::Lines(Lines::new(*space, x, y, series))
        })
    };
    words::spaces(outcomes).iter().filter_map(panel).collect()
}

/// Error rates, or mean losses, by decile of each score, one panel per space; `None` where no score has deciles.
pub fn deciles_figure(outcomes: &Outcomes) -> Option<Figure> {
    let loss = outcomes.kind == OutcomeKind::Loss;
    let scale = if loss { 1.0 } else { 100.0 };
    let has = |notion: &NotionOutcomes| !notion.deciles.is_empty();
    let rate = Axis {
        range: (!loss).then_some((0.0, 1.0)),
        ..Axis::linear(words::rate_name(&outcomes.kind))
    };
    let axes = [
        Axis::linear("decile of the score, 10: most extrapolated").within(1.0, 10.0),
        rate,
    ];
    let panels = panels(outcomes, has, BANDS, axes, &[], |style, notion| {
        let deciles = || notion.deciles.iter();
        let points = deciles().map(|decile| (f64::from(decile.decile), scale * decile.risk.mean));
        let band = deciles().map(|decile| {
            let mean = decile.risk.mean;
            let ends = decile.risk.interval95.value();
            let ends = ends.copied().unwrap_or([mean, mean]);
            (scale * ends[0], scale * ends[1])
        });
        Series::curve(&notion.notion, style, points.collect(), band.collect())
    });
    (!panels.is_empty()).then(|| Figure {
        title: match &outcomes.kind {
            OutcomeKind::Errors => "Error rate by decile of each score".into(),
            OutcomeKind::Loss => "Mean loss by decile of each score".into(),
            OutcomeKind::Sets([_, second]) => format!("Share of {second} by decile of each score"),
        },
        note: format!(
            "{}; bands: 95 %; equal scores share a decile{}",
            note(outcomes),
            left_out(outcomes, has, BANDS)
        ),
        panels,
    })
}

/// ROC curves, one panel per space; `None` for losses, and where no score has one.
pub fn roc_figure(outcomes: &Outcomes) -> Option<Figure> {
    let has = |notion: &NotionOutcomes| !notion.roc.is_empty();
    let axis = |label: &str| Axis::linear(label).within(0.0, 1.0);
    let (found, others) = match &outcomes.kind {
        OutcomeKind::Sets([first, second]) => (
            format!("share of {second} flagged"),
            format!("share of {first} flagged"),
        ),
        _ => (
            "share of errors flagged".into(),
            "share of other queries flagged".into(),
        ),
    };
    let chance = Series {
        label: "chance".into(),
        ..Series::thin(THEORY, vec![(0.0, 0.0), (1.0, 1.0)])
    };
    let panels = panels(
        outcomes,
        has,
        CURVES,
        [axis(&others), axis(&found)],
        &[chance],
        |style, notion| {
            let label = match notion.strength() {
                Ok(value) => format!("{} {value:.2}", notion.notion),
                Err(_) => notion.notion.clone(),
            };
            let points = notion.roc.iter().map(|point| (point[0], point[1]));
            Series {
                markers: false,
                ..Series::curve(label, style, points.collect(), Vec::new())
            }
        },
    );
    (!panels.is_empty()).then(|| Figure {
        title: format!(
            "ROC curves: which score predicts {}",
            words::target(&outcomes.kind)
        ),
        note: format!(
            "{}; numbers are the areas under the curves{}",
            note(outcomes),
            left_out(outcomes, has, CURVES)
        ),
        panels,
    })
}
