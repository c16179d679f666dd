//! A user id that has no name, as containers have that run with an arbitrary one.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::support::process::Keyfold;
use crate::support::user::TestUser;

/// User id without a name in the system.
const ID: u32 = 54_321;

/// A directory of this user, and the binary in it: this user may not read the directory of the sources.
fn home(name: &str) -> PathBuf {
    let home = std::env::temp_dir().join(format!("kf-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&home);
    fs::create_dir(&home).unwrap();
    let program = home.join("keyfold");
    fs::copy(env!("CARGO_BIN_EXE_keyfold"), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    if rustix::process::getuid().is_root() {
        chown(&home, Some(ID), Some(ID)).unwrap();
    }
    home
}

/// The binary as this user: root changes to it, any other user gets it in a user namespace.
fn keyfold(home: &Path) -> Keyfold {
    let id = ID.to_string();
    let [as_user, as_group] = [format!("--reuid={id}"), format!("--regid={id}")];
    let (user, group) = (format!("--map-user={id}"), format!("--map-group={id}"));
    let starter = if rustix::process::getuid().is_root() {
        vec!["setpriv", &as_user, &as_group, "--clear-groups"]
    } else {
        vec!["unshare", &user, &group]
    };
    let data = home.join("data");
    Keyfold::new()
        .started_by(&starter)
        .at(home.join("keyfold"))
        .set("KEYFOLD_DATA", data.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_id_without_a_name_is_told_what_to_set() {
    let home = home("nameless");
    for arguments in [&[] as &[_], &["serve"]] {
        let ended = keyfold(&home).run(arguments).await;
        let expected = format!(
            "keyfold: this server runs as the user id {ID}, which has no name on this system, and PostgreSQL needs one: run it as \
             a user with an entry in /etc/passwd, give the id a name by nss_wrapper (set LD_PRELOAD to libnss_wrapper.so, and \
             NSS_WRAPPER_PASSWD and NSS_WRAPPER_GROUP to files with an entry for it), or set DATABASE_URL to use a server \
             elsewhere\n"
        );
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.err.ends_with(&expected), "{expected} in {}", ended.err);
        assert!(!ended.err.contains("initdb"), "{}", ended.err);
    }
    fs::remove_dir_all(home).unwrap();
}

/// Debian's path of the library that gives names to ids.
fn nss_wrapper() -> String {
    let places = ["x86_64-linux-gnu", "aarch64-linux-gnu"];
    let libraries = places.map(|place| format!("/usr/lib/{place}/libnss_wrapper.so"));
    libraries.into_iter().find(|path| fs::exists(path).unwrap()).expect("`make test` installs it")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_id_that_nss_wrapper_names_runs_a_private_cluster_and_every_command() {
    let home = home("named");
    let (passwd, group) = (home.join("passwd"), home.join("group"));
    fs::write(&passwd, format!("keyfold:x:{ID}:{ID}:Keyfold:/:/bin/sh\n")).unwrap();
    fs::write(&group, format!("keyfold:x:{ID}:\n")).unwrap();
    let named = keyfold(&home)
        .set("LD_PRELOAD", &nss_wrapper())
        .set("NSS_WRAPPER_PASSWD", passwd.to_str().unwrap())
        .set("NSS_WRAPPER_GROUP", group.to_str().unwrap());
    let server = named.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    ada.create_task("Milk").await;
    named.print(&["doctor"]).await;
    server.stop().await;
    named.print(&["doctor"]).await;
    let server = named.serve().await;
    assert_eq!(TestUser::sign_in(&server.url, &ada.email).await.titles().await, ["Milk"]);
    server.stop().await;
    fs::remove_dir_all(home).unwrap();
}
