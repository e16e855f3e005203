//! One task among those of a worker: when it goes on.

use std::future::{Future, poll_fn};
use std::task::Poll;
use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// Goes on when everything has had its turn that is ready now. What comes behind it, all that have asked for it do one right
/// after the other: who waits for it in another process is woken once for many, and the CPU does the same thing many times.
///
/// Other than tokio's `yield_now` it does not ask the kernel for more before that: the price is one more poll of the task. Where
/// one task runs many exchanges, as of HTTP/2, the others are those of the same connection.
pub fn after_others() -> impl Future<Output = ()> {
    let mut has_let_go = false;
    poll_fn(move |cx| {
        if has_let_go {
            return Poll::Ready(());
        }
        has_let_go = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// A line for work that keeps the CPU for long: so many have their turn one right after the other, then everything else that is
/// ready on its worker has its own, and then the next in the line. However long the line is, others wait for so many at most.
#[derive(Debug)]
pub struct Line(Semaphore);

impl Line {
    /// A line of which `width` have their turn together, one at least.
    pub fn new(width: usize) -> Self {
        Self(Semaphore::new(width.max(1)))
    }

    /// Does `work` when it is its turn, in the order of arrival. Who is given up before leaves the line; there is as much room
    /// in it as there are tasks.
    pub async fn pass<T>(&self, work: impl FnOnce() -> T) -> T {
        let place = self.0.acquire().await;
        // Those who had their turn go on first: what they send is sent together, and not one between two of these.
        after_others().await;
        let done = work();
        // It is the next one's when others have had their turn, those on other connections too, and what has arrived meanwhile:
        // streams of one connection are one task, among which alone `after_others` would put it off.
        yield_now().await;
        drop(place);
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::thread;
    use std::cell::RefCell;
    use std::pin::Pin;
    use std::rc::Rc;
    use std::task::{Context, Waker};

    #[test]
    fn what_was_ready_before_goes_first() {
        let steps = Rc::new(RefCell::new(Vec::new()));
        let task = |number| {
            let steps = Rc::clone(&steps);
            async move {
                steps.borrow_mut().push(("before", number));
                after_others().await;
                steps.borrow_mut().push(("after", number));
            }
        };
        thread::here(async {
            for started in [1, 2, 3].map(|number| thread::beside(task(number))) {
                started.await.unwrap();
            }
        })
        .unwrap();
        let of = |what| [1, 2, 3].map(|number| (what, number));
        assert_eq!(*steps.borrow(), [of("before"), of("after")].concat());
    }

    #[test]
    fn who_has_passed_goes_on_before_the_next_have_their_turn() {
        let (line, steps) = (Rc::new(Line::new(2)), Rc::new(RefCell::new(Vec::new())));
        let task = || {
            let (line, steps) = (Rc::clone(&line), Rc::clone(&steps));
            async move {
                line.pass(|| steps.borrow_mut().push("works")).await;
                after_others().await;
                steps.borrow_mut().push("sends");
            }
        };
        thread::here(async {
            for started in [(); 4].map(|()| thread::beside(task())) {
                started.await.unwrap();
            }
        })
        .unwrap();
        assert_eq!(*steps.borrow(), ["works", "works", "sends", "sends", "works", "works", "sends", "sends"]);
    }

    #[test]
    fn nobody_waits_for_more_of_a_line_than_its_width() {
        const WIDTH: usize = 2;
        let (line, passed) = (Rc::new(Line::new(WIDTH)), Rc::new(RefCell::new(Vec::new())));
        let seen = Rc::new(RefCell::new(vec![0]));
        let somebody = {
            let (passed, seen) = (Rc::clone(&passed), Rc::clone(&seen));
            async move {
                while seen.borrow().last() != Some(&7) {
                    after_others().await;
                    seen.borrow_mut().push(passed.borrow().len());
                }
            }
        };
        thread::here(async {
            for number in 0..7 {
                let (line, passed) = (Rc::clone(&line), Rc::clone(&passed));
                thread::beside(async move { line.pass(|| passed.borrow_mut().push(number)).await });
            }
            thread::beside(somebody).await.unwrap();
        })
        .unwrap();
        assert_eq!(*passed.borrow(), [0, 1, 2, 3, 4, 5, 6], "in their order");
        let most = seen.borrow().windows(2).map(|pair| pair[1] - pair[0]).max();
        assert_eq!(most, Some(WIDTH), "{seen:?}");
    }

    /// Whether it is done after so many polls at most.
    fn is_done(pass: &mut Pin<Box<impl Future>>, polls: usize) -> bool {
        (0..polls).any(|_| pass.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready())
    }

    #[test]
    fn who_is_given_up_leaves_the_line() {
        let (line, passed) = (&Line::new(1), &RefCell::new(Vec::new()));
        let pass = |number| Box::pin(line.pass(move || passed.borrow_mut().push(number)));
        let (mut first, mut given_up, mut last) = (pass(1), pass(2), pass(3));
        assert!(!is_done(&mut first, 2));
        assert!(!is_done(&mut given_up, 2) && !is_done(&mut last, 2));
        assert_eq!(*passed.borrow(), [1], "it has not let others go first yet");
        drop(given_up);
        assert!(is_done(&mut first, 1) && is_done(&mut last, 3));
        assert_eq!(*passed.borrow(), [1, 3]);
    }
}
