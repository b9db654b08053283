//! Figures 3 and 4 and table 1 of the paper: test images inside the hull of the training images, against dimension.
//!
//! In pixels the dimension is lowered in the paper's two ways, by central patches and by smoothing and subsampling;
//! in latents by random subsets of the features, by their principal components, and by networks whose last layer is
//! narrow. Every point is a space of [`crate::study::compare`].

use super::Point;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::notion::registry::Wanted;
use crate::rows::images::Shape;
use crate::scan::Engine;
use crate::space::{Set, Settings, Spec, Views};
use crate::study::analyze;
use crate::study::compare::{self, Archive, ComparisonPlan, Subject};
use crate::warnings::Warnings;

/// Training and test images of one data set.
pub struct Data {
    pub name: String,
    pub reference: Set,
    pub queries: Set,
}

impl Data {
    fn sets(&self) -> (Set, Set) {
        (self.reference.clone(), self.queries.clone())
    }
}

/// A curve: its name and its spaces, by ascending dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub name: String,
    pub specs: Vec<Spec>,
}

/// Sides of patches of the quick run; the full one takes every side.
const QUICK_SIDES: [usize; 10] = [2, 3, 4, 5, 6, 8, 10, 14, 20, 28];

/// Numbers of latent dimensions.
const DIMS: [usize; 9] = [2, 4, 6, 8, 12, 16, 24, 32, 48];
const QUICK_DIMS: [usize; 8] = [2, 4, 8, 10, 12, 14, 16, 32];

/// How spaces are analyzed: verdicts only.
pub fn plan(seed: u64) -> ComparisonPlan {
    ComparisonPlan {
        analysis: analyze::AnalysisPlan {
            neighbours: 0,
            notions: Wanted(vec!["hull".into()]),
            seed,
            ..analyze::AnalysisPlan::default()
        },
        by_label: false,
        picks: 0,
    }
}

fn series(name: &str, texts: Vec<String>) -> Result<Series> {
    Ok(Series {
        name: name.into(),
        specs: Spec::parse_all(&texts)?,
    })
}

/// The curves in pixel space for images of one shape.
pub fn pixels(shape: Option<Shape>, name: &str, quick: bool) -> Result<Vec<Series>> {
    let Some(shape) = shape else {
        return Err(Error::Usage(format!(
            "{name} holds rows of numbers without a height and a width, and pixels are asked about"
        )));
    };
    let side = shape.width.min(shape.height);
    let sides = (2..=side).filter(|side| !quick || QUICK_SIDES.contains(side));
    let patches = sides.map(|side| format!("patch:{side}")).collect();
    // The steps that give a new size, the smallest image first.
    let mut steps: Vec<usize> = (1..=side.div_ceil(2)).collect();
    steps.dedup_by_key(|step| side.div_ceil(*step));
    let smooth = steps.into_iter().rev().map(|step| format!("smooth:{step}"));
    Ok(vec![
        series("central patches", patches)?,
        series("smoothed and subsampled", smooth.collect())?,
    ])
}

/// The series of latent space that is of the pixels.
pub const BESIDE: &str = "pixels, principal components";

/// The curves in latent space, and the principal components of the pixels beside them; `numbers` is how many an image
/// has. Small images have fewer components than are asked of others: what is left out is said.
pub fn latents(quick: bool, numbers: usize) -> Result<(Vec<Series>, Option<String>)> {
    let dims: &[usize] = if quick { &QUICK_DIMS } else { &DIMS };
    let mut all = Vec::new();
    for (label, network) in [("trained", "sample"), ("untrained", "sample-untrained")] {
        let features = format!("onnx:{network}@features");
        let with_all = |stage: &str| {
            let some = dims.iter().map(|dims| format!("{features}|{stage}:{dims}"));
            some.chain([features.clone()]).collect::<Vec<_>>()
        };
        let narrow = [2, 8, 16].map(|width| format!("onnx:{network}@bottleneck{width}"));
        all.push(series(
            &format!("{label}, random features"),
            with_all("dims"),
        )?);
        all.push(series(
            &format!("{label}, principal components"),
            with_all("pca"),
        )?);
        all.push(series(&format!("{label}, bottlenecks"), narrow.to_vec())?);
    }
    let wanted = dims.iter().copied().chain([64]);
    let (there, beyond): (Vec<usize>, Vec<usize>) = wanted.partition(|&dims| dims <= numbers);
    let components = there.iter().map(|dims| format!("pca:{dims}")).collect();
    all.push(series(BESIDE, components)?);
    let note = (!beyond.is_empty()).then(|| {
        let beyond: Vec<String> = beyond.iter().map(usize::to_string).collect();
        format!(
            "the images have {numbers} numbers each: points of {} principal components of the pixels are left out",
            beyond.join(", ")
        )
    });
    Ok((all, note))
}

/// The spaces of some curves. One that is on two curves is asked about once.
fn specs(curves: &[Series]) -> Vec<Spec> {
    let mut specs: Vec<Spec> = Vec::new();
    for spec in curves.iter().flat_map(|curve| &curve.specs) {
        if !specs.contains(spec) {
            specs.push(spec.clone());
        }
    }
    specs
}

/// Whether the spaces of some curves fit the data, as far as that is known before anything is computed.
///
/// Errors: those of [`Views::new`].
pub fn check(data: &Data, curves: &[Series], settings: Settings, control: &Control) -> Result<()> {
    Views::new(Some(data.sets()), specs(curves), settings, control).map(drop)
}

/// What came of one data set.
pub struct CurvePoints {
    pub points: Vec<Point>,
    /// What was noticed: about the data, then about the spaces.
    pub notes: Vec<String>,
}

/// The points of some curves on one data set.
///
/// Errors: those of [`compare::run`].
#[allow(clippy::too_many_arguments)]
pub fn run(
    figure: &str,
    data: &Data,
    curves: &[Series],
    seed: u64,
    settings: Settings,
    engine: &dyn Engine,
    archive: &mut dyn Archive,
    control: &Control,
) -> Result<CurvePoints> {
    let subject = Subject {
        sets: Some(data.sets()),
        classes: None,
        query_sets: Vec::new(),
        outcome: None,
        specs: specs(curves),
        warnings: Warnings::default(),
    };
    let plan = plan(seed);
    let report = compare::run(&plan, subject, settings, engine, archive, control)?;
    let mut points = Vec::new();
    for curve in curves {
        for spec in &curve.specs {
            let found = report.spaces.iter().find(|space| space.space == spec.text);
            points.extend(found.map(|space| Point::of(figure, &data.name, &curve.name, space)));
        }
    }
    let of_spaces = report.spaces.iter().flat_map(|space| {
        let each = space.warnings.iter();
        each.map(move |warning| format!("{}: {warning}", space.space))
    });
    let notes = report.notes.iter().cloned().chain(of_spaces);
    let notes = notes.map(|note| format!("{}: {note}", data.name));
    Ok(CurvePoints {
        points,
        notes: notes.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Option<Shape> {
        Some(Shape {
            height: 28,
            width: 28,
            channels: 1,
            planar: false,
        })
    }

    fn texts(series: &Series) -> Vec<&str> {
        series.specs.iter().map(|spec| spec.text.as_str()).collect()
    }

    #[test]
    fn patches_take_every_side_and_smoothing_every_size() {
        let curves = pixels(shape(), "images", false).unwrap();
        assert_eq!(curves[0].specs.len(), 27);
        assert_eq!(
            texts(&curves[1]),
            [
                "smooth:14",
                "smooth:10",
                "smooth:7",
                "smooth:6",
                "smooth:5",
                "smooth:4",
                "smooth:3",
                "smooth:2",
                "smooth:1"
            ]
        );
        assert!(pixels(None, "rows", false).is_err());
    }

    #[test]
    fn latents_are_those_of_both_networks() {
        let (curves, note) = latents(true, 784).unwrap();
        assert_eq!(note, None);
        assert_eq!(curves.len(), 7);
        assert!(texts(&curves[1]).contains(&"onnx:sample@features|pca:8"));
        assert!(texts(&curves[5]).contains(&"onnx:sample-untrained@bottleneck2"));
    }

    #[test]
    fn small_images_have_fewer_components_and_that_is_said() {
        let (curves, note) = latents(false, 25).unwrap();
        let dims = [2, 4, 6, 8, 12, 16, 24].map(|dims| format!("pca:{dims}"));
        assert_eq!(texts(&curves[6]), dims);
        assert!(
            note.unwrap()
                .contains("25 numbers each: points of 32, 48, 64 ")
        );
    }
}
