//! One open device: buffers, dispatches, waiting, and error handling.
//!
//! wgpu panics on uncaught errors, reports a lost device once and after that silently does nothing. So every allocation
//! runs in its own error scope, every group of commands in a validation scope, and after every wait the `lost` flag is
//! read. Errors are sorted by how the engine can react to them: [`Trouble`].

use super::adapters::{self, Adapter};
use super::cache::Cached;
use super::faults::Faults;
use super::needs::{Params, assert_lengths};
use super::pass::Pass;
use super::pipeline::Variant;
use super::trust::Trust;
use crate::error::Error;
use bytemuck::Pod;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wgpu::{Buffer, BufferUsages, CommandEncoder, ComputePipeline, Features};

/// After this time without completion a device counts as hung. A submission takes fractions of a second.
const PATIENCE: Duration = Duration::from_secs(120);

/// The intended duration of a submission: systems reset a device that is busy for two seconds, and an interrupt has to
/// wait for a submission.
pub const SUBMISSION: Duration = Duration::from_millis(50);

/// Operations of the first submission, before the device's speed is known: 0.1 s at a software device's speed.
const FIRST_PACE: f64 = 3e8;

/// Why work on a device ended.
#[derive(Debug)]
pub enum Trouble {
    /// The device is gone: unplugged, reset by the system, or hung.
    Lost(String),
    /// An allocation failed; the device is still usable.
    OutOfMemory(String),
    /// wgpu rejected a command or a shader: a bug in this program or in the driver.
    Bug(String),
    /// A variant does not compute the same as its twin on this device.
    Wrong(Variant, String),
    /// Not a failure of the device: rows that cannot be read, or an interrupt.
    Host(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Host(error)
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Lost(what) => write!(f, "the device was lost: {what}"),
            Trouble::OutOfMemory(what) => write!(f, "the device is out of memory: {what}"),
            Trouble::Bug(what) => write!(f, "a bug in hullscope or in the driver: {what}"),
            Trouble::Wrong(variant, what) => {
                write!(f, "{} is computed wrongly: {what}", variant.label())
            }
            Trouble::Host(error) => error.fmt(f),
        }
    }
}

/// An open device with its compiled passes.
pub struct Device {
    raw: wgpu::Device,
    queue: wgpu::Queue,
    pub limits: wgpu::Limits,
    pub features: Features,
    /// The reason of a device loss, once there was one.
    lost: Arc<Mutex<Option<String>>>,
    /// An error outside every scope, which is a bug; reported at the next wait.
    stray: Arc<Mutex<Option<String>>>,
    pipelines: HashMap<Variant, ComputePipeline>,
    cache: Cached,
    pub(super) faults: Faults,
    /// The outcome of the checks of variants on this adapter.
    pub(super) trust: Trust,
    /// Floating-point operations per submission, adjusted towards [`SUBMISSION`].
    pub pace: f64,
}

/// A copy to the host in progress.
pub struct Landing {
    buffer: Buffer,
    bytes: u64,
    index: wgpu::SubmissionIndex,
}

/// The features that the engine uses where available.
pub fn wanted(adapter: &wgpu::Adapter) -> Features {
    let mut wanted = Features::SHADER_F16 | Features::TIMESTAMP_QUERY | Features::PIPELINE_CACHE;
    if adapters::has_matrix_unit(adapter) {
        wanted |= Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
    }
    adapter.features() & wanted
}

impl Device {
    /// Open the adapter with all its limits and the features of [`wanted`].
    pub fn open(adapter: &Adapter, faults: Faults) -> Result<Self, Trouble> {
        let features = wanted(&adapter.handle);
        let experimental = if features.contains(Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
            // SAFETY: the feature is experimental in that its interface may change and its validation has gaps; the one
            // shader that uses it loads and stores 16 x 16 blocks of buffers that are padded to whole panels.
            unsafe { wgpu::ExperimentalFeatures::enabled() }
        } else {
            wgpu::ExperimentalFeatures::disabled()
        };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("hullscope"),
            required_features: features,
            required_limits: adapter.handle.limits(),
            experimental_features: experimental,
            // The engine makes a few large buffers, once.
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            trace: wgpu::Trace::Off,
        };
        let (raw, queue) = pollster::block_on(adapter.handle.request_device(&descriptor))
            .map_err(|error| Trouble::Lost(error.to_string()))?;
        let cache = Cached::open(&raw, &adapter.handle, features);
        Ok(Self::with(raw, queue, cache, faults))
    }

    /// Wraps a device opened elsewhere: tests validate shaders on one that runs nothing.
    #[doc(hidden)]
    pub fn wrap(raw: wgpu::Device, queue: wgpu::Queue) -> Self {
        Self::with(raw, queue, Cached::none(), Faults::default())
    }

    fn with(raw: wgpu::Device, queue: wgpu::Queue, cache: Cached, faults: Faults) -> Self {
        let lost = Arc::new(Mutex::new(None));
        let stray = Arc::new(Mutex::new(None));
        let flag = Arc::clone(&lost);
        raw.set_device_lost_callback(move |reason, message| {
            set(&flag, format!("{reason:?} {message}"));
        });
        let flag = Arc::clone(&stray);
        raw.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            set(&flag, error.to_string())
        }));
        Device {
            limits: raw.limits(),
            features: raw.features(),
            raw,
            queue,
            lost,
            stray,
            pipelines: HashMap::new(),
            cache,
            faults,
            trust: Trust::default(),
            pace: FIRST_PACE,
        }
    }

    /// Whether the device was lost.
    pub fn is_lost(&self) -> bool {
        get(&self.lost).is_some()
    }

    /// Largest buffer that one pass can see, in bytes.
    pub fn largest_binding(&self) -> u64 {
        self.limits
            .max_storage_buffer_binding_size
            .min(self.limits.max_buffer_size)
    }

    /// A storage buffer. Its contents are zero.
    pub fn buffer(&mut self, label: &str, bytes: u64) -> Result<Buffer, Trouble> {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        self.allocate(label, bytes, usage)
    }

    /// A storage buffer with contents.
    pub fn filled<T: Pod>(&mut self, label: &str, contents: &[T]) -> Result<Buffer, Trouble> {
        let bytes: &[u8] = bytemuck::cast_slice(contents);
        let buffer = self.buffer(label, bytes.len().max(4) as u64)?;
        self.write(&buffer, bytes);
        Ok(buffer)
    }

    /// A buffer for any use; an error instead of a panic if there is no memory for it.
    pub fn allocate(
        &mut self,
        label: &str,
        bytes: u64,
        usage: BufferUsages,
    ) -> Result<Buffer, Trouble> {
        if self.faults.allocation_fails() {
            return Err(Trouble::OutOfMemory(format!(
                "{label}, {bytes} bytes (planted)"
            )));
        }
        let bytes = bytes.max(4).next_multiple_of(4);
        if bytes > self.limits.max_buffer_size {
            return Err(Trouble::OutOfMemory(format!(
                "{label}, {bytes} bytes, is above the limit of {} for one buffer",
                self.limits.max_buffer_size
            )));
        }
        let memory = self.raw.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.raw.push_error_scope(wgpu::ErrorFilter::Validation);
        let buffer = self.raw.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes,
            usage,
            mapped_at_creation: false,
        });
        let invalid = pollster::block_on(validation.pop());
        let refused = pollster::block_on(memory.pop());
        if let Some(error) = refused {
            return Err(Trouble::OutOfMemory(format!(
                "{label}, {bytes} bytes: {error}"
            )));
        }
        if let Some(error) = invalid {
            return Err(self.bug(label, &error));
        }
        self.check()?;
        Ok(buffer)
    }

    /// Copy into a buffer, before the next submission runs.
    pub fn write(&self, buffer: &Buffer, bytes: &[u8]) {
        self.queue.write_buffer(buffer, 0, bytes);
    }

    /// Run `work`; errors that wgpu reports in it become [`Trouble::Bug`], named by `label`.
    pub fn guarded<T>(
        &mut self,
        label: &str,
        work: impl FnOnce(&mut Self) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let scope = self.raw.push_error_scope(wgpu::ErrorFilter::Validation);
        let done = work(self);
        let invalid = pollster::block_on(scope.pop());
        match invalid {
            Some(error) => Err(self.bug(label, &error)),
            None => done,
        }
    }

    /// A rejected command on a lost device is reported as the loss.
    fn bug(&self, label: &str, error: &wgpu::Error) -> Trouble {
        match self.loss() {
            Some(reason) => Trouble::Lost(reason),
            None => Trouble::Bug(format!("{label}: {error}")),
        }
    }

    /// The reason of a device loss, polled after a rejected command: wgpu keeps returning invalid buffers without an
    /// error until the device is idle, and reports the loss only then.
    fn loss(&self) -> Option<String> {
        if get(&self.lost).is_none() {
            // The result of the wait does not matter, only the callback that runs during it.
            let _ = self.raw.poll(wgpu::PollType::Wait {
                submission_index: None,
                timeout: Some(PATIENCE),
            });
        }
        get(&self.lost)
    }

    /// Errors that were reported asynchronously: a loss, or an error outside every scope.
    pub fn check(&self) -> Result<(), Trouble> {
        if let Some(reason) = get(&self.lost) {
            return Err(Trouble::Lost(reason));
        }
        match get(&self.stray) {
            Some(error) => Err(self.loss().map_or(Trouble::Bug(error), Trouble::Lost)),
            None => Ok(()),
        }
    }

    /// Start recording commands.
    pub fn record(&self) -> CommandEncoder {
        self.raw
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    /// The compiled pipeline of a variant, compiled on first use.
    pub fn pipeline(&mut self, variant: Variant) -> Result<ComputePipeline, Trouble> {
        if let Some(pipeline) = self.pipelines.get(&variant) {
            return Ok(pipeline.clone());
        }
        let available = self.limits.max_compute_workgroup_storage_size;
        if variant.workgroup_bytes() > available
            || variant.threads() > self.limits.max_compute_invocations_per_workgroup
        {
            return Err(Trouble::Bug(format!(
                "{} needs {} bytes of workgroup memory and {} threads; the device has {available} and {}",
                variant.label(),
                variant.workgroup_bytes(),
                variant.threads(),
                self.limits.max_compute_invocations_per_workgroup
            )));
        }
        let label = variant.label();
        let pipeline = self.guarded(&label, |device| Ok(device.compile(&variant, &label)))?;
        self.pipelines.insert(variant, pipeline.clone());
        Ok(pipeline)
    }

    fn compile(&self, variant: &Variant, label: &str) -> ComputePipeline {
        let module = wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(self.faults.text(variant.pass, variant.wgsl()).into()),
        };
        // SAFETY: without run-time checks an index out of bounds would be undefined behaviour. An index of the shaders is
        // either below a product of parameters, and `issue` refuses buffers that are shorter than that (`needs`); or it
        // comes from a buffer, and then the shader compares or clamps it first. The twins index the same buffers with
        // checks. Loops end because their bounds are the counts in `Params`, of at most 32 bits.
        let module = unsafe {
            self.raw
                .create_shader_module_trusted(module, wgpu::ShaderRuntimeChecks::unchecked())
        };
        self.raw
            .create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(label),
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: self.cache.handle(),
            })
    }

    /// Record one pass that contributes to answers: `Params` at binding 0, buffers from binding 1 on, and at least
    /// `groups` workgroups. A variant that was never used on this adapter is checked first.
    ///
    /// Panics if a buffer is shorter than the parameters require (a mistake of this program). Errors:
    /// [`Trouble::Wrong`], and anything that the device reports.
    pub fn dispatch<P: Params>(
        &mut self,
        encoder: &mut CommandEncoder,
        variant: Variant,
        params: &P,
        buffers: &[&Buffer],
        groups: u64,
    ) -> Result<(), Trouble> {
        self.rely_on(variant)?;
        self.issue(encoder, variant, params, buffers, groups)
    }

    /// [`Device::dispatch`] without a check, for variants that are being checked or timed.
    pub fn issue<P: Params>(
        &mut self,
        encoder: &mut CommandEncoder,
        variant: Variant,
        params: &P,
        buffers: &[&Buffer],
        groups: u64,
    ) -> Result<(), Trouble> {
        let lengths: Vec<u64> = buffers.iter().map(|buffer| buffer.size()).collect();
        assert_lengths(&variant, params, &lengths);
        let pipeline = self.pipeline(variant)?;
        let uniform = self.uniform(variant.pass.name(), bytemuck::bytes_of(params))?;
        let entries: Vec<_> = std::iter::once(&uniform)
            .chain(buffers.iter().copied())
            .enumerate()
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding: binding as u32,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let bindings = self.raw.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(variant.pass.name()),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some(variant.pass.name()),
            timestamp_writes: None,
        });
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &bindings, &[]);
        // Shaders number their workgroups x + y * width.
        let most = u64::from(self.limits.max_compute_workgroups_per_dimension);
        let rows = groups.div_ceil(most);
        pass.dispatch_workgroups(groups.div_ceil(rows) as u32, rows as u32, 1);
        drop(pass);
        if let Some((output, element)) = self.faults.spoils(&variant) {
            let written: Vec<&Buffer> = params
                .needs(&variant)
                .iter()
                .zip(buffers)
                .filter_map(|(need, buffer)| need.written.then_some(*buffer))
                .collect();
            let wrong = self.filled("wrong (planted)", &[1e30f32])?;
            encoder.copy_buffer_to_buffer(&wrong, 0, written[output], 4 * element, Some(4));
        }
        Ok(())
    }

    /// A small buffer with contents; `create_buffer_init` would panic on a device that was just lost.
    fn uniform(&self, label: &str, contents: &[u8]) -> Result<Buffer, Trouble> {
        let buffer = self.raw.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: contents.len() as u64,
            usage: BufferUsages::UNIFORM,
            mapped_at_creation: true,
        });
        match buffer.slice(..).get_mapped_range_mut() {
            Ok(mut view) => view.copy_from_slice(contents),
            Err(error) => {
                self.check()?;
                return Err(Trouble::Lost(format!("no buffer for parameters: {error}")));
            }
        }
        buffer.unmap();
        Ok(buffer)
    }

    /// Submit the commands to the device.
    pub fn submit(&mut self, encoder: CommandEncoder) -> Result<wgpu::SubmissionIndex, Trouble> {
        let index = self.queue.submit([encoder.finish()]);
        if self.faults.device_is_lost() {
            self.raw.destroy();
        }
        self.check()?;
        Ok(index)
    }

    /// Wait until a submission is done.
    pub fn wait(&self, index: wgpu::SubmissionIndex) -> Result<(), Trouble> {
        let waited = self.raw.poll(wgpu::PollType::Wait {
            submission_index: Some(index),
            timeout: Some(PATIENCE),
        });
        self.check()?;
        waited
            .map(|_| ())
            .map_err(|error| Trouble::Lost(format!("no answer within {PATIENCE:?}: {error}")))
    }

    /// Map a buffer that submission `after` used last (`None`: never used).
    pub fn map(
        &self,
        buffer: &Buffer,
        mode: wgpu::MapMode,
        after: Option<wgpu::SubmissionIndex>,
    ) -> Result<(), Trouble> {
        let outcome = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&outcome);
        let done = move |result: Result<(), wgpu::BufferAsyncError>| {
            set(&slot, result.map_err(|error| error.to_string()));
        };
        buffer.slice(..).map_async(mode, done);
        // Waiting for a later submission than that would stall the queue.
        let polled = self.raw.poll(match after {
            Some(index) => wgpu::PollType::Wait {
                submission_index: Some(index),
                timeout: Some(PATIENCE),
            },
            None => wgpu::PollType::Poll,
        });
        self.check()?;
        match get(&outcome) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Trouble::Lost(format!(
                "a buffer could not be mapped: {error}"
            ))),
            None => Err(Trouble::Lost(format!(
                "no answer within {PATIENCE:?}: {polled:?}"
            ))),
        }
    }

    /// Start copying the first `count` elements of a buffer back.
    pub fn copy_back(
        &mut self,
        buffer: &Buffer,
        count: usize,
        size: usize,
    ) -> Result<Landing, Trouble> {
        let bytes = (count * size) as u64;
        let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        let landing = self.allocate("read-back", bytes, usage)?;
        let mut encoder = self.record();
        encoder.copy_buffer_to_buffer(buffer, 0, &landing, 0, Some(bytes.next_multiple_of(4)));
        let index = self.submit(encoder)?;
        Ok(Landing {
            buffer: landing,
            bytes,
            index,
        })
    }

    /// Wait for a copy to finish and return it.
    pub fn fetch<T: Pod>(&self, landing: Landing) -> Result<Vec<T>, Trouble> {
        self.map(&landing.buffer, wgpu::MapMode::Read, Some(landing.index))?;
        let view = landing.buffer.slice(..landing.bytes).get_mapped_range();
        let view =
            view.map_err(|error| Trouble::Lost(format!("a mapped buffer is not there: {error}")))?;
        Ok(bytemuck::pod_collect_to_vec(&view))
    }

    /// Copy the first `count` elements of a buffer back.
    pub fn read<T: Pod>(&mut self, buffer: &Buffer, count: usize) -> Result<Vec<T>, Trouble> {
        let landing = self.copy_back(buffer, count, size_of::<T>())?;
        self.fetch(landing)
    }

    /// Store compiled pipelines for the next run.
    pub fn save_cache(&self) {
        self.cache.save();
    }

    /// Whether the driver can multiply 16 x 16 matrices of f16 and the device was opened with that feature.
    pub fn has_matrix_unit(&self) -> bool {
        self.features
            .contains(Features::EXPERIMENTAL_COOPERATIVE_MATRIX | Features::SHADER_F16)
    }

    /// Whether a variant can run on this device.
    pub fn fits(&self, variant: &Variant) -> bool {
        let half = variant.stored == super::tile::Stored::F16 || variant.pass == Pass::ScanCoop;
        variant.workgroup_bytes() <= self.limits.max_compute_workgroup_storage_size
            && variant.threads() <= self.limits.max_compute_invocations_per_workgroup
            && (!half || self.features.contains(Features::SHADER_F16))
            && (variant.pass != Pass::ScanCoop || self.has_matrix_unit())
    }
}

fn set<T>(slot: &Mutex<Option<T>>, value: T) {
    *slot.lock().unwrap_or_else(|held| held.into_inner()) = Some(value);
}

fn get<T: Clone>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(|held| held.into_inner()).clone()
}
