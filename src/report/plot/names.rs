//! Names beside points: each covers no other name and no marker, and no curve where there is room.

use super::drawing::{Area, Drawing, LINE, NORMAL, Place, solid, width};

/// Points: half the side of the square that a marker keeps free, and the distance from a marker to its name.
const FREE: f64 = 5.0;
const BESIDE: f64 = 9.0;

/// How many lines away from its marker a name may be, and how many to leave a curve uncovered.
const LINES: i32 = 24;
const NEAR: i32 = 2;

/// The distance between the points of a curve that names leave uncovered.
const STEP: f64 = 4.0;

/// Draws names of points, with a line from a point to a name that is not beside it; `markers` and `curves` are what names
/// avoid.
pub fn draw(
    drawing: &mut Drawing,
    plot: Area,
    named: &[(Place, &str)],
    markers: &[Place],
    curves: &[Vec<Place>],
) {
    let sizes = named.iter().map(|(at, name)| (*at, width(name, NORMAL)));
    let areas = places(plot, &sizes.collect::<Vec<_>>(), markers, curves);
    for (((x, y), name), area) in named.iter().zip(&areas) {
        let middle = area.at(0.0, 0.5).1;
        if (middle - y).abs() > LINE + 1.0 {
            let near = x.clamp(area.left, area.right);
            drawing.line(&[(*x, *y), (near, middle)], solid([140; 3], 0.75));
        }
        drawing.name(name, (area.left, middle));
    }
}

/// The rectangles of names, given the position and the width of each: beside the point where that is free, otherwise in the
/// nearest free line. Names of points at the upper end may reach a little above the plot.
fn places(
    plot: Area,
    named: &[(Place, f64)],
    markers: &[Place],
    curves: &[Vec<Place>],
) -> Vec<Area> {
    let square = |&(x, y): &Place| Area::sized((x - FREE, y - FREE), (2.0 * FREE, 2.0 * FREE));
    let mut taken: Vec<Area> = markers.iter().map(square).collect();
    let covered: Vec<Area> = curves.iter().flat_map(|curve| beads(curve)).collect();
    let mut areas = Vec::new();
    for &((x, y), width) in named {
        let lefts = [x + BESIDE, x - BESIDE - width, x - 0.5 * width];
        let area = |left, down| Area::sized((left, y + down - 0.5 * LINE), (width, LINE));
        let within = |lines: i32| {
            let lines = (0..=lines).flat_map(|line| [line, -line].map(|n| f64::from(n) * LINE));
            lines.flat_map(move |down| lefts.map(|left| area(left, down)))
        };
        let free = |name: &Area| {
            let inside = name.left >= plot.left && name.right <= plot.right;
            let inside = inside && name.top >= plot.top - LINE && name.bottom <= plot.bottom;
            inside && !taken.iter().any(|other| name.touches(other))
        };
        let open = |name: &Area| free(name) && !covered.iter().any(|bead| name.touches(bead));
        let found = within(NEAR).find(open).or_else(|| within(LINES).find(free));
        let area = found.unwrap_or(area(x + BESIDE, 0.0));
        taken.push(area);
        areas.push(area);
    }
    areas
}

/// Small rectangles along a curve.
fn beads(curve: &[Place]) -> Vec<Area> {
    let pairs = curve.windows(2).flat_map(|pair| {
        let [(x, y), (to_x, to_y)] = [pair[0], pair[1]];
        let count = ((to_x - x).hypot(to_y - y) / STEP).ceil().max(1.0);
        (0..=count as u32).map(move |step| {
            let share = f64::from(step) / count;
            Area::sized((x + share * (to_x - x), y + share * (to_y - y)), (1.0, 1.0))
        })
    });
    pairs.collect()
}
