//! Styles and modules of the pages.
//!
//! They are part of the binary. A file's name holds a hash of its content, so browsers keep it forever, and a page never
//! runs with modules of another version. Modules import each other by their plain names, which are replaced here.

use std::collections::HashMap;
use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use poem::http::StatusCode;
use poem::{IntoResponse, Request, Response};

use super::asset::{Asset, SCRIPT, STYLE};

/// Path prefix of all assets.
pub const PREFIX: &str = "/assets/";

/// Cached for a year without revalidation (RFC 8246); a new version has a new name.
const CACHE: &str = "public, max-age=31536000, immutable";

/// Characters of a hash in a name: enough that no two versions share them.
const HASH_LENGTH: usize = 12;

const PICTURE: &str = "image/svg+xml";

/// Name, media type and text of each file. A file imports only files that stand before it.
const FILES: [(&str, &str, &str); 26] = [
    ("app.css", STYLE, include_str!("assets/app.css")),
    ("icon.svg", PICTURE, include_str!("assets/icon.svg")),
    ("page.js", SCRIPT, include_str!("assets/page.js")),
    ("api.js", SCRIPT, include_str!("assets/api.js")),
    ("over.js", SCRIPT, include_str!("assets/over.js")),
    ("calls.js", SCRIPT, include_str!("assets/calls.js")),
    ("live.js", SCRIPT, include_str!("assets/live.js")),
    ("forms.js", SCRIPT, include_str!("assets/forms.js")),
    ("home.js", SCRIPT, include_str!("assets/home.js")),
    ("enter.js", SCRIPT, include_str!("assets/enter.js")),
    ("account.js", SCRIPT, include_str!("assets/account.js")),
    ("commands.js", SCRIPT, include_str!("assets/commands.js")),
    ("listing.js", SCRIPT, include_str!("assets/listing.js")),
    ("outbox.js", SCRIPT, include_str!("assets/outbox.js")),
    ("store.js", SCRIPT, include_str!("assets/store.js")),
    ("due.js", SCRIPT, include_str!("assets/due.js")),
    ("row.js", SCRIPT, include_str!("assets/row.js")),
    ("rows.js", SCRIPT, include_str!("assets/rows.js")),
    ("tags.js", SCRIPT, include_str!("assets/tags.js")),
    ("drafts.js", SCRIPT, include_str!("assets/drafts.js")),
    ("editor.js", SCRIPT, include_str!("assets/editor.js")),
    ("order.js", SCRIPT, include_str!("assets/order.js")),
    ("filters.js", SCRIPT, include_str!("assets/filters.js")),
    ("history.js", SCRIPT, include_str!("assets/history.js")),
    ("past.js", SCRIPT, include_str!("assets/past.js")),
    ("tasks.js", SCRIPT, include_str!("assets/tasks.js")),
];

/// A file with its hashed path.
struct HashedAsset {
    /// Path under which it is served.
    path: String,
    /// Files that it imports, directly or through others.
    needs: Vec<&'static str>,
    /// Content and headers, as they are served.
    asset: Asset,
}

static ASSETS: LazyLock<HashMap<&'static str, HashedAsset>> = LazyLock::new(|| {
    let mut known: HashMap<&'static str, HashedAsset> = HashMap::new();
    for (name, content_type, text) in FILES {
        let file = file((name, content_type, text), &known);
        known.insert(name, file);
    }
    known
});

/// Makes a file that may import the known ones.
fn file(
    (name, content_type, text): (&'static str, &'static str, &'static str),
    known: &HashMap<&'static str, HashedAsset>,
) -> HashedAsset {
    let (mut text, mut needs) = (text.to_owned(), Vec::new());
    for (other, file) in known {
        let plain = format!("\"./{other}\"");
        if text.contains(&plain) {
            text = text.replace(&plain, &format!("\"{}\"", file.path));
            needs.extend(file.needs.iter().copied().chain([*other]));
        }
    }
    needs.sort_unstable();
    needs.dedup();
    let path = format!("{PREFIX}{}", hashed_name(name, &text));
    let asset = Asset::new(content_type, CACHE, move || text.clone().into());
    HashedAsset { path, needs, asset }
}

/// Adds a hash to a name: `app.css` becomes `app.HASH.css`.
fn hashed_name(name: &str, text: &str) -> String {
    let mut hash = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()));
    hash.truncate(HASH_LENGTH);
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    format!("{stem}.{hash}.{extension}")
}

/// Path of a file; empty for an unknown one.
pub(super) fn path(name: &str) -> &'static str {
    ASSETS.get(name).map_or("", |file| &file.path)
}

/// Paths of the modules that a module imports: a browser fetches them at once instead of finding them one by one.
pub(super) fn needs(name: &str) -> impl Iterator<Item = &'static str> {
    ASSETS.get(name).into_iter().flat_map(|file| &file.needs).map(|name| path(name))
}

/// Answers with the file at the request's path.
pub(super) fn answer(request: &Request) -> Response {
    let asset = ASSETS.values().find(|file| file.path == request.uri().path());
    asset.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |file| file.asset.answer(request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_named_after_what_is_in_it() {
        assert_eq!(hashed_name("app.css", "a"), "app.ypeBEsobvcr6.css");
        assert_ne!(hashed_name("app.css", "a"), hashed_name("app.css", "b"));
        for (name, ..) in FILES {
            assert!(path(name).starts_with(PREFIX), "{name}");
        }
        assert_eq!(path("nothing.js"), "");
    }

    #[test]
    fn no_module_names_another_by_its_plain_name() {
        for (name, _, text) in FILES {
            let mut text = text.to_owned();
            for (other, file) in ASSETS.iter() {
                text = text.replace(&format!("\"./{other}\""), &file.path);
            }
            assert!(!text.contains("\"./"), "{name} names a file that is not before it");
            let host = "://";
            assert!(!text.replace("http://www.w3.org/2000/svg", "").contains(host), "{name}");
        }
    }

    #[test]
    fn what_a_page_loads_is_below_60_kb_together() {
        let sent = |name: &str| ASSETS[name].asset.sent_bytes();
        for page in ["home.js", "enter.js", "account.js", "tasks.js"] {
            let modules = ASSETS[page].needs.iter().copied().chain([page, "app.css", "icon.svg"]);
            let bytes: usize = modules.map(sent).sum();
            assert!(bytes < 60_000, "{page}: {bytes} bytes");
        }
    }
}
