//! The tokens of a run: signed before it, sent in turn or once each.

use super::support::issuer::Issuer;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::thread;

/// Tokens, and whose turn it is.
pub(crate) struct Tokens {
    texts: Rc<Vec<String>>,
    each: Each,
    turn: Cell<usize>,
}

#[derive(Clone, Copy)]
enum Each {
    InTurn,
    Once,
}

impl Tokens {
    /// The same one every time.
    pub(crate) fn one(issuer: &Issuer, algorithm: &str) -> Rc<Self> {
        Self::in_turn(issuer, algorithm, 1)
    }

    /// This one every time.
    pub(crate) fn of(text: String) -> Rc<Self> {
        Rc::new(Self { texts: Rc::new(vec![text]), each: Each::InTurn, turn: Cell::new(0) })
    }

    /// So many, again and again.
    pub(crate) fn in_turn(issuer: &Issuer, algorithm: &str, count: usize) -> Rc<Self> {
        Rc::new(Self { texts: Rc::new(sign(issuer, algorithm, count)), each: Each::InTurn, turn: Cell::new(0) })
    }

    /// So many, none of them twice in the life of a process.
    pub(crate) fn once(issuer: &Issuer, algorithm: &str, count: usize) -> Rc<Self> {
        Rc::new(Self { texts: Rc::new(sign(issuer, algorithm, count)), each: Each::Once, turn: Cell::new(0) })
    }

    /// The same ones, each once from the first on.
    pub(crate) fn through(&self) -> Rc<Self> {
        Rc::new(Self { texts: Rc::clone(&self.texts), each: Each::Once, turn: Cell::new(0) })
    }

    /// Begins again with the first.
    pub(crate) fn rewind(&self) {
        self.turn.set(0);
    }

    pub(crate) fn first(&self) -> io::Result<&str> {
        self.texts.first().map(String::as_str).ok_or_else(|| io::Error::other("there are no tokens"))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn next(&self) -> io::Result<&str> {
        let turn = self.turn.replace(self.turn.get() + 1);
        let place = match self.each {
            Each::InTurn => turn % self.texts.len(),
            Each::Once => turn,
        };
        self.texts.get(place).map(String::as_str).ok_or_else(|| io::Error::other("every token was sent"))
    }
}

/// On as many threads as there are CPUs for us; a thousand RS256 signatures take a second of one.
fn sign(issuer: &Issuer, algorithm: &str, count: usize) -> Vec<String> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = count.div_ceil(threads);
    thread::scope(|scope| {
        let of_thread = |thread: usize| {
            let numbers = thread * share..((thread + 1) * share).min(count);
            scope.spawn(move || numbers.map(|number| issuer.token(algorithm, number)).collect::<Vec<_>>())
        };
        let running: Vec<_> = (0..threads).map(of_thread).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}
