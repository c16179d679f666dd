//! Operating system users, looked up without any C library call of ours.
//!
//! `/etc/passwd` comes first because it is always right about the users it has; `id` knows the rest (directory services of
//! macOS, LDAP).

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::{getgid, getuid};

/// Operating system user with its primary group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OsUser {
    /// Login name, by which peer authentication recognises the user.
    pub(crate) name: String,
    /// Numeric user id, which owns the files of the cluster.
    pub(crate) uid: u32,
    /// Numeric id of the primary group.
    pub(crate) gid: u32,
}

impl OsUser {
    /// Returns the user that this process runs as.
    ///
    /// # Errors
    ///
    /// The user id, if it has no name here (a container with an arbitrary id): PostgreSQL does not run as such a user.
    pub(super) fn current() -> Result<Self, u32> {
        let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
        let name = id(&["-un"]).ok_or(uid)?;
        Ok(Self { name, uid, gid })
    }

    /// Returns the user of this name, from `/etc/passwd` or `id`.
    pub(super) fn named(name: &str) -> Option<Self> {
        let listed = listed(&passwd(), |user| user.name == name);
        listed.or_else(|| {
            // A name that looks like an option belongs to no user.
            let number =
                |flag| if name.starts_with('-') { None } else { id(&[flag, name])?.parse().ok() };
            Some(Self { name: name.to_owned(), uid: number("-u")?, gid: number("-g")? })
        })
    }

    /// Returns the user of this id, from `/etc/passwd` or `id`.
    pub(super) fn with_uid(uid: u32) -> Option<Self> {
        listed(&passwd(), |user| user.uid == uid)
            .or_else(|| Self::named(&id(&["-un", &uid.to_string()])?))
    }

    /// Returns true for the superuser, as which PostgreSQL refuses to run.
    pub(super) fn is_root(&self) -> bool {
        self.uid == 0
    }
}

fn passwd() -> String {
    fs::read_to_string("/etc/passwd").unwrap_or_default()
}

fn listed(passwd: &str, wanted: impl Fn(&OsUser) -> bool) -> Option<OsUser> {
    passwd.lines().filter_map(parse_line).find(wanted)
}

fn parse_line(line: &str) -> Option<OsUser> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let mut number = fields.skip(1).map(|field| field.parse().ok());
    Some(OsUser { name, uid: number.next()??, gid: number.next()?? })
}

fn id(arguments: &[&str]) -> Option<String> {
    let output = Command::new("id")
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n# a comment\nnobody:*:-2:-2::/:/bin/false\n\
                          postgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/bash\n";

    #[test]
    fn a_user_is_found_by_name_and_by_id() {
        let postgres = OsUser { name: "postgres".into(), uid: 101, gid: 104 };
        assert_eq!(listed(PASSWD, |user| user.name == "postgres"), Some(postgres.clone()));
        assert_eq!(listed(PASSWD, |user| user.uid == 101), Some(postgres));
    }

    #[test]
    fn lines_that_are_not_users_are_passed_over() {
        assert_eq!(listed(PASSWD, |user| user.name == "nobody"), None);
        assert_eq!(listed(PASSWD, |user| user.name == "ada"), None);
    }

    #[test]
    fn the_current_user_is_known_by_name_and_by_id() {
        let current = OsUser::current().unwrap();
        assert_eq!(OsUser::with_uid(current.uid).unwrap().name, current.name);
        assert_eq!(OsUser::named(&current.name).unwrap().uid, current.uid);
    }
}
