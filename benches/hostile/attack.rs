//! An attack: its name, what it does, and how it is made ready.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;

use crate::attacks;
use crate::stage::{Play, Stage};

/// How an attack is made ready on a stage.
pub type Prepare = fn(Stage) -> BoxFuture<'static, anyhow::Result<Play>>;

/// The server that an attack is played against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// With nothing but `KEYFOLD_MEMORY` set.
    Plain,
    /// Started with a soft limit of 256 file descriptors.
    FewDescriptors,
}

/// An attack.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// By which it is asked for.
    pub name: &'static str,
    /// What kinds of things it uses up.
    pub kind: &'static str,
    /// What it does.
    pub what: &'static str,
    /// Whether it is a further one of its kind, and not the fault by which the kind became known.
    pub is_variation: bool,
    /// How long it is played.
    pub seconds: f64,
    /// Against what.
    pub setting: Setting,
    /// Whether nobody can be served while it lasts, whatever the server does: then it is judged by what comes after it.
    pub stops_service: bool,
    /// How it is made ready.
    pub prepare: Prepare,
}

impl Attack {
    /// An attack of four seconds on a plain server.
    pub const fn new(
        name: &'static str,
        kind: &'static str,
        what: &'static str,
        prepare: Prepare,
    ) -> Self {
        Self {
            name,
            kind,
            what,
            is_variation: false,
            seconds: 4.0,
            setting: Setting::Plain,
            stops_service: false,
            prepare,
        }
    }

    /// The same for a further attack of a kind that is known.
    pub const fn variation(
        name: &'static str,
        kind: &'static str,
        what: &'static str,
        prepare: Prepare,
    ) -> Self {
        Self { is_variation: true, ..Self::new(name, kind, what, prepare) }
    }

    /// The same for so many seconds.
    pub const fn lasting(self, seconds: f64) -> Self {
        Self { seconds, ..self }
    }

    /// The same, and nobody can be served while it lasts.
    pub const fn stopping_service(self) -> Self {
        Self { stops_service: true, ..self }
    }

    /// The same on another server.
    pub const fn on(self, setting: Setting) -> Self {
        Self { setting, ..self }
    }
}

/// Every attack, in the order in which they are played: those that need another server come last.
pub fn all() -> Vec<Attack> {
    let kinds = [
        attacks::appends::ATTACKS,
        attacks::batches::ATTACKS,
        attacks::keys::ATTACKS,
        attacks::files::ATTACKS,
        attacks::connections::bodies::ATTACKS,
        attacks::folding::ATTACKS,
        attacks::connections::drips::ATTACKS,
        attacks::connections::answers::ATTACKS,
        attacks::connections::http2::ATTACKS,
        attacks::connections::streams::ATTACKS,
        attacks::walks::ATTACKS,
        attacks::sessions::ATTACKS,
        attacks::database::ATTACKS,
        attacks::connections::descriptors::ATTACKS,
    ];
    let mut all: Vec<Attack> = kinds.into_iter().flatten().copied().collect();
    all.sort_by_key(|attack| attack.setting == Setting::FewDescriptors);
    all
}

/// The kinds that have fewer variations than two: what was mended there may be one instance.
pub fn too_narrow(all: &[Attack]) -> BTreeSet<&'static str> {
    let variations = |kind: &str| all.iter().filter(|a| a.kind == kind && a.is_variation).count();
    all.iter().map(|attack| attack.kind).filter(|kind| variations(kind) < 2).collect()
}
