//! Which graphics adapters there are, and which one to take.

/// One adapter.
#[derive(Debug, Clone)]
pub struct Adapter {
    pub index: usize,
    pub name: String,
    pub(crate) handle: wgpu::Adapter,
}

/// All of them.
pub fn list() -> Vec<Adapter> {
    let instance =
        wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let all = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    all.into_iter()
        .enumerate()
        .map(|(index, handle)| Adapter {
            index,
            name: handle.get_info().name,
            handle,
        })
        .collect()
}
