//! The results of a bench: plain types that `bench` fills, and `report` draws and writes.
//!
//! Field names are part of the interface: the JSON has the same, and each number's name ends in its unit.

use serde::Serialize;

/// Times of one repeated measurement, after a warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Timing {
    pub median_seconds: f64,
    pub least_seconds: f64,
    pub most_seconds: f64,
    pub repeats: u64,
}

impl Timing {
    /// The least, median and largest of some wall times in seconds; `None` if there are none.
    pub fn of(mut seconds: Vec<f64>) -> Option<Self> {
        seconds.sort_by(f64::total_cmp);
        let (least, most) = (*seconds.first()?, *seconds.last()?);
        let middle = seconds.len() / 2;
        let median = if seconds.len() % 2 == 1 {
            seconds[middle]
        } else {
            0.5 * (seconds[middle - 1] + seconds[middle])
        };
        Some(Timing {
            median_seconds: median,
            least_seconds: least,
            most_seconds: most,
            repeats: seconds.len() as u64,
        })
    }
}

/// The size of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::Args)]
pub struct Shape {
    /// Reference rows
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub rows: usize,
    /// Columns
    #[arg(long, value_name = "D", default_value_t = 128)]
    pub dim: usize,
    /// Queries, all of them scanned together
    #[arg(long, value_name = "B", default_value_t = 1_000)]
    pub queries: usize,
    /// Nearest rows of each query
    #[arg(short, value_name = "K", default_value_t = 10)]
    pub k: usize,
}

impl Shape {
    /// Operations of one scan in 10^9: a multiply and an add for each number of each row, per direction.
    pub fn gflop(&self) -> f64 {
        2e-9 * self.rows as f64 * self.dim as f64 * self.queries as f64
    }
}

/// One kind of scan on one engine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScanFigures {
    #[serde(flatten)]
    pub timing: Timing,
    /// 2 N d B over the median.
    pub gflop_per_second: f64,
    /// `gflop_per_second` divided by that of the plain product, if one was measured.
    pub share_of_product: Option<f64>,
}

/// A plain f32 matrix product on the same device in the same run: only the multiplications of a scan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProductFigures {
    /// Rows multiplied at a time: fewer than N where the result would not fit memory.
    pub rows: usize,
    #[serde(flatten)]
    pub timing: Timing,
    pub gflop_per_second: f64,
}

/// Queries answered end to end: certified verdicts, or exact neighbours.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnswerFigures {
    #[serde(flatten)]
    pub timing: Timing,
    pub queries_per_second: f64,
    /// Directions scanned for a query, on average.
    pub scans_per_query: f64,
}

/// Directions that each precision proved during all of an engine's measurements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Proved {
    pub int8_directions: u64,
    pub f16_directions: u64,
    pub f32_directions: u64,
    pub cpu_directions: u64,
}

impl Proved {
    /// Whether, since an earlier count, the CPU proved most of the directions, or the device none.
    pub fn mostly_cpu_since(&self, earlier: &Proved) -> bool {
        let device =
            |count: &Proved| count.int8_directions + count.f16_directions + count.f32_directions;
        device(self) - device(earlier) <= self.cpu_directions - earlier.cpu_directions
    }
}

/// All measurements on one engine for one shape.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurements {
    /// Time to make the scan: two passes over the rows, which give its frame.
    pub make_seconds: f64,
    /// The first scan of a set minus the median of later ones: the upload of the rows to the device.
    pub upload_seconds: Option<f64>,
    /// Time to read back the lists of all queries from an idle device; `None` without a device.
    pub read_back_seconds: Option<f64>,
    pub product: Option<ProductFigures>,
    /// The support function: the best rows of each direction, c = 0.
    pub support: ScanFigures,
    /// Nearest rows: c = 1.
    pub nearest: ScanFigures,
    /// Whitening of the reference before the first verdict.
    pub hull_setup_seconds: Option<f64>,
    pub hull: Option<AnswerFigures>,
    pub neighbours: AnswerFigures,
    pub proved: Option<Proved>,
}

/// One point of a bench over sizes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepPoint {
    #[serde(flatten)]
    pub shape: Shape,
    /// The scan for nearest rows.
    #[serde(flatten)]
    pub timing: Timing,
}

/// One engine: its measurements, or why there are none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EngineReport {
    /// A short name, for tables and plots: `CPU`, `GPU 0 f16`.
    pub label: String,
    /// A long name: `gpu, NVIDIA H100, ...`.
    pub engine: String,
    /// How its answers differ from the first engine's. If they do, its figures are not compared with others.
    pub differs: Option<String>,
    /// Whether the device failed or cannot hold the rows, and the CPU answered for it: the figures are not the device's.
    pub fell_back: bool,
    pub figures: Measurements,
    pub by_rows: Vec<SweepPoint>,
    pub by_dim: Vec<SweepPoint>,
    /// The first engine's median time of the scan for nearest rows, divided by this one's.
    pub scan_speedup: Option<f64>,
    /// Verdicts per second, divided by the first engine's.
    pub hull_speedup: Option<f64>,
    /// Neighbour queries per second, divided by the first engine's.
    pub neighbours_speedup: Option<f64>,
}

/// The machine on which the bench ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    pub cpu: String,
    pub threads: usize,
    pub system: String,
    /// Every adapter that was seen, with its driver.
    pub adapters: Vec<String>,
}

/// The numbers of queries by verdict, on which all engines agree that do not differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Verdicts {
    pub inside: u64,
    pub outside: u64,
    pub undecided: u64,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub shape: Shape,
    pub seed: u64,
    pub verdicts: Option<Verdicts>,
    /// The first one is the one that the others are compared with.
    pub engines: Vec<EngineReport>,
}

impl Report {
    /// Whether an engine has figures that may be compared with the others'.
    pub fn comparable(engine: &EngineReport) -> bool {
        engine.differs.is_none() && !engine.fell_back
    }

    /// Whether all engines gave the same answers.
    pub fn agrees(&self) -> bool {
        self.engines.iter().all(|engine| engine.differs.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::Timing;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(Timing::of(vec![]), None);
        let odd = Timing::of(vec![3.0, 1.0, 9.0]).unwrap();
        assert_eq!((odd.least_seconds, odd.median_seconds), (1.0, 3.0));
        let even = Timing::of(vec![4.0, 1.0]).unwrap();
        assert_eq!((even.median_seconds, even.most_seconds), (2.5, 4.0));
    }
}
