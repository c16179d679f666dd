//! The rules by which the programs of `benches/` judge a run.
//!
//! * `chaos_checker`: the checker of `make chaos` finds each kind of violation
//! * `hostile_rules`: the rules by which `make hostile` judges

mod chaos_checker;
mod hostile_rules;
