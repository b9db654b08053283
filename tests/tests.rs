//! What a user relies on, one module a subject, in one binary.

mod common;

/// Arrays by name in files of scientific formats.
mod arrays;
/// `bench`: what it measures, what it writes, what it refuses.
mod bench;
/// No files of a folder import each other in a circle.
mod circles;
/// Which columns of a table are the rows: what is used, what is left out, and that it is said.
mod columns;
/// The program as a user meets it: outputs, exit codes, nothing left behind.
mod commands;
/// The same queries through several spaces; `compare` from the outside.
mod compare;
/// Definitions of "inside" against their closed forms, each other, and references fitted anew.
mod definitions;
/// Delaunay simplices: SciPy's, empty spheres by plain sums, values by hand; outside at the projection.
mod delaunay;
/// What the program says of this machine's adapters, and what it takes.
#[cfg(feature = "gpu")]
mod devices;
/// Brackets of distances against exact rational ones.
mod distances;
/// Dumps of other libraries: torch, faiss, types that NumPy does not know.
mod dumps;
/// The largest and smallest numbers, integers that f64 rounds, digits on any threads.
mod edges;
/// `embed`: the rows of a space as files that are read back, named and labelled; what is refused.
mod embed;
/// Networks as other programs write them: their rows, and the names of their tensors.
#[cfg(feature = "onnx")]
mod encoders;
/// `errors`: which notion predicts a model's errors, from what a comparison left.
mod errors;
/// Few dimensions: extreme rows and trees give the answers about all rows.
mod few_dimensions;
/// Every file format: golden, truncated, flipped, lying.
mod formats;
/// The seeds of the fuzz targets, once.
mod fuzzing;
/// The GPU on every adapter that is there: passes against twins, the suite, faults.
#[cfg(feature = "gpu")]
mod gpu;
/// A device that is lost, or out of memory, or does not hold what it was sent.
#[cfg(feature = "gpu")]
mod gpu_faults;
/// Imports go one way; files say what they are for.
mod house;
/// Labelled images in tables, as Hugging Face's datasets writes them; what classes are called.
mod image_sets;
/// Sets of images: folders, CIFAR, arrays, labels; broken files, and memory.
mod images;
/// JSON and JSON Lines: rows, fields, what is wrong with them.
mod json;
/// Known answers on MNIST.
mod mnist;
/// Nearest neighbours are exact, whatever the data.
mod neighbours;
/// What is said beside the numbers: each note where it is true, and nowhere else.
mod notes;
/// No output of a command is one of its inputs.
mod outputs;
/// The paper's experiments.
mod paper;
/// Image files of any sizes, each prepared from its own for networks that say how.
#[cfg(feature = "onnx")]
mod pictures;
/// Images go into a network as Pillow, torchvision, transformers and timm prepare them.
#[cfg(feature = "onnx")]
mod preparation;
/// A reference that was made ready: the same answers from a file, and no other file.
mod ready;
/// Files that are recognised and not read.
mod refused;
/// Nothing is lost and nothing hangs, whatever ends a run.
mod reliable;
/// Equal rows: the answers of brute force, at the cost of different rows.
mod repeats;
/// Shaders are valid and laid out as the host thinks, without any driver.
#[cfg(feature = "gpu")]
mod shaders;
/// Rates of random points against exact probabilities; `sweep` from the outside.
mod sweep;
/// Tables in text as people write them.
mod texts;
/// Closed forms and hull probabilities.
mod theory;
/// Verdicts against exact rational truth: scale, units, faces, flat data.
mod truth;
/// Every scan through one suite, and the suite through planted faults.
mod twins;
/// Verdicts against a linear program; invariants; degenerate references.
mod verdicts;
/// `verify`: files that were changed, files of other rows, numbers at the edges.
mod verify;
/// Word vectors in text and in word2vec's binary form.
mod words;
/// Arrays of Zarr, and folders that lie.
mod zarr;
