//! Settings that nodes must share.

use super::{EXTERNAL, LONG_SECRET, problem, read};

#[test]
fn every_setting_that_nodes_must_share_is_compared_by_its_name_and_no_other() {
    let agreed = |variable: &str, value: &str| {
        let node = [("DATABASE_URL", EXTERNAL), ("KEYFOLD_SECRET", LONG_SECRET)];
        read(&[&node[..], &[(variable, value)]].concat()).agreement().settings
    };
    let defaults = agreed("KEYFOLD_LOG", "info");
    for (variable, value, told, before) in [
        ("KEYFOLD_PUBLIC_URL", "https://id.example/", "https://id.example", "not set"),
        (
            "CORS_ORIGINS",
            "https://b.example,https://a.example",
            "https://a.example,https://b.example",
            "not set",
        ),
        ("KEYFOLD_KEY_ROTATION", "720h", "30d", "30d"),
        ("KEYFOLD_KEY_ROTATION", "31d", "31d", "30d"),
        ("KEYFOLD_KEY_LEAD", "20m", "20m", "15m"),
        ("KEYFOLD_KEY_ALGORITHM", "EdDSA", "EdDSA", "RS256"),
        ("KEYFOLD_RSA_BITS", "4096", "4096", "2048"),
        ("KEYFOLD_TOKEN_LIFETIME", "30m", "30m", "15m"),
        ("KEYFOLD_AUDIENCES", "urn:b,urn:a", "urn:a,urn:b", "not set"),
        ("KEYFOLD_SESSION_IDLE", "8d", "8d", "7d"),
        ("KEYFOLD_SESSION_ABSOLUTE", "91d", "91d", "90d"),
        ("KEYFOLD_HASH_MEMORY", "20000", "20000", "19456"),
        ("KEYFOLD_HASH_ITERATIONS", "3", "3", "2"),
    ] {
        let settings = agreed(variable, value);
        assert_eq!(settings[variable], told);
        assert_eq!(defaults[variable], before);
        let others = defaults.iter().filter(|(name, value)| settings.get(*name) != Some(value));
        let differing: Vec<_> = others.map(|(name, _)| name.as_str()).collect();
        let expected = match (told == before, told) {
            (true, _) => vec![],
            // An Ed25519 key has one size.
            (false, "EdDSA") => vec!["KEYFOLD_KEY_ALGORITHM", "KEYFOLD_RSA_BITS"],
            (false, _) => vec![variable],
        };
        assert_eq!(differing, expected, "{variable}");
    }
    for (variable, value) in
        [("KEYFOLD_DATABASE_POOL", "5"), ("KEYFOLD_LISTEN", "[::1]:0"), ("KEYFOLD_MEMORY", "1GB")]
    {
        assert_eq!(agreed(variable, value), defaults, "{variable}");
    }
    let shown = format!("{defaults:?}");
    assert!(!shown.contains(LONG_SECRET), "{shown}");
}

#[test]
fn only_settings_that_nodes_share_can_be_changing() {
    let told = problem(&[("KEYFOLD_CHANGING", "KEYFOLD_TOKEN_LIFETIME,KEYFOLD_LISTEN")]);
    assert!(
        told.contains("names \"KEYFOLD_LISTEN\"") && told.contains("KEYFOLD_RSA_BITS"),
        "{told}"
    );
}
