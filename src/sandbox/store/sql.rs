//! SQLite or PostgreSQL behind one set of verbs. Each statement is written once: both take `$1`, `ON CONFLICT` and
//! `RETURNING`, and the tables hold text and integers only. Nothing else knows which of the two it is.

use super::location::Location;
use super::statement::{Statement, Value};
use crate::clock::UnixSeconds;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Postgres, Row as _, SqlStr, Sqlite};
use std::borrow::Cow;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;
use std::{fmt, io};

/// An open store.
#[derive(Clone, Debug)]
pub(in crate::sandbox) enum Database {
    /// SQLite takes one writer at a time, so one connection writes and the others read beside it.
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    /// PostgreSQL.
    Postgres(PgPool),
}

/// Several statements of which all are done or none. Dropped without `commit`, it undoes them.
///
/// Whoever holds one must not ask the `Database` for anything meanwhile: in memory there is one connection only.
pub(in crate::sandbox) enum Transaction {
    /// In SQLite.
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    /// In PostgreSQL.
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// One row of an answer; columns by name.
pub(in crate::sandbox) enum Row {
    /// Of SQLite.
    Sqlite(SqliteRow),
    /// Of PostgreSQL.
    Postgres(PgRow),
}

/// The store did not answer, or not with what was expected. The cause was logged where it came up; whoever asked
/// learns that it is our fault, and nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct StoreFault;

/// The statement as one of the two libraries' own.
macro_rules! query {
    ($database:ty, $statement:expr) => {
        $statement.values.into_iter().fold(sqlx::query::<$database>($statement.text), |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Integer(number) => query.bind(number),
        })
    };
}

impl Database {
    /// Opens the store and brings its tables up to date.
    pub(in crate::sandbox) async fn open(location: &Location) -> io::Result<Self> {
        let database = Self::connect(location).await.map_err(io::Error::other)?;
        let migrator = Migrator::with_migrations(migrations());
        let migrated = match &database {
            Self::Sqlite { writer, .. } => migrator.run(writer).await,
            Self::Postgres(pool) => migrator.run(pool).await,
        };
        migrated.map_err(io::Error::other)?;
        Ok(database)
    }

    /// Opens the store as it is.
    pub(super) async fn connect(location: &Location) -> sqlx::Result<Self> {
        match location {
            Location::Memory => Self::in_memory().await,
            Location::Folder(folder) => Self::in_folder(folder.clone()).await,
            Location::Server(url) => Self::on_server(url).await,
        }
    }

    async fn in_memory() -> sqlx::Result<Self> {
        let options = SqliteConnectOptions::new().in_memory(true).disable_statement_logging();
        // The database lives as long as its connection.
        let pool = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = pool.acquire_timeout(ACQUIRE_TIMEOUT).connect_with(options).await?;
        Ok(Self::Sqlite { writer: pool.clone(), readers: pool })
    }

    async fn in_folder(folder: PathBuf) -> sqlx::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        // Synchronous NORMAL with a write-ahead log: what was committed survives the end of the process at any
        // moment, and the loss of power up to the last checkpoint.
        let options = SqliteConnectOptions::new()
            .filename(folder.join("sandbox.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let pool = |connections| SqlitePoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT);
        let writer = pool(1).connect_with(options.clone()).await?;
        let readers = pool(SQLITE_READERS_MAX).connect_with(options).await?;
        Ok(Self::Sqlite { writer, readers })
    }

    async fn on_server(url: &str) -> sqlx::Result<Self> {
        let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
        let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS_MAX).acquire_timeout(ACQUIRE_TIMEOUT);
        Ok(Self::Postgres(pool.connect_with(options).await?))
    }

    /// The first row of a question's answer, if it has any.
    pub(in crate::sandbox) async fn row(&self, statement: Statement) -> Result<Option<Row>, StoreFault> {
        Ok(match self {
            Self::Sqlite { readers, .. } => query!(Sqlite, statement).fetch_optional(readers).await?.map(Row::Sqlite),
            Self::Postgres(pool) => query!(Postgres, statement).fetch_optional(pool).await?.map(Row::Postgres),
        })
    }

    /// Every row of a question's answer; the statement bounds how many there can be.
    pub(in crate::sandbox) async fn rows(&self, statement: Statement) -> Result<Vec<Row>, StoreFault> {
        Ok(match self {
            Self::Sqlite { readers, .. } => {
                query!(Sqlite, statement).fetch_all(readers).await?.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(pool) => {
                query!(Postgres, statement).fetch_all(pool).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Carries one change out, and says how many rows it touched.
    pub(in crate::sandbox) async fn run(&self, statement: Statement) -> Result<u64, StoreFault> {
        Ok(match self {
            Self::Sqlite { writer, .. } => query!(Sqlite, statement).execute(writer).await?.rows_affected(),
            Self::Postgres(pool) => query!(Postgres, statement).execute(pool).await?.rows_affected(),
        })
    }

    /// Carries one change out that answers with a row (`RETURNING`): none if its condition did not hold.
    pub(in crate::sandbox) async fn change(&self, statement: Statement) -> Result<Option<Row>, StoreFault> {
        Ok(match self {
            Self::Sqlite { writer, .. } => query!(Sqlite, statement).fetch_optional(writer).await?.map(Row::Sqlite),
            Self::Postgres(pool) => query!(Postgres, statement).fetch_optional(pool).await?.map(Row::Postgres),
        })
    }

    /// Begins a transaction.
    pub(in crate::sandbox) async fn begin(&self) -> Result<Transaction, StoreFault> {
        Ok(match self {
            // It will write: taking the lock at once spares the case in which a reader cannot become a writer.
            Self::Sqlite { writer, .. } => Transaction::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Transaction::Postgres(pool.begin().await?),
        })
    }

    /// Lets what is under way finish and closes every connection.
    pub(in crate::sandbox) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Transaction {
    /// The first row of an answer, of a question or of a change with `RETURNING`.
    pub(in crate::sandbox) async fn row(&mut self, statement: Statement) -> Result<Option<Row>, StoreFault> {
        Ok(match self {
            Self::Sqlite(open) => query!(Sqlite, statement).fetch_optional(&mut **open).await?.map(Row::Sqlite),
            Self::Postgres(open) => query!(Postgres, statement).fetch_optional(&mut **open).await?.map(Row::Postgres),
        })
    }

    /// Carries one change out, and says how many rows it touched.
    pub(in crate::sandbox) async fn run(&mut self, statement: Statement) -> Result<u64, StoreFault> {
        Ok(match self {
            Self::Sqlite(open) => query!(Sqlite, statement).execute(&mut **open).await?.rows_affected(),
            Self::Postgres(open) => query!(Postgres, statement).execute(&mut **open).await?.rows_affected(),
        })
    }

    /// Makes everything so far last.
    pub(in crate::sandbox) async fn commit(self) -> Result<(), StoreFault> {
        match self {
            Self::Sqlite(open) => open.commit().await?,
            Self::Postgres(open) => open.commit().await?,
        }
        Ok(())
    }
}

impl Row {
    /// A column that always holds text.
    pub(in crate::sandbox) fn text(&self, column: &str) -> Result<String, StoreFault> {
        self.optional_text(column)?.ok_or(StoreFault)
    }

    /// A column that may hold text.
    pub(in crate::sandbox) fn optional_text(&self, column: &str) -> Result<Option<String>, StoreFault> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A column that always holds a number.
    pub(in crate::sandbox) fn integer(&self, column: &str) -> Result<i64, StoreFault> {
        self.optional_integer(column)?.ok_or(StoreFault)
    }

    /// A column that may hold a number.
    pub(in crate::sandbox) fn optional_integer(&self, column: &str) -> Result<Option<i64>, StoreFault> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A column that always holds a time.
    pub(in crate::sandbox) fn time(&self, column: &str) -> Result<UnixSeconds, StoreFault> {
        self.integer(column).map(UnixSeconds)
    }

    /// A column that may hold a time.
    pub(in crate::sandbox) fn optional_time(&self, column: &str) -> Result<Option<UnixSeconds>, StoreFault> {
        Ok(self.optional_integer(column)?.map(UnixSeconds))
    }

    /// A column that holds yes or no.
    pub(in crate::sandbox) fn flag(&self, column: &str) -> Result<bool, StoreFault> {
        Ok(self.integer(column)? != 0)
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transaction")
    }
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sandbox's store did not answer")
    }
}

impl std::error::Error for StoreFault {}

impl From<sqlx::Error> for StoreFault {
    fn from(fault: sqlx::Error) -> Self {
        // These name statements, columns and constraints, never the values of parameters.
        tracing::error!(%fault, "the sandbox's store failed");
        Self
    }
}

fn migrations() -> Vec<Migration> {
    let one = |(version, name, text): &(i64, &'static str, &'static str)| {
        let (name, text) = (Cow::Borrowed(*name), SqlStr::from_static(text));
        Migration::new(*version, name, MigrationType::Simple, text, false)
    };
    MIGRATIONS.iter().map(one).collect()
}

/// In order; a released one never changes.
const MIGRATIONS: [(i64, &str, &str); 4] = [
    (1, "portal", include_str!("migrations/0001_portal.sql")),
    (2, "authz", include_str!("migrations/0002_authz.sql")),
    (3, "bank", include_str!("migrations/0003_bank.sql")),
    (4, "customer", include_str!("migrations/0004_customer.sql")),
];
/// A question waits this long for a connection, then the fault is ours.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A writer waits this long for another process that has the same files open.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Two cores keep two busy; the others wait for the disk.
const SQLITE_READERS_MAX: u32 = 4;
/// A small share of PostgreSQL's default of a hundred.
const POSTGRES_CONNECTIONS_MAX: u32 = 8;
