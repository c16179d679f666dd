//! An attack: name, description, and preparation.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;

use crate::attacks;
use crate::stage::{Play, Stage};

/// Prepares an attack on a stage.
pub type Prepare = fn(Stage) -> BoxFuture<'static, anyhow::Result<Play>>;

/// Configuration of the server under attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Default configuration except for `KEYFOLD_MEMORY`.
    Plain,
    /// Plain, with a soft limit of 256 file descriptors.
    FewDescriptors,
}

/// An attack, as a constant.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// Name on the command line.
    pub name: &'static str,
    /// Kind of resource that the attack exhausts.
    pub kind: &'static str,
    /// Description for the report.
    pub what: &'static str,
    /// True for a further attack of its kind; false for the fault by which the kind became known.
    pub is_variation: bool,
    /// Duration of the attack.
    pub seconds: f64,
    /// Configuration of the server that the attack needs.
    pub setting: Setting,
    /// True if no client can be served during the attack, whatever the server does: the attack is then judged by the
    /// recovery after it.
    pub stops_service: bool,
    /// Preparation of the attack.
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

    /// A further attack of a known kind.
    pub const fn variation(
        name: &'static str,
        kind: &'static str,
        what: &'static str,
        prepare: Prepare,
    ) -> Self {
        Self { is_variation: true, ..Self::new(name, kind, what, prepare) }
    }

    /// Sets the duration in seconds.
    pub const fn lasting(self, seconds: f64) -> Self {
        Self { seconds, ..self }
    }

    /// Marks an attack during which no client can be served.
    pub const fn stopping_service(self) -> Self {
        Self { stops_service: true, ..self }
    }

    /// Sets the configuration of the server.
    pub const fn on(self, setting: Setting) -> Self {
        Self { setting, ..self }
    }
}

/// Every attack, in the order of play: those that need another server configuration come last.
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

/// Kinds with fewer than two variations: for these the repair may cover one instance only.
pub fn too_narrow(all: &[Attack]) -> BTreeSet<&'static str> {
    let variations = |kind: &str| all.iter().filter(|a| a.kind == kind && a.is_variation).count();
    all.iter().map(|attack| attack.kind).filter(|kind| variations(kind) < 2).collect()
}
