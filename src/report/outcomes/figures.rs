//! Outcomes as figures: how well each score predicts them, rates by decile, ROC curves.

use super::words;
use crate::report::numerals::grouped;
use crate::report::plot::{Axis, Chart, Figure, Look, Point, Series, THEORY};
use crate::study::outcomes::{Measured, NotionOutcomes, OutcomeKind, Outcomes};
use indexmap::IndexSet;

/// The most curves in one panel, as many as there are styles; the second limit is for curves with bands.
const CURVES: usize = 6;
const BANDS: usize = 3;

fn note(outcomes: &Outcomes, more: &str) -> String {
    let queries = outcomes.all.value().map_or(0, |all| all.queries);
    format!("{} queries of known outcome; {more}", grouped(queries))
}

/// AUROC or rank correlation of each notion, one panel per space, or why there is none; `None` without notions.
pub fn scores_figure(outcomes: &Outcomes) -> Option<Figure> {
    let (name, chance) = words::strength_name(&outcomes.kind);
    let panels = words::spaces(outcomes).into_iter().map(|space| {
        let notions = outcomes.of_space(space);
        let numbered = || (0..).map(f64::from).zip(&notions);
        let points = numbered().filter_map(|(row, notion)| {
            Some(Point {
                ends: words::ends(notion).and_then(Measured::value).copied(),
                ..Point::at(row, notion.strength().ok()?)
            })
        });
        let by_chance = numbered().map(|(row, _)| Point::at(row, chance));
        let rows = notions.iter().map(|notion| {
            let strength = notion.strength().map(|value| format!("{value:.2}"));
            let strength = strength.unwrap_or_else(|why| why.words().into());
            (notion.notion.clone(), strength)
        });
        let series = vec![
            Series::new(Look::Ticks, "", 0, by_chance),
            Series::new(Look::Dots, "", 0, points),
        ];
        let y = Axis::linear(name).within(2.0 * chance - 1.0, 1.0);
        Chart::of_rows(space, y, series, "", rows)
    });
    let target = words::target(&outcomes.kind);
    let title = format!("Which score predicts {target}: {name}");
    let note = note(outcomes, "whiskers: 95 %; upright lines: chance");
    Figure::new(title, note, panels).drawn()
}

/// A panel for each space, with a curve for each notion that has `points`, at most the `most` strongest; and a note if these
/// are not all.
fn panels(
    outcomes: &Outcomes,
    (look, most): (Look, usize),
    chart: &Chart,
    points: impl Fn(&NotionOutcomes) -> Vec<Point>,
) -> (Vec<Chart>, String) {
    let mut panels = Vec::new();
    let (mut styles, mut note) = (IndexSet::new(), String::new());
    let strength = |notion: &NotionOutcomes| notion.strength().unwrap_or(0.0);
    for space in words::spaces(outcomes) {
        let mut all = outcomes.of_space(space);
        all.retain(|notion| !points(notion).is_empty());
        all.sort_by(|a, b| strength(b).total_cmp(&strength(a)));
        if all.len() > most {
            all.truncate(most);
            note = format!("; the {most} strongest scores of each space");
        }
        let mut panel = chart.clone();
        panel.title = space.into();
        for notion in &all {
            // A notion has the same style in every panel.
            let (style, _) = styles.insert_full(notion.notion.clone());
            let label = match look {
                Look::Line => format!("{} {:.2}", notion.notion, strength(notion)),
                _ => notion.notion.clone(),
            };
            let series = Series::new(look, label, style, points(notion));
            panel.series.push(series);
        }
        panels.extend((!all.is_empty()).then_some(panel));
    }
    (panels, note)
}

/// Error rates, or mean losses, by decile of each score, one panel per space; `None` where no score has deciles.
pub fn deciles_figure(outcomes: &Outcomes) -> Option<Figure> {
    let x = Axis::linear("decile of the score, 10: most extrapolated").within(1.0, 10.0);
    let rate = words::rate_name(&outcomes.kind);
    let y = Axis::linear(&rate);
    let (scale, y) = match outcomes.kind {
        OutcomeKind::Loss => (1.0, y),
        _ => (100.0, y.within(0.0, 1.0)),
    };
    let chart = Chart::new("", x, y, Vec::new());
    let (panels, left_out) = panels(outcomes, (Look::Curve, BANDS), &chart, |notion| {
        let points = notion.deciles.iter().map(|decile| {
            let mean = decile.risk.mean;
            let ends = decile.risk.interval95.value().copied();
            let ends = ends.unwrap_or([mean, mean]).map(|end| scale * end);
            Point::within(f64::from(decile.decile), scale * mean, ends)
        });
        points.collect()
    });
    let title = format!("By decile of each score: {rate}");
    let about = format!("bands: 95 %; equal scores share a decile{left_out}");
    Figure::new(title, note(outcomes, &about), panels).drawn()
}

/// ROC curves, one panel per space; `None` for losses, and where no score has one.
pub fn roc_figure(outcomes: &Outcomes) -> Option<Figure> {
    let (others, found) = match &outcomes.kind {
        OutcomeKind::Sets([first, second]) => (first.as_str(), second.as_str()),
        _ => ("other queries", "errors"),
    };
    let axis = |of: &str| Axis::linear(format!("share of {of} flagged")).within(0.0, 1.0);
    let chance = [Point::at(0.0, 0.0), Point::at(1.0, 1.0)];
    let chance = Series::new(Look::Line, "chance", THEORY, chance);
    let chart = Chart::new("", axis(others), axis(found), vec![chance]);
    let (panels, left_out) = panels(outcomes, (Look::Line, CURVES), &chart, |notion| {
        let points = notion.roc.iter();
        points.map(|point| Point::at(point[0], point[1])).collect()
    });
    let target = words::target(&outcomes.kind);
    let title = format!("ROC curves: which score predicts {target}");
    let about = format!("numbers are the areas under the curves{left_out}");
    Figure::new(title, note(outcomes, &about), panels).drawn()
}
