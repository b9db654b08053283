//! Progress on stderr: a bar with the stage, the share done, the speed and the time left; [`ProgressLines`] where stderr is
//! no terminal.
//!
//! A thread reads the [`Control`]'s counters ten times a second; the work itself never waits for it.

mod lines;

pub use lines::{PATIENCE, ProgressLines};

use crate::control::{Control, Progress, WorkStage};
use crate::store::file;
use indicatif::{ProgressBar, ProgressStyle};
use lines::{name, of};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{JoinHandle, park_timeout};
use std::time::{Duration, Instant};

/// The time between two readings of the counters.
const PERIOD: Duration = Duration::from_millis(100);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shown {
    /// A bar on a terminal, lines elsewhere.
    Auto,
    /// Lines.
    Plain,
    None,
}

/// The bar, which is removed when dropped, or the lines in its place.
pub struct Bar {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// Starts the display for a subcommand.
    pub fn start(control: &Control, shown: Shown, command: &'static str) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let (control, stop) = (control.clone(), Arc::clone(&done));
        let bar = shown == Shown::Auto && std::io::stderr().is_terminal();
        let thread = (shown != Shown::None).then(|| {
            std::thread::spawn(move || match bar {
                true => draw(&control, &stop),
                false => tell(&control, &stop, ProgressLines::new(command, PATIENCE)),
            })
        });
        Bar { done, thread }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.done.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A bar that failed to draw is no reason to fail.
            let _ = thread.join();
        }
    }
}

/// Prints a line for each finished task, and for each long stage.
fn tell(control: &Control, stop: &AtomicBool, mut lines: ProgressLines) {
    let print = |found: Vec<String>| found.iter().for_each(|line| file::tell(line));
    while !stop.load(Relaxed) {
        print(lines.look(&control.task(), &control.progress(), Instant::now()));
        park_timeout(PERIOD);
    }
    print(lines.end(Instant::now()));
}

/// Draws the bar.
fn draw(control: &Control, stop: &AtomicBool) {
    let bar = ProgressBar::no_length();
    let mut seen = None;
    while !stop.load(Relaxed) {
        let now = control.progress();
        bar.set_length(now.total.max(1));
        bar.set_position(now.done.min(now.total.max(1)));
        let work = Some((of(&control.task()) + &name(&now), now.total > 0));
        if let Some((name, known)) = work.clone().filter(|_| seen != work) {
            bar.set_style(style(known));
            bar.set_prefix(name);
            // Work that was done before the bar started does not count towards the speed.
            bar.reset_eta();
            seen = work;
        }
        bar.set_message(message(&now));
        park_timeout(PERIOD);
    }
    bar.finish_and_clear();
}

/// The layout of the bar; a stage whose total is unknown has a moving sign instead.
fn style(known: bool) -> ProgressStyle {
    let template = match known {
        true => "{prefix:>10} {wide_bar} {percent:>3} %  {msg}  {eta} left",
        false => "{prefix:>10} {spinner} {msg}",
    };
    // The templates are constants; an invalid one would be shown as a plain bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The bar's message: rounds, undecided queries, and the speed of the scans.
fn message(now: &Progress) -> String {
    use WorkStage::{Hull, LeaveOneOut, SelfTest};
    let rounds = matches!(now.stage, Hull | SelfTest | LeaveOneOut) && now.open > 0;
    let rounds = rounds.then(|| format!("round {}, {} open", now.round, now.open));
    let speed = now.flop as f64 * 1e-9 / now.scan_seconds;
    let speed = (now.scan_seconds > 0.0).then(|| format!("{speed:.0} GFLOP/s"));
    let parts = [rounds, speed].into_iter().flatten();
    parts.collect::<Vec<_>>().join(", ")
}
