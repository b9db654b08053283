//! Plots: bars, and curves with confidence bands, as SVG or PNG.
//!
//! A [`Figure`] is plain data: panels side by side, each with axes that say what they show and in which unit. It is
//! drawn on a `plotters` canvas with a font that the program carries, so that a plot looks the same on every machine.
//! What belongs together is told apart by line style, marker and hatching as well as by colour: a grey print reads
//! as well. Nothing is drawn outside its panel: axes cover all values, and room is kept for every label.

mod axis;
mod bars;
mod canvas;
mod lines;
mod style;

use super::file::Output;
use crate::error::{Error, Result};
use canvas::{Area, Canvas, Size};
use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend};
use std::io::Write;
use std::path::Path;

/// Points of a panel, and of the strip that the figure's title and note stand in.
const PANEL: (f64, f64) = (430.0, 400.0);
const HEAD: f64 = 34.0;
const NOTE: f64 = 30.0;

/// Panels side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub title: String,
    /// A line below: machine, date, seed.
    pub note: String,
    pub panels: Vec<Panel>,
}

/// One part of a figure.
#[derive(Debug, Clone, PartialEq)]
pub enum Panel {
    Bars(Bars),
    Lines(Lines),
}

/// A value a label, from 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    pub title: String,
    /// What the height is, with its unit.
    pub axis: String,
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub label: String,
    pub value: f64,
    /// Lowest and highest measurement, drawn as a whisker.
    pub spread: Option<(f64, f64)>,
    /// Number of a style; the same number is the same style in every panel.
    pub style: usize,
}

/// Curves.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
}

/// What an axis shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// With its unit.
    pub label: String,
    /// Values that are not positive are left out.
    pub logarithmic: bool,
}

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub label: String,
    pub style: usize,
    /// (x, y), x ascending.
    pub points: Vec<(f64, f64)>,
    /// Lower and upper end of the band around each point; empty for no band.
    pub band: Vec<(f64, f64)>,
    /// A thin line without markers that the legend does not name: theory behind what was measured, a threshold.
    pub thin: bool,
}

/// File formats, by the name's ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Png,
    Svg,
}

impl Format {
    /// The format for a path. Errors ([`Error::Usage`]): another ending.
    pub fn of(path: &Path) -> Result<Self> {
        let ending = path
            .extension()
            .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("png") => Ok(Format::Png),
            Some("svg") => Ok(Format::Svg),
            _ => Err(Error::Usage(format!(
                "{}: plots are written as .png or .svg; change the name's ending",
                path.display()
            ))),
        }
    }
}

/// See whether a plot can be written to a file; nothing is left behind.
pub fn check(path: &Path) -> Result<()> {
    Format::of(path)?;
    Output::create(path).map(drop)
}

/// Draw a figure into a file.
pub fn write(path: &Path, figure: &Figure) -> Result<()> {
    let format = Format::of(path)?;
    let output = Output::create(path)?;
    let bytes = render(figure, format).map_err(|why| output.failed(why))?;
    let mut writer = output.writer()?;
    writer
        .write_all(&bytes)
        .map_err(|error| output.error(error))?;
    output.close(writer)
}

/// The bytes of a file with the figure.
pub fn render(figure: &Figure, format: Format) -> Result<Vec<u8>, String> {
    style::register_font()?;
    match format {
        Format::Svg => svg(figure),
        Format::Png => png(figure),
    }
}

/// Width and height in points.
fn extent(figure: &Figure) -> (f64, f64) {
    let panels = figure.panels.len().max(1) as f64;
    (panels * PANEL.0, HEAD + PANEL.1 + NOTE)
}

fn svg(figure: &Figure) -> Result<Vec<u8>, String> {
    let (width, height) = extent(figure);
    let (across, down) = canvas::pixels(width, height);
    let mut text = String::new();
    draw(figure, SVGBackend::with_string(&mut text, (across, down)))?;
    // The drawing is finer than a point; it is shown at its size in points.
    let drawn = format!("width=\"{across}\" height=\"{down}\"");
    let shown = format!("width=\"{width}\" height=\"{height}\"");
    Ok(text.replacen(&drawn, &shown, 1).into_bytes())
}

fn png(figure: &Figure) -> Result<Vec<u8>, String> {
    let (width, height) = extent(figure);
    let (across, down) = canvas::pixels(width, height);
    let mut pixels = vec![0; across as usize * down as usize * 3];
    draw(
        figure,
        BitMapBackend::with_buffer(&mut pixels, (across, down)),
    )?;
    let mut bytes = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    image::ImageEncoder::write_image(
        encoder,
        &pixels,
        across,
        down,
        image::ExtendedColorType::Rgb8,
    )
    .map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// The figure on any canvas.
fn draw<B: DrawingBackend>(figure: &Figure, backend: B) -> Result<(), String> {
    let root = backend.into_drawing_area();
    let canvas = Canvas::new(&root)?;
    let (width, height) = extent(figure);
    canvas.title(&figure.title, width / 2.0, HEAD / 2.0 + 4.0)?;
    let note = canvas.fitted(&figure.note, Size::Small, width - 24.0);
    canvas.note(&note, 12.0, height - NOTE / 2.0)?;
    for (place, panel) in figure.panels.iter().enumerate() {
        let area = Area {
            left: place as f64 * PANEL.0 + 8.0,
            top: HEAD,
            right: (place + 1) as f64 * PANEL.0 - 12.0,
            bottom: HEAD + PANEL.1,
        };
        match panel {
            Panel::Bars(bars) => bars::draw(&canvas, area, bars)?,
            Panel::Lines(lines) => lines::draw(&canvas, area, lines)?,
        }
    }
    root.present().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(values: &[f64]) -> Figure {
        let axis = |label: &str| Axis {
            label: label.into(),
            logarithmic: true,
        };
        Figure {
            title: "A <title> & more".into(),
            note: "a note".into(),
            panels: vec![
                Panel::Bars(Bars {
                    title: "bars".into(),
                    axis: "GFLOP/s".into(),
                    bars: values
                        .iter()
                        .map(|&value| Bar {
                            label: "a bar with a long name".into(),
                            value,
                            spread: Some((0.9 * value, 1.1 * value)),
                            style: 9,
                        })
                        .collect(),
                }),
                Panel::Lines(Lines {
                    title: "lines".into(),
                    x: axis("rows"),
                    y: axis("seconds"),
                    series: vec![Series {
                        label: "one".into(),
                        style: 0,
                        points: values.iter().map(|&v| (v, v)).collect(),
                        band: values.iter().map(|&v| (0.5 * v, 2.0 * v)).collect(),
                        thin: false,
                    }],
                }),
            ],
        }
    }

    #[test]
    fn both_formats_hold_a_whole_picture() {
        let figure = figure(&[1.0, 10.0, 1e7]);
        let svg = String::from_utf8(render(&figure, Format::Svg).unwrap()).unwrap();
        assert!(svg.starts_with("<svg width=\"860\"") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("&lt;title&gt;") && svg.contains("GFLOP/s"));
        let png = render(&figure, Format::Png).unwrap();
        let image = image::load_from_memory(&png).unwrap().into_rgb8();
        let ink = image.pixels().filter(|pixel| pixel.0[0] < 128).count();
        assert!(image.width() == 1720 && ink > 2_000, "{ink}");
    }

    #[test]
    fn no_values_and_odd_values_are_no_panic() {
        for values in [
            &[][..],
            &[0.0],
            &[5.0],
            &[f64::NAN, f64::INFINITY, -1.0],
            &[1e-300, 1e300],
            &[3.0, 3.0],
        ] {
            for format in [Format::Svg, Format::Png] {
                render(&figure(values), format).unwrap();
            }
        }
    }

    #[test]
    fn the_ending_decides() {
        assert_eq!(Format::of(Path::new("a/b.PNG")).unwrap(), Format::Png);
        assert_eq!(Format::of(Path::new("b.svg")).unwrap(), Format::Svg);
        let error = Format::of(Path::new("b.pdf")).unwrap_err().to_string();
        assert!(error.contains("b.pdf") && error.contains(".svg"), "{error}");
    }
}
