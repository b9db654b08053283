//! Exact sums of products of small integers: one kernel per file, each with the same results as [`plain`].
//!
//! ```text
//! out[r][b] = sum_j rows[r][j] lanes[j][b]        i8 x i8 -> i32; no sum leaves i32 (see `numbers::levels`)
//! ```
//!
//! Rows are stored one after the other, padded with zeros ([`Kernel::stride`]). Directions are lanes, in groups
//! of [`GROUP`]: a group holds the quads of columns in order, and each quad holds four numbers of each lane in turn. A
//! 64-byte load is then one quad of 16 lanes for VNNI, and 16 such loads are one tile for AMX.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
#[cfg(target_arch = "aarch64")]
mod dot;
mod plain;
#[cfg(target_arch = "x86_64")]
mod vnni;

use crate::error::{Error, Result};
use std::sync::OnceLock;

/// Rows and lanes are padded to a multiple of this many columns, for all kernels but AMX.
const COLUMNS: usize = 16;

/// The number of lanes in a group.
pub const GROUP: usize = 16;

/// The number of adjacent columns of a lane.
const QUAD: usize = 4;

/// With at most this many directions, padding them to a group costs more than multiplying one after the other.
pub const FEW: usize = 4;

/// The number of rows is a multiple of this; the last rows may be zeros.
pub const ROWS: usize = 16;

/// Quantised rows that are multiplied together: a multiple of [`ROWS`], `stride` bytes each.
#[derive(Debug, Clone, Copy)]
pub struct Panel<'a> {
    rows: &'a [i8],
    stride: usize,
}

impl<'a> Panel<'a> {
    /// Panics unless these are whole, padded rows (a caller's mistake).
    pub fn new(rows: &'a [i8], stride: usize) -> Self {
        assert!(
            stride > 0
                && stride.is_multiple_of(COLUMNS)
                && rows.len().is_multiple_of(ROWS * stride)
        );
        Panel { rows, stride }
    }

    fn count(&self) -> usize {
        self.rows.len() / self.stride
    }
}

/// Quantised directions, in the layout of a kernel.
#[derive(Debug, Clone)]
pub struct Lanes {
    /// The number of lanes, a multiple of [`GROUP`]; the last lanes may be zeros. Without groups the number of directions.
    count: usize,
    /// The number of directions.
    used: usize,
    /// The number of stored columns.
    columns: usize,
    /// The number of columns, including padding.
    stride: usize,
    /// count / GROUP x stride / QUAD x GROUP x QUAD.
    bytes: Vec<i8>,
    /// The same in 16 bits, by pairs of columns, for the kernel that wants it: count / GROUP x stride / 2 x GROUP x 2.
    pairs: Vec<i16>,
    /// Instead of both, for at most [`FEW`] directions: one after the other in 16 bits, `stride` numbers each.
    few: Vec<i16>,
    /// The sum of each lane's numbers.
    sums: Vec<i32>,
}

impl Lanes {
    /// Arrange directions (B x d, row-major) for a kernel.
    pub fn new(directions: &[i8], d: usize, kernel: Kernel) -> Self {
        let used = directions.len() / d;
        let count = used.next_multiple_of(GROUP);
        let stride = kernel.stride(d);
        let wide = kernel == Kernel::Avx2;
        let mut lanes = Lanes {
            count,
            used,
            columns: d,
            stride,
            bytes: vec![0; count * stride],
            pairs: vec![0; if wide { count * stride } else { 0 }],
            few: Vec::new(),
            sums: vec![0; count],
        };
        for (lane, direction) in directions.chunks_exact(d).enumerate() {
            let start = lane / GROUP * GROUP * stride;
            for (j, &v) in direction.iter().enumerate() {
                let place = |together: usize| {
                    start + (j / together * GROUP + lane % GROUP) * together + j % together
                };
                lanes.bytes[place(QUAD)] = v;
                if let Some(pair) = lanes.pairs.get_mut(place(2)) {
                    *pair = i16::from(v);
                }
                lanes.sums[lane] += i32::from(v);
            }
        }
        lanes
    }

    /// At most [`FEW`] directions in 16 bits, for a kernel that [takes](Kernel::takes_wide) them.
    pub fn wide(directions: &[i16], d: usize, kernel: Kernel) -> Self {
        let (used, stride) = (directions.len() / d, kernel.stride(d));
        assert!(used <= FEW);
        let mut few = vec![0; used * stride];
        for (lane, direction) in few.chunks_exact_mut(stride).zip(directions.chunks_exact(d)) {
            lane[..d].copy_from_slice(direction);
        }
        Lanes {
            count: used,
            used,
            columns: d,
            stride,
            bytes: Vec::new(),
            pairs: Vec::new(),
            few,
            sums: Vec::new(),
        }
    }

    /// The number of lanes, including padding.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The number of quads of columns that are not all padding.
    fn quads(&self) -> usize {
        self.columns.div_ceil(QUAD)
    }
}

/// One worker's buffers, and what a kernel keeps configured.
#[derive(Default)]
pub struct Scratch {
    /// A panel in the layout of a kernel.
    bytes: Vec<u8>,
    wide: Vec<i16>,
    /// Products with a whole group of lanes, of which only few are used.
    products: Vec<i32>,
    #[cfg(target_arch = "x86_64")]
    tiles: Option<amx::Configured>,
}

/// The implementations of the integer product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Portable and slow.
    Plain,
    Avx2,
    AvxVnni,
    /// AVX-512 VNNI.
    Vnni,
    Amx,
    /// NEON with the dot product.
    Dot,
}

/// All kernels, the fastest first, with the names used by [`VARIABLE`] and in messages.
const KERNELS: [(Kernel, &str, &str); 6] = [
    (Kernel::Amx, "amx", "AMX"),
    (Kernel::Vnni, "vnni", "AVX-512 VNNI"),
    (Kernel::AvxVnni, "avxvnni", "AVX-VNNI"),
    (Kernel::Dot, "neon", "NEON dot product"),
    (Kernel::Avx2, "avx2", "AVX2"),
    (Kernel::Plain, "plain", "plain code"),
];

/// The environment variable that selects a kernel.
pub const VARIABLE: &str = "HULLSCOPE_CPU";

impl Kernel {
    /// The kernel that [`VARIABLE`] names, or the fastest that runs on this machine.
    ///
    /// Errors ([`Error::Usage`]): an unknown name, or a kernel that cannot run on this machine.
    pub fn chosen() -> Result<Self> {
        match std::env::var(VARIABLE) {
            Ok(name) => Self::named(&name),
            Err(_) => Ok(Self::all()[0]),
        }
    }

    /// The kernels that run on this machine, the fastest first.
    pub fn all() -> Vec<Self> {
        let all = KERNELS.iter().map(|(kernel, _, _)| *kernel);
        all.filter(|kernel| kernel.runs()).collect()
    }

    /// A kernel by name: `amx`, `vnni`, `avx2`, `plain` ...
    pub fn named(name: &str) -> Result<Self> {
        let here = || {
            let all = KERNELS.iter().filter(|(kernel, _, _)| kernel.runs());
            all.map(|(_, name, _)| *name).collect::<Vec<_>>().join(", ")
        };
        let found = KERNELS.iter().find(|(_, known, _)| *known == name);
        match found {
            Some((kernel, _, _)) if kernel.runs() => Ok(*kernel),
            // `vnni` also selects AVX-VNNI on a machine without AVX-512 VNNI.
            Some((Kernel::Vnni, _, _)) if Kernel::AvxVnni.runs() => Ok(Kernel::AvxVnni),
            Some((_, _, title)) => Err(Error::Usage(format!(
                "{VARIABLE}={name}: this machine cannot run {title}; what it can: {}",
                here()
            ))),
            None => Err(Error::Usage(format!(
                "{VARIABLE}={name} names no kernel; write one of {}",
                here()
            ))),
        }
    }

    /// Its name in messages.
    pub fn title(self) -> &'static str {
        let found = KERNELS.iter().find(|(kernel, _, _)| *kernel == self);
        found.map_or("", |(_, _, title)| title)
    }

    /// Whether the processor and the operating system support the kernel.
    pub fn runs(self) -> bool {
        match self {
            Kernel::Plain => true,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Kernel::AvxVnni => {
                is_x86_feature_detected!("avxvnni") && is_x86_feature_detected!("avx2")
            }
            #[cfg(target_arch = "x86_64")]
            Kernel::Vnni => {
                is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512bw")
            }
            #[cfg(target_arch = "x86_64")]
            Kernel::Amx => {
                static ALLOWED: OnceLock<bool> = OnceLock::new();
                *ALLOWED.get_or_init(amx::allowed)
            }
            #[cfg(target_arch = "aarch64")]
            Kernel::Dot => std::arch::is_aarch64_feature_detected!("dotprod"),
            #[allow(unreachable_patterns)] // those of other processors
            _ => false,
        }
    }

    /// Bytes of a row of d columns, including padding.
    pub fn stride(self, d: usize) -> usize {
        #[cfg(target_arch = "x86_64")]
        if self == Kernel::Amx {
            return d.next_multiple_of(amx::COLUMNS);
        }
        d.next_multiple_of(COLUMNS)
    }

    /// Whether the kernel multiplies few directions in 16 bits. All kernels with AVX2 do, because memory is the bottleneck there.
    pub fn takes_wide(self) -> bool {
        self != Kernel::Plain && Kernel::Avx2.runs()
    }

    /// All products of a panel with lanes: `out` is rows x lanes, row-major.
    ///
    /// Panics on shapes that do not fit, a kernel that does not run on this machine, or lanes in 16 bits (a caller's mistake).
    pub fn product(self, panel: Panel<'_>, lanes: &Lanes, scratch: &mut Scratch, out: &mut [i32]) {
        assert!(self.runs() && panel.stride == lanes.stride && lanes.few.is_empty());
        assert_eq!(
            out.len(),
            panel.count() * lanes.count,
            "a place for every product"
        );
        match self {
            Kernel::Plain => plain::product(panel, lanes, out),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => avx2::product(panel, lanes, &mut scratch.wide, out),
            #[cfg(target_arch = "x86_64")]
            Kernel::AvxVnni => avx_vnni::product(panel, lanes, &mut scratch.bytes, out),
            #[cfg(target_arch = "x86_64")]
            Kernel::Vnni => vnni::product(panel, lanes, &mut scratch.bytes, out),
            #[cfg(target_arch = "x86_64")]
            Kernel::Amx => amx::product(
                panel,
                lanes,
                scratch.tiles.get_or_insert_with(amx::Configured::new),
                out,
            ),
            #[cfg(target_arch = "aarch64")]
            Kernel::Dot => dot::product(panel, lanes, out),
            #[allow(unreachable_patterns)] // those of other processors, which do not run here
            _ => plain::product(panel, lanes, out),
        }
    }

    /// All products of a panel with few directions: `out` is directions x rows, row-major.
    ///
    /// Panics on shapes that do not fit, a kernel that does not run on this machine, or lanes that it does not take (a caller's
    /// mistake).
    pub fn few(self, panel: Panel<'_>, lanes: &Lanes, scratch: &mut Scratch, out: &mut [i32]) {
        assert!(self.runs() && panel.stride == lanes.stride);
        let rows = panel.count();
        assert_eq!(out.len(), rows * lanes.used, "a place for every product");
        if !lanes.few.is_empty() {
            assert!(self.takes_wide());
            #[cfg(target_arch = "x86_64")]
            avx2::few(panel, lanes, out);
            return;
        }
        let mut products = std::mem::take(&mut scratch.products);
        products.resize(rows * lanes.count, 0);
        self.product(panel, lanes, scratch, &mut products);
        for (lane, out) in out.chunks_exact_mut(rows).enumerate() {
            for (out, products) in out.iter_mut().zip(products.chunks_exact(lanes.count)) {
                *out = products[lane];
            }
        }
        scratch.products = products;
    }
}

/// The numbers plus 128, as the unsigned bytes that VNNI needs: the top bit is flipped.
#[cfg(target_arch = "x86_64")]
fn unsigned(rows: &[i8], out: &mut Vec<u8>) {
    out.clear();
    out.extend(rows.iter().map(|&q| q as u8 ^ 0x80));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::int8::numbers::{levels, wide_levels};
    use rand::{RngExt, SeedableRng};

    /// Numbers from -most to most, with both ends frequent.
    fn numbers(count: usize, most: i8, seed: u64) -> Vec<i8> {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        (0..count)
            .map(|_| match random.random_range(0..4) {
                0 => most,
                1 => -most,
                _ => random.random_range(-most..=most),
            })
            .collect()
    }

    fn padded(rows: &[i8], d: usize, stride: usize) -> Vec<i8> {
        let mut out = vec![0; rows.len() / d * stride];
        for (out, row) in out.chunks_exact_mut(stride).zip(rows.chunks_exact(d)) {
            out[..d].copy_from_slice(row);
        }
        out
    }

    /// The sums by definition: of each of `a` with each of `b`, vectors of d numbers.
    fn truth<A: Copy + Into<i64>, B: Copy + Into<i64>>(a: &[A], b: &[B], d: usize) -> Vec<i64> {
        let sum = |a: &[A], b: &[B]| {
            let each = a.iter().zip(b);
            each.map(|(&a, &b)| a.into() * b.into()).sum::<i64>()
        };
        let each = a
            .chunks_exact(d)
            .flat_map(|a| b.chunks_exact(d).map(move |b| sum(a, b)));
        each.collect()
    }

    fn check(kernel: Kernel, rows: &[i8], directions: &[i8], d: usize, scratch: &mut Scratch) {
        let lanes = Lanes::new(directions, d, kernel);
        let stride = kernel.stride(d);
        let rows = padded(rows, d, stride);
        let mut out = vec![-1; rows.len() / stride * lanes.count()];
        kernel.product(Panel::new(&rows, stride), &lanes, scratch, &mut out);
        let used = directions.len() / d;
        let found: Vec<i64> = out
            .chunks_exact(lanes.count())
            .flat_map(|row| row[..used].iter().map(|&v| i64::from(v)))
            .collect();
        let rows: Vec<i8> = rows
            .chunks_exact(stride)
            .flat_map(|row| row[..d].to_vec())
            .collect();
        assert!(
            found == truth(&rows, directions, d),
            "{kernel:?}, d={d}, {used} directions"
        );
    }

    #[test]
    fn every_kernel_that_runs_here_gives_exact_sums() {
        for kernel in Kernel::all() {
            let mut scratch = Scratch::default();
            for (count, d, used) in [
                (16, 1, 1),
                (16, 3, 15),
                (32, 64, 16),
                (48, 65, 17),
                (64, 127, 33),
                (64, 130, 48),
                (16, 784, 5),
                (32, 784, 1),
                (32, 100, 2),
                (16, 65, 3),
                (48, 200, 4),
            ] {
                let (rows, lanes) = (
                    numbers(count * d, 127, d as u64),
                    numbers(used * d, 127, used as u64),
                );
                check(kernel, &rows, &lanes, d, &mut scratch);
            }
        }
    }

    /// The sums of few directions, which the kernel writes direction by direction.
    fn check_few(kernel: Kernel, rows: &[i8], directions: &[i16], lanes: &Lanes) {
        let d = lanes.columns;
        let count = rows.len() / d;
        let mut out = vec![-1; count * directions.len() / d];
        let padded = padded(rows, d, lanes.stride);
        let panel = Panel::new(&padded, lanes.stride);
        kernel.few(panel, lanes, &mut Scratch::default(), &mut out);
        let expected = truth(directions, rows, d);
        assert!(
            out.iter().map(|&v| i64::from(v)).eq(expected),
            "{kernel:?}, {count} x {d}, {} directions",
            directions.len() / d
        );
    }

    #[test]
    fn few_directions_give_exact_sums_in_16_bits_and_in_8() {
        for (count, d, used) in [
            (16, 1, 1),
            (32, 784, 1),
            (64, 100, 2),
            (16, 65, 3),
            (16, 100, 4),
            (16, 70_001, 4),
        ] {
            let rows = numbers(count * d, levels(d) as i8, d as u64);
            // Signs of the first row, so that its sum is the largest there can be.
            let directions = |most: i16| -> Vec<i16> {
                let each = (0..used * d).map(|i| match i / d {
                    0 => most * i16::from(rows[i % d].signum()),
                    lane => most - (i % (lane * 7 + 1)) as i16,
                });
                each.collect()
            };
            let (wide, narrow) = (
                directions(wide_levels(d) as i16),
                directions(levels(d) as i16),
            );
            let bytes: Vec<i8> = narrow.iter().map(|&v| v as i8).collect();
            for kernel in Kernel::all() {
                check_few(kernel, &rows, &narrow, &Lanes::new(&bytes, d, kernel));
                if kernel.takes_wide() {
                    check_few(kernel, &rows, &wide, &Lanes::wide(&wide, d, kernel));
                }
            }
        }
    }

    #[test]
    fn every_kernel_that_runs_here_holds_the_largest_sums() {
        for kernel in Kernel::all() {
            for d in [1000, 66_312, 70_001] {
                let most = levels(d) as i8;
                let rows: Vec<i8> = (0..16 * d)
                    .map(|i| if i / d % 2 == 0 { most } else { -most })
                    .collect();
                let mut lanes = vec![most; 2 * d];
                lanes[d..].fill(-most);
                check(kernel, &rows, &lanes, d, &mut Scratch::default());
            }
        }
    }

    #[test]
    fn a_kernel_that_cannot_run_is_refused_by_name() {
        assert_eq!(Kernel::named("plain").unwrap(), Kernel::Plain);
        let unknown = Kernel::named("sse9").unwrap_err().to_string();
        assert!(
            unknown.contains("HULLSCOPE_CPU=sse9 names no kernel") && unknown.contains("plain")
        );
        for (kernel, name, title) in KERNELS {
            if !kernel.runs() && (kernel, Kernel::AvxVnni.runs()) != (Kernel::Vnni, true) {
                let refused = Kernel::named(name).unwrap_err().to_string();
                assert!(
                    refused.contains("cannot run") && refused.contains(title),
                    "{refused}"
                );
            }
        }
    }
}
