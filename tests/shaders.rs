//! Every shader variant compiles on a device that executes nothing; struct layouts equal those of the host; every file
//! names its twin. No driver is needed.

use hullscope::scan::gpu::device::Device;
use hullscope::scan::gpu::needs::Params;
use hullscope::scan::gpu::pass::Pass;
use hullscope::scan::gpu::pipeline::Variant;
use hullscope::scan::gpu::tile::{
    COOP_TILE, Entry, GatherParams, MergeParams, NormsParams, PackParams, RescoreParams,
    ScanParams, SelectParams, TILES, TinyParams,
};
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{TypeInner, front::wgsl};
use wgpu::{ExperimentalFeatures, Features, Limits};

/// Every variant that the engine can use, with and without unrolled loops.
fn variants() -> Vec<Variant> {
    let mut all = Vec::new();
    for pass in Pass::ALL {
        for tile in TILES {
            for &stored in pass.stores() {
                for unrolled in [false, true] {
                    if pass == Pass::ScanCoop && tile != COOP_TILE {
                        continue;
                    }
                    let width = tile.rows;
                    all.push(Variant {
                        pass,
                        tile,
                        stored,
                        width,
                        unrolled,
                    });
                }
            }
        }
    }
    all
}

fn noop() -> Device {
    let features = Features::SHADER_F16 | Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
    let limits = Limits {
        max_compute_invocations_per_workgroup: 1024,
        max_compute_workgroup_storage_size: 49_152,
        max_storage_buffers_per_shader_stage: 16,
        ..Limits::default()
    };
    let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor {
        required_features: features,
        required_limits: limits,
        // SAFETY: nothing is executed by this back end.
        experimental_features: unsafe { ExperimentalFeatures::enabled() },
        ..Default::default()
    });
    Device::wrap(device, queue)
}

#[test]
fn every_variant_is_valid() {
    let mut device = noop();
    for variant in variants() {
        assert!(device.fits(&variant), "{}", variant.label());
        device
            .pipeline(variant)
            .unwrap_or_else(|trouble| panic!("{trouble}\n{}", variant.wgsl()));
    }
}

/// The shaders can also be translated to what the drivers of other platforms read; validation alone does not run these
/// back ends.
#[test]
fn every_variant_translates_for_vulkan_metal_and_directx() {
    let spirv = spv::Options {
        lang_version: (1, 6),
        ..spv::Options::default()
    };
    let directx = hlsl::Options {
        shader_model: hlsl::ShaderModel::V6_2,
        ..hlsl::Options::default()
    };
    let metal = msl::Options {
        lang_version: (2, 4),
        ..msl::Options::default()
    };
    for variant in variants() {
        let module = wgsl::parse_str(&variant.wgsl()).unwrap();
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
        let info = validator.validate(&module).unwrap();
        let words = spv::write_vec(&module, &info, &spirv, None);
        let words = words.unwrap_or_else(|error| panic!("{}: {error}", variant.label()));
        assert_eq!(words[0], 0x0723_0203, "SPIR-V's magic number");
        // The matrix unit is used through Vulkan only.
        if variant.pass == Pass::ScanCoop {
            continue;
        }
        let text = msl::write_string(&module, &info, &metal, &msl::PipelineOptions::default());
        text.unwrap_or_else(|error| panic!("{} for Metal: {error}", variant.label()));
        let (mut text, entry) = (String::new(), hlsl::PipelineOptions::default());
        hlsl::Writer::new(&mut text, &directx, &entry)
            .write(&module, &info, None)
            .unwrap_or_else(|error| panic!("{} for DirectX: {error}", variant.label()));
    }
}

#[test]
fn an_invalid_shader_is_a_bug_with_its_name() {
    let mut device = noop();
    // 128 x 128 tiles with one score per thread need more threads than any device has.
    let mut variant = variants()
        .into_iter()
        .find(|variant| variant.pass == Pass::Scan)
        .unwrap();
    variant.tile.row_lane = 1;
    let trouble = device.pipeline(variant).unwrap_err().to_string();
    assert!(
        trouble.contains("bug") && trouble.contains("scan 128x128"),
        "{trouble}"
    );
    // The compiler checks the `const_assert` lines: here a depth that is not allowed.
    let mut variant = variants()[0];
    variant.pass = Pass::Scan;
    variant.tile.depth = 12;
    let trouble = device.pipeline(variant).unwrap_err().to_string();
    assert!(trouble.contains("scan 128x128x12"), "{trouble}");
}

#[test]
fn layouts_are_those_of_the_host() {
    let expected: [(Pass, &[&str], usize); 11] = [
        (Pass::Pack, PackParams::FIELDS, size_of::<PackParams>()),
        (Pass::Norms, NormsParams::FIELDS, size_of::<NormsParams>()),
        (Pass::Scan, ScanParams::FIELDS, size_of::<ScanParams>()),
        (Pass::ScanCoop, ScanParams::FIELDS, size_of::<ScanParams>()),
        (Pass::ScanInt8, ScanParams::FIELDS, size_of::<ScanParams>()),
        (
            Pass::Select,
            SelectParams::FIELDS,
            size_of::<SelectParams>(),
        ),
        (
            Pass::Rescore,
            RescoreParams::FIELDS,
            size_of::<RescoreParams>(),
        ),
        (
            Pass::RescoreInt8,
            RescoreParams::FIELDS,
            size_of::<RescoreParams>(),
        ),
        (Pass::Merge, MergeParams::FIELDS, size_of::<MergeParams>()),
        (
            Pass::Gather,
            GatherParams::FIELDS,
            size_of::<GatherParams>(),
        ),
        (Pass::Tiny, TinyParams::FIELDS, size_of::<TinyParams>()),
    ];
    for (pass, fields, size) in expected {
        let layout = layout(pass, "Params");
        let names: Vec<&str> = layout.0.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, fields, "{}", pass.name());
        assert_eq!(layout.1 as usize, size, "{}", pass.name());
        for (place, (_, offset)) in layout.0.iter().enumerate() {
            assert_eq!(*offset as usize, 4 * place, "{}", pass.name());
        }
    }
    let (members, span) = layout(Pass::Merge, "Entry");
    let offsets: Vec<_> = members
        .iter()
        .map(|(name, at)| (name.as_str(), *at as usize))
        .collect();
    assert_eq!(
        offsets,
        [
            ("score", std::mem::offset_of!(Entry, score)),
            ("low", std::mem::offset_of!(Entry, low)),
            ("high", std::mem::offset_of!(Entry, high))
        ]
    );
    assert_eq!(span as usize, size_of::<Entry>());
}

/// The names and offsets of a struct's members, and its size, as naga computes them.
fn layout(pass: Pass, name: &str) -> (Vec<(String, u32)>, u32) {
    let variant = variants()
        .into_iter()
        .find(|variant| variant.pass == pass)
        .unwrap();
    let module = wgsl::parse_str(&variant.wgsl()).unwrap();
    let found = module
        .types
        .iter()
        .find(|(_, kind)| kind.name.as_deref() == Some(name));
    let TypeInner::Struct { members, span } = &found.unwrap().1.inner else {
        panic!("{name} is no struct");
    };
    let members = members
        .iter()
        .map(|member| (member.name.clone().unwrap(), member.offset));
    (members.collect(), *span)
}

/// Buffers of exactly the required lengths pass; with one number less in any buffer they are refused.
fn too_short_is_refused<P: Params>(device: &mut Device, pass: Pass, params: &P) {
    let variant = variants()
        .into_iter()
        .find(|variant| variant.pass == pass)
        .unwrap();
    let needs = params.needs(&variant);
    let attempt = |device: &mut Device, short: Option<usize>| {
        let buffers: Vec<wgpu::Buffer> = (0..needs.len())
            .map(|i| {
                let less = if short == Some(i) { 4 } else { 0 };
                device.buffer("test", needs[i].bytes() - less).unwrap()
            })
            .collect();
        let bound: Vec<&wgpu::Buffer> = buffers.iter().collect();
        let mut encoder = device.record();
        let issue = || device.issue(&mut encoder, variant, params, &bound, 1);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(issue))
    };
    attempt(device, None)
        .expect("buffers of the right length")
        .unwrap();
    for (place, need) in needs.iter().enumerate() {
        let panic = attempt(device, Some(place)).expect_err(need.name);
        let text = panic.downcast_ref::<String>().unwrap();
        let name = format!("`{}`", need.name);
        assert!(
            text.contains("too short") && text.contains(&name) && text.contains(&variant.label()),
            "{text}"
        );
    }
}

#[test]
fn a_buffer_shorter_than_its_parameters_ask_for_is_refused() {
    let mut device = noop();
    let device = &mut device;
    let scan = ScanParams {
        rows: 300,
        spans: 10,
        first_panel: 1,
        panels: 2,
        first_tile: 1,
        tiles: 2,
        queries: 200,
        depth: 32,
    };
    too_short_is_refused(device, Pass::Scan, &scan);
    too_short_is_refused(device, Pass::ScanCoop, &scan);
    too_short_is_refused(device, Pass::ScanInt8, &scan);
    let pack = PackParams {
        rows: 200,
        columns: 17,
        depth: 32,
        first_panel: 3,
        panels: 2,
    };
    too_short_is_refused(device, Pass::Pack, &pack);
    let norms = NormsParams {
        spans: 5,
        depth: 32,
    };
    too_short_is_refused(device, Pass::Norms, &norms);
    let select = SelectParams {
        count: 300,
        wanted: 7,
        queries: 5,
        first_query: 2,
        by_norm: 1,
        which: 0,
    };
    too_short_is_refused(device, Pass::Select, &select);
    let rescore = RescoreParams {
        rows: 300,
        slots: 4,
        queries: 5,
        first_query: 2,
        depth: 32,
    };
    too_short_is_refused(device, Pass::Rescore, &rescore);
    too_short_is_refused(device, Pass::RescoreInt8, &rescore);
    let merge = MergeParams {
        kept: 9,
        fresh: 8,
        slots: 4,
        queries: 5,
        first_query: 2,
        base_low: 0,
        base_high: 1,
    };
    too_short_is_refused(device, Pass::Merge, &merge);
    let gather = GatherParams {
        count: 3,
        columns: 17,
        depth: 32,
        rows: 300,
    };
    too_short_is_refused(device, Pass::Gather, &gather);
    let tiny = TinyParams {
        problems: 3,
        first_problem: 2,
        d: 5,
        rows: 40,
        sizes: 2,
    };
    too_short_is_refused(device, Pass::Tiny, &tiny);
}

/// The parameters of one pass are refused for another, and so is a problem with more columns than the shader supports.
#[test]
fn parameters_that_do_not_fit_the_pass_are_refused() {
    let refused = |pass: Pass, params: TinyParams| {
        let variant = variants().into_iter().find(|one| one.pass == pass).unwrap();
        let mut device = noop();
        let issue = || {
            let mut encoder = device.record();
            device.issue(&mut encoder, variant, &params, &[], 1)
        };
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(issue)).unwrap_err();
        *panic.downcast::<String>().unwrap()
    };
    let params = TinyParams {
        problems: 1,
        first_problem: 0,
        d: 33,
        rows: 40,
        sizes: 2,
    };
    let text = refused(Pass::Gather, params);
    assert!(text.contains("parameters of [Tiny]"), "{text}");
    assert!(refused(Pass::Tiny, params).contains("33 columns"));
}

#[test]
fn every_file_names_its_twin_and_its_bindings() {
    for pass in Pass::ALL {
        let text = pass.template();
        let head: Vec<&str> = text
            .lines()
            .take_while(|line| line.starts_with("//"))
            .collect();
        let head = head.join("\n");
        let twin = format!("twin: scan::gpu::twin::{}", pass.name());
        assert!(
            head.contains(&twin),
            "{}.wgsl does not say {twin}",
            pass.name()
        );
        assert!(
            head.contains("binding  what"),
            "{}.wgsl has no table of bindings",
            pass.name()
        );
    }
}
