//! The words that we say to the store, and the only place that knows the library which says them. What comes back is
//! taken for what it should be or for a fault.

use super::count::{Script, Word};
use super::{Fault, Login};
use crate::net::dial::Stream;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, ProtocolVersion, PushInfo, PushKind,
    RedisConnectionInfo, RedisError, Value,
};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// A connection, which many may use at a time.
#[derive(Clone)]
pub(super) struct Wire {
    connection: MultiplexedConnection,
    /// What names the run of the server that it goes to.
    run: Option<Arc<str>>,
}

/// Carries what a connection says; done when that has ended.
pub(super) type Driver = Pin<Box<dyn Future<Output = ()>>>;

/// Where published messages are put.
pub(super) type Inbox = mpsc::Sender<Vec<u8>>;

impl Wire {
    /// Introduces us. Messages of channels go to `inbox`; one that has no room for another is closed.
    pub(super) async fn open(stream: Stream, login: &Login, inbox: Option<Inbox>) -> Result<(Self, Driver), Fault> {
        let mut info = RedisConnectionInfo::default()
            // Messages and answers on one connection: who gets an answer knows that no message before it is missing.
            .set_protocol(ProtocolVersion::RESP3)
            .set_db(login.database.into())
            // Older servers do not know it, and a user of few rights may not say it.
            .set_skip_set_lib_name();
        if let Some(username) = &login.username {
            info = info.set_username(username);
        }
        if let Some(password) = &login.password {
            info = info.set_password(password);
        }
        // How long anybody waits is decided by who asks.
        let mut config = AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(QUEUE_MAX);
        if let Some(inbox) = inbox {
            let inbox = Mutex::new(Some(inbox));
            config = config.set_push_sender(move |push| {
                put(push, &inbox);
                Ok::<(), Infallible>(())
            });
        }
        let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await?;
        let (mut wire, mut driver): (_, Driver) = (Self { connection, run: None }, Box::pin(driver));
        wire.run = tokio::select! {
            run = wire.ask_run() => run?,
            () = &mut driver => return Err(Fault::gone()),
        };
        Ok((wire, driver))
    }

    /// One server from its start to its end, which ends its connections too. `None` where it does not tell.
    pub(super) fn run_id(&self) -> Option<&str> {
        self.run.as_deref()
    }

    async fn ask_run(&self) -> Result<Option<Arc<str>>, Fault> {
        let text = self.info("server").await?;
        let run = text.as_ref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("run_id:")));
        let is_one = |run: &&str| run.len() == RUN_ID_CHARS && run.bytes().all(|digit| digit.is_ascii_hexdigit());
        Ok(run.filter(is_one).map(Arc::from))
    }

    /// `None` where it does not tell us.
    async fn info(&self, section: &str) -> Result<Option<String>, Fault> {
        match redis::cmd("INFO").arg(section).query_async(&mut self.connection.clone()).await {
            Ok(text) => Ok(Some(text)),
            Err(fault) if fault.code().is_some() => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Puts `key` there for `keep`. Whether it was not there before; and then what is under `other`.
    pub(super) async fn put_if_absent(
        &self,
        key: &str,
        keep: Duration,
        other: &str,
    ) -> Result<(bool, Option<Vec<u8>>), Fault> {
        let mut words = redis::pipe();
        words.cmd("SET").arg(key).arg("").arg("NX").arg("PX").arg(millis(keep)).cmd("GET").arg(other);
        let (put, other): (Option<String>, Option<Vec<u8>>) = self.say(&words).await?;
        Ok((put.is_some(), other))
    }

    /// Puts `text` under `key` for `keep` where nothing is, and gives what is there then.
    pub(super) async fn put_or_read(&self, key: &str, text: &[u8], keep: Duration) -> Result<Vec<u8>, Fault> {
        let mut words = redis::pipe();
        words.cmd("SET").arg(key).arg(text).arg("NX").arg("PX").arg(millis(keep)).ignore().cmd("GET").arg(key);
        let (text,): (Option<Vec<u8>>,) = self.say(&words).await?;
        text.ok_or_else(|| Fault::new("it forgets at once what is put there"))
    }

    /// What a script says, which is numbers.
    pub(super) async fn run(&self, script: &Script, keys: &[String], words: &[Word]) -> Result<Vec<i64>, Fault> {
        let said = spell(("EVALSHA", script.name()), keys, words);
        match said.query_async(&mut self.connection.clone()).await {
            // A store that has begun anew knows no scripts.
            Err(fault) if fault.code() == Some("NOSCRIPT") => self.run_in_full(script, keys, words).await,
            answer => Ok(answer?),
        }
    }

    /// The same, whether it knows the script or not.
    pub(super) async fn run_in_full(
        &self,
        script: &Script,
        keys: &[String],
        words: &[Word],
    ) -> Result<Vec<i64>, Fault> {
        Ok(spell(("EVAL", script.text), keys, words).query_async(&mut self.connection.clone()).await?)
    }

    /// From now on its messages come to the inbox.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<(), Fault> {
        Ok(self.connection.clone().subscribe(channel).await?)
    }

    /// Adds members to a sorted set, or raises their scores, and publishes `message`, all at once.
    pub(super) async fn add_ranked(
        &self,
        key: &str,
        members: &[(String, i64)],
        message: Option<&str>,
    ) -> Result<(), Fault> {
        if members.is_empty() {
            return Ok(());
        }
        let mut words = redis::pipe();
        words.atomic().cmd("ZADD").arg(key).arg("GT");
        for (member, score) in members {
            words.arg(*score).arg(member);
        }
        words.ignore();
        if let Some(message) = message {
            words.cmd("PUBLISH").arg(key).arg(message).ignore();
        }
        self.say(&words).await
    }

    /// Takes members out of a sorted set.
    pub(super) async fn drop_members(&self, key: &str, members: &[Vec<u8>]) -> Result<(), Fault> {
        Ok(redis::cmd("ZREM").arg(key).arg(members).exec_async(&mut self.connection.clone()).await?)
    }

    /// A page of a sorted set, each member with its score; and where the next one begins, 0 where there is none. What is
    /// there all the while is on one page at least.
    pub(super) async fn ranked(&self, key: &str, page: u64) -> Result<(u64, Vec<(Vec<u8>, f64)>), Fault> {
        let mut words = redis::cmd("ZSCAN");
        words.arg(key).arg(page).arg("COUNT").arg(PAGE);
        Ok(words.query_async(&mut self.connection.clone()).await?)
    }

    /// Takes out what has a score of at most `score`; how many are left.
    pub(super) async fn drop_ranked(&self, key: &str, score: i64) -> Result<u64, Fault> {
        let mut words = redis::pipe();
        words.cmd("ZREMRANGEBYSCORE").arg(key).arg("-inf").arg(score).ignore().cmd("ZCARD").arg(key);
        let (left,): (u64,) = self.say(&words).await?;
        Ok(left)
    }

    /// Whether it would throw away what it should keep, when it is full. Whom it does not tell, it does not.
    pub(super) async fn evicts(&self) -> Result<bool, Fault> {
        let text = self.info("memory").await?;
        let says = |text: &str, line: &str| text.lines().any(|said| said == line);
        Ok(text.is_some_and(|text| !says(&text, "maxmemory:0") && !says(&text, "maxmemory_policy:noeviction")))
    }

    /// Returns when it is there, and everything published before has come.
    pub(super) async fn ping(&self) -> Result<(), Fault> {
        Ok(redis::cmd("PING").exec_async(&mut self.connection.clone()).await?)
    }

    async fn say<T: FromRedisValue>(&self, words: &Pipeline) -> Result<T, Fault> {
        Ok(words.query_async(&mut self.connection.clone()).await?)
    }
}

fn spell((command, script): (&str, &str), keys: &[String], words: &[Word]) -> Cmd {
    let mut said = redis::cmd(command);
    said.arg(script).arg(keys.len()).arg(keys);
    for word in words {
        match word {
            Word::Text(text) => said.arg(*text),
            Word::Number(number) => said.arg(*number),
        };
    }
    said
}

/// Called by the driver, which must not wait.
fn put(push: PushInfo, inbox: &Mutex<Option<Inbox>>) {
    let Some(Value::BulkString(message)) = push.data.into_iter().nth(1).filter(|_| push.kind == PushKind::Message)
    else {
        return;
    };
    let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
    if inbox.as_ref().is_some_and(|inbox| inbox.try_send(message).is_err()) {
        // Whoever reads it finds its end, and so that something is missing.
        inbox.take();
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// A server's own words may repeat ours, with keys and secrets: its code alone is passed on.
impl From<RedisError> for Fault {
    fn from(fault: RedisError) -> Self {
        match (fault.code(), fault.kind()) {
            (Some("NOAUTH" | "WRONGPASS"), _) | (_, ErrorKind::AuthenticationFailed) => {
                Self::new("it does not take `username` and `password`")
            }
            (_, ErrorKind::RESP3NotSupported) => Self::new("it is older than Redis 6"),
            (Some(code), _) => {
                let code: String = code.chars().filter(char::is_ascii_alphanumeric).take(CODE_CHARS_MAX).collect();
                Self::new(format!("it answers with the error {code}"))
            }
            (None, ErrorKind::Io) => Self::new("the connection broke"),
            (None, _) => Self::new("its answer is not what it should be"),
        }
    }
}

/// Calls that wait to be written on one connection; the next ones wait for them, within their own time.
const QUEUE_MAX: usize = 1024;
/// Members of a set that are read at a time: a tenth of a megabyte, and a fraction of a millisecond of the store's time.
const PAGE: usize = 1000;
/// Of what names a run of a server.
const RUN_ID_CHARS: usize = 40;
/// As long as any that there is.
const CODE_CHARS_MAX: usize = 20;
