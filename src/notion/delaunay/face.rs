//! Faces of the bounding box of all rows. A query on a face, such as an image with a corner as dark as in any image, is a
//! combination of rows on that face only, and its Delaunay simplex is that among these rows.

use crate::scan::Frame;

/// How far a centre is moved out from a face: the first distance, the factor if it was too small, and the largest.
const LIFT: f64 = 64.0;
const FURTHER: f64 = 16.0;
const FURTHEST: f64 = 1e7;

/// The face of the bounding box that a point is on: the columns in which the point has the least or greatest value of all
/// rows, with -1 or 1 for the outward direction. Rows off the face have weight 0 in any combination that equals the point.
///
/// Spheres are searched at a centre that is moved outwards from the face: this moves rows off the face away from the sphere
/// and does not change the order of rows on the face.
#[derive(Debug, Clone, Default)]
pub(super) struct Face {
    pub columns: Vec<(usize, f64)>,
    /// How far the centre is moved along each of these columns, in units of the columns.
    lift: f64,
}

impl Face {
    /// The face of a point; `frame` has the least and the greatest value of each column.
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

    /// Whether a row is on the face; `offset` is the row minus the point.
    pub fn holds(&self, offset: &[f64]) -> bool {
        self.columns.iter().all(|&(j, _)| offset[j] == 0.0)
    }

    /// Moves a centre outwards.
    pub fn move_out(&self, centre: &mut [f64], unit: &[f64]) {
        for &(j, outwards) in &self.columns {
            centre[j] += outwards * self.lift * unit[j];
        }
    }

    /// Increases the distance for the next moves; false if it is at its maximum.
    pub fn further(&mut self) -> bool {
        self.lift *= FURTHER;
        !self.columns.is_empty() && self.lift < FURTHEST
    }
}
