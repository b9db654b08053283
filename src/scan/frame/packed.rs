//! A frame as arrays, for files that store what was computed for a reference set.

use super::{Far, Frame, Made};
use crate::error::Result;
use crate::rows::{Numbers, Pack};

impl Frame {
    /// Store the frame.
    pub fn pack(&self, pack: &mut Pack) {
        let numbers = [self.euclid, self.radius, self.euclid_radius, self.far.ratio];
        pack.put_reals("frame.numbers", numbers);
        let columns = [
            ("frame.centre", &self.centre),
            ("frame.scale", &self.scale),
            ("frame.lowest", &self.lowest),
            ("frame.highest", &self.highest),
            ("frame.range", &self.range),
            ("frame.unit", &self.unit),
            ("frame.far_points", &self.far.points),
        ];
        for (name, values) in columns {
            pack.put_reals(name, values.iter().copied());
        }
        pack.put("frame.bias", Numbers::F32(self.bias.to_vec()));
        pack.put_counts("frame.far_rows", self.far.rows.iter().copied());
    }

    /// Restore the frame of `n` rows of `d` numbers. Errors: arrays that do not fit, and values that no frame has.
    pub fn unpack(pack: &mut Pack, n: usize, d: usize) -> Result<Self> {
        let mut column = |name| {
            let values = pack.reals(name, Some(d))?;
            match values.iter().all(|value| value.is_finite()) {
                true => Ok(values),
                false => Err(pack.fault(name, "a number is not finite")),
            }
        };
        let (centre, scale) = (column("frame.centre")?, column("frame.scale")?);
        let (lowest, highest) = (column("frame.lowest")?, column("frame.highest")?);
        let (range, unit) = (column("frame.range")?, column("frame.unit")?);
        let numbers = pack.reals("frame.numbers", Some(4))?;
        let rows = pack.ascending("frame.far_rows", n)?;
        let frame = Frame {
            euclid: numbers[0],
            radius: numbers[1],
            euclid_radius: numbers[2],
            bias: pack.floats("frame.bias", Some(n))?.into(),
            far: Far {
                points: pack.reals("frame.far_points", Some(rows.len() * d))?,
                rows,
                ratio: numbers[3],
            },
            centre,
            scale,
            lowest,
            highest,
            range,
            unit,
            made: Made::default(),
        };
        let scales = frame.scale.iter().chain(&frame.unit).chain([&frame.euclid]);
        if !scales
            .copied()
            .all(|scale| scale > 0.0 && scale.is_finite())
        {
            return Err(pack.fault("frame.scale", "a scale is not positive"));
        }
        let bounds = [frame.radius, frame.euclid_radius, frame.far.ratio];
        if !bounds.iter().all(|bound| *bound >= 0.0) {
            return Err(pack.fault("frame.numbers", "a bound is negative"));
        }
        Ok(frame)
    }
}
