//! Says when requests are due, to the microsecond. The runtime's own timers tick once a millisecond: ten requests at a
//! time, where ten third parties would come one after the other.

use rustix::fd::OwnedFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::io;
use std::iter::repeat_n;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;

/// Beats at a constant rate from its making on.
pub(crate) struct Metronome {
    timer: AsyncFd<OwnedFd>,
    next: Instant,
    interval: Duration,
    together: usize,
}

/// How requests come.
#[derive(Clone, Copy)]
pub(crate) struct Beat {
    /// In a second; above 0.
    pub(crate) rate: u32,
    /// At the same moment, as from clients with one timetable.
    pub(crate) together: u32,
}

impl Metronome {
    pub(crate) fn start(beat: Beat) -> io::Result<Self> {
        let interval = Duration::from_secs(1) * beat.together / beat.rate;
        let together = usize::try_from(beat.together).unwrap_or(usize::MAX);
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        #[expect(deprecated, reason = "it owns its descriptor, which stays the same; what replaces the call is unsafe")]
        let timer = AsyncFd::new(timer)?;
        let it_interval =
            Timespec { tv_sec: interval.as_secs().cast_signed(), tv_nsec: interval.subsec_nanos().into() };
        // The first at once, else the whole falls short of its rate by one.
        let it_value = Timespec { tv_sec: 0, tv_nsec: 1 };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
        Ok(Self { timer, next: Instant::now(), interval, together })
    }

    /// The moments that have come since it was last asked; it waits for one at least.
    pub(crate) async fn due(&mut self) -> io::Result<impl Iterator<Item = Instant>> {
        let mut count = [0; 8];
        loop {
            let mut ready = self.timer.readable().await?;
            match rustix::io::read(&self.timer, &mut count) {
                // Not to be asked again before the next beat, which is a new event.
                Ok(_) => break ready.clear_ready(),
                Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                Err(fault) => return Err(fault.into()),
            }
        }
        let (first, interval, together) = (self.next, self.interval, self.together);
        let count = u32::try_from(u64::from_ne_bytes(count)).map_err(io::Error::other)?;
        self.next = first + interval * count;
        Ok((0..count).flat_map(move |beat| repeat_n(first + interval * beat, together)))
    }
}
