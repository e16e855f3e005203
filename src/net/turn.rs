//! One task among those of a worker: when it goes on.

use std::future::{Future, poll_fn};
use std::task::Poll;

/// Goes on when everything has had its turn that is ready now. What comes behind it, all that have asked for it do one right
/// after the other: who waits for it in another process is woken once for many, and the CPU does the same thing many times.
///
/// Other than tokio's `yield_now` it does not ask the kernel for more before that: the price is one more poll of the task.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::thread;
    use std::cell::RefCell;
    use std::rc::Rc;

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
}
