//! Plots: curves with confidence bands, rows of dots, and heat maps, as SVG or PNG.
//!
//! A [`Figure`] is plain data: panels in a grid, each with axes that say what they show and in which unit. It is drawn on a
//! `plotters` canvas with a font that the program carries, so that a plot looks the same on every machine. Series differ in
//! line style and marker as well as in colour, so that a grey print is readable. Nothing is drawn outside its
//! panel: axes cover all values, and every label has room.

mod axis;
pub(super) mod canvas;
mod dots;
mod heat;
mod legend;
mod lines;
mod spots;
mod style;

use crate::error::Result;
use crate::store::file::{self, Output};
use canvas::{Area, Canvas, Size};
use image::RgbImage;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend};
use std::path::Path;
pub use style::THEORY;
pub(super) use style::register_font;

/// The default width and height of a panel, in points.
pub const PANEL: (f64, f64) = (430.0, 400.0);

/// The width of a wide page, in points.
const PAGE: f64 = 900.0;

/// Heights in points: of the title, of the space in place of a title, of a note of one line, and of each further line.
const HEAD: f64 = 34.0;
const BARE: f64 = 4.0;
const NOTE: f64 = 30.0;
const NOTE_LINE: f64 = 15.0;

/// The most panels side by side.
const ACROSS: usize = 3;

/// Panels in a grid: up to three side by side, four in two rows, more in rows of three.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub title: String,
    /// The text below the panels, such as machine, date and seed; it may take several lines.
    pub note: String,
    pub panels: Vec<Panel>,
}

/// One part of a figure.
#[derive(Debug, Clone, PartialEq)]
pub enum Panel {
    Lines(Lines),
    Dots(Dots),
    Heat(Heat),
}

/// A panel of curves.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
    /// Points in front of the curves, in the order in which they are drawn.
    pub spots: Vec<Spots>,
    /// Width and height in points; usually [`PANEL`].
    pub size: (f64, f64),
}

impl Lines {
    /// A panel of curves of the default size.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis, series: Vec<Series>) -> Self {
        Lines {
            title: title.into(),
            x,
            y,
            series,
            spots: Vec::new(),
            size: PANEL,
        }
    }
}

/// Labelled points of one kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spots {
    /// The name of this kind in the legend.
    pub label: String,
    pub style: usize,
    pub all: Vec<Spot>,
}

/// A point; its name may be empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    pub label: String,
    pub at: (f64, f64),
    /// Ends of its interval along y.
    pub interval: Option<(f64, f64)>,
}

/// A dot plot: a row per label, from top to bottom, with a marker per series. The panel is as large as its rows and labels
/// need.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dots {
    pub title: String,
    pub x: Axis,
    pub series: Vec<DotSeries>,
    pub rows: Vec<Row>,
    /// Whether markers are medians, thin lines the outer quantiles and thick lines the inner ones.
    pub quantiles: bool,
    /// The legend of the vertical reference marks; `None` if there are none.
    pub reference: Option<String>,
    /// The heading of the rows' notes.
    pub notes: String,
    /// Whether labels are above their rows instead of beside them, which makes the panel narrow.
    pub above: bool,
}

impl Dots {
    /// A panel without a title, with a marker per series in each row.
    pub fn new(x: Axis, series: Vec<DotSeries>, rows: Vec<Row>) -> Self {
        Dots {
            x,
            series,
            rows,
            ..Dots::default()
        }
    }
}

/// Markers of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct DotSeries {
    pub label: String,
    pub style: usize,
}

/// One row of dots.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub label: String,
    /// A short text to the right of the row.
    pub note: String,
    /// One dot per series.
    pub dots: Vec<Option<Dot>>,
    /// The position of the vertical reference mark.
    pub reference: Option<f64>,
}

/// One marker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dot {
    pub value: f64,
    /// Ends of a thin line: an interval, the outer quantiles.
    pub spread: Option<(f64, f64)>,
    /// Ends of a thick line: the inner quantiles.
    pub core: Option<(f64, f64)>,
}

/// A heat map: numbers by row and column, on cells coloured by their strength.
#[derive(Debug, Clone, PartialEq)]
pub struct Heat {
    /// Labels of the rows, from top to bottom.
    pub rows: Vec<String>,
    /// Labels of the columns, from left to right.
    pub columns: Vec<String>,
    /// For each row, a cell per column.
    pub cells: Vec<Vec<Option<HeatCell>>>,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatCell {
    pub text: String,
    /// From -1 to 1; 0 is white.
    pub strength: f64,
}

/// An axis.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Axis {
    /// The label, with the unit.
    pub label: String,
    /// Whether the axis is logarithmic; values that are not positive are then left out.
    pub logarithmic: bool,
    /// The range that is shown at least; `None` for the range of the values.
    pub range: Option<(f64, f64)>,
}

impl Axis {
    /// A linear axis over the range of the values.
    pub fn linear(label: impl Into<String>) -> Self {
        Axis {
            label: label.into(),
            ..Axis::default()
        }
    }

    /// A logarithmic axis over the range of the values.
    pub fn logarithmic(label: impl Into<String>) -> Self {
        Axis {
            logarithmic: true,
            ..Axis::linear(label)
        }
    }

    /// The same axis, which shows at least this range.
    pub fn within(self, low: f64, high: f64) -> Self {
        Axis {
            range: Some((low, high)),
            ..self
        }
    }
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
    /// Whether the curve is a thin line without markers, for theory or a threshold; it is in the legend if it has a label.
    pub thin: bool,
    /// Whether points have markers; a single point always has one.
    pub markers: bool,
}

impl Series {
    /// A curve with markers and a band, which may be empty.
    pub fn curve(
        label: impl Into<String>,
        style: usize,
        points: Vec<(f64, f64)>,
        band: Vec<(f64, f64)>,
    ) -> Self {
        Series {
            label: label.into(),
            style,
            points,
            band,
            thin: false,
            markers: true,
        }
    }

    /// A thin line in the colour of a style.
    pub fn thin(style: usize, points: Vec<(f64, f64)>) -> Self {
        Series {
            thin: true,
            markers: false,
            ..Series::curve("", style, points, Vec::new())
        }
    }
}

/// File formats, by the file's extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    Png,
    Svg,
}

impl PictureFormat {
    /// The format for a path. Errors ([`crate::Error::Usage`]): another extension.
    pub fn of(path: &Path) -> Result<Self> {
        match file::ending(path).as_str() {
            "png" => Ok(PictureFormat::Png),
            "svg" => Ok(PictureFormat::Svg),
            _ => Err(file::wrong_ending(path, "plots", ".png or .svg")),
        }
    }
}

/// Checks that a plot can be written to a file; nothing is left behind.
pub fn check(path: &Path) -> Result<()> {
    PictureFormat::of(path)?;
    Output::create(path).map(drop)
}

/// The figure as SVG for a page: a single panel of curves takes the full width; on a narrow page panels are stacked, and
/// labels are above their rows.
pub fn for_page(figure: &Figure, narrow: bool) -> Result<String, String> {
    style::register_font()?;
    let mut figure = figure.clone();
    let alone = figure.panels.len() == 1;
    for panel in &mut figure.panels {
        match panel {
            Panel::Dots(dots) => dots.above = narrow,
            Panel::Lines(lines) if narrow => lines.size.0 = lines.size.0.min(PANEL.0),
            Panel::Lines(lines) if alone => lines.size.0 = lines.size.0.max(PAGE),
            Panel::Lines(_) | Panel::Heat(_) => {}
        }
    }
    svg(&figure, if narrow { 1 } else { ACROSS })
}

/// Draws a figure into a file.
pub fn write(path: &Path, figure: &Figure) -> Result<()> {
    let format = PictureFormat::of(path)?;
    file::write_drawn(path, render(figure, format))
}

/// Draws a figure into two files of a folder, as PNG and as SVG.
pub fn write_both(folder: &Path, name: &str, figure: &Figure) -> Result<()> {
    let path = |ending: &str| folder.join(format!("{name}.{ending}"));
    write(&path("png"), figure)?;
    write(&path("svg"), figure)
}

/// The figure as the bytes of a file.
pub fn render(figure: &Figure, format: PictureFormat) -> Result<Vec<u8>, String> {
    style::register_font()?;
    match format {
        PictureFormat::Svg => svg(figure, ACROSS).map(String::into_bytes),
        PictureFormat::Png => png(figure),
    }
}

impl Panel {
    /// Width and height in points.
    fn size(&self) -> (f64, f64) {
        match self {
            Panel::Lines(lines) => lines.size,
            Panel::Dots(dots) => dots::size(dots),
            Panel::Heat(heat) => heat::size(heat),
        }
    }
}

/// The positions of the parts of a figure.
struct FigureLayout {
    width: f64,
    height: f64,
    /// The rectangle of each panel.
    places: Vec<Area>,
    note: Vec<String>,
}

impl FigureLayout {
    fn of(figure: &Figure, most: usize) -> Self {
        let sizes: Vec<(f64, f64)> = figure.panels.iter().map(Panel::size).collect();
        let columns = match sizes.len() {
            4 => most.min(2),
            count => count.clamp(1, most),
        };
        let of_column = |column| {
            let sizes = sizes.iter().skip(column).step_by(columns);
            sizes.fold(0.0, |most: f64, size| most.max(size.0))
        };
        let of_row = |row: &[(f64, f64)]| row.iter().fold(0.0, |most: f64, size| most.max(size.1));
        let widths: Vec<f64> = (0..columns).map(of_column).collect();
        let mut places = Vec::new();
        let head = if figure.title.is_empty() { BARE } else { HEAD };
        let mut top = head;
        for row in sizes.chunks(columns) {
            let mut left = 0.0;
            for (size, width) in row.iter().zip(&widths) {
                places.push(Area::sized((left, top), (*width, size.1)));
                left += width;
            }
            top += of_row(row);
        }
        let (width, bottom) = match sizes.is_empty() {
            true => (PANEL.0, head + PANEL.1),
            false => (widths.iter().sum(), top),
        };
        let note = canvas::wrapped(&figure.note, Size::Small, width - 24.0);
        FigureLayout {
            width,
            height: bottom + NOTE + NOTE_LINE * note.len().saturating_sub(1) as f64,
            places,
            note,
        }
    }
}

fn svg(figure: &Figure, across: usize) -> Result<String, String> {
    let layout = FigureLayout::of(figure, across);
    let (width, height) = (layout.width.ceil(), layout.height.ceil());
    let (across, down) = canvas::pixels(width, height);
    let mut text = String::new();
    draw(
        figure,
        &layout,
        SVGBackend::with_string(&mut text, (across, down)),
    )?;
    // The drawing has more pixels than points; it is shown at its size in points.
    let drawn = format!("width=\"{across}\" height=\"{down}\"");
    let shown = format!("width=\"{width}\" height=\"{height}\"");
    Ok(full_letters(&text.replacen(&drawn, &shown, 1)))
}

/// Corrects the font sizes of an SVG, so that text has the width that was measured. `plotters` takes a font's size as the
/// height from its lowest to its highest letter, but writes into SVG an em size that gives smaller letters.
fn full_letters(svg: &str) -> String {
    /// The divisor of `plotters`, over the font's height in em.
    const SMALLER: f64 = 1.24 / 1.164;
    const SIZE: &str = " font-size=\"";
    let mut parts = svg.split(SIZE);
    let mut text = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let (size, rest) = part.split_once('"').unwrap_or((part, ""));
        let full = size
            .parse()
            .map_or(size.into(), |size: f64| format!("{:.2}", SMALLER * size));
        text += &format!("{SIZE}{full}\"{rest}");
    }
    text
}

fn png(figure: &Figure) -> Result<Vec<u8>, String> {
    let layout = FigureLayout::of(figure, ACROSS);
    let drawn = on_pixels(layout.width.ceil(), layout.height.ceil(), |backend| {
        draw(figure, &layout, backend)
    });
    to_png(&drawn?)
}

/// Draws on an image of a size in points.
pub(super) fn on_pixels(
    width: f64,
    height: f64,
    draw: impl FnOnce(BitMapBackend) -> Result<(), String>,
) -> Result<RgbImage, String> {
    let (across, down) = canvas::pixels(width, height);
    let mut image = RgbImage::new(across, down);
    draw(BitMapBackend::with_buffer(&mut image, (across, down)))?;
    Ok(image)
}

/// An image as PNG; as a greyscale one if all pixels are grey.
pub(super) fn to_png(image: &RgbImage) -> Result<Vec<u8>, String> {
    use image::ExtendedColorType::{L8, Rgb8};
    let (pixels, (width, height)) = (image.as_raw().as_slice(), image.dimensions());
    let grey = pixels
        .chunks_exact(3)
        .all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2]);
    let levels: Vec<u8>;
    let (pixels, colour) = if grey {
        levels = pixels.iter().copied().step_by(3).collect();
        (&levels[..], L8)
    } else {
        (pixels, Rgb8)
    };
    let mut bytes = Vec::new();
    // Drawings have large uniform areas, which compress better without a filter.
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::NoFilter);
    image::ImageEncoder::write_image(encoder, pixels, width, height, colour)
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Draws the figure on any canvas.
fn draw<B: DrawingBackend>(
    figure: &Figure,
    layout: &FigureLayout,
    backend: B,
) -> Result<(), String> {
    let root = backend.into_drawing_area();
    let canvas = Canvas::new(&root)?;
    let title = canvas::fitted(&figure.title, Size::Title, layout.width - 16.0);
    canvas.title(&title, layout.width / 2.0, HEAD / 2.0 + 4.0)?;
    for (line, text) in layout.note.iter().rev().enumerate() {
        let y = layout.height - NOTE / 2.0 - NOTE_LINE * line as f64;
        canvas.left(text, Size::Small, 12.0, y)?;
    }
    for (panel, place) in figure.panels.iter().zip(&layout.places) {
        let area = Area {
            left: place.left + 8.0,
            right: place.right - 12.0,
            ..*place
        };
        match panel {
            Panel::Lines(lines) => lines::draw(&canvas, area, lines)?,
            Panel::Dots(dots) => dots::draw(&canvas, area, dots)?,
            Panel::Heat(heat) => heat::draw(&canvas, area, heat)?,
        }
    }
    root.present().map_err(|error| error.to_string())
}
