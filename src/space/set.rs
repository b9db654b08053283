//! A set of rows, with what is known of them as images: their shape, their range, and the same images in the sizes of
//! networks.

use super::Mapped;
use super::frame::{Frame, Frames};
use super::pixel::Select;
use crate::error::{Error, Place, Result};
use crate::rows::images::{Misfit, Shape};
use crate::rows::{Element, Rows};
use std::sync::Arc;

/// A set, with the shape of its rows if they are images.
#[derive(Clone)]
pub struct Set {
    pub rows: Arc<dyn Rows>,
    pub shape: Option<Shape>,
    /// The largest pixel value: 255 for bytes, 1 for floating-point images.
    pub range: f64,
    /// The same images brought to the sizes of networks when they were decoded; `rows` are then the first of them.
    pub framed: Vec<Framed>,
}

/// Images that were brought to the size of one frame.
#[derive(Clone)]
pub struct Framed {
    pub frame: Frame,
    pub rows: Arc<dyn Rows>,
    pub shape: Shape,
}

impl Set {
    /// Whether its pixels are whole numbers from 0 to 255.
    pub fn holds_bytes(&self) -> bool {
        self.range == 255.0 && self.rows.element() == Element::U8
    }

    /// The images of each frame, as a set.
    pub(super) fn by_frame(&self) -> impl Iterator<Item = (Frame, Set)> {
        self.framed.iter().map(|framed| {
            let set = Set {
                rows: Arc::clone(&framed.rows),
                shape: Some(framed.shape),
                range: self.range,
                framed: Vec::new(),
            };
            (framed.frame, set)
        })
    }

    /// A set of rows that are not images.
    pub fn vectors(rows: Arc<dyn Rows>) -> Self {
        Set {
            rows,
            shape: None,
            range: 1.0,
            framed: Vec::new(),
        }
    }
}

impl Frames {
    /// Splits a set of images that were converted to these frames when they were decoded: each row holds images of the
    /// `shapes`, one after the other. The set's own rows become the images of the first frame.
    pub fn split(&self, set: Set, shapes: &[Shape]) -> Set {
        let rows = Arc::clone(&set.rows);
        let mut start = 0;
        let mut part = |shape: &Shape| -> Arc<dyn Rows> {
            let end = start + shape.height * shape.width * shape.channels;
            let places = start..end;
            start = end;
            match places.len() == rows.dim() {
                true => Arc::clone(&rows),
                false => {
                    let map = Arc::new(Select::new(places.collect()));
                    Arc::new(Mapped::new(Arc::clone(&rows), map, rows.name()))
                }
            }
        };
        let parts: Vec<(Arc<dyn Rows>, Shape)> =
            shapes.iter().map(|shape| (part(shape), *shape)).collect();
        self.set(set, parts)
    }

    /// Converts a set of images of one size to these frames.
    ///
    /// Errors: rows that are not images, images that do not fit.
    pub fn of(&self, set: &Set) -> Result<Set> {
        let name = set.rows.name();
        let wrong = |misfit: Misfit| Error::input(name, Place::Whole, misfit.what, misfit.advice);
        let shape = set.shape.ok_or_else(|| {
            wrong(Misfit {
                what: "its rows are no images, which the other set's are".into(),
                advice: "name sets of images, or sets from the same space".into(),
            })
        })?;
        let bytes = set.holds_bytes();
        let made = self.frames().iter().map(|frame| {
            let steps = frame.steps(shape, bytes).map_err(wrong)?;
            let (shape, rows) = (steps.shape, Arc::clone(&set.rows));
            let through = |rows, map| -> Arc<dyn Rows> { Arc::new(Mapped::new(rows, map, name)) };
            Ok((steps.maps().fold(rows, through), shape))
        });
        let made = made.collect::<Result<Vec<_>>>()?;
        Ok(self.set(set.clone(), made))
    }

    /// The set, with its converted images for each frame.
    fn set(&self, set: Set, made: Vec<(Arc<dyn Rows>, Shape)>) -> Set {
        let framed = self.frames().iter().zip(made);
        let framed: Vec<Framed> = framed
            .map(|(frame, (rows, shape))| Framed {
                frame: *frame,
                rows,
                shape,
            })
            .collect();
        match framed.first() {
            Some(first) => Set {
                rows: Arc::clone(&first.rows),
                shape: Some(first.shape),
                framed,
                ..set
            },
            None => set,
        }
    }
}
