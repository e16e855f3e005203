//! `scopegate sandbox`: a small bank behind a gateway, and the story of the door told once through it.

use super::gateway::Gateway;
use crate::clock::Clock;
use crate::config;
use crate::net::fetch::{Bounds, Fetcher};
use crate::net::tls;
use crate::sandbox::bank::AUDIENCE as BANK;
use crate::sandbox::bank::routes::{self, Operation};
use crate::sandbox::story::{self, Places, StoryFault};
use crate::sandbox::{Location, Options, ResourceServer, Sandbox, TokenLifetimes};
use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, StatusCode};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Runs the sandbox until it is told to end.
pub fn run(listen: SocketAddr, portal: SocketAddr) -> anyhow::Result<ExitCode> {
    tls::install_provider();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(play(listen, portal, &mut io::stdout().lock()))
}

async fn play(listen: SocketAddr, portal: SocketAddr, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let mut leave = Leave::listen()?;
    let scene = Scene::set(listen, portal).await?;
    say_moved(out, "the gateway", listen, scene.address)?;
    say_moved(out, "the portal", portal, scene.sandbox.portal())?;
    let told = tokio::select! {
        told = tell(&scene, out) => told,
        () = leave.asked() => Ok(Told::LeftEarly),
    };
    if matches!(told, Ok(Told::ToTheEnd)) {
        invite(out, &scene)?;
        leave.asked().await;
    }
    scene.clear().await?;
    told.map(|_| ExitCode::SUCCESS)
}

/// The bank and the gateway in front of it.
struct Scene {
    sandbox: Sandbox,
    gateway: Gateway,
    address: SocketAddr,
}

impl Scene {
    async fn set(listen: SocketAddr, portal: SocketAddr) -> anyhow::Result<Self> {
        // The address stands in the tokens' audience, so it is chosen before the gateway has it.
        let address = free(listen).with_context(|| format!("cannot listen on {listen}"))?;
        let admin = free(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))?;
        let options = Options {
            portal,
            gateway: format!("http://{address}"),
            admin: format!("http://{admin}"),
            resource_server: ResourceServer { client_id: "gateway".to_owned(), secret: String::new() },
            fetcher: Fetcher::new(tls::client(None)?),
            access_log: None,
            tls: None,
            store: Location::Memory,
            lifetimes: TokenLifetimes::default(),
            clock: Clock::System,
        };
        let sandbox = Sandbox::start(options).await.with_context(|| format!("cannot listen on {portal}"))?;
        let text = configuration([address, admin, sandbox.portal(), sandbox.apis()]);
        let settings = config::parse(&text, Path::new("sandbox.yaml"))?;
        // On a thread that may wait: this one serves the keys that the gateway asks for.
        let gateway = tokio::task::spawn_blocking(|| Gateway::start(settings, Clock::System)).await??;
        Ok(Self { sandbox, gateway, address })
    }

    async fn clear(self) -> anyhow::Result<()> {
        let Self { sandbox, gateway, .. } = self;
        tokio::task::spawn_blocking(|| gateway.drain()).await?;
        sandbox.stop().await;
        Ok(())
    }
}

/// How far the story came without a fault.
enum Told {
    ToTheEnd,
    LeftEarly,
}

async fn tell(scene: &Scene, out: &mut dyn Write) -> anyhow::Result<Told> {
    let fetcher = Fetcher::new(tls::client(None)?);
    until_ready(&fetcher, scene.gateway.admin()).await?;
    let (portal, gateway) = (format!("http://{}", scene.sandbox.portal()), format!("http://{}", scene.address));
    match story::tell(Places { portal: &portal, gateway: &gateway }, fetcher, out).await {
        Ok(()) => Ok(Told::ToTheEnd),
        // As itself, so that a reader who closed the pipe is not called a fault of ours.
        Err(StoryFault::Print(fault)) => Err(fault.into()),
        Err(fault) => Err(fault).context("the story did not end well: please report what is printed above"),
    }
}

/// Until the gateway holds the issuer's keys.
async fn until_ready(fetcher: &Fetcher, admin: SocketAddr) -> anyhow::Result<()> {
    for _ in 0..READY_POLLS_MAX {
        let request = Request::get(format!("http://{admin}/readyz")).body(Bytes::new())?;
        if fetcher.send(request, READY_BOUNDS).await.is_ok_and(|answer| answer.status() == StatusCode::OK) {
            return Ok(());
        }
        tokio::time::sleep(READY_POLL_INTERVAL).await;
    }
    anyhow::bail!("the gateway did not become ready: http://{admin}/readyz says why")
}

fn invite(out: &mut dyn Write, scene: &Scene) -> io::Result<()> {
    let (portal, gateway, admin) = (scene.sandbox.portal(), scene.address, scene.gateway.admin());
    write!(
        out,
        "\nThe story is told. Everything stays up until Ctrl-C:\n\n  \
           http://{portal}   developer portal, authorization server\n  \
           http://{gateway}   the gateway, in front of the banking APIs\n  \
           http://{admin}   the gateway's admin listener: /readyz, /metrics\n\n\
         Now yours: open http://{portal}/applications/new, add an application, and paste the commands it shows.\n"
    )?;
    out.flush()
}

fn say_moved(out: &mut dyn Write, who: &str, wished: SocketAddr, got: SocketAddr) -> io::Result<()> {
    if wished.port() == 0 || wished == got {
        return Ok(());
    }
    writeln!(out, "{wished} is busy: {who} listens on {got}")
}

/// `wished`, or the same host with a free port if that one is busy.
fn free(wished: SocketAddr) -> io::Result<SocketAddr> {
    let bound = match TcpListener::bind(wished) {
        Err(fault) if fault.kind() == io::ErrorKind::AddrInUse => TcpListener::bind((wished.ip(), 0)),
        bound => bound,
    };
    bound?.local_addr()
}

/// What an operator would write for this bank.
fn configuration([listen, admin, portal, apis]: [SocketAddr; 4]) -> String {
    let route = |operation: &Operation| {
        format!(
            "  - {{ path: '{}', methods: [{}], scopes: [{}], grants: [{}], errors: obie, upstream: {BANK} }}\n",
            operation.template(),
            operation.method(),
            operation.scope(),
            operation.grant(),
        )
    };
    let routes: String = routes::ALL.iter().map(route).collect();
    format!(
        "server: {{ listen: '{listen}', workers: 1, realm: sandbox, public_origin: 'http://{listen}' }}\n\
         admin: {{ listen: '{admin}' }}\n\
         assertion: {{}}\n\
         access_log: {{ path: off }}\n\
         issuers:\n  \
           - name: sandbox\n    \
             issuer: http://{portal}\n    \
             audiences: [http://{listen}/open-banking/v4.0/aisp, http://{listen}/open-banking/v4.0/pisp]\n    \
             algorithms: [ES256]\n    \
             jwks: {{ uri: http://{portal}/jwks.json }}\n    \
             claims: {{ grant: gty, consent: consent_id }}\n    \
             leeway: 0s\n\
         upstreams:\n  \
           - name: {BANK}\n    \
             servers: [http://{apis}]\n\
         routes:\n{routes}"
    )
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

/// Five seconds; the gateway asks for the keys at once.
const READY_POLLS_MAX: usize = 100;
const READY_POLL_INTERVAL: Duration = Duration::from_millis(50);
const READY_BOUNDS: Bounds = Bounds { total: Duration::from_secs(2), body_bytes_max: 64 * 1024 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_has_no_fault() {
        let addresses = ["127.0.0.1:8080", "127.0.0.1:9090", "127.0.0.1:8000", "127.0.0.1:9001"];
        let text = configuration(addresses.map(|address| address.parse().unwrap()));
        let settings = config::parse(&text, Path::new("sandbox.yaml")).unwrap();
        assert_eq!((settings.routes.len(), settings.issuers.len()), (18, 1));
        assert_eq!(settings.access_log, config::AccessLog::Off);
    }

    #[tokio::test]
    async fn the_story_comes_true_through_the_gateway() {
        tls::install_provider();
        let anywhere = "127.0.0.1:0".parse().unwrap();
        let scene = Scene::set(anywhere, anywhere).await.unwrap();
        let mut out = Vec::new();
        let told = tell(&scene, &mut out).await;
        let text = String::from_utf8(out).unwrap();
        assert!(matches!(told, Ok(Told::ToTheEnd)), "{text}\n{:?}", told.err());
        assert_eq!(text.matches('✗').count(), 0, "{text}");
        assert!(text.matches('✓').count() >= 10 && !text.contains("eyJ0eXAiOiJhdCtqd3Qi"), "{text}");
        scene.clear().await.unwrap();
    }

    #[test]
    fn a_busy_port_is_replaced_and_a_free_one_kept() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = holder.local_addr().unwrap();
        assert_ne!(free(taken).unwrap(), taken);
        drop(holder);
        assert_eq!(free(taken).unwrap(), taken);
    }
}
