//! Which graphics adapters there are, and which one to take.

/// One adapter.
#[derive(Debug, Clone)]
pub struct Adapter {
    pub index: usize,
    pub name: String,
    pub(crate) handle: wgpu::Adapter,
}
