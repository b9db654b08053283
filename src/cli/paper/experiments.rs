//! Runs each experiment on its opened inputs and returns its findings.

use super::inputs::{PaperInputs, SetCurves};
use super::sets::ImagePair;
use super::{Args, CUBES, MAPPED};
use crate::cli::command_line;
use crate::control::Control;
use crate::error::Result;
use crate::job::archive::{ComparisonRun, Folder};
use crate::job::findings::recall;
use crate::report::paper::{Experiment, Findings};
use crate::rows::RowSettings;
use crate::scan::Engine;
use crate::study::compare::{Archive, Forget};
use crate::study::paper::{fig1, hypercube, images};
use serde_json::{Value, json};
use std::sync::Arc;

/// Runs an experiment if it was asked for and has data.
pub fn experiment(
    name: &str,
    args: &Args,
    inputs: &PaperInputs,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Option<Experiment>> {
    if name == "fig1"
        && let Some(known) = finished(args, inputs)
    {
        return Ok(Some(known));
    }
    let mut experiment = match name {
        "fig1" => samples(args, inputs, engine, control)?,
        "pixels" => of_images(name, &inputs.pixels, args, inputs, engine, control)?,
        "latents" => of_images(name, &inputs.latents, args, inputs, engine, control)?,
        _ => cubes(args, inputs, engine, control)?,
    };
    // The engine's warnings come last.
    let warnings = engine.take_warnings();
    experiment
        .iter_mut()
        .for_each(|made| made.notes.extend(warnings.iter().cloned()));
    Ok(experiment)
}

/// An experiment of this run, with the settings that it used.
fn made(name: &str, settings: Value, notes: Vec<String>, findings: Findings) -> Experiment {
    Experiment {
        name: name.into(),
        command: command_line(),
        date: crate::bench::date(),
        settings,
        notes,
        findings,
    }
}

/// Figure 1 from an earlier run into this folder, if it had the same settings; other experiments reuse their spaces.
fn finished(args: &Args, inputs: &PaperInputs) -> Option<Experiment> {
    let (folder, plan) = (args.output.as_ref()?, inputs.fig1.as_ref()?);
    // Findings that cannot be read are computed and written again.
    let known = recall(folder, "fig1").ok().flatten()?;
    (known.settings == fig1_settings(args, plan)).then_some(known)
}

/// Every setting that the points of figure 1 depend on.
fn fig1_settings(args: &Args, plan: &fig1::Fig1Plan) -> Value {
    json!({
        "quick": args.quick,
        "trials": plan.trials,
        "sizes": plan.sizes,
        "seed": plan.seed,
    })
}

/// Figure 1.
fn samples(
    args: &Args,
    inputs: &PaperInputs,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Option<Experiment>> {
    let Some(plan) = &inputs.fig1 else {
        return Ok(None);
    };
    let points = fig1::run(plan, engine, control)?;
    let findings = Findings {
        halves: fig1::halves(&points),
        points,
        ..Findings::default()
    };
    let settings = fig1_settings(args, plan);
    Ok(Some(made("fig1", settings, Vec::new(), findings)))
}

/// Figures 3 and 4, or table 1, on every set that has curves.
fn of_images(
    figure: &str,
    curves: &[SetCurves],
    args: &Args,
    inputs: &PaperInputs,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Option<Experiment>> {
    if curves.is_empty() {
        return Ok(None);
    }
    let (mut points, mut notes, mut sets) = (Vec::new(), Vec::new(), Vec::new());
    for SetCurves { set, series, note } in curves {
        let (data, settings) = (inputs.data(*set), inputs.settings(args));
        let set = &inputs.sets[*set];
        notes.extend(set.notes.iter().cloned());
        notes.extend(note.iter().map(|note| format!("{}: {note}", data.name)));
        let mut archive = archive(args, set, figure, control);
        let found = images::run(
            figure,
            &data,
            series,
            args.seed,
            settings,
            engine,
            &mut *archive,
            control,
        )?;
        points.extend(found.points);
        notes.extend(found.notes);
        sets.push(json!({ "name": data.name, "inputs": set.named.pair }));
    }
    let settings = json!({
        "quick": args.quick,
        "sets": sets,
        "rows": args.rows().settings(),
        "resize": args.decoding.resize,
        "gray": args.decoding.gray,
        "skip_broken": args.decoding.skip_broken,
        "exif": !args.decoding.no_exif,
        "bits": args.decoding.bits.map(|bits| bits as u8),
        "seed": args.seed,
    });
    let findings = Findings {
        points,
        ..Findings::default()
    };
    Ok(Some(made(figure, settings, notes, findings)))
}

/// The folder that keeps the finished spaces of a figure.
fn archive<'c>(
    args: &Args,
    set: &ImagePair,
    figure: &str,
    control: &'c Control,
) -> Box<dyn Archive + 'c> {
    let Some(folder) = &args.output else {
        return Box::new(Forget);
    };
    let run = ComparisonRun {
        command: command_line(),
        inputs: set.named.pair.iter().flatten().cloned().collect(),
        content: String::new(),
        rows: args.rows().settings(),
        plan: images::plan(args.seed),
        seed: args.seed,
        certificates: false,
        watch: Arc::clone(&set.watch),
        more: format!(
            "{} {} {:?}",
            args.decoding.key(),
            set.opened.skipped,
            args.networks.onnx_runtime
        ),
    };
    let folder = folder.join(format!("{figure}-{}", set.named.slug));
    Box::new(Folder::new(&folder, run, control))
}

/// Figure 5.
fn cubes(
    args: &Args,
    inputs: &PaperInputs,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Option<Experiment>> {
    if inputs.fig5.is_empty() {
        return Ok(None);
    }
    let mut cubes = Vec::new();
    for (d, embeddings) in &inputs.fig5 {
        let cube = hypercube::run(*d, &MAPPED, embeddings, args.seed, engine, control)?;
        cubes.push(cube);
    }
    let rows = RowSettings {
        limit_reference: None,
        limit_queries: None,
        exclude_rows: None,
        ..args.rows.settings()
    };
    let settings = json!({
        "dimensions": CUBES,
        "mapped_to": MAPPED,
        "spaces": args.spaces,
        "rows": rows,
        "seed": args.seed,
    });
    let findings = Findings {
        cubes,
        ..Findings::default()
    };
    Ok(Some(made("fig5", settings, Vec::new(), findings)))
}
