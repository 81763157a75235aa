//! Room.
pub mod frame;
pub mod hardening;
