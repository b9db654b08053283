//! Views of two sets, reference and queries, in a space: every space is fitted on the reference and applied to both.
//!
//! Features of a network are stored, in memory or in a spool file, and all its tensors that any of the spaces needs
//! come from one pass. Other spaces are stored in memory if the budget allows it, and otherwise mapped when they are
//! read.

use super::frame::Frame;
use super::resample::Resample;
use super::set::Set;
use super::shape_inference::{Networks, Outline, after_files, frame_of, image, matrix, outline};
use super::spec::{OnnxArgs, SpaceStage, Spec};
use super::{Layer, Map, Mapped, pca, pixel, projection, relu, wavelet};
use crate::control::{Control, WorkStage};
use crate::error::{Error, Result};
use crate::rows::images::Shape;
use crate::rows::view::Numbered;
use crate::rows::{Element, OpenOptions, Rows, kept_size, like, open, said};
use crate::warnings::Warnings;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Settings for making spaces.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The seed of every random space without a seed of its own.
    pub seed: u64,
    /// The memory, in bytes, that the stored rows of one space may take.
    pub memory: u64,
    /// How the files of `file:` are read: the reference, and the queries.
    pub files: [OpenOptions; 2],
    /// The ONNX Runtime library that runs networks in place of tract.
    pub onnx_runtime: Option<PathBuf>,
}

#[cfg(feature = "onnx")]
fn networks_of(settings: &Settings) -> Result<Networks> {
    Ok(Networks::by(settings.onnx_runtime.clone()))
}

#[cfg(not(feature = "onnx"))]
fn networks_of(settings: &Settings) -> Result<Networks> {
    match settings.onnx_runtime {
        None => Ok(Networks::default()),
        Some(_) => Err(Error::Usage(
            "--onnx-runtime needs a program built with the feature `onnx`".into(),
        )),
    }
}

/// Reference and queries in one space.
#[derive(Clone)]
pub struct View {
    pub reference: Arc<dyn Rows>,
    pub queries: Arc<dyn Rows>,
    pub shape: Option<Shape>,
    /// The largest pixel value, as long as rows are pixels.
    range: f64,
    /// Whether the images were brought to the size of a network.
    framed: bool,
    /// The tensors of a network that make up a row, in order; empty for other rows.
    pub layers: Arc<[Layer]>,
    /// How a row is displayed as an image, if it is not the original image.
    seen: Seen,
}

/// The display of a row as an image.
#[derive(Clone, Default)]
enum Seen {
    #[default]
    Nothing,
    /// The row is an image.
    Image(Shape),
    /// The inverse of this map leads to an image.
    Back(Arc<dyn Map>, Shape),
}

/// Computes views.
pub struct Views {
    base: Option<View>,
    /// The sets as brought to the sizes of networks.
    framed: Vec<(Frame, View)>,
    settings: Settings,
    /// All spaces that will be requested, so that tensors of one network are computed in one pass.
    specs: Vec<Spec>,
    /// Facts about the networks.
    networks: Networks,
    /// Tensors of networks with their notes, by the text of the stages up to them.
    tensors: HashMap<String, (View, Vec<String>)>,
    /// Embeddings from files, by their two names; not yet in memory.
    files: HashMap<[String; 2], View>,
    /// What was noticed as files were read, and maps fitted, since it was last asked for.
    warnings: Warnings,
}

/// Rows in a space, and the maps that lead to it, in order.
type WithMaps = (Arc<dyn Rows>, Vec<Arc<dyn Map>>);

impl Views {
    /// Prepares the spaces `specs` of two sets. Without sets, only `file:` spaces can be made. Opens their files.
    ///
    /// Errors: a stage that needs sets or images where there are none; sets of different shapes; files that cannot be
    /// read.
    pub fn new(
        sets: Option<(Set, Set)>,
        specs: Vec<Spec>,
        settings: Settings,
        control: &Control,
    ) -> Result<Self> {
        let mut stages = specs.iter().flat_map(|spec| &spec.stages);
        let any_network = stages.any(|stage| matches!(stage, SpaceStage::Onnx(_)));
        let (mut views, mut framed) = (None, Vec::new());
        if let Some((reference, queries)) = sets {
            for ((frame, reference), (_, queries)) in reference.by_frame().zip(queries.by_frame()) {
                let framed_view = base(reference, queries, any_network)?;
                framed.push((
                    frame,
                    View {
                        framed: true,
                        ..framed_view
                    },
                ));
            }
            views = Some(base(reference, queries, any_network)?);
        }
        let networks = networks_of(&settings)?;
        let mut views = Views {
            base: views,
            framed,
            settings,
            specs,
            networks,
            tensors: HashMap::new(),
            files: HashMap::new(),
            warnings: Warnings::default(),
        };
        for spec in views.specs.clone() {
            let rows = views.images(&spec)?.map(|view| view.outline());
            outline(&spec, rows, &mut views.networks)?;
        }
        for spec in views.specs.clone() {
            if let Some(files) = views.open(&spec, control)? {
                after_files(&spec, files.reference.dim(), &mut views.networks)?;
            }
        }
        Ok(views)
    }

    /// Warnings from making spaces, since the last call.
    pub fn take_warnings(&mut self) -> Vec<String> {
        self.warnings.take()
    }

    /// Whether rows of the sets or the files may have been dropped.
    pub fn may_leave_out(&self) -> bool {
        self.settings.files.iter().any(|files| files.skip_nonfinite)
    }

    /// The rows with which a space begins: those of its files, or the sets. Files that were not in `specs` are opened.
    ///
    /// Errors: files that cannot be read; no sets.
    pub fn start(&mut self, spec: &Spec, control: &Control) -> Result<View> {
        if let Some(files) = self.open(spec, control)? {
            return Ok(files);
        }
        match self.images(spec)? {
            Some(view) => Ok(view),
            None => {
                // Without sets, the outline refuses a space that does not start with files.
                outline(spec, None, &mut self.networks)?;
                Err(Error::Usage(format!("the space {} has no rows", spec.text)))
            }
        }
    }

    /// The sets as input of a space: in the size of the network at its start, if they were brought to it.
    ///
    /// Errors: a network that cannot be read.
    fn images(&mut self, spec: &Spec) -> Result<Option<View>> {
        if let Some(frame) = frame_of(spec, &mut self.networks).filter(|_| !self.framed.is_empty())
        {
            let frame = frame?;
            let mut framed = self.framed.iter();
            if let Some((_, view)) = framed.find(|(own, _)| Some(*own) == frame) {
                return Ok(Some(view.clone()));
            }
        }
        Ok(self.base.clone())
    }

    /// The number of rows of the reference and of the queries in a space, which must be among those of [`Views::new`].
    pub fn rows(&self, spec: &Spec) -> (usize, usize) {
        let view = match spec.stages.first() {
            Some(SpaceStage::File { reference, queries }) => {
                self.files.get(&[reference.clone(), queries.clone()])
            }
            _ => self.base.as_ref(),
        };
        view.map_or((0, 0), |view| (view.reference.len(), view.queries.len()))
    }

    /// Reference and queries in a space. Errors: a stage that does not fit the rows, files or networks that cannot be
    /// read.
    pub fn view(&mut self, spec: &Spec, control: &Control) -> Result<View> {
        let mut view = self.start(spec, control)?;
        for (place, stage) in spec.stages.iter().enumerate() {
            view = match stage {
                SpaceStage::Pixels | SpaceStage::File { .. } => view,
                SpaceStage::Onnx(args) => self.tensor(spec, place, args, view, control)?,
                other => {
                    let map = self.fit(other, place, &view, &spec.text, control)?;
                    view.through(map, &spec.text)
                }
            };
        }
        self.kept(view, control)
    }

    /// The reference in a space, and the maps that lead to it, for use on other queries.
    ///
    /// Errors: as [`Views::view`], and spaces whose rows come from files or from a network instead of the queries'
    /// numbers.
    pub(super) fn maps(&mut self, spec: &Spec, control: &Control) -> Result<WithMaps> {
        let (mut view, mut maps) = (self.start(spec, control)?, Vec::new());
        for (place, stage) in spec.stages.iter().enumerate() {
            match stage {
                SpaceStage::Pixels => {}
                other => {
                    let map = self.fit(other, place, &view, &spec.text, control)?;
                    maps.push(Arc::clone(&map));
                    view = view.through(map, &spec.text);
                }
            }
        }
        Ok((self.kept(view, control)?.reference, maps))
    }

    /// The rows of a space that begins with files; None for other spaces. They are read in place or from a spool file.
    fn open(&mut self, spec: &Spec, control: &Control) -> Result<Option<View>> {
        let Some(SpaceStage::File { reference, queries }) = spec.stages.first() else {
            return Ok(None);
        };
        let names = [reference.clone(), queries.clone()];
        if let Some(known) = self.files.get(&names) {
            return Ok(Some(known.clone()));
        }
        control.begin(WorkStage::Read, 0);
        let [first, second] = &self.settings.files;
        let there = |options: &OpenOptions| OpenOptions {
            memory: 0,
            ..options.clone()
        };
        let reference = open(reference, &there(first), control)?;
        let second = OpenOptions {
            like: like(&*reference),
            ..there(second)
        };
        let queries = open(queries, &second, control)?;
        let noticed = said(&*reference).chain(said(&*queries));
        self.warnings.extend(noticed);
        if reference.dim() != queries.dim() {
            return Err(Error::Usage(format!(
                "the two sets of {} have different dimensions: {} has {} columns, {} has {}",
                spec.text,
                reference.name(),
                reference.dim(),
                queries.name(),
                queries.dim()
            )));
        }
        let view = View {
            reference: Arc::from(reference),
            queries: Arc::from(queries),
            shape: None,
            range: 1.0,
            framed: false,
            layers: Arc::default(),
            seen: Seen::Nothing,
        };
        self.files.insert(names, view.clone());
        Ok(Some(view))
    }

    /// Fits the map of a stage on the reference.
    fn fit(
        &mut self,
        stage: &SpaceStage,
        place: usize,
        view: &View,
        text: &str,
        control: &Control,
    ) -> Result<Arc<dyn Map>> {
        let rows = &*view.reference;
        control.begin(WorkStage::Fit, rows.len() as u64);
        if let Some(map) = shaped(stage, view.shape, text)? {
            return Ok(map);
        }
        let unfit = || unfit(text, rows.dim());
        let drawn = |own: &Option<u64>, purpose| {
            projection::generator(own.unwrap_or(self.settings.seed), purpose, place)
        };
        Ok(match stage {
            SpaceStage::Pca(dims) => Arc::new(pca::top(rows, *dims, &mut self.warnings, control)?),
            SpaceStage::PcaShare(share) => {
                Arc::new(pca::share(rows, *share, &mut self.warnings, control)?)
            }
            SpaceStage::PcaLast(dims) => Arc::new(pca::last(rows, *dims, control)?),
            SpaceStage::Whiten => Arc::new(pca::whiten(rows, control)?),
            SpaceStage::Random { dims, seed } => {
                matrix(rows.dim(), *dims, text)?;
                let random = drawn(seed, projection::RANDOM);
                Arc::new(projection::Linear::random(rows.dim(), *dims, random))
            }
            SpaceStage::Dims { dims, seed } => {
                let random = drawn(seed, projection::DIMS);
                let chosen = projection::coordinates(rows.dim(), *dims, random);
                Arc::new(chosen.ok_or_else(unfit)?)
            }
            SpaceStage::ReluFeatures { dims, seed } => {
                let (shape, random) = (image(view.shape, text)?, drawn(seed, projection::RELU));
                Arc::new(relu::ReluFeatures::fit(
                    rows, shape, *dims, random, control,
                )?)
            }
            // Stages that were handled above (by the shape of images) or by the caller; they are not maps fitted on
            // rows.
            SpaceStage::Patch(_)
            | SpaceStage::Smooth(_)
            | SpaceStage::Resize { .. }
            | SpaceStage::Gray
            | SpaceStage::Wavelet
            | SpaceStage::Pixels
            | SpaceStage::File { .. }
            | SpaceStage::Onnx(_) => return Err(unfit()),
        })
    }

    /// The bytes of the budget that stored tensors have not used.
    pub fn left(&self) -> u64 {
        let kept = self.tensors.values();
        let resident =
            kept.map(|(view, _)| view.reference.resident_bytes() + view.queries.resident_bytes());
        self.settings.memory.saturating_sub(resident.sum())
    }

    /// Stores the rows of a view in memory, if they fit and are not there already.
    fn kept(&self, view: View, control: &Control) -> Result<View> {
        let sets = [&view.reference, &view.queries];
        let mapped = |rows: &&Arc<dyn Rows>| rows.resident_bytes() == 0;
        let bytes: u64 = sets
            .into_iter()
            .filter(mapped)
            .map(|rows| (rows.len() * rows.dim() * kept_size(&**rows)) as u64)
            .sum();
        if bytes == 0 || bytes > self.left() {
            return Ok(view);
        }
        Ok(View {
            reference: keep_mapped(&view.reference, control)?,
            queries: keep_mapped(&view.queries, control)?,
            ..view
        })
    }

    #[cfg(not(feature = "onnx"))]
    fn tensor(
        &mut self,
        spec: &Spec,
        _: usize,
        _: &OnnxArgs,
        _: View,
        _: &Control,
    ) -> Result<View> {
        Err(Error::Usage(format!(
            "the space {} needs a program built with the feature `onnx`",
            spec.text
        )))
    }

    /// A tensor of a network; all tensors of it that the spaces need for these images are computed in the same pass.
    #[cfg(feature = "onnx")]
    fn tensor(
        &mut self,
        spec: &Spec,
        place: usize,
        args: &OnnxArgs,
        view: View,
        control: &Control,
    ) -> Result<View> {
        use super::encoder::{Pixels, Wanted};
        use crate::rows::Store;
        let signature = self.networks.signature(&args.file)?;
        // The settings that tensors of one pass have in common.
        let of_pass = |args: &OnnxArgs| OnnxArgs {
            output: None,
            pool: None,
            ..args.clone()
        };
        let pass = of_pass(args);
        let wanted_by = |args: &OnnxArgs| -> Result<Wanted> {
            Ok(Wanted {
                tensors: signature.outputs(args.output.as_deref())?,
                pool: args.pool,
            })
        };
        let own = wanted_by(args)?;
        let key = |wanted: &Wanted| format!("{:?} {pass:?} {wanted:?}", &spec.stages[..place]);
        if let Some((known, notes)) = self.tensors.get(&key(&own)) {
            self.warnings.extend(notes.iter().cloned());
            return Ok(known.clone());
        }
        let images = Pixels {
            shape: image(view.shape, &spec.text)?,
            range: view.range,
            bytes: view.bytes(),
            framed: view.framed,
        };
        let mut wanted = vec![own.clone()];
        for other in &self.specs {
            if let Some(SpaceStage::Onnx(theirs)) = other.stages.get(place)
                && other.stages[..place] == spec.stages[..place]
                && of_pass(theirs) == pass
                // If the tensor does not exist, its own space reports the error.
                && let Ok(other) = wanted_by(theirs)
                && !wanted.contains(&other)
            {
                wanted.push(other);
            }
        }
        let encoder = self.networks.encoder(args, &wanted, images)?;
        let names: Vec<String> = wanted
            .iter()
            .map(|wanted| format!("{} of {}", wanted.name(), view.reference.name()))
            .collect();
        let total = view.reference.len() + view.queries.len();
        control.begin(WorkStage::Encode, total as u64);
        // Half, since the spaces that follow need memory too.
        let half = self.left() / 2;
        let references =
            encoder.encode_all(&*view.reference, &names, half, &mut self.warnings, control)?;
        let resident = |rows: &Store| rows.resident_bytes();
        let rest = half.saturating_sub(references.iter().map(resident).sum());
        let queries =
            encoder.encode_all(&*view.queries, &names, rest, &mut self.warnings, control)?;
        let sets = references.into_iter().zip(queries);
        let about = encoder.notes().iter().zip(encoder.layers());
        for ((wanted, (notes, layers)), (reference, queries)) in wanted.iter().zip(about).zip(sets)
        {
            let made = View {
                reference: Numbered::like(Arc::new(reference), &view.reference),
                queries: Numbered::like(Arc::new(queries), &view.queries),
                shape: None,
                range: 1.0,
                framed: false,
                layers: layers.clone().into(),
                seen: Seen::Nothing,
            };
            self.tensors.insert(key(wanted), (made, notes.clone()));
        }
        let (made, notes) = &self.tensors[&key(&own)];
        self.warnings.extend(notes.iter().cloned());
        Ok(made.clone())
    }
}

/// Stores rows in memory, if they are not there already.
pub(super) fn keep_mapped(rows: &Arc<dyn Rows>, control: &Control) -> Result<Arc<dyn Rows>> {
    if rows.resident_bytes() > 0 {
        return Ok(Arc::clone(rows));
    }
    control.begin(WorkStage::Map, rows.len() as u64);
    let kept = crate::rows::keep(&**rows, u64::MAX, control)?;
    Ok(Numbered::like(Arc::new(kept), rows))
}

/// The error for a stage that does not fit. The outline was checked before, but not with the dimension after networks
/// and files, which was not known then.
fn unfit(text: &str, dim: usize) -> Error {
    Error::Usage(format!(
        "the space {text} does not fit rows of {dim} numbers"
    ))
}

/// The map of a stage that the shape of images determines; `None` for other stages.
///
/// Errors: rows that are not images, or images that are too small.
pub(super) fn shaped(
    stage: &SpaceStage,
    shape: Option<Shape>,
    text: &str,
) -> Result<Option<Arc<dyn Map>>> {
    let image = || image(shape, text);
    Ok(Some(match stage {
        SpaceStage::Patch(side) => {
            let shape = image()?;
            let patch = pixel::Select::patch(shape, *side);
            Arc::new(patch.ok_or_else(|| unfit(text, shape.height * shape.width * shape.channels))?)
        }
        SpaceStage::Smooth(step) => Arc::new(Resample::smooth(image()?, *step)),
        SpaceStage::Resize { width, height } => {
            Arc::new(Resample::resize(image()?, *width, *height))
        }
        SpaceStage::Gray => Arc::new(pixel::Gray::new(image()?)),
        SpaceStage::Wavelet => Arc::new(wavelet::Wavelet::new(image()?)),
        _ => return Ok(None),
    }))
}

/// The two sets unchanged, with queries in the reference's channel order.
fn base(reference: Set, queries: Set, networks: bool) -> Result<View> {
    check_alike(&reference, &queries, networks)?;
    Ok(View {
        queries: in_order(queries, reference.shape),
        shape: reference.shape,
        reference: reference.rows,
        range: reference.range,
        framed: false,
        layers: Arc::default(),
        seen: Seen::Nothing,
    })
}

/// Checks that sets have one shape, and one pixel range where a network or a file takes both.
pub(super) fn check_alike(reference: &Set, queries: &Set, one_scale: bool) -> Result<()> {
    let order = |shape: Option<Shape>, planar| shape.map(|shape| Shape { planar, ..shape });
    if reference.rows.dim() != queries.rows.dim()
        || order(reference.shape, false) != order(queries.shape, false)
    {
        return Err(different(reference, queries));
    }
    if one_scale && reference.range != queries.range {
        return Err(Error::Usage(format!(
            "pixels run up to {} in {} and up to {} in {}, as far as their types tell; a network needs both on one \
             scale: store them as one type",
            reference.range,
            reference.rows.name(),
            queries.range,
            queries.rows.name()
        )));
    }
    Ok(())
}

/// The rows of a set in the channel order of `shape`.
pub(super) fn in_order(set: Set, shape: Option<Shape>) -> Arc<dyn Rows> {
    match (shape, set.shape) {
        (Some(to), Some(from)) if to.planar != from.planar && to.channels > 1 => {
            let name = set.rows.name().to_string();
            let map = Arc::new(pixel::Select::reordered(from, to));
            Arc::new(Mapped::new(set.rows, map, name))
        }
        _ => set.rows,
    }
}

fn different(reference: &Set, queries: &Set) -> Error {
    let shape = |set: &Set| match set.shape {
        Some(shape) => shape.to_string(),
        None => format!("{} columns", set.rows.dim()),
    };
    let size = |set: &Set| set.shape.map(|shape| (shape.width, shape.height));
    let advice = match (size(reference), size(queries)) {
        (Some(a), Some(b)) if a == b => "make both grey with --gray",
        (Some(_), Some(_)) => "resize one with --resize WxH",
        _ => "name sets from the same space",
    };
    Error::Usage(format!(
        "the two sets have different shapes: {} has {}, {} has {}; {advice}",
        reference.rows.name(),
        shape(reference),
        queries.rows.name(),
        shape(queries)
    ))
}

impl View {
    fn outline(&self) -> Outline {
        Outline {
            shape: self.shape,
            dim: Some(self.reference.dim()),
            framed: self.framed,
        }
    }

    /// Whether the pixels of both sets are whole numbers from 0 to 255.
    #[cfg(feature = "onnx")]
    fn bytes(&self) -> bool {
        let sets = [&self.reference, &self.queries];
        self.range == 255.0 && sets.iter().all(|rows| rows.element() == Element::U8)
    }

    /// What the space retains of the image behind one of its rows, if that can be displayed and is not the image
    /// itself.
    pub fn picture(&self, row: &[f64]) -> Option<(Shape, Vec<f64>)> {
        match &self.seen {
            Seen::Nothing => None,
            Seen::Image(shape) => Some((*shape, row.to_vec())),
            Seen::Back(map, shape) => Some((*shape, map.back(row)?)),
        }
    }

    /// Both sets after a further map.
    fn through(self, map: Arc<dyn Map>, text: &str) -> View {
        let shape = map.shape();
        let seen = match (shape, self.shape) {
            (Some(shape), _) => Seen::Image(shape),
            (None, Some(before)) => Seen::Back(Arc::clone(&map), before),
            (None, None) => Seen::Nothing,
        };
        let mapped = |rows: Arc<dyn Rows>| -> Arc<dyn Rows> {
            let name = format!("{} in {text}", rows.name());
            Arc::new(Mapped::new(rows, Arc::clone(&map), name))
        };
        View {
            reference: mapped(self.reference),
            queries: mapped(self.queries),
            shape,
            range: self.range,
            framed: false,
            layers: Arc::default(),
            seen,
        }
    }
}
