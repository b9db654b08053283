//! Labelled points in a panel of curves: a marker, its interval, and a name that covers no other.

use super::axis::Scale;
use super::canvas::{self, Area, Canvas, Drawn, Place, Size};
use super::style::Style;
use super::{Lines, Spot};
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor, WHITE};

/// Points: half the side of the square that a marker keeps free, and the distance from a marker to its name.
const FREE: f64 = 5.0;
const BESIDE: f64 = 9.0;

/// The height of a line of names in points, and how many lines away from its marker a name may be.
const LINE: f64 = 15.0;
const LINES: i32 = 24;

/// The colour of the line between a point and a name that is not beside it.
const LEADER: RGBColor = RGBColor(140, 140, 140);

/// Draws the spots of a panel; `place` maps a value to its position.
pub fn draw<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plot: Area,
    lines: &Lines,
    place: impl Fn((f64, f64)) -> Place,
) -> Drawn {
    let shows = |at: (f64, f64)| Scale::shows(&lines.x, at.0) && Scale::shows(&lines.y, at.1);
    let each = lines.spots.iter().flat_map(|spots| {
        let style = Style::of(spots.style);
        spots.all.iter().map(move |spot| (style, spot))
    });
    let shown: Vec<(Style, &Spot)> = each.filter(|(_, spot)| shows(spot.at)).collect();
    let places: Vec<Place> = shown.iter().map(|(_, s)| place(s.at)).collect();
    let named = || {
        let each = shown.iter().zip(&places);
        each.filter(|((_, spot), _)| !spot.label.is_empty())
            .map(|((_, spot), at)| (*at, spot.label.as_str()))
    };
    let sizes = named().map(|(at, label)| (at, canvas::width(label, Size::Normal)));
    let names = names(&places, &sizes.collect::<Vec<_>>(), plot);
    for ((from, _), name) in named().zip(&names) {
        if (name.middle_down() - from.1).abs() > LINE {
            let near = from.0.clamp(name.left, name.right);
            canvas.line(&[from, (near, name.middle_down())], LEADER, 0.75)?;
        }
    }
    for ((style, spot), at) in shown.iter().zip(&places) {
        if let Some((low, high)) = spot.interval {
            let ends = [low, high].map(|end| place((spot.at.0, end)));
            canvas.line(&ends, style.colour, 1.0)?;
        }
        canvas.marker(*at, *style)?;
    }
    for ((_, label), name) in named().zip(&names) {
        canvas.fill(&name.corners(), WHITE.mix(0.85))?;
        canvas.label(label, name.left, name.middle_down())?;
    }
    Ok(())
}

/// The rectangles of names, given the position and the width of each: beside the point where that is free, otherwise in the
/// nearest free line. Names cover no marker; those of points at the upper end may reach a little above the plot.
fn names(markers: &[Place], named: &[(Place, f64)], plot: Area) -> Vec<Area> {
    let mut taken: Vec<Area> = markers.iter().map(|at| around(*at)).collect();
    let mut names = Vec::new();
    for &((x, y), width) in named {
        let lefts = [x + BESIDE, x - BESIDE - width, x - 0.5 * width];
        let lines = (0..=LINES).flat_map(|line| [f64::from(line) * LINE, f64::from(-line) * LINE]);
        let all = lines.flat_map(|down| lefts.map(|left| (left, y + down)));
        let line = |left, middle| Area::sized((left, middle - 0.5 * LINE), (width, LINE));
        let mut all = all.map(|(left, middle)| line(left, middle));
        let free = |name: &Area| {
            name.left >= plot.left
                && name.right <= plot.right
                && name.top >= plot.top - LINE
                && name.bottom <= plot.bottom
                && !taken.iter().any(|other| touch(name, other))
        };
        let name = all.find(free).unwrap_or(line(x + BESIDE, y));
        taken.push(name);
        names.push(name);
    }
    names
}

fn around((x, y): Place) -> Area {
    Area::sized((x - FREE, y - FREE), (2.0 * FREE, 2.0 * FREE))
}

fn touch(a: &Area, b: &Area) -> bool {
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve names at one position in a corner, and some at the other ends: no name covers another or leaves the panel.
    #[test]
    fn names_cover_no_other_and_stay_in_the_panel() {
        let plot = Area::sized((0.0, 0.0), (400.0, 300.0));
        let mut places = vec![(390.0, 8.0); 12];
        places.extend([(5.0, 8.0), (5.0, 290.0), (200.0, 150.0), (200.0, 151.0)]);
        let widths: Vec<f64> = (0..places.len()).map(|n| 40.0 + 12.0 * n as f64).collect();
        let named: Vec<_> = places.iter().copied().zip(widths).collect();
        let names = names(&places, &named, plot);
        for (number, name) in names.iter().enumerate() {
            assert!(name.left >= 0.0 && name.right <= 400.0, "{name:?}");
            assert!(name.top >= -LINE && name.bottom <= 300.0, "{name:?}");
            let mut others = names[number + 1..].iter();
            assert!(!others.any(|other| touch(name, other)), "{name:?}");
            assert!(!places.iter().any(|at| touch(name, &around(*at))));
        }
        // Where there is room, a name is beside its point.
        assert_eq!(
            (names[12].left, names[12].middle_down()),
            (5.0 + BESIDE, 8.0)
        );
    }
}
