//! Ctrl-C, and on Unix SIGTERM and SIGHUP: the first asks the work to stop, which removes unfinished files; a second one
//! ends the program at once.

use crate::control::Control;
use crate::store::file::tell;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stops the work under `control` when the program receives such a signal.
pub fn stop_when_asked(control: &Control) {
    let control = control.clone();
    let asked = AtomicBool::new(false);
    let handler = move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        control.stop();
    };
    if let Err(error) = on_signal(handler) {
        tell(&format!(
            "warning: an interrupt will end the program without removing unfinished files: {error}"
        ));
    }
}

/// Calls the handler, on a separate thread, at each signal that asks the program to end.
#[cfg(unix)]
fn on_signal(handler: impl Fn() + Send + 'static) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let hang_up = (!hang_up_is_ignored()).then_some(SIGHUP);
    let mut signals =
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM].into_iter().chain(hang_up))?;
    let wait = move || signals.forever().for_each(|_| handler());
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(wait)
        .map(drop)
}

#[cfg(not(unix))]
fn on_signal(handler: impl Fn() + Send + 'static) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(handler)
}

/// Whether SIGHUP is ignored, as under `nohup`: it is then in a mask, as in `SigIgn: 0000000000000001`. Where the system does
/// not say which signals are ignored, this is assumed of a program whose standard input is no terminal.
#[cfg(unix)]
fn hang_up_is_ignored() -> bool {
    use std::io::IsTerminal;
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return !std::io::stdin().is_terminal();
    };
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal_hook::consts::SIGHUP - 1) & 1 == 1)
}
