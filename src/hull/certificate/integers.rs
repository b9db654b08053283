//! f64 numbers as integers times powers of two, and sums of their products without any rounding.

/// `x = mantissa * 2^exponent` with an odd mantissa, `(0, 0)` for zero. `x` is finite.
pub(super) fn split(x: f64) -> (i64, i32) {
    if x == 0.0 {
        return (0, 0);
    }
    let bits = x.to_bits();
    let field = ((bits >> 52) & 0x7ff) as i32;
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let (mantissa, exponent) = match field {
        0 => (fraction, -1074),
        _ => (fraction | 1 << 52, field - 1075),
    };
    let zeros = mantissa.trailing_zeros();
    let odd = mantissa >> zeros;
    (if x < 0.0 { -odd } else { odd }, exponent + zeros as i32)
}

/// The k with `2^k <= |x| < 2^(k+1)`. `x` is finite and not zero.
pub(super) fn exponent(x: f64) -> i32 {
    let (mantissa, exponent) = split(x);
    exponent + 63 - mantissa.unsigned_abs().leading_zeros() as i32
}

/// `x * 2^k`: exact where the result is a normal number; below that off by at most 2^-1074.
#[inline]
pub(super) fn scaled(mut x: f64, mut k: i32) -> f64 {
    /// `2^k` for -1022 <= k <= 1023.
    fn power(k: i32) -> f64 {
        f64::from_bits(((k + 1023) as u64) << 52)
    }
    k = k.clamp(-4000, 4000);
    while k > 1023 {
        x *= power(1023);
        k -= 1023;
    }
    while k < -1022 {
        x *= power(-1022);
        k += 1022;
    }
    x * power(k)
}

/// A sum of integers of any length: lane k counts multiples of 2^(64 k).
pub(super) struct Accumulator {
    lanes: Vec<i128>,
}

impl Accumulator {
    /// Zero, with room for sums of magnitude below `2^(64 lanes - 1)`.
    pub fn new(lanes: usize) -> Self {
        Accumulator {
            lanes: vec![0; lanes + 2],
        }
    }

    /// Starts again at the number with these two's complement limbs, lowest first.
    pub fn set(&mut self, limbs: &[u64]) {
        self.lanes.fill(0);
        for (lane, &limb) in self.lanes.iter_mut().zip(limbs) {
            *lane = i128::from(limb);
        }
        if let Some(&top) = limbs.last() {
            self.lanes[limbs.len() - 1] = i128::from(top as i64);
        }
    }

    /// Adds `product * 2^shift`.
    #[inline]
    pub fn add(&mut self, product: i128, shift: u32) {
        let (lane, bits) = ((shift / 64) as usize, shift % 64);
        let size = product.unsigned_abs();
        let low = size << bits;
        let high = if bits == 0 { 0 } else { size >> (128 - bits) };
        let sign = if product < 0 { -1 } else { 1 };
        let parts = [low as u64, (low >> 64) as u64, high as u64];
        for (lane, part) in self.lanes[lane..lane + 3].iter_mut().zip(parts) {
            *lane += sign * i128::from(part);
        }
    }

    /// Writes the sum as two's complement limbs and returns the part above them: 0 or -1, the sign, if the sum fits.
    pub fn limbs(&self, limbs: &mut [u64]) -> i128 {
        let mut carry = 0;
        for (limb, lane) in limbs.iter_mut().zip(&self.lanes) {
            let sum = lane + carry;
            *limb = sum as u64;
            carry = sum >> 64;
        }
        carry
    }
}
