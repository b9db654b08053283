//! A progress bar on stderr: what is being done, how far it is, how fast, and how long it will take.
//!
//! A thread looks at the [`Control`]'s counters ten times a second; the work itself never waits for it. Nothing is
//! drawn unless stderr is a terminal.

use crate::control::{Control, Progress, Stage};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(100);

/// A bar that goes away when dropped.
pub struct Bar {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// Start drawing, unless asked to be quiet or stderr is not a terminal.
    pub fn start(control: &Arc<Control>, quiet: bool) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        if quiet || !std::io::stderr().is_terminal() {
            return Bar { done, thread: None };
        }
        let (control, stop) = (Arc::clone(control), Arc::clone(&done));
        let thread = std::thread::spawn(move || draw(&control, &stop));
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

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Read => "reading",
        Stage::Survey => "surveying",
        Stage::SelfTest => "self-test",
        Stage::LeaveOneOut => "rows left out",
        Stage::Hull => "verdicts",
        Stage::Neighbours => "neighbours",
        Stage::Verify => "verifying",
        Stage::Fit => "fitting",
        Stage::Map => "mapping",
        Stage::Encode => "encoding",
        Stage::Trials => "trials",
    }
}

/// Rounds, open queries and the rate of the scan.
fn message(now: &Progress, before: Option<&Progress>) -> String {
    let mut parts = Vec::new();
    if matches!(
        now.stage,
        Stage::Hull | Stage::SelfTest | Stage::LeaveOneOut
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
