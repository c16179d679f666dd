//! Shell command that installs PostgreSQL's server on this system, for error messages about missing programs.

use std::fs;

/// Returns the command that installs the server: any version, or a given one.
pub(super) fn command(major: Option<u32>) -> String {
    if cfg!(target_os = "macos") {
        return for_family("macos", major);
    }
    let release = ["/etc/os-release", "/usr/lib/os-release"]
        .into_iter()
        .find_map(|path| fs::read_to_string(path).ok());
    for_family(family(&release.unwrap_or_default()), major)
}

/// Family of distributions that an `os-release` file describes.
fn family(release: &str) -> &'static str {
    let value = |key: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
    };
    let names = format!("{} {}", value("ID"), value("ID_LIKE"));
    names.split_whitespace().find_map(known).unwrap_or("other")
}

fn known(name: &str) -> Option<&'static str> {
    Some(match name {
        "debian" | "ubuntu" => "debian",
        "fedora" | "rhel" | "centos" | "amzn" => "fedora",
        "alpine" => "alpine",
        "arch" => "arch",
        "suse" | "opensuse" | "sles" => "suse",
        _ => return None,
    })
}

fn for_family(family: &str, major: Option<u32>) -> String {
    let versioned = |plain: &str, before: &str, after: &str| match major {
        Some(major) => format!("{before}{major}{after}"),
        None => plain.to_owned(),
    };
    match family {
        "macos" => format!("brew install {}", versioned("postgresql@17", "postgresql@", "")),
        "debian" => format!("apt-get install {}", versioned("postgresql", "postgresql-", "")),
        "fedora" => {
            format!("dnf install {}", versioned("postgresql-server", "postgresql", "-server"))
        }
        "alpine" => format!("apk add {}", versioned("postgresql", "postgresql", "")),
        "arch" => "pacman -S postgresql".to_owned(),
        "suse" => {
            format!("zypper install {}", versioned("postgresql-server", "postgresql", "-server"))
        }
        _ => "your system's package manager (the package is usually called postgresql-server)"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_recognised_by_what_they_are_like() {
        assert_eq!(family("NAME=x\nID=debian\n"), "debian");
        assert_eq!(family("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), "debian");
        assert_eq!(family("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"), "fedora");
        assert_eq!(family("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n"), "suse");
        assert_eq!(family("ID=plan9\n"), "other");
        assert_eq!(family(""), "other");
    }

    #[test]
    fn the_command_can_ask_for_one_version() {
        assert_eq!(for_family("debian", None), "apt-get install postgresql");
        assert_eq!(for_family("debian", Some(14)), "apt-get install postgresql-14");
        assert_eq!(for_family("macos", Some(16)), "brew install postgresql@16");
        assert_eq!(for_family("fedora", None), "dnf install postgresql-server");
    }
}
