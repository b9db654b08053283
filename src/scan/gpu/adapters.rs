//! Which graphics adapters there are, what they can do, and which one to take.
//!
//! The choice is a function of plain [`Facts`], so that every case of it is tested without a driver.

use crate::error::{Error, Result};
use serde::Serialize;
use wgpu::{Backends, DeviceType, Features};

/// What an adapter is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AdapterKind {
    Discrete,
    Integrated,
    Virtual,
    Other,
    /// The host's own cores behind a graphics interface: for tests, slower than the CPU scan.
    Software,
}

/// What an adapter is and can do, as far as the scan is concerned.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// Its place in [`list`].
    pub index: usize,
    pub name: String,
    pub kind: AdapterKind,
    /// `vulkan`, `metal` or `dx12`.
    pub backend: String,
    pub driver: String,
    pub driver_version: String,
    pub vendor_id: u32,
    pub device_id: u32,
    pub pci_bus: String,
    /// Bytes that one pass can see of one buffer.
    pub max_storage_binding_bytes: u64,
    pub max_buffer_bytes: u64,
    pub max_workgroup_memory_bytes: u32,
    pub max_workgroup_invocations: u32,
    pub max_workgroups_per_dimension: u32,
    pub subgroup_min: u32,
    pub subgroup_max: u32,
    pub subgroups: bool,
    pub f16: bool,
    /// 16 x 16 x 16 matrices, f16 in and f32 out.
    pub cooperative_matrices: bool,
    pub timestamps: bool,
    pub pipeline_cache: bool,
}

impl Facts {
    fn of(index: usize, handle: &wgpu::Adapter) -> Self {
        let info = handle.get_info();
        let limits = handle.limits();
        let has = |feature| handle.features().contains(feature);
        Facts {
            index,
            kind: match info.device_type {
                DeviceType::DiscreteGpu => AdapterKind::Discrete,
                DeviceType::IntegratedGpu => AdapterKind::Integrated,
                DeviceType::VirtualGpu => AdapterKind::Virtual,
                DeviceType::Cpu => AdapterKind::Software,
                DeviceType::Other => AdapterKind::Other,
            },
            backend: info.backend.to_string(),
            name: info.name,
            driver: info.driver,
            driver_version: info.driver_info,
            vendor_id: info.vendor,
            device_id: info.device,
            pci_bus: info.device_pci_bus_id,
            max_storage_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            max_workgroup_memory_bytes: limits.max_compute_workgroup_storage_size,
            max_workgroup_invocations: limits.max_compute_invocations_per_workgroup,
            max_workgroups_per_dimension: limits.max_compute_workgroups_per_dimension,
            subgroup_min: info.subgroup_min_size,
            subgroup_max: info.subgroup_max_size,
            subgroups: has(Features::SUBGROUP),
            f16: has(Features::SHADER_F16),
            cooperative_matrices: has_matrix_unit(handle),
            timestamps: has(Features::TIMESTAMP_QUERY),
            pipeline_cache: has(Features::PIPELINE_CACHE),
        }
    }

    /// Name, interface and driver, as messages list it.
    pub fn title(&self) -> String {
        let kind = format!("{:?}", self.kind).to_lowercase();
        let driver = format!("{} {}", self.driver, self.driver_version);
        format!(
            "{}: {} ({kind}, {}, {})",
            self.index,
            self.name,
            self.backend,
            driver.trim()
        )
    }
}

impl AsRef<Facts> for Facts {
    fn as_ref(&self) -> &Facts {
        self
    }
}

/// One adapter.
#[derive(Debug, Clone)]
pub struct Adapter {
    pub facts: Facts,
    pub(crate) handle: wgpu::Adapter,
}

impl AsRef<Facts> for Adapter {
    fn as_ref(&self) -> &Facts {
        &self.facts
    }
}

/// All adapters, one entry each: a card that two interfaces offer (Vulkan and DirectX) is listed by the first.
pub fn list() -> Vec<Adapter> {
    let instance =
        wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let wanted = Backends::VULKAN | Backends::METAL | Backends::DX12;
    let mut all: Vec<Adapter> = Vec::new();
    for handle in pollster::block_on(instance.enumerate_adapters(wanted)) {
        let facts = Facts::of(all.len(), &handle);
        if !all.iter().any(|known| same_card(&known.facts, &facts)) {
            all.push(Adapter { facts, handle });
        }
    }
    all
}

/// Whether two interfaces offer one card. Two parts of one card on one interface stay two.
fn same_card(one: &Facts, other: &Facts) -> bool {
    !one.pci_bus.is_empty() && one.pci_bus == other.pci_bus && one.backend != other.backend
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// A discrete or integrated GPU if there is one, the CPU otherwise.
    #[default]
    Auto,
    Gpu,
    Cpu,
}

/// What is taken, and why.
#[derive(Debug)]
pub enum Choice<'a, A> {
    Cpu { why: String },
    Gpu { adapter: &'a A, why: String },
}

/// How to get a driver, for messages.
pub const DRIVER_HINT: &str = "install the vendor's driver with Vulkan support (Debian and Ubuntu: mesa-vulkan-drivers \
    for AMD and Intel, nvidia-driver for NVIDIA, and libvulkan1)";

/// Choose among `adapters`; `wanted` is an index or a part of a name.
///
/// Errors ([`Error::Usage`]): a wanted adapter that none or several match; `Gpu` on a machine without one.
pub fn choose<'a, A: AsRef<Facts>>(
    adapters: &'a [A],
    backend: Backend,
    wanted: Option<&str>,
) -> Result<Choice<'a, A>> {
    match (backend, wanted) {
        (Backend::Cpu, Some(wanted)) => Err(Error::Usage(format!(
            "--adapter {wanted} goes with --backend gpu or auto, not with --backend cpu"
        ))),
        (Backend::Cpu, None) => Ok(Choice::Cpu {
            why: "asked for".into(),
        }),
        (_, Some(wanted)) => Ok(Choice::Gpu {
            adapter: named(adapters, wanted)?,
            why: "named by --adapter".into(),
        }),
        (Backend::Auto, None) => Ok(automatic(adapters)),
        (Backend::Gpu, None) => best(adapters, |kind| kind != AdapterKind::Software)
            .map(|adapter| Choice::Gpu {
                adapter,
                why: format!("the best of {}", adapters.len()),
            })
            .ok_or_else(|| Error::Usage(none_found(adapters))),
    }
}

fn automatic<A: AsRef<Facts>>(adapters: &[A]) -> Choice<'_, A> {
    let real = |kind| matches!(kind, AdapterKind::Discrete | AdapterKind::Integrated);
    if let Some(adapter) = best(adapters, real) {
        let why = match adapter.as_ref().kind {
            AdapterKind::Discrete => "a discrete GPU",
            _ => "an integrated GPU, and no discrete one",
        };
        return Choice::Gpu {
            adapter,
            why: why.into(),
        };
    }
    let why = if adapters.is_empty() {
        "no Vulkan loader or driver was found".into()
    } else {
        let names: Vec<&str> = adapters
            .iter()
            .map(|adapter| adapter.as_ref().name.as_str())
            .collect();
        format!(
            "no discrete or integrated GPU was found, only {}",
            names.join(", ")
        )
    };
    Choice::Cpu { why }
}

/// Discrete before integrated, then what binds more, then the first listed.
fn best<A: AsRef<Facts>>(adapters: &[A], of: impl Fn(AdapterKind) -> bool) -> Option<&A> {
    adapters
        .iter()
        .filter(|adapter| of(adapter.as_ref().kind))
        .min_by_key(|adapter| {
            let facts = adapter.as_ref();
            let size = facts.max_buffer_bytes.min(facts.max_storage_binding_bytes);
            (facts.kind, std::cmp::Reverse(size), facts.index)
        })
}

fn named<'a, A: AsRef<Facts>>(adapters: &'a [A], wanted: &str) -> Result<&'a A> {
    if adapters.is_empty() {
        return Err(Error::Usage(none_found(adapters)));
    }
    let part = wanted.to_lowercase();
    let matching: Vec<&A> = match wanted.parse::<usize>() {
        Ok(index) => adapters.iter().skip(index).take(1).collect(),
        Err(_) => adapters
            .iter()
            .filter(|adapter| adapter.as_ref().name.to_lowercase().contains(&part))
            .collect(),
    };
    match matching[..] {
        [one] => Ok(one),
        [] => Err(Error::Usage(format!(
            "--adapter {wanted} matches no adapter; there are:{}",
            listed(adapters)
        ))),
        _ => Err(Error::Usage(format!(
            "--adapter {wanted} matches {} adapters; give the number or more of the name:{}",
            matching.len(),
            listed(&matching)
        ))),
    }
}

fn none_found<A: AsRef<Facts>>(adapters: &[A]) -> String {
    if adapters.is_empty() {
        return format!("no GPU: no Vulkan loader or driver was found; {DRIVER_HINT}");
    }
    format!(
        "no GPU, only software adapters; name one with --adapter to try it, or {DRIVER_HINT}. Found:{}",
        listed(adapters)
    )
}

fn listed<A: AsRef<Facts>>(adapters: &[A]) -> String {
    adapters
        .iter()
        .map(|adapter| format!("\n  {}", adapter.as_ref().title()))
        .collect()
}

/// Whether the adapter multiplies 16 x 16 matrices of f16 into f32 with subgroups of 32, which the shader is written
/// for. `HULLSCOPE_NO_COOP` switches it off: some drivers crash on it.
pub fn has_matrix_unit(adapter: &wgpu::Adapter) -> bool {
    use wgpu::CooperativeScalarType::{F16, F32};
    let needed = Features::EXPERIMENTAL_COOPERATIVE_MATRIX | Features::SHADER_F16;
    let info = adapter.get_info();
    std::env::var_os("HULLSCOPE_NO_COOP").is_none()
        && adapter.features().contains(needed)
        && (info.subgroup_min_size, info.subgroup_max_size) == (32, 32)
        && adapter.cooperative_matrix_properties().iter().any(|found| {
            (found.m_size, found.n_size, found.k_size) == (16, 16, 16)
                && (found.ab_type, found.cr_type) == (F16, F32)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(index: usize, name: &str, kind: AdapterKind, bytes: u64) -> Facts {
        Facts {
            index,
            name: name.into(),
            kind,
            backend: "vulkan".into(),
            driver: "test".into(),
            driver_version: "1".into(),
            vendor_id: 0,
            device_id: 0,
            pci_bus: String::new(),
            max_storage_binding_bytes: bytes,
            max_buffer_bytes: bytes,
            max_workgroup_memory_bytes: 1 << 14,
            max_workgroup_invocations: 256,
            max_workgroups_per_dimension: 65535,
            subgroup_min: 32,
            subgroup_max: 32,
            subgroups: true,
            f16: true,
            cooperative_matrices: false,
            timestamps: true,
            pipeline_cache: true,
        }
    }

    fn laptop() -> Vec<Facts> {
        vec![
            facts(0, "llvmpipe (LLVM 15)", AdapterKind::Software, 1 << 40),
            facts(1, "Iris Xe", AdapterKind::Integrated, 1 << 31),
            facts(2, "RTX 4060", AdapterKind::Discrete, 1 << 30),
            facts(3, "RTX 4090", AdapterKind::Discrete, 1 << 31),
        ]
    }

    /// The index taken, or why the CPU is, or the error.
    fn taken(
        all: &[Facts],
        backend: Backend,
        wanted: Option<&str>,
    ) -> std::result::Result<usize, String> {
        match choose(all, backend, wanted) {
            Ok(Choice::Gpu { adapter, .. }) => Ok(adapter.index),
            Ok(Choice::Cpu { why }) => Err(why),
            Err(error) => Err(format!("error: {error}")),
        }
    }

    #[test]
    fn auto_takes_the_best_real_one() {
        assert_eq!(taken(&laptop(), Backend::Auto, None), Ok(3));
        assert_eq!(taken(&laptop()[..2], Backend::Auto, None), Ok(1));
        let why = taken(&laptop()[..1], Backend::Auto, None).unwrap_err();
        assert!(
            why.contains("only llvmpipe") && !why.contains("error"),
            "{why}"
        );
        let why = taken(&[], Backend::Auto, None).unwrap_err();
        assert!(
            why.contains("no Vulkan loader") && !why.contains("error"),
            "{why}"
        );
        let machine = [facts(0, "virtio", AdapterKind::Virtual, 1)];
        assert!(taken(&machine, Backend::Auto, None).is_err());
        assert_eq!(taken(&machine, Backend::Gpu, None), Ok(0));
    }

    #[test]
    fn gpu_without_one_lists_what_was_found_and_helps() {
        assert_eq!(taken(&laptop(), Backend::Gpu, None), Ok(3));
        let error = taken(&laptop()[..1], Backend::Gpu, None).unwrap_err();
        for part in [
            "error",
            "only software",
            "0: llvmpipe",
            "mesa-vulkan-drivers",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        let error = taken(&[], Backend::Gpu, None).unwrap_err();
        assert!(error.contains("no Vulkan loader") && error.contains("libvulkan1"));
        assert!(taken(&[], Backend::Gpu, Some("0")).is_err());
    }

    #[test]
    fn names_and_numbers() {
        assert_eq!(taken(&laptop(), Backend::Gpu, Some("0")), Ok(0));
        assert_eq!(taken(&laptop(), Backend::Auto, Some("LLVMPIPE")), Ok(0));
        assert_eq!(taken(&laptop(), Backend::Gpu, Some("iris")), Ok(1));
        let several = taken(&laptop(), Backend::Gpu, Some("rtx")).unwrap_err();
        assert!(
            several.contains("2 adapters")
                && several.contains("4090")
                && !several.contains("llvmpipe")
        );
        for wrong in ["4", "radeon"] {
            let none = taken(&laptop(), Backend::Gpu, Some(wrong)).unwrap_err();
            assert!(
                none.contains("matches no adapter") && none.contains("Iris"),
                "{none}"
            );
        }
        let clash = taken(&laptop(), Backend::Cpu, Some("0")).unwrap_err();
        assert!(clash.contains("--backend cpu"));
        assert_eq!(
            taken(&laptop(), Backend::Cpu, None),
            Err("asked for".into())
        );
    }

    #[test]
    fn one_card_on_two_interfaces_is_one() {
        let mut one = facts(0, "card", AdapterKind::Discrete, 1);
        let mut other = one.clone();
        assert!(!same_card(&one, &other));
        one.pci_bus = "0000:01:00.0".into();
        other.pci_bus = one.pci_bus.clone();
        assert!(!same_card(&one, &other));
        other.backend = "dx12".into();
        assert!(same_card(&one, &other));
    }
}
