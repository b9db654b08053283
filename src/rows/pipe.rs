//! Reads the standard input and named pipes on a separate thread, so that waiting for their bytes can be interrupted.

use crate::control::Control;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// The size of a chunk between the threads, and how many chunks may wait.
const CHUNK: usize = 1 << 16;
const AHEAD: usize = 4;

/// How often a waiting reader checks the stop flag, and after how long it reports what it waits for.
const LOOK: Duration = Duration::from_millis(20);
const SAY: Duration = Duration::from_secs(1);

/// A reader of a pipe.
pub(super) struct Pipe<'c> {
    name: String,
    chunks: Receiver<io::Result<Vec<u8>>>,
    /// The current chunk, and how many of its bytes were given.
    chunk: Vec<u8>,
    given: usize,
    control: &'c Control,
}

impl<'c> Pipe<'c> {
    /// The standard input.
    pub fn standard_input(control: &'c Control) -> Result<Self> {
        Self::new("the standard input".into(), control, || Ok(io::stdin()))
    }

    /// A named pipe or a device; opening a named pipe blocks until a writer opens it.
    pub fn named(path: &Path, control: &'c Control) -> Result<Self> {
        let owned = path.to_path_buf();
        Self::new(path.display().to_string(), control, || File::open(owned))
    }

    fn new<R: Read>(
        name: String,
        control: &'c Control,
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
    ) -> Result<Self> {
        let (sender, chunks) = sync_channel(AHEAD);
        // The thread is detached when the reader is dropped, since a blocking read cannot be cancelled.
        std::thread::Builder::new()
            .name("pipe".into())
            .spawn(move || match open() {
                Ok(pipe) => pass_on(pipe, &sender),
                Err(error) => drop(sender.send(Err(error))),
            })
            .map_err(|error| Error::io("start a thread to read", &name, error))?;
        Ok(Pipe {
            name,
            chunks,
            chunk: Vec::new(),
            given: 0,
            control,
        })
    }

    /// The next chunk; empty at the end. Errors: those of the pipe; an interruption of the work.
    fn next(&self) -> io::Result<Vec<u8>> {
        let began = Instant::now();
        let mut before = None;
        let chunk = loop {
            match self.chunks.recv_timeout(LOOK) {
                Ok(chunk) => break chunk,
                Err(RecvTimeoutError::Disconnected) => break Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) if self.control.check().is_err() => {
                    break Err(io::Error::other("stopped"));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if before.is_none() && began.elapsed() >= SAY {
                        before = Some(self.control.task());
                        self.control
                            .set_task(format!("waiting for bytes from {}", self.name));
                    }
                }
            }
        };
        if let Some(task) = before {
            self.control.set_task(task);
        }
        chunk
    }
}

/// Sends the bytes of the pipe until it ends or the receiver is dropped.
fn pass_on(mut pipe: impl Read, to: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK];
        let read = match pipe.read(&mut chunk) {
            Ok(0) => return,
            Ok(read) => {
                chunk.truncate(read);
                Ok(chunk)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        if to.send(read).is_err() || failed {
            return;
        }
    }
}

impl Read for Pipe<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.chunk.len() {
            (self.chunk, self.given) = (self.next()?, 0);
        }
        let count = out.len().min(self.chunk.len() - self.given);
        out[..count].copy_from_slice(&self.chunk[self.given..][..count]);
        self.given += count;
        Ok(count)
    }
}
