//! Names of the program and the system on which a session began, for its user.

/// Programs by a part of their `User-Agent`. Many pretend to be others: the more particular parts come first.
const PROGRAMS: [(&str, &str); 15] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python", "Python"),
    ("Python", "Python"),
    ("node", "Node.js"),
];

/// Systems by a part of their `User-Agent`, the more particular parts first.
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// Makes a name such as `Firefox on Windows`, as far as the `User-Agent` tells.
pub(super) fn name(user_agent: Option<&str>) -> String {
    let user_agent = user_agent.unwrap_or_default();
    let named = |names: &[(&str, &'static str)]| {
        names.iter().find(|(part, _)| user_agent.contains(part)).map(|(_, name)| *name)
    };
    match (named(&PROGRAMS), named(&SYSTEMS)) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => "Unknown device".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_what_people_call_it() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (user_agent, called) in [
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/140.0 Safari/537.36 Edg/140.0"), "Edge on Windows"),
            (format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} Chrome/140.0 Safari/537.36"), "Chrome on Linux"),
            (format!("Mozilla/5.0 (Linux; Android 15) {webkit} Chrome/140.0 Mobile Safari/537.36"), "Chrome on Android"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Safari/604.1".to_owned(), "Safari on iPhone"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15.1; rv:145.0) Gecko/20100101 Firefox/145.0".to_owned(), "Firefox on macOS"),
            ("curl/8.5.0".to_owned(), "curl"),
            ("python-requests/2.32".to_owned(), "Python"),
            ("something else".to_owned(), "Unknown device"),
        ] {
            assert_eq!(name(Some(&user_agent)), called, "{user_agent}");
        }
        assert_eq!(name(None), "Unknown device");
    }
}
