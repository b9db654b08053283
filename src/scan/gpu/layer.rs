//! Mesa's device-select layer writes errors to stderr where there is no desktop; the program turns the layer off there.
//!
//! The layer puts a desktop's GPU first among the adapters. This program takes adapters by kind and by name, so that
//! order changes nothing.

/// Turn the layer off unless there is a desktop session, or its variables say otherwise. Must be called first: it does
/// nothing once the process has a second thread, which might read the environment at the same time.
pub fn quiet() {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let wanted = [
        "NODEVICE_SELECT",
        "MESA_VK_DEVICE_SELECT",
        "XDG_RUNTIME_DIR",
    ];
    if wanted.into_iter().any(set) || !single_threaded() {
        return;
    }
    // SAFETY: the process has no other thread, so nothing reads or writes the environment at the same time.
    unsafe { std::env::set_var("NODEVICE_SELECT", "1") }
}

/// Whether this process is known to have only one thread.
fn single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}
