//! Progress in plain lines: one for each finished task, and two for each long stage, with an estimate as soon as it can be
//! made and with the duration at its end.

use crate::control::{Progress, WorkStage};
use crate::notion::{registry, sampled};
use std::time::{Duration, Instant};

/// A stage, or a task, that takes less gets no line.
const LONG_STAGE: Duration = Duration::from_secs(10);
const LONG_TASK: Duration = Duration::from_secs(1);

/// A stage is estimated after this time, and the estimate is printed if twelve times as much, a minute, is left.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Options that make a stage faster, printed beside its estimate: the first list with an entry for the stage is
/// used. `{}` stands for the name of the notion that is at work.
pub type Advice = &'static [&'static [(WorkStage, &'static str)]];

/// Options that make the search for the queries' nearest rows faster.
pub const ASKING: &[(WorkStage, &str)] = &[(
    WorkStage::Neighbours,
    "fewer queries (--limit-queries N) are quicker",
)];

/// Options that make the work of notions faster, on queries and on left-out rows, for commands with `--notion`.
pub const JUDGING: &[(WorkStage, &str)] = &[
    (WorkStage::LeaveOneOut, "--loo 0 leaves it out"),
    (
        WorkStage::Notion,
        "a list of --notion without {} leaves it out",
    ),
];

/// What has been seen and printed so far.
pub struct ProgressLines {
    advice: Advice,
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
    /// Units that were done when the stage was first entered, and the time spent on it since.
    base: u64,
    spent: Duration,
    /// The duration that was last printed, and whether an estimate was printed.
    said: Duration,
    estimated: bool,
}

impl ProgressLines {
    /// Nothing seen yet; `advice` is printed beside estimates, and the patience is usually [`PATIENCE`].
    pub fn new(advice: Advice, patience: Duration) -> Self {
        ProgressLines {
            advice,
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
        lines.extend(self.enter(progress));
        lines.extend(self.estimate());
        lines
    }

    /// Ends the task: lines for its long stages, as far as their durations were not printed yet, and for the task itself.
    pub fn end(&mut self, now: Instant) -> Vec<String> {
        self.count(now);
        self.at = None;
        let stages = std::mem::take(&mut self.stages);
        let long = |stage: &&Stage| stage.spent >= LONG_STAGE && stage.spent != stage.said;
        let long = stages.iter().filter(long);
        let mut lines: Vec<String> = long.map(|stage| self.took(stage, " in all")).collect();
        let took = now - self.begun;
        if !self.task.is_empty() && took >= LONG_TASK {
            let took = took.as_secs_f64();
            lines.push(format!("{}: done in {took:.1} s", self.task));
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

    /// Makes the stage of these counters the current one; returns a line for the one that it follows.
    fn enter(&mut self, progress: &Progress) -> Option<String> {
        let known = self.stages.iter().position(|stage| stage.is_of(progress));
        let at = known.unwrap_or_else(|| {
            self.stages.push(Stage::new(progress));
            self.stages.len() - 1
        });
        let before = &self.stages[at].now;
        let goes_on = before.done <= progress.done && before.total == progress.total;
        let entered = self.at != Some(at) || !goes_on;
        let line = self.at.filter(|_| entered).and_then(|at| self.leave(at));
        let stage = &mut self.stages[at];
        if entered && progress.done <= stage.base {
            // The counter starts again, as for another set of rows.
            stage.base = progress.done;
            (stage.spent, stage.said) = Default::default();
        }
        stage.now = progress.clone();
        self.at = Some(at);
        line
    }

    /// A line if the stage took long; if its duration was printed before, only when it has doubled since.
    fn leave(&mut self, at: usize) -> Option<String> {
        let stage = &self.stages[at];
        let tell = stage.spent >= LONG_STAGE && stage.spent >= 2 * stage.said;
        let line = tell.then(|| self.took(stage, " so far"))?;
        self.stages[at].said = self.stages[at].spent;
        Some(line)
    }

    /// The duration of a stage; `again` is added if it was printed before.
    fn took(&self, stage: &Stage, again: &str) -> String {
        let again = if stage.said.is_zero() { "" } else { again };
        let (name, took) = (name(&stage.now), stage.spent.as_secs_f64());
        format!("{}{name} took {took:.0} s{again}", self.of())
    }

    /// The estimated time of the current stage, once per stage and only if it is minutes, with options that make it faster.
    fn estimate(&mut self) -> Option<String> {
        let at = self.at?;
        let Stage {
            now, base, spent, ..
        } = &self.stages[at];
        let done = now.done.saturating_sub(*base);
        let rest = now.total.saturating_sub(now.done);
        if self.stages[at].estimated || *spent < self.patience || done == 0 || rest == 0 {
            return None;
        }
        let left = spent.mul_f64(rest as f64 / done as f64);
        if left < 12 * self.patience {
            return None;
        }
        let line = format!(
            "{}{}: about {:.0} min left, by the {:.0} % done in {:.0} s{}",
            self.of(),
            name(now),
            (left.as_secs_f64() / 60.0).ceil(),
            100.0 * now.done as f64 / now.total as f64,
            spent.as_secs_f64(),
            quicker(self.advice, now)
        );
        self.stages[at].estimated = true;
        Some(line)
    }

    /// The name of the task as the start of a line.
    fn of(&self) -> String {
        match self.task.as_str() {
            "" => String::new(),
            task => format!("{task}: "),
        }
    }
}

impl Stage {
    fn new(progress: &Progress) -> Self {
        Stage {
            now: progress.clone(),
            base: progress.done,
            spent: Duration::ZERO,
            said: Duration::ZERO,
            estimated: false,
        }
    }

    fn is_of(&self, progress: &Progress) -> bool {
        (self.now.stage, &self.now.notion) == (progress.stage, &progress.notion)
    }
}

/// The end of a line with options that make a stage faster; empty where none is known.
fn quicker(advice: Advice, progress: &Progress) -> String {
    let stage = match progress.notion.as_str() {
        "" => progress.stage,
        _ if progress.stage == WorkStage::LeaveOneOut => progress.stage,
        _ => WorkStage::Notion,
    };
    let mut all = advice.iter().copied().flatten();
    let Some((_, what)) = all.find(|(of, _)| *of == stage) else {
        return String::new();
    };
    let notion = registry::of_id(&progress.notion);
    let what = what.replace("{}", notion.map_or("", |notion| notion.name));
    let every = progress.stage == WorkStage::Notion && progress.total > sampled::MOST as u64;
    match every && notion.is_some_and(|notion| notion.costly) {
        true => format!(
            "; {what}, and in --notion all it judges {} queries",
            sampled::MOST
        ),
        false => format!("; {what}"),
    }
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
