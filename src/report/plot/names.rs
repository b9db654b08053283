//! Names beside points: each covers no other name and no point, where there is room.

use super::drawing::{Area, Drawing, LINE, NORMAL, solid, width};
use super::style::Mark;
use itertools::iproduct;

/// Points: half the side of the square that a point keeps free, and the distance from a point to its name.
const FREE: f64 = 5.0;
const BESIDE: f64 = 9.0;

/// How many lines away from its point a name may be.
const LINES: i32 = 24;

/// Draws the names of those points that have one: beside them, or else in the nearest free line and joined to the point by a
/// line. Names of points at the upper end may reach a little above the plot.
pub fn draw(drawing: &mut Drawing, plot: Area, marks: &[Mark]) {
    let square = |&Mark { at: (x, y), .. }: &Mark| {
        Area::sized((x - FREE, y - FREE), (2.0 * FREE, 2.0 * FREE))
    };
    let mut taken: Vec<Area> = marks.iter().map(square).collect();
    for mark in marks.iter().filter(|mark| !mark.name.is_empty()) {
        let ((x, y), name) = (mark.at, mark.name);
        let wide = width(name, NORMAL);
        let lefts = [x + BESIDE, x - BESIDE - wide, x - 0.5 * wide];
        let lines = iproduct!(0..=LINES, [LINE, -LINE]).map(|(line, one)| f64::from(line) * one);
        let places = iproduct!(lines, lefts)
            .map(|(down, left)| Area::sized((left, y + down - 0.5 * LINE), (wide, LINE)));
        let free = |name: &Area| {
            let across = name.left >= plot.left && name.right <= plot.right;
            let down = name.top >= plot.top - LINE && name.bottom <= plot.bottom;
            across && down && !taken.iter().any(|other| name.touches(other))
        };
        let Some(area) = places.clone().find(free).or(places.clone().next()) else {
            continue;
        };
        let middle = area.at(0.0, 0.5).1;
        if (middle - y).abs() > LINE + 1.0 {
            let near = x.clamp(area.left, area.right);
            drawing.line(&[(x, y), (near, middle)], solid([140; 3], 0.75));
        }
        drawing.name(name, (area.left, middle));
        taken.push(area);
    }
}
