//! AMX: `tdpbssd` multiplies a tile of 16 rows x 64 bytes with one of 16 lanes x 64 bytes into 16 x 16 sums.
//!
//! Linux grants the tile registers only to a process that asks for them, and a hypervisor may withhold them:
//! [`allowed`] asks once, and the kernel runs only if the answer is yes. The instructions are written in assembly,
//! because the compiler's intrinsics are not stable yet.

use super::{GROUP, Lanes, Panel, ROWS};
use std::arch::asm;
use std::arch::x86_64::__cpuid_count;

/// Rows and lanes are padded to a multiple of this many columns.
pub const COLUMNS: usize = 64;

/// Whether the processor has the instructions and the operating system lets this process use the tiles.
pub fn allowed() -> bool {
    allowed_by(ask)
}

/// The same with a replaceable system call, for tests; it returns 0 for yes.
fn allowed_by(ask: impl Fn() -> i64) -> bool {
    has_instructions() && ask() == 0
}

/// CPUID leaf 7: AMX-TILE and AMX-INT8; leaf 1: XSAVE in use by the operating system; XCR0: tile state switched.
fn has_instructions() -> bool {
    #[allow(unused_unsafe)] // safe since Rust 1.94
    // SAFETY: every x86-64 processor has CPUID; leaf 7 is asked only where leaf 0 says that it exists.
    let (leaf7, leaf1) = unsafe {
        if __cpuid_count(0, 0).eax < 7 {
            return false;
        }
        (__cpuid_count(7, 0), __cpuid_count(1, 0))
    };
    let tile = leaf7.edx >> 24 & 1 == 1 && leaf7.edx >> 25 & 1 == 1;
    if !tile || leaf1.ecx >> 27 & 1 == 0 {
        return false;
    }
    let low: u32;
    // SAFETY: the operating system uses XSAVE, so XGETBV of register 0 may be read; it changes nothing else.
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _, options(nomem, nostack, preserves_flags));
    }
    low >> 17 & 3 == 3
}

/// Ask Linux for the tile registers: `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`; 0 means granted.
#[cfg(target_os = "linux")]
fn ask() -> i64 {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const XFEATURE_XTILEDATA: i64 = 18;
    let answer: i64;
    // SAFETY: the system call takes two numbers and no memory; it clobbers rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    answer
}

/// On other systems the kernel does not run.
#[cfg(not(target_os = "linux"))]
fn ask() -> i64 {
    -1
}

/// The configuration of this thread's tiles until it is dropped: all eight are 16 rows of 64 bytes.
pub struct Configured {
    /// Not `Send`: the registers belong to a thread.
    _here: std::marker::PhantomData<*const ()>,
}

/// The operand of `ldtilecfg`: palette 1, then bytes per row and rows of each tile.
#[repr(C, align(64))]
struct Palette {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

impl Configured {
    /// Configure the tiles. Panics if [`allowed`] is false (a caller's mistake).
    pub fn new() -> Self {
        assert!(super::Kernel::Amx.runs());
        let mut palette = Palette {
            palette: 1,
            start: 0,
            reserved: [0; 14],
            bytes: [0; 16],
            rows: [0; 16],
        };
        palette.bytes[..8].fill(COLUMNS as u16);
        palette.rows[..8].fill(ROWS as u8);
        // SAFETY: the processor has AMX and the process may use it; the 64 bytes are a valid configuration.
        unsafe {
            asm!("ldtilecfg [{0}]", in(reg) &raw const palette, options(nostack, readonly, preserves_flags));
        }
        Configured {
            _here: std::marker::PhantomData,
        }
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: the processor has AMX, since the tiles were configured; no tile is in use.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
    }
}

/// The products of a panel: equal to `plain::product`.
pub fn product(panel: Panel<'_>, lanes: &Lanes, _tiles: &mut Configured, out: &mut [i32]) {
    let (rows, groups) = (panel.count() / ROWS, lanes.count / GROUP);
    assert!(
        lanes.bytes.len() == lanes.count * panel.stride && out.len() == panel.count() * lanes.count
    );
    assert!(panel.stride.is_multiple_of(COLUMNS));
    for group in (0..groups).step_by(2) {
        for row in (0..rows).step_by(2) {
            // A single last tile is computed twice, with the same output.
            let (next_row, next_group) = ((row + 1).min(rows - 1), (group + 1).min(groups - 1));
            // SAFETY: tiles row and next_row, group and next_group exist in `panel`, `lanes` and `out`, as asserted;
            // the thread's tiles are configured.
            unsafe { block(panel, lanes, [row, next_row], [group, next_group], out) };
        }
    }
}

/// Two tiles of rows with two groups of lanes: 2 x 2 tiles of sums.
///
/// # Safety
///
/// The thread's tiles are [`Configured`]; the tiles of rows and the groups exist in `panel`, `lanes` and `out`.
unsafe fn block(
    panel: Panel<'_>,
    lanes: &Lanes,
    rows: [usize; 2],
    groups: [usize; 2],
    out: &mut [i32],
) {
    let stride = panel.stride;
    let x = rows.map(|row| panel.rows[row * ROWS * stride..].as_ptr());
    let v = groups.map(|group| lanes.bytes[group * GROUP * stride..].as_ptr());
    let place = |row: usize, group: usize| rows[row] * ROWS * lanes.count + groups[group] * GROUP;
    let [c00, c01, c10, c11] = [place(0, 0), place(0, 1), place(1, 0), place(1, 1)];
    assert!(c11 + (ROWS - 1) * lanes.count + GROUP <= out.len());
    let out = out.as_mut_ptr();
    // SAFETY: the loop takes stride / 64 steps (at least one). In each, tiles 4 and 5 read 16 rows of 64 bytes, `stride`
    // apart, which lie inside their panels; tiles 6 and 7 read the 1,024 bytes of 16 quads, which lie inside their groups.
    // Each store writes 16 rows of 16 sums, `lanes.count` apart. All tile registers are declared as clobbered.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{x0} + {stride} * 1]",
            "tileloadd tmm6, [{v0} + {quad} * 1]",
            "tileloadd tmm5, [{x1} + {stride} * 1]",
            "tileloadd tmm7, [{v1} + {quad} * 1]",
            "tdpbssd tmm0, tmm4, tmm6",
            "tdpbssd tmm1, tmm4, tmm7",
            "tdpbssd tmm2, tmm5, tmm6",
            "tdpbssd tmm3, tmm5, tmm7",
            "add {x0}, 64",
            "add {x1}, 64",
            "add {v0}, 1024",
            "add {v1}, 1024",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{c00} + {apart} * 1], tmm0",
            "tilestored [{c01} + {apart} * 1], tmm1",
            "tilestored [{c10} + {apart} * 1], tmm2",
            "tilestored [{c11} + {apart} * 1], tmm3",
            x0 = inout(reg) x[0] => _,
            x1 = inout(reg) x[1] => _,
            v0 = inout(reg) v[0] => _,
            v1 = inout(reg) v[1] => _,
            steps = inout(reg) stride / COLUMNS => _,
            stride = in(reg) stride,
            quad = in(reg) COLUMNS,
            c00 = in(reg) out.add(c00),
            c01 = in(reg) out.add(c01),
            c10 = in(reg) out.add(c10),
            c11 = in(reg) out.add(c11),
            apart = in(reg) 4 * lanes.count,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_permission_means_that_the_kernel_does_not_run() {
        assert!(!allowed_by(|| -1) && !allowed_by(|| -95));
        assert_eq!(allowed_by(|| 0), has_instructions());
    }
}
