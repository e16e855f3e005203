//! Whom a count is of, as a number: nothing in memory says a client's, a customer's or a consent's name, and who does not
//! know our keys finds no two that count together.

use aws_lc_rs::digest::{Context, SHA256};
use std::hash::{BuildHasher as _, DefaultHasher, Hash, Hasher, RandomState};

/// 128 bits of a keyed hash (`SipHash`, twice, with keys of this process): by chance no two names share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key([u64; 2]);

/// Makes keys.
#[derive(Debug)]
pub enum KeyMaker {
    /// By what no other process knows.
    Own([RandomState; 2]),
    /// Alike at every gateway: half a SHA-256.
    Everybodys,
}

/// A key in the making.
pub enum Names {
    /// By what no other process knows.
    Own([DefaultHasher; 2]),
    /// Alike at every gateway.
    Everybodys(Context),
}

impl Default for KeyMaker {
    fn default() -> Self {
        Self::Own(Default::default())
    }
}

impl KeyMaker {
    /// A key of no names so far.
    pub fn begin(&self) -> Names {
        match self {
            Self::Own([one, other]) => Names::Own([one.build_hasher(), other.build_hasher()]),
            Self::Everybodys => Names::Everybodys(Context::new(&SHA256)),
        }
    }
}

impl Names {
    /// Adds a name of this kind. Its length stands before it, so that no two lists of names run into the same bytes.
    pub fn add(&mut self, kind: u8, name: &[u8]) {
        match self {
            Self::Own(hashers) => {
                for hasher in hashers {
                    hasher.write_u8(kind);
                    hasher.write_usize(name.len());
                    hasher.write(name);
                }
            }
            Self::Everybodys(context) => {
                context.update(&[kind]);
                context.update(&(name.len() as u64).to_be_bytes());
                context.update(name);
            }
        }
    }

    /// The key.
    pub fn end(self) -> Key {
        match self {
            Self::Own(hashers) => Key(hashers.map(|hasher| hasher.finish())),
            Self::Everybodys(context) => {
                let digest = context.finish();
                let mut eights = digest.as_ref().as_chunks().0.iter().copied().map(u64::from_be_bytes);
                Key([(); 2].map(|()| eights.next().unwrap_or_default()))
            }
        }
    }
}

impl Key {
    /// As one number.
    pub fn number(self) -> u128 {
        let [high, low] = self.0.map(u128::from);
        high << 64 | low
    }

    /// One of `shards`.
    pub(super) fn shard(self, shards: usize) -> usize {
        let [first, _] = self.0;
        usize::try_from(first % shards as u64).unwrap_or_default()
    }
}

/// For maps that hash no more: a key is a hash.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [_, second] = self.0;
        state.write_u64(second);
    }
}

/// The hasher of maps whose keys are `Key`.
#[derive(Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// Never called for a `Key`; whatever it is called for is still hashed somehow.
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_of_the_names_their_kinds_and_their_order() {
        let maker = KeyMaker::default();
        let key = |names: &[(u8, &str)]| {
            let mut key = maker.begin();
            for (kind, name) in names {
                key.add(*kind, name.as_bytes());
            }
            key.end()
        };
        let all = [
            key(&[(0, "ab")]),
            key(&[(1, "ab")]),
            key(&[(0, "a"), (0, "b")]),
            key(&[(0, "b"), (0, "a")]),
            key(&[(0, ""), (0, "ab")]),
            key(&[(0, "ab"), (0, "")]),
            key(&[]),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(all.iter().skip(place + 1).all(|other| other != one), "{place}");
        }
        assert_eq!(key(&[(0, "ab")]), all[0]);
        assert_ne!(KeyMaker::default().begin().end(), maker.begin().end(), "each has keys of its own");
    }
}
