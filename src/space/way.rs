//! The way into a space: its maps in their order, fitted on a reference, for any other rows, and kept by their numbers.
//!
//! What was found as a map was fitted, or drawn at random, is kept as it is: means, directions, weights. Maps that only
//! depend on the shape of images are made again from that.

use super::relu::ReluFeatures;
use super::shape_inference::{Networks, Outline, image, outline};
use super::spec::{SpaceStage, Spec};
use super::views::{in_order, keep_mapped, shaped};
use super::{Map, Mapped, Set, Settings, Views, projection};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::rows::images::Shape;
use crate::rows::{Pack, Rows, kept_size};
use crate::warnings::Warnings;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where a way begins, and where it leads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ends {
    /// The space as it was typed.
    pub space: String,
    /// Numbers of a row before it.
    pub dim: usize,
    /// What a row looks like before it, if it is an image.
    pub shape: Option<Shape>,
}

/// Fitted maps into a space.
#[derive(Clone)]
pub struct Way {
    pub ends: Ends,
    maps: Vec<Arc<dyn Map>>,
}

impl Way {
    /// The way into the one space that `text` names, fitted on `set`; and the set's rows there.
    ///
    /// Errors ([`Error::Usage`]): a text that names several spaces, a space whose rows come from files or from a network,
    /// and one that does not fit the rows.
    pub fn fit(
        set: Set,
        text: &str,
        settings: Settings,
        warnings: &mut Warnings,
        control: &Control,
    ) -> Result<(Arc<dyn Rows>, Self)> {
        let spec = mapping(text)?;
        let ends = Ends {
            space: spec.text.clone(),
            dim: set.rows.dim(),
            shape: set.shape,
        };
        let sets = Some((set.clone(), set));
        let mut views = Views::new(sets, vec![spec.clone()], settings, control)?;
        let (rows, maps) = views.maps(&spec, control)?;
        warnings.extend(views.take_warnings());
        Ok((rows, Way { ends, maps }))
    }

    /// Whether there is a way into the space that `text` names. Errors: as [`Way::fit`], as far as the text tells.
    pub fn check(text: &str) -> Result<()> {
        mapping(text).map(|_| ())
    }

    /// The numbers of all maps.
    pub fn pack(&self, pack: &mut Pack) {
        for (place, map) in self.maps.iter().enumerate() {
            map.pack(&name(place), pack);
        }
    }

    /// The same way again.
    ///
    /// Errors: a space that is not known, numbers that are missing or do not fit.
    pub fn unpack(ends: Ends, pack: &mut Pack) -> Result<Self> {
        let spec = mapping(&ends.space)?;
        let pixels = |shape: Shape| {
            let side = shape.height.checked_mul(shape.width)?;
            side.checked_mul(shape.channels)
        };
        if ends.dim == 0
            || ends
                .shape
                .is_some_and(|shape| pixels(shape) != Some(ends.dim))
        {
            return Err(pack.fault("space", "the shape of its images is not that of a row"));
        }
        let before = Outline {
            shape: ends.shape,
            ..Outline::of(Some(ends.dim))
        };
        outline(&spec, Some(before), &mut Networks::default())?;
        let (mut dim, mut shape) = (ends.dim, ends.shape);
        let mut maps: Vec<Arc<dyn Map>> = Vec::new();
        let stages = spec
            .stages
            .iter()
            .filter(|stage| **stage != SpaceStage::Pixels);
        for (place, stage) in stages.enumerate() {
            let map = again(stage, &name(place), (dim, shape), &spec.text, pack)?;
            (dim, shape) = (map.dim(), map.shape());
            maps.push(map);
        }
        Ok(Way { ends, maps })
    }

    /// Numbers of a row in the space, of which `pixels` alone leaves all.
    pub fn dim(&self) -> usize {
        self.maps.last().map_or(self.ends.dim, |map| map.dim())
    }

    /// Other rows in the space: in memory where `memory` bytes hold them, else mapped as they are read.
    ///
    /// Errors: rows of another number of columns, or images of another shape.
    pub fn take(&self, set: Set, memory: u64, control: &Control) -> Result<Arc<dyn Rows>> {
        let ends = &self.ends;
        if set.rows.dim() != ends.dim {
            return Err(Error::Usage(format!(
                "{} has {} columns, and the reference had {} before it was mapped to {}; give queries as they are \
                 before that",
                set.rows.name(),
                set.rows.dim(),
                ends.dim,
                ends.space
            )));
        }
        let size = |shape: Shape| (shape.width, shape.height, shape.channels);
        if let (Some(own), Some(shape)) = (set.shape.map(size), ends.shape.map(size))
            && own != shape
        {
            return Err(Error::Usage(format!(
                "the images of {} are {} x {} of {} channels, and those of the reference {} x {} of {}; give images of \
                 one size",
                set.rows.name(),
                own.0,
                own.1,
                own.2,
                shape.0,
                shape.1,
                shape.2
            )));
        }
        let mut rows = in_order(set, ends.shape);
        for map in &self.maps {
            let name = format!("{} in {}", rows.name(), ends.space);
            rows = Arc::new(Mapped::new(rows, Arc::clone(map), name));
        }
        match ((rows.len() * rows.dim() * kept_size(&*rows)) as u64) <= memory {
            true => keep_mapped(&rows, control),
            false => Ok(rows),
        }
    }
}

/// What the arrays of the map at a place are called.
fn name(place: usize) -> String {
    format!("space.{place}")
}

/// The one space that `text` names, whose rows come from those of a set by maps that are fitted once.
///
/// Errors ([`Error::Usage`]): a text that names several spaces, and a space whose rows come from files or from a network.
fn mapping(text: &str) -> Result<Spec> {
    let mut specs = Spec::parse(text)?;
    let (Some(spec), true) = (specs.pop(), specs.is_empty()) else {
        return Err(Error::Usage(format!(
            "{text} names several spaces; a reference is in one, and compare takes several"
        )));
    };
    let other = |stage: &SpaceStage| matches!(stage, SpaceStage::File { .. } | SpaceStage::Onnx(_));
    match spec.stages.iter().any(other) {
        true => Err(Error::Usage(format!(
            "the space {} takes rows from files or from a network, which a fitted reference does not hold; compare does \
             that, or fit the rows of that space themselves (hullscope embed writes them)",
            spec.text
        ))),
        false => Ok(spec),
    }
}

/// The map of a stage for rows of `dim` numbers, from the arrays that begin with `name`.
fn again(
    stage: &SpaceStage,
    name: &str,
    (dim, shape): (usize, Option<Shape>),
    text: &str,
    pack: &mut Pack,
) -> Result<Arc<dyn Map>> {
    if let Some(map) = shaped(stage, shape, text)? {
        return Ok(map);
    }
    Ok(match stage {
        SpaceStage::Pca(dims) | SpaceStage::PcaLast(dims) | SpaceStage::Random { dims, .. } => {
            Arc::new(projection::Linear::unpack(name, dim, Some(*dims), pack)?)
        }
        SpaceStage::Whiten => Arc::new(projection::Linear::unpack(name, dim, Some(dim), pack)?),
        SpaceStage::PcaShare(_) => Arc::new(projection::Linear::unpack(name, dim, None, pack)?),
        SpaceStage::Dims { dims, .. } => {
            Arc::new(projection::kept_coordinates(name, dim, *dims, pack)?)
        }
        SpaceStage::ReluFeatures { dims, .. } => {
            let shape = image(shape, text)?;
            Arc::new(ReluFeatures::unpack(name, shape, *dims, pack)?)
        }
        _ => return Err(pack.fault(name, format!("the space {text} holds no such map"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Numbers;
    use crate::rows::synthetic;

    /// Images of 12 x 9 pixels and two channels.
    fn images(n: usize, seed: u64) -> Set {
        Set {
            shape: Some(Shape {
                height: 12,
                width: 9,
                channels: 2,
                planar: false,
            }),
            ..Set::vectors(Arc::new(synthetic::gaussian(n, 216, seed)))
        }
    }

    fn values(rows: &dyn Rows) -> Vec<f64> {
        let mut values = vec![0.0; rows.len() * rows.dim()];
        rows.read_f64(0, &mut values).unwrap();
        values
    }

    const SPACES: [&str; 10] = [
        "pixels",
        "patch:4",
        "smooth:2|resize:3x3|gray",
        "wavelet|pca:5",
        "pca:0.5",
        "pca-last:3",
        "whiten",
        "random:7|pixels|pca:2",
        "patch:6|dims:11,seed=3",
        "relu-features:8",
    ];

    #[test]
    fn a_way_that_was_kept_leads_where_it_led() {
        let control = Control::default();
        let settings = Settings {
            seed: 5,
            memory: u64::MAX,
            ..Settings::default()
        };
        for text in SPACES {
            let sets = Some((images(300, 1), images(70, 2)));
            let spec = mapping(text).unwrap();
            let mut views =
                Views::new(sets, vec![spec.clone()], settings.clone(), &control).unwrap();
            let view = views.view(&spec, &control).unwrap();
            let (rows, way) = Way::fit(
                images(300, 1),
                text,
                settings.clone(),
                &mut Warnings::default(),
                &control,
            )
            .unwrap();
            assert_eq!(values(&*rows), values(&*view.reference), "{text}");
            let mut pack = Pack::new("x.hull");
            way.pack(&mut pack);
            let whole = pack.clone();
            let again = Way::unpack(way.ends.clone(), &mut pack).unwrap();
            assert_eq!(pack.arrays().count(), 0, "{text}");
            again.pack(&mut pack);
            assert_eq!(pack, whole, "{text}");
            assert_eq!(again.dim(), rows.dim());
            for memory in [0, u64::MAX] {
                let queries = again.take(images(70, 2), memory, &control).unwrap();
                assert_eq!(values(&*queries), values(&*view.queries), "{text}");
            }
        }
    }

    #[test]
    fn a_query_alone_is_mapped_as_among_others() {
        let control = Control::default();
        for text in SPACES {
            let (_, way) = Way::fit(
                images(300, 1),
                text,
                Settings::default(),
                &mut Warnings::default(),
                &control,
            )
            .unwrap();
            let all = images(70, 2);
            let together = values(&*way.take(all.clone(), 0, &control).unwrap());
            for query in [0, 1, 37, 63, 64, 69] {
                let one = crate::rows::Subset::new("one", &*all.rows, vec![query]);
                let row = crate::rows::Memory::from_f64("one", 216, values(&one));
                let alone = way.take(Set::vectors(Arc::new(row)), 0, &control).unwrap();
                let there = &together[query * way.dim()..][..way.dim()];
                assert_eq!(values(&*alone), there, "{text}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let control = Control::default();
        let fit = |text: &str| {
            Way::fit(
                images(300, 1),
                text,
                Settings::default(),
                &mut Warnings::default(),
                &control,
            )
        };
        for text in ["onnx:sample@features", "file:a.npy,b.npy"] {
            let error = fit(text).err().unwrap().to_string();
            assert!(
                error.contains("a fitted reference does not hold"),
                "{error}"
            );
        }
        let (_, way) = fit("pca:3").unwrap();
        let kept = || {
            let mut pack = Pack::new("x.hull");
            way.pack(&mut pack);
            pack
        };
        let refused = |ends: Ends, mut pack: Pack, said: &str| {
            let error = Way::unpack(ends, &mut pack).err().unwrap().to_string();
            assert!(error.contains(said), "{error}");
        };
        refused(way.ends.clone(), Pack::new("x.hull"), "space.0.basis");
        let mut short = kept();
        short.put("space.0.centre", Numbers::F64(vec![0.0; 5]));
        refused(way.ends.clone(), short, "space.0.centre");
        let other = |space: &str, dim| Ends {
            space: space.into(),
            dim,
            ..way.ends.clone()
        };
        refused(other("pca:4", 216), kept(), "space.0.basis");
        refused(other("pca:3", 100), kept(), "the shape of its images");
        refused(other("patch:99", 216), kept(), "patch");
        let narrow = Set::vectors(Arc::new(synthetic::gaussian(3, 20, 1)));
        let error = way.take(narrow, 0, &control).err().unwrap().to_string();
        assert!(
            error.contains("20 columns, and the reference had 216"),
            "{error}"
        );
    }
}
