//! Closed sets of words, as requests, forms and columns spell them: each is written once, beside what it means.

/// An enum whose every variant has its word.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(in crate::sandbox) enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every one, in the order in which pages list them.
            pub(in crate::sandbox) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its word in forms and in the store.
            pub(in crate::sandbox) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one with this word.
            pub(in crate::sandbox) fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }
    };
}

pub(in crate::sandbox) use words;
