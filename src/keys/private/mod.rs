//! Private keys: generated, sealed, stored, and used to sign.

pub mod private_key;
pub mod sealer;
pub mod signing;
pub mod vault;
