//! The experiments themselves: each from what is ready to its findings.

use super::inputs::{Curves, PaperInputs};
use super::sets::Set;
use super::{Args, CUBES, MAPPED};
use crate::cli::command_line;
use crate::control::Control;
use crate::error::Result;
use crate::report::RowSettings;
use crate::report::archive::{Folder, Origin};
use crate::report::paper::{Experiment, Findings, recall};
use crate::scan::Engine;
use crate::study::compare::{Archive, Forget};
use crate::study::paper::{fig1, hypercube, images};
use serde_json::{Value, json};

/// What an experiment found, the settings that it took notice of, and what was noticed.
struct Outcome {
    findings: Findings,
    settings: Value,
    notes: Vec<String>,
}

/// An experiment, if it was asked for and there is anything to ask about.
pub fn experiment(
    name: &str,
    args: &Args,
    ready: &PaperInputs,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Option<Experiment>> {
    if name == "fig1"
        && let Some(known) = finished(args, ready)
    {
        return Ok(Some(known));
    }
    let outcome = match name {
        "fig1" => samples(args, ready, engine, control)?,
        "pixels" => of_images(name, &ready.pixels, args, ready, engine, control)?,
        "latents" => of_images(name, &ready.latents, args, ready, engine, control)?,
        _ => cubes(args, ready, engine, control)?,
    };
    let experiment = |outcome: Outcome| Experiment {
        name: name.into(),
        command: command_line(),
        date: crate::bench::date(),
        settings: outcome.settings,
        // Those that the engine left come last.
        notes: [outcome.notes, engine.take_warnings()].concat(),
        findings: outcome.findings,
    };
    Ok(outcome.map(experiment))
}

/// Figure 1 as an earlier run into this folder left it, if it had the same settings; other experiments keep their spaces.
fn finished(args: &Args, ready: &PaperInputs) -> Option<Experiment> {
    let (folder, plan) = (args.output.as_ref()?, ready.fig1.as_ref()?);
    // What cannot be used is written again.
    let known = recall(folder, "fig1").ok().flatten()?;
    (known.settings == drawn(args, plan)).then_some(known)
}

/// All that the points of figure 1 depend on.
fn drawn(args: &Args, plan: &fig1::Fig1Plan) -> Value {
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
    ready: &PaperInputs,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Option<Outcome>> {
    let Some(plan) = &ready.fig1 else {
        return Ok(None);
    };
    let points = fig1::run(plan, engine, control)?;
    Ok(Some(Outcome {
        settings: drawn(args, plan),
        findings: Findings {
            halves: fig1::halves(&points),
            points,
            ..Findings::default()
        },
        notes: Vec::new(),
    }))
}

/// Figures 3 and 4, or table 1, on every set that has curves.
fn of_images(
    figure: &str,
    curves: &[Curves],
    args: &Args,
    ready: &PaperInputs,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Option<Outcome>> {
    if curves.is_empty() {
        return Ok(None);
    }
    let (mut points, mut notes, mut sets) = (Vec::new(), Vec::new(), Vec::new());
    for Curves { set, series, note } in curves {
        let (data, settings) = (ready.data(*set), ready.settings(args));
        let set = &ready.sets[*set];
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
    Ok(Some(Outcome {
        settings: json!({
            "quick": args.quick,
            "sets": sets,
            "rows": args.rows().settings(),
            "resize": args.decoding.resize,
            "gray": args.decoding.gray,
            "skip_broken": args.decoding.skip_broken,
            "exif": !args.decoding.no_exif,
            "bits": args.decoding.bits.map(|bits| bits as u8),
            "seed": args.seed,
        }),
        findings: Findings {
            points,
            ..Findings::default()
        },
        notes,
    }))
}

/// Where the finished spaces of a figure go.
fn archive<'c>(
    args: &Args,
    set: &Set,
    figure: &str,
    control: &'c Control,
) -> Box<dyn Archive + 'c> {
    let Some(folder) = &args.output else {
        return Box::new(Forget);
    };
    let origin = Origin {
        command: command_line(),
        inputs: set.named.pair.iter().flatten().cloned().collect(),
        content: String::new(),
        rows: args.rows().settings(),
        plan: images::plan(args.seed),
        seed: args.seed,
        certificates: false,
        more: format!(
            "{} {} {:?}",
            args.decoding.key(),
            set.opened.skipped,
            args.networks.onnx_runtime
        ),
    };
    let folder = folder.join(format!("{figure}-{}", set.named.slug));
    Box::new(Folder::new(&folder, origin, control))
}

/// Figure 5.
fn cubes(
    args: &Args,
    ready: &PaperInputs,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Option<Outcome>> {
    if ready.fig5.is_empty() {
        return Ok(None);
    }
    let mut cubes = Vec::new();
    for (d, embeddings) in &ready.fig5 {
        let cube = hypercube::run(*d, &MAPPED, embeddings, args.seed, engine, control)?;
        cubes.push(cube);
    }
    let rows = RowSettings {
        limit_reference: None,
        limit_queries: None,
        exclude_rows: None,
        ..args.rows.settings()
    };
    Ok(Some(Outcome {
        settings: json!({
            "dimensions": CUBES,
            "mapped_to": MAPPED,
            "spaces": args.spaces,
            "rows": rows,
            "seed": args.seed,
        }),
        findings: Findings {
            cubes,
            ..Findings::default()
        },
        notes: Vec::new(),
    }))
}
