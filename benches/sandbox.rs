//! What a token costs at the sandbox's token endpoint, on SQLite's files: an application's own, signed with ES256. Once
//! with one application in the store, once beside 100,000 others and a million live tokens.
//!
//! `cargo bench --bench sandbox -- --rounds 30`. Everything stays on loopback and ends with the benchmark.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark prints, reads the time, and stops where it cannot go on"
)]

#[path = "support"]
#[allow(dead_code, reason = "only how long a message is")]
mod support {
    pub(crate) mod load;
    pub(crate) mod message;
    pub(crate) mod upstream;
}

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Parser;
use scopegate::clock::Clock;
use scopegate::net::fetch::Fetcher;
use scopegate::net::tls;
use scopegate::sandbox::{Location, Options as SandboxOptions, ResourceServer, Sandbox, TokenLifetimes};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;
use support::load::Load;

/// Measures the sandbox's token endpoint.
#[derive(Parser)]
struct Options {
    /// Rounds; both stores take part in each.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Seconds measured for each store, rate and round.
    #[arg(long, default_value_t = 1)]
    secs: u64,
    /// Connections of the load.
    #[arg(long, default_value_t = 16)]
    conns: usize,
    /// Other applications in the full store.
    #[arg(long, default_value_t = 100_000)]
    applications: u32,
    /// Live tokens in the full store.
    #[arg(long, default_value_t = 1_000_000)]
    tokens: u32,
    /// Cargo says so when it benches; without it, it tests.
    #[arg(long, hide = true)]
    bench: bool,
    /// Cargo's filter.
    #[arg(hide = true)]
    filter: Option<String>,
}

/// A store under a sandbox, and what was measured of it.
struct Bank {
    name: &'static str,
    address: SocketAddr,
    samples: Vec<[f64; 5]>,
}

fn main() {
    let options = Options::parse();
    if !options.bench || options.filter.as_ref().is_some_and(|filter| !"sandbox".contains(filter.as_str())) {
        println!("sandbox: nothing to do; `cargo bench --bench sandbox` runs it");
        return;
    }
    tls::install_provider();
    let folder = tempfile::tempdir().unwrap();
    let start = |name, applications, tokens| {
        let folder = folder.path().join(name);
        let address = serve(&folder);
        fill(&folder, applications, tokens);
        Bank { name, address, samples: Vec::new() }
    };
    let mut banks = [start("empty", 0, 0), start("full", options.applications, options.tokens)];
    println!(
        "{} connections; full: {} applications and {} live tokens",
        options.conns, options.applications, options.tokens
    );
    for round in 0..options.rounds {
        // Turn about, so that what the machine does meanwhile hits both alike.
        for place in [round % 2, (round + 1) % 2] {
            let sample = measure(banks[place].address, &options);
            banks[place].samples.push(sample);
        }
    }
    println!("{:8}{:>12}{:>14}{:>12}{:>12}", "store", "tokens/s", "CPU µs/token", "p50 µs", "p99 µs");
    for bank in &banks {
        let [rate, cpu, p50, p99, bad] = [0, 1, 2, 3, 4].map(|figure| bank.median(figure));
        println!("{:8}{rate:>12.0}{cpu:>14.0}{p50:>12.0}{p99:>12.0}", bank.name);
        assert!(bad == 0.0, "{}: not every answer was a token", bank.name);
    }
    println!(
        "tokens/s: as fast as it goes; CPU: of all the sandbox's threads; p50, p99: at {HALF_RATE} tokens a second"
    );
    let [empty, full] = &banks;
    let ratio = |figure: usize| {
        let rounds = empty.samples.iter().zip(&full.samples);
        median(rounds.map(|(empty, full)| full[figure] / empty[figure]).collect())
    };
    println!(
        "full to empty, median of the rounds: CPU × {:.2}, p50 × {:.2}, p99 × {:.2}",
        ratio(1),
        ratio(2),
        ratio(3)
    );
}

impl Bank {
    fn median(&self, figure: usize) -> f64 {
        median(self.samples.iter().map(|sample| sample[figure]).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Tokens a second at most, CPU µs for one, and at half of the rate that is wanted p50 and p99; answers that were none.
fn measure(address: SocketAddr, options: &Options) -> [f64; 5] {
    let mut load = Load::connect(address, options.conns).unwrap();
    let time = Duration::from_secs(options.secs);
    let requests = [request()];
    load.run(&requests, 0, WARM_UP).unwrap();
    let before = cpu_ns();
    let most = load.run(&requests, 0, time).unwrap();
    let spent = cpu_ns() - before;
    let half = load.run(&requests, HALF_RATE, time).unwrap();
    let answers = (most.good + most.bad) as f64;
    let (p50, p99) = (half.percentile_us(50), half.percentile_us(99));
    [answers / time.as_secs_f64(), spent as f64 / 1000.0 / answers, p50, p99, (most.bad + half.bad) as f64]
}

/// A sandbox over `folder` on a thread of its own, as the command runs it.
fn serve(folder: &Path) -> SocketAddr {
    let options = SandboxOptions {
        portal: "127.0.0.1:0".parse().unwrap(),
        gateway: "http://127.0.0.1:8080".to_owned(),
        admin: String::new(),
        resource_server: ResourceServer { client_id: "gateway".to_owned(), secret: "secret".to_owned() },
        fetcher: Fetcher::new(tls::client(Some(&[])).unwrap()),
        access_log: None,
        tls: None,
        store: Location::Folder(folder.to_owned()),
        lifetimes: TokenLifetimes::default(),
        clock: Clock::System,
    };
    let (tell, told) = mpsc::channel();
    std::thread::Builder::new()
        .name(SERVER.to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let sandbox = Sandbox::start(options).await.unwrap();
                tell.send(sandbox.portal()).unwrap();
                std::future::pending::<()>().await;
            });
        })
        .unwrap();
    told.recv().unwrap()
}

/// One application that the load uses, and many that are only there.
fn fill(folder: &Path, applications: u32, tokens: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let file = SqliteConnectOptions::new().filename(folder.join("sandbox.db")).busy_timeout(Duration::from_secs(10));
        let mut database: SqliteConnection = file.disable_statement_logging().connect().await.unwrap();
        let digest = URL_SAFE_NO_PAD.encode(digest(&SHA256, SECRET.as_bytes()));
        let insert = format!(
            "INSERT INTO applications SELECT 'app_' || value, 'dev_' || value, 'Tally', '', 'web', \
             'https://tally.example/cb', 'accounts payments', 'secret', NULL, 'jwt', 'bearer', 'rotate', 0, 300, 1 \
             FROM (WITH RECURSIVE n(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM n LIMIT {}) SELECT * FROM n)",
            applications + 1
        );
        let secrets = format!(
            "INSERT INTO application_secrets SELECT lower(hex(randomblob(16))), client_id, '{digest}', 1, NULL \
             FROM applications"
        );
        let tokens = format!(
            "INSERT INTO access_tokens SELECT printf('%08x', 1 + value / 1000) || lower(hex(randomblob(11))), \
             lower(hex(randomblob(22))), 'app_' || (value % {}), NULL, 'accounts payments', NULL, NULL, 1, \
             4000000000 + value / 1000 \
             FROM (WITH RECURSIVE n(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM n LIMIT {tokens}) SELECT * FROM n)",
            applications + 1
        );
        for text in [insert, secrets, tokens] {
            sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut database).await.unwrap();
        }
        database.close().await.unwrap();
    });
}

fn request() -> Vec<u8> {
    let body = format!("grant_type=client_credentials&scope=accounts&client_id=app_0&client_secret={SECRET}");
    let head = "POST /token HTTP/1.1\r\nhost: bank.example\r\ncontent-type: application/x-www-form-urlencoded";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// CPU time of the sandboxes' threads, from the scheduler, in nanoseconds. The load's do not count.
fn cpu_ns() -> u64 {
    let of_thread = |thread: fs::DirEntry| {
        let name = fs::read_to_string(thread.path().join("comm")).ok()?;
        let counts = name.starts_with(SERVER) || name.starts_with("sqlx-sqlite");
        let text = fs::read_to_string(thread.path().join("schedstat")).ok().filter(|_| counts)?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    fs::read_dir("/proc/self/task").unwrap().filter_map(Result::ok).filter_map(of_thread).sum()
}

const SECRET: &str = "secret_of-the-benchmark";
const SERVER: &str = "sandbox";
/// Half of what one core must give.
const HALF_RATE: u32 = 500;
const WARM_UP: Duration = Duration::from_millis(500);
