//! Length of a page.

use crate::tasks::listing;

/// Tasks or changes on a page unless the request asks otherwise.
pub(super) fn default_limit() -> u64 {
    listing::DEFAULT_LIMIT as u64
}
