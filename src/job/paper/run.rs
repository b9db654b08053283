//! Runs each experiment on its opened inputs.

use super::sets::ImagePair;
use super::{CUBES, Curves, MAPPED, Paper, owner};
use crate::control::Control;
use crate::error::Result;
use crate::job::archive::{ComparisonRun, Folder};
use crate::job::findings::{keep, recall};
use crate::job::results;
use crate::report::paper::{Experiment, Findings, NAMES};
use crate::rows::RowSettings;
use crate::scan::Engine;
use crate::study::compare::{Archive, Forget};
use crate::study::paper::{fig1, hypercube, images};
use serde_json::{Value, json};
use std::sync::Arc;

/// A run of the experiments.
struct Run<'r> {
    paper: &'r Paper<'r>,
    /// The command that is written into every file.
    command: &'r str,
    engine: &'r dyn Engine,
    control: &'r Control,
}

impl Paper<'_> {
    /// Runs the experiments. Each is written into the folder at once, so that it stays if a later one fails.
    ///
    /// Errors: rows that cannot be read, a folder that cannot be written, an engine that fails, an interrupt.
    pub fn run(
        &self,
        command: &str,
        engine: &dyn Engine,
        control: &Control,
    ) -> Result<Vec<Experiment>> {
        let folder = self.options.output.as_deref();
        folder.map_or(Ok(()), |folder| results::claim(folder, &owner()))?;
        let run = Run {
            paper: self,
            command,
            engine,
            control,
        };
        let mut all = Vec::new();
        for name in NAMES {
            let made = match name {
                "fig1" => run.samples()?,
                "fig5" => run.cubes()?,
                figure => run.of_images(figure)?,
            };
            let Some(made) = made else { continue };
            if let Some(folder) = folder {
                keep(folder, &made)?;
            }
            all.push(made);
        }
        Ok(all)
    }
}

impl Run<'_> {
    /// An experiment of this run, with the settings that it used and its notes, to which the engine's are added.
    fn made(
        &self,
        name: &str,
        settings: Value,
        mut notes: Vec<String>,
        findings: Findings,
    ) -> Experiment {
        notes.extend(self.engine.take_warnings());
        Experiment {
            name: name.into(),
            command: self.command.into(),
            date: crate::bench::date(),
            settings,
            notes,
            findings,
        }
    }

    /// Figure 1, from an earlier run into this folder if it had the same settings; other experiments reuse their spaces.
    fn samples(&self) -> Result<Option<Experiment>> {
        let options = self.paper.options;
        let Some(plan) = &self.paper.fig1 else {
            return Ok(None);
        };
        // Every setting that the points depend on.
        let settings = json!({
            "quick": options.quick,
            "trials": plan.trials,
            "sizes": plan.sizes,
            "seed": plan.seed,
        });
        // Findings that cannot be read are computed and written again.
        let known = options.output.as_ref();
        let known = known.and_then(|folder| recall(folder, "fig1").ok()?);
        if let Some(known) = known.filter(|known| known.settings == settings) {
            return Ok(Some(known));
        }
        let points = fig1::run(plan, self.engine, self.control)?;
        let findings = Findings {
            halves: fig1::halves(&points),
            points,
            ..Findings::default()
        };
        Ok(Some(self.made("fig1", settings, Vec::new(), findings)))
    }

    /// Figures 3 and 4, or table 1, on every set that has curves.
    fn of_images(&self, figure: &str) -> Result<Option<Experiment>> {
        let options = self.paper.options;
        let (mut points, mut notes, mut sets) = (Vec::new(), Vec::new(), Vec::new());
        let curves = self.paper.curves.iter();
        for Curves {
            set, series, note, ..
        } in curves.filter(|curves| curves.figure == figure)
        {
            let set = &self.paper.sets[*set];
            notes.extend(set.notes.iter().chain(note).cloned());
            let found = images::run(
                figure,
                &set.data,
                series,
                options.seed,
                self.paper.settings.clone(),
                self.engine,
                &mut *self.archive(set, figure),
                self.control,
            )?;
            points.extend(found.points);
            notes.extend(found.notes);
            sets.push(json!({ "name": set.data.name, "inputs": set.named.pair }));
        }
        if sets.is_empty() {
            return Ok(None);
        }
        let decoding = &options.decoding;
        let settings = json!({
            "quick": options.quick,
            "sets": sets,
            "rows": options.rows().settings,
            "resize": decoding.resize,
            "gray": decoding.gray,
            "skip_broken": decoding.skip_broken,
            "exif": !decoding.no_exif,
            "bits": decoding.bits.map(|bits| bits as u8),
            "seed": options.seed,
        });
        let findings = Findings {
            points,
            ..Findings::default()
        };
        Ok(Some(self.made(figure, settings, notes, findings)))
    }

    /// The folder that keeps the finished spaces of a figure.
    fn archive(&self, set: &ImagePair, figure: &str) -> Box<dyn Archive + '_> {
        let options = self.paper.options;
        let Some(folder) = &options.output else {
            return Box::new(Forget);
        };
        let run = ComparisonRun {
            command: self.command.into(),
            inputs: set.named.files().cloned().collect(),
            content: String::new(),
            rows: options.rows().settings,
            plan: images::plan(options.seed),
            seed: options.seed,
            certificates: false,
            watch: Arc::clone(&set.watch),
            more: format!(
                "{} {} {:?}",
                options.decoding.key(),
                set.skipped,
                options.networks.onnx_runtime
            ),
        };
        let folder = folder.join(format!("{figure}-{}", set.named.slug));
        Box::new(Folder::new(&folder, run, self.control))
    }

    /// Figure 5.
    fn cubes(&self) -> Result<Option<Experiment>> {
        let options = self.paper.options;
        let mut cubes = Vec::new();
        for (d, embeddings) in &self.paper.fig5 {
            let (seed, engine) = (options.seed, self.engine);
            let cube = hypercube::run(*d, &MAPPED, embeddings, seed, engine, self.control)?;
            cubes.push(cube);
        }
        if cubes.is_empty() {
            return Ok(None);
        }
        let rows = RowSettings {
            limit_reference: None,
            limit_queries: None,
            exclude_rows: None,
            ..options.rows.settings.clone()
        };
        let settings = json!({
            "dimensions": CUBES,
            "mapped_to": MAPPED,
            "spaces": options.spaces,
            "rows": rows,
            "seed": options.seed,
        });
        let findings = Findings {
            cubes,
            ..Findings::default()
        };
        Ok(Some(self.made("fig5", settings, Vec::new(), findings)))
    }
}
