//! Progress on stderr: a bar with the stage, the share done, the speed and the time left. Where stderr is no terminal, a
//! plain line for each finished space, and two for each long stage: one with an estimate as soon as it can be made, and
//! one at its end.
//!
//! A thread reads the [`Control`]'s counters ten times a second; the work itself never waits for it.

use crate::control::{Control, Progress, WorkStage};
use crate::notion::{registry, sampled};
use crate::store::file;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The time between two readings of the counters.
const PERIOD: Duration = Duration::from_millis(100);

/// The least durations that are reported in a line.
#[derive(Clone, Copy)]
struct Patience {
    /// A stage, or a task, that takes less gets no line.
    stage: Duration,
    task: Duration,
    /// Time after which a stage is estimated; the estimate is printed if it says that at least `left` seconds are left.
    enough: Duration,
    left: f64,
}

const USUAL: Patience = Patience {
    stage: Duration::from_secs(10),
    task: Duration::from_secs(1),
    enough: Duration::from_secs(5),
    left: MINUTE,
};

const MINUTE: f64 = 60.0;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shown {
    /// A bar on a terminal, lines elsewhere.
    Auto,
    /// Lines.
    Plain,
    None,
}

impl Shown {
    /// This choice, or none if `quiet`.
    pub fn unless(self, quiet: bool) -> Self {
        match quiet {
            true => Shown::None,
            false => self,
        }
    }
}

/// The bar, which is removed when dropped, or the lines in its place.
pub struct Bar {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

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

impl Bar {
    /// Starts the display.
    pub fn start(control: &Arc<Control>, shown: Shown) -> Self {
        Bar::advising(control, shown, &[])
    }

    /// Starts the display for a command that has options which make stages faster.
    pub fn advising(control: &Arc<Control>, shown: Shown, advice: Advice) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let lines = match shown {
            Shown::None => return Bar { done, thread: None },
            Shown::Plain => true,
            Shown::Auto => !std::io::stderr().is_terminal(),
        };
        let (control, stop) = (Arc::clone(control), Arc::clone(&done));
        let thread = std::thread::spawn(move || match lines {
            true => tell(&control, &stop, ProgressLines::new(advice, USUAL)),
            false => draw(&control, &stop),
        });
        Bar {
            done,
            thread: Some(thread),
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.done.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // A bar that failed to draw is no reason to fail.
            let _ = thread.join();
        }
    }
}

/// Prints a line for each finished task, and for each long stage.
fn tell(control: &Control, stop: &AtomicBool, mut lines: ProgressLines) {
    while !stop.load(Relaxed) {
        let found = lines.look(control.task(), &control.progress(), Instant::now());
        found.iter().for_each(|line| file::tell(line));
        std::thread::sleep(PERIOD);
    }
    let ended = lines.end(Instant::now());
    ended.iter().for_each(|line| file::tell(line));
}

/// What has been seen and printed so far.
struct ProgressLines {
    /// The task at the last reading, and when it began.
    task: (String, Instant),
    /// The stages of the task so far; the current one is the last that was entered.
    stages: Vec<Stage>,
    at: Option<Entered>,
    advice: Advice,
    patience: Patience,
}

/// A stage of a task. Where queries come in blocks, a stage is entered once for each block.
struct Stage {
    stage: WorkStage,
    notion: String,
    /// Units that were done when the stage was first entered, and its duration before it was last entered.
    base: u64,
    before: Duration,
    /// The duration that was last printed, and whether an estimate was printed.
    said: Duration,
    estimated: bool,
}

/// When a stage was last entered, its index in the list, and its counters at the last reading.
struct Entered {
    place: usize,
    since: Instant,
    done: u64,
    total: u64,
}

impl ProgressLines {
    fn new(advice: Advice, patience: Patience) -> Self {
        ProgressLines {
            task: (String::new(), Instant::now()),
            stages: Vec::new(),
            at: None,
            advice,
            patience,
        }
    }

    /// Reads the counters; returns lines for what has ended since the last reading, and an estimate for a current stage that
    /// takes minutes.
    fn look(&mut self, task: String, progress: &Progress, now: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        if task != self.task.0 {
            lines = self.end(now);
            self.task = (task, now);
        }
        if !self.goes_on(progress) {
            lines.extend(self.leave(now));
            self.enter(progress, now);
        }
        lines.extend(self.estimate(progress, now));
        lines
    }

    /// Whether the stage of the last reading is still the current one.
    fn goes_on(&mut self, progress: &Progress) -> bool {
        let Some(at) = &mut self.at else { return false };
        let on = self.stages[at.place].is_of(progress)
            && (at.done <= progress.done && at.total == progress.total);
        at.done = progress.done;
        on
    }

    fn enter(&mut self, progress: &Progress, now: Instant) {
        let known = self.stages.iter().position(|stage| stage.is_of(progress));
        let place = known.unwrap_or(self.stages.len());
        if known.is_none() {
            self.stages.push(Stage::new(progress));
        }
        let stage = &mut self.stages[place];
        if progress.done <= stage.base {
            // The counter starts again, as for another set of rows.
            (stage.base, stage.before) = (progress.done, Duration::ZERO);
        }
        self.at = Some(Entered {
            place,
            since: now,
            done: progress.done,
            total: progress.total,
        });
    }

    /// Ends the current stage. Returns a line if it took long; if its duration was printed before, only when it has doubled
    /// since.
    fn leave(&mut self, now: Instant) -> Option<String> {
        let at = self.at.take()?;
        let stage = &mut self.stages[at.place];
        let again = stage.before > Duration::ZERO;
        stage.before += now - at.since;
        let took = stage.before;
        if took < self.patience.stage || took < 2 * stage.said {
            return None;
        }
        stage.said = took;
        let so_far = if again { " so far" } else { "" };
        let (name, took) = (name(stage.stage, &stage.notion), took.as_secs_f64());
        Some(format!("{}{name} took {took:.0} s{so_far}", self.of()))
    }

    /// Ends the task: lines for the total durations of its stages that were not printed yet, and for the task itself.
    fn end(&mut self, now: Instant) -> Vec<String> {
        let mut lines: Vec<String> = self.leave(now).into_iter().collect();
        for stage in std::mem::take(&mut self.stages) {
            if stage.before >= self.patience.stage && stage.before != stage.said {
                let (name, took) = (name(stage.stage, &stage.notion), stage.before);
                lines.push(format!(
                    "{}{name} took {:.0} s in all",
                    self.of(),
                    took.as_secs_f64()
                ));
            }
        }
        let took = now - self.task.1;
        if !self.task.0.is_empty() && took >= self.patience.task {
            lines.push(format!(
                "{}: done in {:.1} s",
                self.task.0,
                took.as_secs_f64()
            ));
        }
        lines
    }

    /// The estimated time of the current stage, once per stage and only if it is minutes, with options that make it faster.
    fn estimate(&mut self, progress: &Progress, now: Instant) -> Option<String> {
        let at = self.at.as_ref()?;
        let stage = &mut self.stages[at.place];
        if stage.estimated {
            return None;
        }
        let spent = stage.before + (now - at.since);
        let left = left(progress, stage.base, spent, self.patience)?;
        stage.estimated = true;
        let name = name(stage.stage, &stage.notion);
        let quicker = quicker(self.advice, progress);
        Some(format!("{}{name}: {left}{quicker}", self.of()))
    }

    /// The name of the task as the start of a line.
    fn of(&self) -> String {
        match self.task.0.as_str() {
            "" => String::new(),
            task => format!("{task}: "),
        }
    }
}

impl Stage {
    fn new(progress: &Progress) -> Self {
        Stage {
            stage: progress.stage,
            notion: progress.notion.clone(),
            base: progress.done,
            before: Duration::ZERO,
            said: Duration::ZERO,
            estimated: false,
        }
    }

    fn is_of(&self, progress: &Progress) -> bool {
        self.stage == progress.stage && self.notion == progress.notion
    }
}

/// The estimated time left of a stage, from the units done since `base` in the time `spent`; `None` if it is unknown or
/// below minutes.
fn left(progress: &Progress, base: u64, spent: Duration, patience: Patience) -> Option<String> {
    let done = progress.done.saturating_sub(base);
    let rest = progress.total.saturating_sub(progress.done);
    if spent < patience.enough || done == 0 || rest == 0 {
        return None;
    }
    let left = spent.as_secs_f64() * rest as f64 / done as f64;
    (left >= patience.left).then(|| {
        format!(
            "about {:.0} min left, by the {:.0} % done in {:.0} s",
            (left / MINUTE).ceil(),
            100.0 * done as f64 / progress.total as f64,
            spent.as_secs_f64()
        )
    })
}

/// The end of a line with options that make a stage faster; empty where none is known.
fn quicker(advice: Advice, progress: &Progress) -> String {
    let stage = match (progress.stage, progress.notion.is_empty()) {
        (WorkStage::LeaveOneOut, _) => WorkStage::LeaveOneOut,
        (_, false) => WorkStage::Notion,
        (stage, true) => stage,
    };
    let mut all = advice.iter().copied().flatten();
    let Some((_, what)) = all.find(|(of, _)| *of == stage) else {
        return String::new();
    };
    let Some(notion) = registry::of_id(&progress.notion) else {
        return format!("; {what}");
    };
    let what = what.replace("{}", notion.name);
    let every = progress.stage == WorkStage::Notion && progress.total > sampled::MOST as u64;
    match notion.costly && every {
        true => format!(
            "; {what}, and in --notion all it judges {} queries",
            sampled::MOST
        ),
        false => format!("; {what}"),
    }
}

fn draw(control: &Control, stop: &AtomicBool) {
    let bar = ProgressBar::no_length();
    // The templates are constants; an invalid one would be shown as a plain bar.
    let known = style("{prefix:>10} {wide_bar} {percent:>3} %  {msg}  {eta} left");
    let unknown = style("{prefix:>10} {spinner} {msg}");
    let mut before: Option<Progress> = None;
    let mut seen = None;
    while !stop.load(Relaxed) {
        let now = control.progress();
        let work = (now.stage, now.notion.clone(), now.total > 0, control.task());
        let fresh = seen.as_ref() != Some(&work);
        if fresh {
            bar.reset();
            let style = if now.total > 0 { &known } else { &unknown };
            bar.set_style(style.clone());
            let name = name(now.stage, &now.notion);
            bar.set_prefix(match work.3.as_str() {
                "" => name,
                task => format!("{task}: {name}"),
            });
            seen = Some(work);
        }
        bar.set_length(now.total.max(1));
        bar.set_position(now.done.min(now.total.max(1)));
        if fresh {
            // Work that was done before the bar started does not count towards the speed.
            bar.reset_eta();
        }
        bar.set_message(message(&now, before.as_ref()));
        before = Some(now);
        std::thread::sleep(PERIOD);
    }
    bar.finish_and_clear();
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The name of a stage; that of a notion's stage is the notion's name.
fn name(stage: WorkStage, notion: &str) -> String {
    let name = match stage {
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
    match (stage, notion) {
        (_, "") => name.into(),
        (WorkStage::Notion | WorkStage::Figures | WorkStage::Fit, notion) => {
            format!("{name} {notion}")
        }
        (_, notion) => format!("{name}, {notion}"),
    }
}

/// The bar's message: rounds, undecided queries and the speed of the scan.
fn message(now: &Progress, before: Option<&Progress>) -> String {
    let mut parts = Vec::new();
    if matches!(
        now.stage,
        WorkStage::Hull | WorkStage::SelfTest | WorkStage::LeaveOneOut
    ) && now.open > 0
    {
        parts.push(format!("round {}, {} open", now.round, now.open));
    }
    // The speed since the last reading, or where nothing was scanned since, that of the whole stage.
    let since = before.filter(|before| now.scan_seconds > before.scan_seconds);
    let since = since.map(|b| (now.flop - b.flop, now.scan_seconds - b.scan_seconds));
    let (flop, seconds) = since.unwrap_or((now.flop, now.scan_seconds));
    if seconds > 0.0 {
        parts.push(format!("{:.0} GFLOP/s", flop as f64 * 1e-9 / seconds));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests;
