//! `Debug` of types that carry content.

/// Gives types a `Debug` that shows their name and the size of their encoding, nothing else.
macro_rules! redacted {
    ($($name:ident),+ $(,)?) => {
        $(
            impl ::core::fmt::Debug for $name {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    let size = ::canonical::encoded_len(self);
                    ::core::write!(f, concat!(stringify!($name), "(‹{} bytes›)"), size)
                }
            }
        )+
    };
}

pub(crate) use redacted;
