//! An adapter as an engine: one device, opened and checked, shared by the scans made from it.

use super::adapters::Adapter;
use super::device::{Device, Trouble};
use super::integers;
use super::precision_stage::PrecisionStage;
use super::recovery::{Action, Event, Failure, Limits, State, distrusted};
use super::shape::{self, Room};
use super::tile::{COOP_TILE, Entry, Stored, Tile};
use super::trust::Trust;
use super::tune::{self, Tuner};
use super::{GpuScan, Options, Precision};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::rows::Rows;
use crate::scan::small_sets::Propose;
use crate::scan::{CpuScan, Engine, Frame, Scan};
use crate::warnings::Warnings;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

/// The memory used on a software adapter unless the user sets a limit, because it is the host's own.
const SOFTWARE_MEMORY: u64 = 1 << 30;

/// If the user leaves the choice open, eight bits are used if their products take at most this share of the time of the
/// alternative's: they need longer lists, which cost more to select, merge and score.
const WORTH: f64 = 0.8;

/// With fewer rows or columns eight bits do not pay: there is little time to save, and few rows can be excluded.
const FEW_ROWS: usize = 4096;
const FEW_COLUMNS: usize = 32;

/// Directions answered so far, by the precision that proved the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Proven {
    pub int8: u64,
    pub f16: u64,
    pub f32: u64,
    pub cpu: u64,
}

impl Proven {
    /// Count the directions that a stage proved, and those that it left open.
    pub(super) fn count(&mut self, stage: PrecisionStage, proven: u64, left: u64) {
        match stage {
            PrecisionStage::Int8 => self.int8 += proven,
            PrecisionStage::Coop | PrecisionStage::Half => self.f16 += proven,
            PrecisionStage::Single => {
                self.f32 += proven;
                self.cpu += left;
            }
        }
    }
}

/// The device behind all scans of one engine.
pub(super) struct Shared {
    adapter: Adapter,
    pub options: Options,
    device: Option<Device>,
    /// Counts the devices opened; buffers of an earlier device are invalid.
    pub generation: u64,
    tuner: Tuner,
    /// Failures of the device so far, and the limits on its use.
    recovery: State,
    /// The largest buffer binding, in bytes.
    binding: u64,
    /// Whether the matrix unit exists and may be used.
    coop: bool,
    trust: Trust,
    /// Tiles that a stage must not use, because one of their variants failed its check.
    wrong: HashSet<(PrecisionStage, Tile)>,
    pub proven: Proven,
    /// Warnings since the last [`take`](Warnings::take): work that was not done in the way that was asked for.
    pub warnings: Warnings,
    /// Set once eight bits were chosen because they were measured to be faster.
    took_int8: Arc<AtomicBool>,
}

impl Shared {
    /// Precisions to try for `count` directions and n rows of d columns, in order. int8 replaces the first one if the
    /// user leaves the choice open and int8 was measured to be faster on this adapter.
    pub fn plan(&mut self, (n, d): (usize, usize), count: usize) -> Vec<PrecisionStage> {
        let stages = self.stages();
        let free = self.options.precision == Precision::Auto && integers::fits(d);
        if !free || n < FEW_ROWS || d < FEW_COLUMNS || self.tiles(PrecisionStage::Int8).is_empty() {
            return stages;
        }
        match self.int8_share(d, count) {
            Ok(Some(share)) if share <= WORTH => {
                self.took_int8.store(true, Relaxed);
                vec![PrecisionStage::Int8, PrecisionStage::Single]
            }
            Ok(_) => stages,
            Err(trouble) => {
                // A lost device is opened again for the next work; int8 is not tried again.
                self.warn(format!(
                    "int8 could not be timed and is not used: {trouble}"
                ));
                for tile in self.tiles(PrecisionStage::Int8) {
                    self.wrong.insert((PrecisionStage::Int8, tile));
                }
                self.recover(Event::Untimed);
                stages
            }
        }
    }

    /// The time of int8's products as a share of the alternative's, both measured on this adapter; `None` on an adapter
    /// that is not timed.
    fn int8_share(&mut self, d: usize, count: usize) -> std::result::Result<Option<f64>, Trouble> {
        let Some(&other) = self.stages().first() else {
            return Ok(None);
        };
        let (device, tuner) = self.device()?;
        if !tuner.measures(device) {
            return Ok(None);
        }
        let share =
            self.seconds(PrecisionStage::Int8, d, count)? / self.seconds(other, d, count)?;
        Ok(Some(share))
    }

    /// Seconds for the products of `count` directions with a fixed number of rows of d columns, the same number for
    /// every stage.
    fn seconds(
        &mut self,
        stage: PrecisionStage,
        d: usize,
        count: usize,
    ) -> std::result::Result<f64, Trouble> {
        let (tiles, stored) = (self.tiles(stage), stage.stored());
        let (device, tuner) = self.device()?;
        let measured = tuner.fastest(device, stage, &tiles, d, count)?;
        // Padding costs time too.
        Ok(measured.seconds * (stored.depth(d) * stored.columns()) as f64)
    }

    /// Precisions to try, in order, leaving out those without a usable tile.
    pub fn stages(&self) -> Vec<PrecisionStage> {
        let half = self
            .adapter
            .handle
            .features()
            .contains(wgpu::Features::SHADER_F16);
        let usable = |stage: PrecisionStage| !self.tiles(stage).is_empty();
        let first = match self.options.precision {
            Precision::Auto | Precision::F16 if self.coop && usable(PrecisionStage::Coop) => {
                Some(PrecisionStage::Coop)
            }
            Precision::F16 if half => Some(PrecisionStage::Half),
            Precision::Int8 => Some(PrecisionStage::Int8),
            _ => None,
        };
        let all = first.into_iter().chain([PrecisionStage::Single]);
        all.filter(|&stage| usable(stage)).collect()
    }

    /// The tiles that a stage may use, before any timing.
    pub fn tiles(&self, stage: PrecisionStage) -> Vec<Tile> {
        let mut tiles = match (stage, self.options.tile) {
            (PrecisionStage::Coop, _) => vec![COOP_TILE],
            (_, Some(tile)) => vec![tile],
            _ => self.tuner.tiles(),
        };
        tiles.retain(|&tile| !self.wrong.contains(&(stage, tile)));
        tiles
    }

    /// Check the variants of a stage, tile by tile until all variants of one tile are right. Errors: no tile is left
    /// for f32; anything that the device reports.
    fn check(&mut self, stage: PrecisionStage) -> std::result::Result<(), Trouble> {
        let unrolled = !self.options.rolled;
        while let Some(&tile) = self.tiles(stage).first() {
            let (device, _) = self.device()?;
            let mut variants = stage.variants(tile, unrolled).into_iter();
            match variants.try_for_each(|variant| device.rely_on(variant)) {
                Err(trouble @ Trouble::Wrong(..)) => self.distrust(stage, trouble)?,
                done => return done,
            }
        }
        Ok(())
    }

    /// After [`Trouble::Wrong`]: warn, and continue with the next tile of the stage, or with the next stage. The
    /// trouble is returned if neither is left, or if it is of another kind.
    pub fn distrust(
        &mut self,
        stage: PrecisionStage,
        trouble: Trouble,
    ) -> std::result::Result<(), Trouble> {
        let Trouble::Wrong(variant, _) = &trouble else {
            return Err(trouble);
        };
        for tile in distrusted(variant, &self.tiles(stage)) {
            self.wrong.insert((stage, tile));
        }
        let action = self.recover(Event::Distrusted {
            tile_left: !self.tiles(stage).is_empty(),
            next: stage != PrecisionStage::Single,
        });
        let next = match (action, stage) {
            (Action::OtherTile, _) => "another tile is used",
            (Action::OtherPrecision, PrecisionStage::Coop) => "the matrix unit is not used",
            (Action::OtherPrecision, PrecisionStage::Half) => "f16 is not used",
            (Action::OtherPrecision, PrecisionStage::Int8) => "int8 is not used",
            _ => return Err(trouble),
        };
        self.warn(format!("{trouble}; {next}"));
        Ok(())
    }

    /// Adds a warning that names the adapter and its driver.
    pub fn warn(&mut self, what: String) {
        let info = self.adapter.handle.get_info();
        let (name, driver) = (info.name, info.driver);
        let warning = format!("{name} ({driver} {}): {what}", info.driver_info);
        self.warnings.add(warning);
    }

    /// The device; opened again if it was lost.
    pub fn device(&mut self) -> std::result::Result<(&mut Device, &mut Tuner), Trouble> {
        if self.device.is_none() {
            let mut device = Device::open(&self.adapter, self.options.faults.clone())?;
            device.trust = self.trust.clone();
            self.generation += 1;
            self.device = Some(device);
        }
        match &mut self.device {
            Some(device) => Ok((device, &mut self.tuner)),
            None => Err(Trouble::Lost("no device".into())),
        }
    }

    /// The fastest tile for a stage.
    pub fn tile(
        &mut self,
        stage: PrecisionStage,
        d: usize,
        count: usize,
    ) -> std::result::Result<Tile, Trouble> {
        let tiles = self.tiles(stage);
        if let [only] = tiles[..] {
            return Ok(only);
        }
        let (device, tuner) = self.device()?;
        tuner.tile(device, stage, &tiles, d, count)
    }

    /// A tile before any timing. All tiles of this engine have the same number of rows.
    pub fn first_tile(&self) -> Tile {
        let tiles = self.tiles(PrecisionStage::Single);
        tiles.first().copied().unwrap_or(self.tuner.plain())
    }

    /// Update the state by an event, and apply to the device what the action implies; the caller does the rest of the action.
    fn recover(&mut self, event: Event) -> Action {
        let (state, action) = self.recovery.after(event);
        self.recovery = state;
        let lost = self.device.as_ref().is_none_or(Device::is_lost);
        if lost || action == Action::GiveUp {
            self.device = None;
        }
        action
    }

    /// Note that a precision starts on a batch.
    pub fn begin(&mut self) {
        (self.recovery, _) = self.recovery.after(Event::Begun);
    }

    /// After a failure with chunks of `chunk` rows, `bytes` bytes in all: whether to retry within smaller limits.
    pub fn retries(&mut self, trouble: &Trouble, chunk: usize, bytes: u64) -> bool {
        let failure = failure(trouble);
        let event = Event::Failed {
            failure,
            chunk,
            bytes,
        };
        self.recover(event) == Action::Retry
    }

    /// Note a failure on small problems, which the CPU then solves.
    pub fn small_failed(&mut self, trouble: &Trouble) {
        self.recover(Event::SmallFailed(failure(trouble)));
    }

    /// The state of recovery: failures so far and limits.
    pub fn recovery(&self) -> State {
        self.recovery
    }

    /// The memory limits of the device at present.
    pub fn room(&self) -> Room {
        Room {
            binding: self.binding,
            total: self.recovery.limits().memory,
        }
    }
}

/// The kind of a device failure. Callers never pass trouble of the host.
fn failure(trouble: &Trouble) -> Failure {
    match trouble {
        Trouble::Lost(_) => Failure::Lost,
        Trouble::OutOfMemory(_) => Failure::OutOfMemory,
        Trouble::Bug(_) | Trouble::Host(_) => Failure::Bug,
        Trouble::Wrong(..) => Failure::Wrong,
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(device) = &self.device {
            device.save_cache();
        }
    }
}

/// An engine that scans on a graphics adapter.
pub struct GpuEngine {
    pub(super) shared: Arc<Mutex<Shared>>,
    /// The adapter with its driver and the precisions that it tries.
    name: String,
    precision: &'static str,
    took_int8: Arc<AtomicBool>,
}

impl GpuEngine {
    /// Open a device on the adapter and check, variant by variant against known answers, that it computes right in f32
    /// and in its matrix unit. Other variants are checked before their first use.
    ///
    /// Errors ([`Error::Usage`]): an adapter that cannot be opened or computes wrongly. Callers with a choice then use
    /// the CPU and warn.
    pub fn open(adapter: &Adapter, options: Options, control: &Control) -> Result<Self> {
        control.check()?;
        let info = adapter.handle.get_info();
        let unusable = |trouble: Trouble| match trouble {
            Trouble::Host(error) => error,
            other => Error::Usage(format!(
                "the adapter {} ({} {}) cannot be used: {other}; update its driver, or use --backend cpu",
                info.name, info.driver, info.driver_info
            )),
        };
        let device = Device::open(adapter, options.faults.clone()).map_err(unusable)?;
        let coop = options.precision != Precision::F32
            && !options.no_matrix_unit
            && device.has_matrix_unit();
        let software = info.device_type == wgpu::DeviceType::Cpu;
        let limits = Limits {
            chunk: options.chunk.unwrap_or(usize::MAX),
            memory: options
                .memory
                .unwrap_or(if software { SOFTWARE_MEMORY } else { u64::MAX }),
        };
        let took_int8 = Arc::<AtomicBool>::default();
        let mut shared = Shared {
            took_int8: Arc::clone(&took_int8),
            adapter: adapter.clone(),
            trust: device.trust.clone(),
            binding: device.largest_binding(),
            device: Some(device),
            generation: 0,
            tuner: Tuner::new(&info),
            recovery: State::new(limits),
            coop,
            wrong: HashSet::new(),
            options,
            proven: Proven::default(),
            warnings: Warnings::default(),
        };
        for stage in [
            PrecisionStage::Single,
            PrecisionStage::Coop,
            PrecisionStage::Int8,
        ] {
            if shared.stages().contains(&stage) {
                shared.check(stage).map_err(unusable)?;
            }
        }
        let precision = match shared.stages()[0] {
            PrecisionStage::Coop => "f16 matrix unit, then f32",
            PrecisionStage::Half => "f16, then f32",
            PrecisionStage::Int8 => "int8, then f32",
            PrecisionStage::Single => "f32",
        };
        let name = format!("gpu, {}, {} {}", info.name, info.driver, info.driver_info);
        Ok(GpuEngine {
            shared: Arc::new(Mutex::new(shared)),
            name,
            precision,
            took_int8,
        })
    }

    /// Whether products use the matrix unit: the adapter has one and it passed its check.
    pub fn has_matrix_unit(&self) -> bool {
        lock(&self.shared).stages().contains(&PrecisionStage::Coop)
    }

    /// For messages: which precision is tried first for `count` directions of d columns and many rows, and why.
    pub fn choice(&self, d: usize, count: usize) -> String {
        let mut shared = lock(&self.shared);
        match shared.int8_share(d, count) {
            Ok(Some(share)) => {
                let (first, times) = if share <= WORTH {
                    ("int8", 1.0 / share)
                } else {
                    (self.precision, share)
                };
                let than = if share <= WORTH {
                    self.precision
                } else {
                    "int8"
                };
                format!(
                    "{first}: its products with {d} columns and {count} directions were measured {times:.2} times as fast \
                     as those of {than}"
                )
            }
            Ok(None) => format!("{}: a software adapter is not timed", self.precision),
            Err(trouble) => format!("{}: int8 could not be timed: {trouble}", self.precision),
        }
    }

    /// Which precisions proved the answers so far.
    pub fn proven(&self) -> Proven {
        lock(&self.shared).proven
    }

    /// Seconds of the product of N x d rows with B directions by the scan's own kernel alone; `None` if the device is gone.
    pub fn product_seconds(&self, n: usize, d: usize, count: usize) -> Option<f64> {
        let mut shared = lock(&self.shared);
        let tile = shared.tile(PrecisionStage::Single, d, count).ok()?;
        let (device, _) = shared.device().ok()?;
        let depth = Stored::F32.depth(d);
        let seconds = tune::measure(
            device,
            PrecisionStage::Single,
            tile,
            (depth, count),
            tune::FLOP,
        )
        .ok()?;
        let flop = 2.0 * n as f64 * d as f64 * count as f64;
        Some(seconds * flop / tune::FLOP)
    }
}

impl GpuEngine {
    /// Seconds until the lists of `count` directions with `k` rows each are on the host, from an idle device; `None` if
    /// the device is gone.
    pub fn read_back_seconds(&self, count: usize, k: usize) -> Option<f64> {
        let mut shared = lock(&self.shared);
        let (device, _) = shared.device().ok()?;
        let numbers = count * k * size_of::<Entry>() / 4;
        let lists = device.buffer("lists", 4 * numbers as u64).ok()?;
        // A first read to wake the device up.
        device.read::<u32>(&lists, numbers).ok()?;
        let started = Instant::now();
        device.read::<u32>(&lists, numbers).ok()?;
        Some(started.elapsed().as_secs_f64())
    }
}

impl Engine for GpuEngine {
    fn scan_in<'r>(
        &self,
        rows: &'r dyn Rows,
        frame: Frame,
        _: &Control,
    ) -> Result<Box<dyn Scan + 'r>> {
        // The copy of a file is in the layout of the CPU's scan.
        drop(frame.made.take_copy());
        let mut shared = lock(&self.shared);
        let (tile, room) = (shared.first_tile(), shared.room());
        let (n, d) = (rows.len(), rows.dim());
        let least = shape::least(d, &tile, Stored::F32);
        if let Some(memory) = shared.options.memory
            && memory < least
        {
            return Err(Error::Usage(format!(
                "--gpu-memory is {memory} bytes; one tile of {d} columns needs {least}: give it at least {} MiB",
                least.div_ceil(1 << 20)
            )));
        }
        if shape::rows(n, d, &tile, Stored::F32, room, usize::MAX).is_none() {
            shared.warnings.add(format!(
                "{}: {d} columns are more than the adapter can bind ({} bytes); the CPU scans this set",
                rows.name(),
                room.binding
            ));
            return Ok(Box::new(CpuScan::in_frame(rows, frame)));
        }
        drop(shared);
        let shared = Arc::clone(&self.shared);
        Ok(Box::new(GpuScan::new(shared, rows, frame)))
    }

    fn describe(&self) -> String {
        let (name, precision) = (&self.name, self.precision);
        if self.took_int8.load(Relaxed) {
            return format!(
                "{name}, int8 where it was measured to be faster, otherwise {precision}"
            );
        }
        format!("{name}, {precision}")
    }

    fn take_warnings(&self) -> Vec<String> {
        lock(&self.shared).warnings.take()
    }

    fn small(&self) -> Option<&dyn Propose> {
        Some(self)
    }
}

/// Locks the shared state; a panic of another thread leaves it usable.
pub(super) fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(|held| held.into_inner())
}
