//! The rates of an analysis as a figure, for notebooks.

use crate::error::{Error, Result};
use crate::report::compare::dot;
use crate::report::plot::{Axis, DotSeries, Dots, Figure, Panel, PictureFormat, Row, render};
use crate::study::summary::Summary;

/// The share of queries outside by each notion, with Wilson's interval, as SVG; `None` without notions.
///
/// Errors: a figure that cannot be drawn.
pub fn rates(summary: &Summary) -> Result<Option<String>> {
    if summary.notions.is_empty() {
        return Ok(None);
    }
    let row = |notion: &crate::study::summary::NotionSummary| Row {
        label: notion.rate.notion.clone(),
        note: format!("{}/{}", notion.rate.outside, notion.rate.queries),
        dots: vec![dot(&notion.rate)],
        reference: None,
    };
    let dots = Dots {
        title: String::new(),
        x: Axis {
            label: "queries outside, %".into(),
            logarithmic: false,
            range: Some((0.0, 100.0)),
        },
        series: vec![DotSeries {
            label: "outside".into(),
            style: 0,
        }],
        rows: summary.notions.iter().map(row).collect(),
        quantiles: false,
        reference: None,
        notes: "outside/all".into(),
        above: false,
    };
    let figure = Figure {
        title: "Share of queries outside".into(),
        note: "whiskers: Wilson's 95 %".into(),
        panels: vec![Panel::Dots(dots)],
    };
    let drawn = render(&figure, PictureFormat::Svg).map(String::from_utf8);
    match drawn {
        Ok(Ok(svg)) => Ok(Some(svg)),
        Ok(Err(error)) => Err(Error::Usage(format!("the figure is no text: {error}"))),
        Err(why) => Err(Error::Usage(format!("the figure cannot be drawn: {why}"))),
    }
}
