//! Stub until the readers land.
use super::Rows;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub planar: bool,
}
pub struct Labels {
    pub classes: Vec<u32>,
    pub names: Vec<String>,
}
pub struct Images {
    pub rows: Box<dyn Rows>,
    pub shape: Option<Shape>,
    pub labels: Option<Labels>,
}
