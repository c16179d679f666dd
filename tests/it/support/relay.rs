//! A relay between a server and its database that forgets connections, as a NAT does or a machine that has lost its power.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::process::ExternalDatabase;

/// A relay to the cluster that tests share. It ends with its test.
pub struct Relay {
    /// The database, reached through the relay.
    pub url: String,
    forgotten: Arc<watch::Sender<u64>>,
    is_closed: Arc<AtomicBool>,
    _accepting: JoinSet<()>,
}

impl Relay {
    pub async fn to(database: &ExternalDatabase) -> Self {
        let link = database.connection.connect().await.unwrap();
        let place = "select trim('\"' from current_setting('unix_socket_directories')), current_setting('port'),
                     current_database()::text, current_schema()::text";
        let row = link.client.query_one(place, &[]).await.unwrap();
        let [directory, port, name, schema] =
            [0, 1, 2, 3].map(|column| row.get::<_, String>(column));
        let socket = PathBuf::from(directory).join(format!(".s.PGSQL.{port}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let url = format!(
            "postgres://keyfold@{own}/{name}?sslmode=disable&options=-csearch_path%3D{schema}"
        );
        let (forgotten, is_closed) = (Arc::new(watch::Sender::new(0)), Arc::default());
        let mut accepting = JoinSet::new();
        let ways = (Arc::clone(&forgotten), Arc::clone(&is_closed));
        accepting.spawn(accept(listener, socket, ways));
        Self { url, forgotten, is_closed, _accepting: accepting }
    }

    /// Forgets every connection that there is: what is sent on one is dropped, in both directions, without a close or a
    /// reset. New ones are relayed.
    pub fn forget(&self) {
        self.forgotten.send_modify(|times| *times += 1);
    }

    /// Forgets every connection and relays none, until it is opened.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.forget();
    }

    pub fn open(&self) {
        self.is_closed.store(false, Ordering::SeqCst);
    }
}

async fn accept(
    listener: TcpListener,
    socket: PathBuf,
    (forgotten, is_closed): (Arc<watch::Sender<u64>>, Arc<AtomicBool>),
) {
    let mut relaying = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        if is_closed.load(Ordering::SeqCst) {
            continue;
        }
        client.set_nodelay(true).unwrap();
        let Ok(server) = UnixStream::connect(&socket).await else { continue };
        let (client_reads, client_writes) = client.into_split();
        let (server_reads, server_writes) = server.into_split();
        relaying.spawn(relay(client_reads, server_writes, forgotten.subscribe()));
        relaying.spawn(relay(server_reads, client_writes, forgotten.subscribe()));
    }
}

/// Relays one direction. One that is forgotten stays open, whatever happens at the other end.
async fn relay(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut forgotten: watch::Receiver<u64>,
) {
    let mut bytes = vec![0; 64 * 1024];
    let relaying = async {
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            if to.write_all(&bytes[..count]).await.is_err() {
                break;
            }
        }
    };
    let is_forgotten = tokio::select! {
        biased;
        _ = forgotten.changed() => true,
        () = relaying => false,
    };
    if is_forgotten {
        while let Ok(1..) = from.read(&mut bytes).await {}
        std::future::pending::<()>().await;
    }
    drop(to);
}
