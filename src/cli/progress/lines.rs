//! Progress in plain lines: one for each finished task, and two for each long stage, with an estimate as soon as it can be
//! made and with the duration when its task is done.

use crate::control::{Progress, WorkStage};
use crate::notion::{registry, sampled};
use std::time::{Duration, Instant};

/// A stage, or a task, that takes less gets no line.
const LONG_STAGE: Duration = Duration::from_secs(10);
const LONG_TASK: Duration = Duration::from_secs(1);

/// A stage is estimated after this time, and the estimate is printed if twelve times as much, a minute, is left.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What has been seen and printed so far.
pub struct ProgressLines {
    /// The subcommand, whose options are the advice beside estimates.
    command: &'static str,
    patience: Duration,
    task: String,
    /// When the task began, and when the counters were last read.
    begun: Instant,
    seen: Instant,
    /// The stages of the task so far, and the index of the current one.
    stages: Vec<Stage>,
    at: Option<usize>,
}

/// A stage of a task. Where queries come in blocks, a stage is entered once for each block.
struct Stage {
    /// The counters at the last reading.
    now: Progress,
    /// The units that were done, and the time that was spent, when its counter last began.
    base: (u64, Duration),
    spent: Duration,
    estimated: bool,
}

impl ProgressLines {
    /// Nothing seen yet of the subcommand `command`; the patience is usually [`PATIENCE`].
    pub fn new(command: &'static str, patience: Duration) -> Self {
        ProgressLines {
            command,
            patience,
            task: String::new(),
            begun: Instant::now(),
            seen: Instant::now(),
            stages: Vec::new(),
            at: None,
        }
    }

    /// Reads the counters; returns lines for what has ended since the last reading, and an estimate for a current stage that
    /// takes minutes.
    pub fn look(&mut self, task: &str, progress: &Progress, now: Instant) -> Vec<String> {
        self.count(now);
        let mut lines = Vec::new();
        if task != self.task {
            lines = self.end(now);
            (self.task, self.begun) = (task.into(), now);
        }
        self.enter(progress);
        lines.extend(self.estimate());
        lines
    }

    /// Ends the task: lines for its long stages, and for the task itself.
    pub fn end(&mut self, now: Instant) -> Vec<String> {
        self.count(now);
        self.at = None;
        let (of, took) = (of(&self.task), now - self.begun);
        let stages = std::mem::take(&mut self.stages).into_iter();
        let long = stages.filter(|stage| stage.spent >= LONG_STAGE);
        let line = |Stage { now, spent, .. }| {
            format!("{of}{} took {:.0} s", name(&now), spent.as_secs_f64())
        };
        let mut lines: Vec<String> = long.map(line).collect();
        if !self.task.is_empty() && took >= LONG_TASK {
            lines.push(format!("{of}done in {:.1} s", took.as_secs_f64()));
        }
        lines
    }

    /// Adds the time since the last reading to the current stage.
    fn count(&mut self, now: Instant) {
        if let Some(at) = self.at {
            self.stages[at].spent += now - self.seen;
        }
        self.seen = now;
    }

    /// Makes the stage of these counters the current one.
    fn enter(&mut self, progress: &Progress) {
        let is_of = |stage: &Stage| {
            (stage.now.stage, &stage.now.notion) == (progress.stage, &progress.notion)
        };
        let at = self.stages.iter().position(is_of);
        let at = at.unwrap_or_else(|| {
            self.stages.push(Stage {
                now: progress.clone(),
                base: (progress.done, Duration::ZERO),
                spent: Duration::ZERO,
                estimated: false,
            });
            self.stages.len() - 1
        });
        let stage = &mut self.stages[at];
        let goes_on = stage.now.done <= progress.done && stage.now.total == progress.total;
        if (self.at != Some(at) || !goes_on) && progress.done <= stage.base.0 {
            // The counter starts again, as for another set of rows.
            stage.base = (progress.done, stage.spent);
        }
        stage.now = progress.clone();
        self.at = Some(at);
    }

    /// The estimated time of the current stage, once per stage and only if it is minutes, with options that make it faster.
    fn estimate(&mut self) -> Option<String> {
        let stage = &mut self.stages[self.at?];
        let (now, spent) = (&stage.now, stage.spent - stage.base.1);
        let done = now.done.saturating_sub(stage.base.0);
        let rest = now.total.saturating_sub(now.done);
        if stage.estimated || spent < self.patience || done == 0 || rest == 0 {
            return None;
        }
        let left = spent.mul_f64(rest as f64 / done as f64);
        if left < 12 * self.patience {
            return None;
        }
        stage.estimated = true;
        Some(format!(
            "{}{}: about {:.0} min left, by the {:.0} % done in {:.0} s{}",
            of(&self.task),
            name(now),
            (left.as_secs_f64() / 60.0).ceil(),
            100.0 * now.done as f64 / now.total as f64,
            spent.as_secs_f64(),
            advice(self.command, now)
        ))
    }
}

/// The name of a task as the start of a line.
pub fn of(task: &str) -> String {
    match task {
        "" => String::new(),
        task => format!("{task}: "),
    }
}

/// The options of a subcommand that make a stage faster; `{}` stands for the name of the notion at work.
fn quicker(command: &str, stage: WorkStage) -> Option<&'static str> {
    use WorkStage::{Hull, LeaveOneOut, Neighbours, Notion, Trials};
    Some(match (command, stage) {
        ("analyze", Hull) => {
            "fewer queries (--limit-queries N) and verdicts without --distance are quicker"
        }
        ("compare", Hull) => "--no-distance and fewer queries (--limit-queries N) are quicker",
        ("analyze" | "compare", Neighbours) => "fewer queries (--limit-queries N) are quicker",
        ("analyze" | "compare" | "fit", LeaveOneOut) => "--loo 0 leaves it out",
        ("analyze" | "compare" | "fit", Notion) => "a list of --notion without {} leaves it out",
        ("sweep", Trials) => "fewer --trials and smaller --sizes are quicker",
        ("sweep", Hull) => "smaller --sizes are quicker",
        ("paper", Trials) => "--quick and fewer --trials are quicker",
        ("paper", Hull | LeaveOneOut) => "--quick is quicker",
        _ => return None,
    })
}

/// The end of a line with options that make a stage faster; empty where none is known.
fn advice(command: &str, progress: &Progress) -> String {
    let notion = registry::of_id(&progress.notion);
    let stage = match notion {
        Some(_) if progress.stage != WorkStage::LeaveOneOut => WorkStage::Notion,
        _ => progress.stage,
    };
    let Some(what) = quicker(command, stage) else {
        return String::new();
    };
    let what = what.replace("{}", notion.map_or("", |notion| notion.name));
    let every = progress.stage == WorkStage::Notion && progress.total > sampled::MOST as u64;
    let all = match every && notion.is_some_and(|notion| notion.costly) {
        true => format!(", and in --notion all it judges {} queries", sampled::MOST),
        false => String::new(),
    };
    format!("; {what}{all}")
}

/// The name of the current stage; that of a notion's stage has the notion's name.
pub fn name(progress: &Progress) -> String {
    let name = match progress.stage {
        WorkStage::Read => "reading",
        WorkStage::Survey => "surveying",
        WorkStage::SelfTest => "self-test",
        WorkStage::LeaveOneOut => "rows left out",
        WorkStage::Hull => "verdicts",
        WorkStage::Neighbours => "neighbours",
        WorkStage::Notion => "notion",
        WorkStage::Figures => "figures of",
        WorkStage::Verify => "verifying",
        WorkStage::Fit => "fitting",
        WorkStage::Map => "mapping",
        WorkStage::Encode => "encoding",
        WorkStage::Trials => "trials",
    };
    match (progress.stage, progress.notion.as_str()) {
        (_, "") => name.into(),
        (WorkStage::Notion | WorkStage::Figures | WorkStage::Fit, notion) => {
            format!("{name} {notion}")
        }
        (_, notion) => format!("{name}, {notion}"),
    }
}
