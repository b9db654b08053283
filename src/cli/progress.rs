//! Progress on stderr: a bar that says what is being done, how far it is, how fast, and how long it will take; or, where
//! stderr is no terminal, a plain line for each finished space, and for stages that take long: one with an estimate as soon
//! as there is something to go by, and one at their end.
//!
//! A thread looks at the [`Control`]'s counters ten times a second; the work itself never waits for it.

use crate::control::{Control, Progress, WorkStage};
use crate::report::file;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(100);

/// A stage, or a task, that takes less gets no line of its own: who looked away for so long missed nothing.
const LONG: Duration = Duration::from_secs(10);
const QUICK: Duration = Duration::from_secs(1);

/// After so long a stage is estimated, and said to take long if so much of it is left.
const ENOUGH: Duration = Duration::from_secs(5);
const MINUTES: f64 = 60.0;

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
    /// The same, or nothing.
    pub fn unless(self, quiet: bool) -> Self {
        match quiet {
            true => Shown::None,
            false => self,
        }
    }
}

/// A bar that goes away when dropped, or the lines in its place.
pub struct Bar {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What makes a stage of a command quicker, said beside an estimate.
pub type Advice = &'static [(WorkStage, &'static str)];

impl Bar {
    /// Start showing.
    pub fn start(control: &Arc<Control>, shown: Shown) -> Self {
        Bar::advising(control, shown, &[])
    }

    /// The same, where the command has options that make stages quicker.
    pub fn advising(control: &Arc<Control>, shown: Shown, advice: Advice) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let lines = match shown {
            Shown::None => return Bar { done, thread: None },
            Shown::Plain => true,
            Shown::Auto => !std::io::stderr().is_terminal(),
        };
        let (control, stop) = (Arc::clone(control), Arc::clone(&done));
        let thread = std::thread::spawn(move || match lines {
            true => tell(&control, &stop, advice),
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

/// A line for each finished task, and for each long stage.
fn tell(control: &Control, stop: &AtomicBool, advice: Advice) {
    let mut lines = Lines::new(advice);
    let mut look = |task: String| {
        let ended = lines.look(task, &control.progress(), Instant::now());
        ended.iter().for_each(|line| file::tell(line));
    };
    while !stop.load(Relaxed) {
        look(control.task());
        std::thread::sleep(PERIOD);
    }
    look(String::new());
}

/// What was being done at the last look, and since when.
struct Lines {
    task: (String, Instant),
    stage: Option<(WorkStage, Instant)>,
    /// The stage was estimated.
    estimated: bool,
    advice: Advice,
}

impl Lines {
    fn new(advice: Advice) -> Self {
        Lines {
            advice,
            task: (String::new(), Instant::now()),
            stage: None,
            estimated: false,
        }
    }

    /// What has ended since the last look, and how long the stage at hand will take where that is minutes.
    fn look(&mut self, task: String, progress: &Progress, now: Instant) -> Vec<String> {
        let stage = progress.stage;
        let mut lines = Vec::new();
        let ended = task != self.task.0;
        let (known, since) = *self.stage.get_or_insert((stage, now));
        if ended || known != stage {
            let took = now - since;
            if took >= LONG {
                lines.push(format!(
                    "{}{} took {:.0} s",
                    self.of(),
                    name(known),
                    took.as_secs_f64()
                ));
            }
            self.stage = Some((stage, now));
            self.estimated = false;
        } else if let Some(left) = left(progress, now - since).filter(|_| !self.estimated) {
            self.estimated = true;
            let quicker = self.advice.iter().find(|(of, _)| *of == stage);
            let quicker = quicker.map_or(String::new(), |(_, what)| format!("; {what}"));
            lines.push(format!("{}{}: {left}{quicker}", self.of(), name(stage)));
        }
        if ended {
            let (done, since) = std::mem::replace(&mut self.task, (task, now));
            let took = now - since;
            if !done.is_empty() && took >= QUICK {
                lines.push(format!("{done}: done in {:.1} s", took.as_secs_f64()));
            }
        }
        lines
    }

    /// The task, to stand before what is said of it.
    fn of(&self) -> String {
        match self.task.0.as_str() {
            "" => String::new(),
            task => format!("{task}: "),
        }
    }
}

/// How long a stage will take, from the part of it that is done, where that is known and is minutes.
fn left(progress: &Progress, since: Duration) -> Option<String> {
    let share = progress.done as f64 / progress.total as f64;
    if since < ENOUGH || !(share > 0.0 && share < 1.0) {
        return None;
    }
    let left = since.as_secs_f64() * (1.0 - share) / share;
    (left >= MINUTES).then(|| {
        format!(
            "about {:.0} min left, by the {:.0} % done in {:.0} s",
            (left / MINUTES).ceil(),
            100.0 * share,
            since.as_secs_f64()
        )
    })
}

fn draw(control: &Control, stop: &AtomicBool) {
    let bar = ProgressBar::no_length();
    // The templates are constants; an invalid one would show as a plain bar.
    let known = style("{prefix:>10} {wide_bar} {percent:>3} %  {msg}  {eta} left");
    let unknown = style("{prefix:>10} {spinner} {msg}");
    let mut before: Option<Progress> = None;
    let mut named = String::new();
    while !stop.load(Relaxed) {
        let now = control.progress();
        let task = control.task();
        let known_total = |progress: &Progress| progress.total > 0;
        let fresh = before.is_none_or(|before| {
            before.stage != now.stage || known_total(&before) != known_total(&now)
        });
        if fresh || task != named {
            bar.reset();
            bar.set_style(if now.total > 0 {
                known.clone()
            } else {
                unknown.clone()
            });
            bar.set_prefix(if task.is_empty() {
                name(now.stage).to_string()
            } else {
                format!("{task}: {}", name(now.stage))
            });
            named = task;
        }
        bar.set_length(now.total.max(1));
        bar.set_position(now.done.min(now.total.max(1)));
        bar.set_message(message(&now, before.as_ref()));
        before = Some(now);
        std::thread::sleep(PERIOD);
    }
    bar.finish_and_clear();
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn name(stage: WorkStage) -> &'static str {
    match stage {
        WorkStage::Read => "reading",
        WorkStage::Survey => "surveying",
        WorkStage::SelfTest => "self-test",
        WorkStage::LeaveOneOut => "rows left out",
        WorkStage::Hull => "verdicts",
        WorkStage::Neighbours => "neighbours",
        WorkStage::Verify => "verifying",
        WorkStage::Fit => "fitting",
        WorkStage::Map => "mapping",
        WorkStage::Encode => "encoding",
        WorkStage::Trials => "trials",
    }
}

/// Rounds, open queries and the rate of the scan.
fn message(now: &Progress, before: Option<&Progress>) -> String {
    let mut parts = Vec::new();
    if matches!(
        now.stage,
        WorkStage::Hull | WorkStage::SelfTest | WorkStage::LeaveOneOut
    ) && now.open > 0
    {
        parts.push(format!("round {}, {} open", now.round, now.open));
    }
    let seconds = now.scan_seconds - before.map_or(0.0, |before| before.scan_seconds);
    if let Some(before) = before.filter(|_| seconds > 0.0) {
        parts.push(format!(
            "{:.0} GFLOP/s",
            (now.flop - before.flop) as f64 * 1e-9 / seconds
        ));
    } else if now.scan_seconds > 0.0 {
        parts.push(format!(
            "{:.0} GFLOP/s",
            now.flop as f64 * 1e-9 / now.scan_seconds
        ));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_of_each_finished_task_and_of_long_stages() {
        let mut lines = Lines::new(&[]);
        let start = Instant::now();
        let mut look = |task: &str, stage, seconds| {
            let progress = Progress {
                stage,
                ..Progress::default()
            };
            lines.look(task.into(), &progress, start + Duration::from_secs(seconds))
        };
        assert!(look("", WorkStage::Read, 0).is_empty());
        assert!(look("pca:8 (1 of 2)", WorkStage::Survey, 1).is_empty());
        assert!(look("pca:8 (1 of 2)", WorkStage::Hull, 2).is_empty());
        let found = look("pca:16 (2 of 2)", WorkStage::Survey, 30);
        assert_eq!(
            found,
            [
                "pca:8 (1 of 2): verdicts took 28 s",
                "pca:8 (1 of 2): done in 29.0 s"
            ]
        );
        assert_eq!(
            look("", WorkStage::Survey, 33),
            ["pca:16 (2 of 2): done in 3.0 s"]
        );
        assert!(look("", WorkStage::Survey, 40).is_empty());
        assert!(look("pca:2", WorkStage::Survey, 41).is_empty());
        assert!(look("", WorkStage::Survey, 41).is_empty(), "it was quick");
    }

    /// Once, after some seconds, where minutes are left.
    #[test]
    fn a_line_tells_how_long_a_long_stage_will_take() {
        let mut lines = Lines::new(&[
            (WorkStage::Read, "no"),
            (WorkStage::Hull, "--no-distance is quicker"),
        ]);
        let start = Instant::now();
        let mut look = |done, total, seconds| {
            let progress = Progress {
                stage: WorkStage::Hull,
                done,
                total,
                ..Progress::default()
            };
            lines.look(
                "pixels".into(),
                &progress,
                start + Duration::from_secs(seconds),
            )
        };
        assert!(look(0, 100, 0).is_empty());
        assert!(look(1, 100, 4).is_empty(), "too early to tell");
        let said = look(5, 100, 10);
        assert!(
            said[0].starts_with(
                "pixels: verdicts: about 4 min left, by the 5 % done in 10 s; --no-distance is quicker"
            ),
            "{said:?}"
        );
        assert!(look(6, 100, 12).is_empty(), "it was said");
        let mut quick = Lines::new(&[]);
        let most = Progress {
            done: 90,
            total: 100,
            ..Progress::default()
        };
        assert!(quick.look("".into(), &most, start).is_empty());
        assert!(
            quick
                .look("".into(), &most, start + Duration::from_secs(10))
                .is_empty()
        );
    }
}
