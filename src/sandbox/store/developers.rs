//! Developers and the browsers in which they are signed in. Passwords are kept as Argon2id strings, cookies as digests.

use super::Store;
use super::sql::{Row, StoreFault};
use super::statement::sql;
use crate::clock::UnixSeconds;
use crate::sandbox::secret::{self, Digest};

/// Somebody who builds applications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Developer {
    /// Says nothing about the person.
    pub(in crate::sandbox) id: String,
    /// In lower case. A name to sign in with: nothing is ever sent there.
    pub(in crate::sandbox) email: String,
    /// As the developer wrote it: hostile until escaped.
    pub(in crate::sandbox) name: String,
}

/// What a developer signs up with.
#[derive(Debug)]
pub(in crate::sandbox) struct NewDeveloper<'a> {
    /// In lower case.
    pub(in crate::sandbox) email: &'a str,
    /// For the pages.
    pub(in crate::sandbox) name: &'a str,
    /// The PHC string, never the password.
    pub(in crate::sandbox) password: &'a str,
}

/// What became of a sign-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum SignUp {
    /// The developer can sign in.
    Done(Developer),
    /// Somebody has this e-mail.
    Taken,
    /// There are as many developers as the sandbox keeps.
    Full,
}

impl Store {
    /// Adds a developer.
    pub(in crate::sandbox) async fn add_developer(
        &self,
        new: NewDeveloper<'_>,
        now: UnixSeconds,
    ) -> Result<SignUp, StoreFault> {
        let id = secret::fresh("dev_");
        let statement = sql("INSERT INTO developers (id, email, name, password, created) \
             SELECT $1, $2, $3, $4, $5 WHERE (SELECT count(*) FROM developers) < $6 ON CONFLICT (email) DO NOTHING")
        .bind(id.as_str())
        .bind(new.email)
        .bind(new.name)
        .bind(new.password)
        .bind(now)
        .bind(DEVELOPERS_MAX);
        if self.database.run(statement).await? == 1 {
            return Ok(SignUp::Done(Developer { id, email: new.email.to_owned(), name: new.name.to_owned() }));
        }
        let is_taken = self.developer_to_sign_in(new.email).await?.is_some();
        Ok(if is_taken { SignUp::Taken } else { SignUp::Full })
    }

    /// The developer with this e-mail, and the string that the password is checked against.
    pub(in crate::sandbox) async fn developer_to_sign_in(
        &self,
        email: &str,
    ) -> Result<Option<(Developer, String)>, StoreFault> {
        let row = self.database.row(sql("SELECT * FROM developers WHERE email = $1").bind(email)).await?;
        row.map(|row| Ok((Developer::read(&row)?, row.text("password")?))).transpose()
    }

    /// Signs a developer in at a browser: the value of its cookie.
    pub(in crate::sandbox) async fn sign_in(&self, developer_id: &str, now: UnixSeconds) -> Result<String, StoreFault> {
        let cookie = secret::fresh("");
        let mut transaction = self.database.begin().await?;
        // Those that ended, and of this developer all but the newest.
        let ended = sql("DELETE FROM developer_sessions WHERE expires <= $1 OR digest IN (SELECT digest FROM \
             developer_sessions WHERE developer_id = $2 ORDER BY created DESC, digest LIMIT $3 OFFSET $4)")
        .bind(now)
        .bind(developer_id)
        .bind(i64::from(i32::MAX))
        .bind(SESSIONS_MAX - 1);
        transaction.run(ended).await?;
        let statement =
            sql("INSERT INTO developer_sessions (digest, developer_id, created, expires) VALUES ($1, $2, $3, $4)")
                .bind(Digest::of(&cookie))
                .bind(developer_id)
                .bind(now)
                .bind(UnixSeconds(now.0 + SESSION_SECONDS));
        transaction.run(statement).await?;
        transaction.commit().await?;
        Ok(cookie)
    }

    /// The developer who is signed in at the browser with this cookie.
    pub(in crate::sandbox) async fn signed_in(
        &self,
        cookie: &str,
        now: UnixSeconds,
    ) -> Result<Option<Developer>, StoreFault> {
        let statement = sql("SELECT d.* FROM developer_sessions s JOIN developers d ON d.id = s.developer_id \
             WHERE s.digest = $1 AND s.expires > $2")
        .bind(Digest::of(cookie))
        .bind(now);
        self.database.row(statement).await?.map(|row| Developer::read(&row)).transpose()
    }

    /// The cookie is worthless from now on.
    pub(in crate::sandbox) async fn sign_out(&self, cookie: &str) -> Result<(), StoreFault> {
        let statement = sql("DELETE FROM developer_sessions WHERE digest = $1").bind(Digest::of(cookie));
        self.database.run(statement).await.map(drop)
    }
}

impl Developer {
    fn read(row: &Row) -> Result<Self, StoreFault> {
        Ok(Self { id: row.text("id")?, email: row.text("email")?, name: row.text("name")? })
    }
}

/// More than a bank's third parties employ.
const DEVELOPERS_MAX: i64 = 100_000;
/// Browsers at which one developer is signed in.
const SESSIONS_MAX: i64 = 20;
/// A working day: then the password is asked again.
const SESSION_SECONDS: i64 = 12 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::store::testing;

    const NOW: UnixSeconds = UnixSeconds(1_000);

    fn ada() -> NewDeveloper<'static> {
        NewDeveloper { email: "ada@tally.example", name: "Ada", password: "$argon2id$" }
    }

    #[tokio::test]
    async fn an_email_signs_up_once() {
        let store = Store::open(&testing::location().await).await.unwrap();
        let SignUp::Done(developer) = store.add_developer(ada(), NOW).await.unwrap() else { panic!() };
        assert_eq!(store.add_developer(ada(), NOW).await.unwrap(), SignUp::Taken);
        let (found, password) = store.developer_to_sign_in("ada@tally.example").await.unwrap().unwrap();
        assert_eq!((found, password.as_str()), (developer, "$argon2id$"));
        assert_eq!(store.developer_to_sign_in("eve@tally.example").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_session_ends_with_its_time_and_with_its_sign_out() {
        let store = Store::open(&testing::location().await).await.unwrap();
        let SignUp::Done(developer) = store.add_developer(ada(), NOW).await.unwrap() else { panic!() };
        let cookie = store.sign_in(&developer.id, NOW).await.unwrap();
        let last = UnixSeconds(NOW.0 + SESSION_SECONDS - 1);
        assert_eq!(store.signed_in(&cookie, last).await.unwrap().as_ref(), Some(&developer));
        assert_eq!(store.signed_in(&cookie, UnixSeconds(last.0 + 1)).await.unwrap(), None);
        assert_eq!(store.signed_in("another", NOW).await.unwrap(), None);
        store.sign_out(&cookie).await.unwrap();
        assert_eq!(store.signed_in(&cookie, NOW).await.unwrap(), None);
    }

    #[tokio::test]
    async fn one_browser_past_the_bound_ends_the_oldest_session() {
        let store = Store::open(&testing::location().await).await.unwrap();
        let SignUp::Done(developer) = store.add_developer(ada(), NOW).await.unwrap() else { panic!() };
        let mut cookies = Vec::new();
        for second in 0..=SESSIONS_MAX {
            cookies.push(store.sign_in(&developer.id, UnixSeconds(NOW.0 + second)).await.unwrap());
        }
        let [oldest, next, ..] = cookies.as_slice() else { panic!() };
        let now = UnixSeconds(NOW.0 + 60);
        assert_eq!(store.signed_in(oldest, now).await.unwrap(), None);
        assert!(store.signed_in(next, now).await.unwrap().is_some());
    }
}
