//! How families of networks expect images: from a config beside a network, or from a named preset.
//!
//! `imagenet` is the preset of torchvision's first ResNet weights (shorter side 256, centre 224, bilinear), `clip` that
//! of OpenAI's CLIP (shorter side and centre of the network's size, bicubic), `siglip` that of SigLIP (resized to the
//! network's size without keeping the aspect ratio, bicubic).

use super::super::spec::{Filter, Preset, Resize};
/// The size of images where a network leaves it open.
const SIDE: Size = (224, 224);

/// A width and a height.
pub type Size = (usize, usize);

/// The settings for images that do not come from the user.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    pub resize: Option<Resize>,
    pub crop: Option<Size>,
    pub filter: Filter,
    pub antialias: bool,
    pub mean: Vec<f64>,
    pub std: Vec<f64>,
    /// The value to which a pixel of 255 is scaled before mean and std.
    pub white: f64,
    /// The source of the recipe, for messages.
    pub by: String,
}

impl Recipe {
    /// A preset for a network whose images have the size `fixed`, if it fixes one.
    pub fn preset(preset: Preset, fixed: Option<Size>) -> Option<Recipe> {
        let side = fixed.unwrap_or(SIDE);
        let recipe = |name: &str, resize, crop, filter, mean: [f64; 3], std: [f64; 3]| Recipe {
            resize: Some(resize),
            crop,
            filter,
            antialias: true,
            mean: mean.to_vec(),
            std: std.to_vec(),
            white: 1.0,
            by: format!("preset={name}"),
        };
        Some(match preset {
            Preset::Plain => return None,
            Preset::ImageNet => recipe(
                "imagenet",
                Resize::Shorter(256),
                Some(SIDE),
                Filter::Bilinear,
                [0.485, 0.456, 0.406],
                [0.229, 0.224, 0.225],
            ),
            Preset::Clip => recipe(
                "clip",
                Resize::Shorter(side.0.max(side.1)),
                Some(side),
                Filter::Bicubic,
                [0.48145466, 0.4578275, 0.40821073],
                [0.26862954, 0.26130258, 0.27577711],
            ),
            Preset::Siglip => recipe(
                "siglip",
                Resize::Exact(side.0, side.1),
                None,
                Filter::Bicubic,
                [0.5; 3],
                [0.5; 3],
            ),
        })
    }
}
