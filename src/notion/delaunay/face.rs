//! Faces of the box of all rows. A query on one, as an image whose corner is as dark as any, is a combination of the rows
//! on it alone, and its Delaunay simplex is that of these rows.

use crate::scan::Frame;

/// How far a centre is moved out from a face: first, times more where that was too little, and where that ends.
const LIFT: f64 = 64.0;
const FURTHER: f64 = 16.0;
const FURTHEST: f64 = 1e7;

/// The face of the box of all rows that a point is on: columns whose least or greatest number is the point's, and
/// outwards, -1 or 1. Rows off it have no weight in any combination that is the point.
///
/// Spheres are searched at a centre that is moved outwards from the face, which takes rows off it away from the sphere
/// and changes nothing on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Face {
    pub columns: Vec<(usize, f64)>,
    /// How far the centre is moved along each of these columns, in the columns' units.
    lift: f64,
}

impl Face {
    /// `frame` knows the least and the greatest number of each column.
    pub fn of(point: &[f64], frame: &Frame) -> Self {
        let ends = frame.lowest.iter().zip(&frame.highest);
        let each = point.iter().zip(ends).enumerate();
        let columns = each.filter_map(|(j, (q, (low, high)))| match (q <= low, q >= high) {
            (true, _) => Some((j, -1.0)),
            (_, true) => Some((j, 1.0)),
            _ => None,
        });
        Face {
            columns: columns.collect(),
            lift: LIFT,
        }
    }

    /// Whether a row is on it; `offset` is the row less the point.
    pub fn holds(&self, offset: &[f64]) -> bool {
        self.columns.iter().all(|&(j, _)| offset[j] == 0.0)
    }

    /// Move a centre outwards.
    pub fn move_out(&self, centre: &mut [f64], unit: &[f64]) {
        for &(j, outwards) in &self.columns {
            centre[j] += outwards * self.lift * unit[j];
        }
    }

    /// Move further from now on; false where that is no use.
    pub fn further(&mut self) -> bool {
        self.lift *= FURTHER;
        !self.columns.is_empty() && self.lift < FURTHEST
    }
}
