//! `scopegate sandbox`: a small bank behind a gateway, and the story of the door told once through it. It takes no
//! gateway configuration and has its own issuer and keys: what it opens, no production gateway opens.

mod certificates;
mod configuration;
mod folder;
mod scene;

use super::CannotServe;
use crate::net::tls;
use crate::sandbox::story::{self, Places, StoryFault};
use anyhow::Context as _;
use scene::Scene;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How the sandbox is wanted.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// Where the portal and the authorization server listen.
    pub portal: SocketAddr,
    /// Whether both speak TLS.
    pub is_tls: bool,
    /// What survives its end.
    pub keep: Keep,
}

/// What survives the sandbox's end.
#[derive(Clone)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// Everything, in this folder.
    Folder(PathBuf),
    /// Everything, in this PostgreSQL database.
    Database(String),
}

/// Runs the sandbox until it is told to end.
pub fn run(wish: &Wish) -> anyhow::Result<ExitCode> {
    tls::install_provider();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(play(wish, &mut io::stdout().lock()))
}

async fn play(wish: &Wish, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let mut leave = Leave::listen()?;
    if !wish.is_tls && !wish.portal.ip().is_loopback() {
        let text = format!("{} is no loopback address, and passwords would cross the network readable", wish.portal);
        return Err(CannotServe(format!("{text}\n  hint: add --tls")).into());
    }
    let scene = Scene::set(wish).await?;
    let addresses = scene.addresses();
    say_moved(out, "the gateway", wish.listen, addresses.gateway)?;
    say_moved(out, "the portal", wish.portal, addresses.portal)?;
    let told = tokio::select! {
        told = tell(&scene, out) => told,
        () = leave.asked() => Ok(Told::LeftEarly),
    };
    if matches!(told, Ok(Told::ToTheEnd)) {
        invite(out, &scene, wish)?;
        tokio::select! {
            () = scene.keep_origins() => {}
            () = leave.asked() => {}
        }
    }
    scene.clear().await?;
    told.map(|_| ExitCode::SUCCESS)
}

/// How far the story came without a fault.
enum Told {
    ToTheEnd,
    LeftEarly,
}

async fn tell(scene: &Scene, out: &mut dyn Write) -> anyhow::Result<Told> {
    let (portal, gateway) = (scene.addresses().issuer(), scene.addresses().gateway_origin());
    match story::tell(Places { portal: &portal, gateway: &gateway }, scene.fetcher(), out).await {
        Ok(()) => Ok(Told::ToTheEnd),
        // As itself, so that a reader who closed the pipe is not called a fault of ours.
        Err(StoryFault::Print(fault)) => Err(fault.into()),
        Err(fault) => Err(fault).context("the story did not end well: please report what is printed above"),
    }
}

fn invite(out: &mut dyn Write, scene: &Scene, wish: &Wish) -> io::Result<()> {
    let addresses = scene.addresses();
    let (portal, gateway, admin) = (addresses.issuer(), addresses.gateway_origin(), addresses.admin);
    write!(
        out,
        "\nThe story is told. Everything stays up until Ctrl-C:\n\n  \
           {portal}   developer portal, authorization server\n  \
           {gateway}   the gateway, in front of the banking APIs\n  \
           http://{admin}   the gateway's admin listener: /readyz, /metrics\n  \
           {}   the gateway's configuration, its log\n\n",
        scene.folder().path().display()
    )?;
    if wish.is_tls {
        let [authority, client] =
            [configuration::AUTHORITY, configuration::CLIENT].map(|name| scene.folder().file(name));
        write!(
            out,
            "  {}   trust it: curl --cacert\n  {}   a client's certificate: curl --cert\n\n",
            authority.display(),
            client.display()
        )?;
    }
    match &wish.keep {
        Keep::Nothing => writeln!(out, "Everything is forgotten when it ends; --data FOLDER keeps it.")?,
        Keep::Folder(path) => writeln!(out, "Everything is kept in {}.", path.display())?,
        Keep::Database(_) => writeln!(out, "Everything is kept in the database.")?,
    }
    writeln!(out, "Now yours: open {portal}/signup in a browser; each page says what comes next.")?;
    out.flush()
}

fn say_moved(out: &mut dyn Write, who: &str, wished: SocketAddr, got: SocketAddr) -> io::Result<()> {
    if wished.port() == 0 || wished == got {
        return Ok(());
    }
    writeln!(out, "{wished} is busy: {who} listens on {got}")
}

/// The signals that end the sandbox; caught from the start, so that it always ends in order.
struct Leave {
    interrupt: Signal,
    terminate: Signal,
}

impl Leave {
    fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}

impl std::fmt::Debug for Keep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL of a database may hold a password.
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Folder(_) => "Folder",
            Self::Database(_) => "Database",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish() -> Wish {
        let anywhere = "127.0.0.1:0".parse().unwrap();
        Wish { listen: anywhere, portal: anywhere, is_tls: false, keep: Keep::Nothing }
    }

    #[tokio::test]
    async fn the_story_comes_true_through_the_gateway() {
        tls::install_provider();
        for wish in [wish(), Wish { is_tls: true, ..wish() }] {
            let scene = Scene::set(&wish).await.unwrap();
            let mut out = Vec::new();
            let told = tell(&scene, &mut out).await;
            let text = String::from_utf8(out).unwrap();
            assert!(matches!(told, Ok(Told::ToTheEnd)), "{text}\n{:?}", told.err());
            assert_eq!(text.matches('✗').count(), 0, "{text}");
            assert!(text.matches('✓').count() >= 10 && !text.contains("eyJ0eXAiOiJhdCtqd3Qi"), "{text}");
            scene.clear().await.unwrap();
        }
    }
}
