-- Developers and what they register. One text for SQLite and PostgreSQL: TEXT and BIGINT only, times in Unix seconds.

CREATE TABLE developers (
    id       TEXT PRIMARY KEY,
    email    TEXT NOT NULL UNIQUE, -- in lower case
    name     TEXT NOT NULL,
    password TEXT NOT NULL,        -- PHC string (Argon2id)
    created  BIGINT NOT NULL
);

CREATE TABLE developer_sessions (
    digest       TEXT PRIMARY KEY, -- of the cookie
    developer_id TEXT NOT NULL REFERENCES developers (id),
    created      BIGINT NOT NULL,
    expires      BIGINT NOT NULL
);
CREATE INDEX developer_sessions_by_developer ON developer_sessions (developer_id, created);
CREATE INDEX developer_sessions_by_expiry ON developer_sessions (expires);

CREATE TABLE applications (
    client_id        TEXT PRIMARY KEY,
    developer_id     TEXT NOT NULL,
    name             TEXT NOT NULL,
    description      TEXT NOT NULL,
    kind             TEXT NOT NULL,
    redirect_uris    TEXT NOT NULL,   -- one a line
    scopes           TEXT NOT NULL,
    authentication   TEXT NOT NULL,
    keys             TEXT,            -- a JWK set, for private_key_jwt
    token_format     TEXT NOT NULL,
    sender           TEXT NOT NULL,
    refresh          TEXT NOT NULL,
    requires_pushed  BIGINT NOT NULL,
    lifetime_seconds BIGINT NOT NULL, -- of its access tokens
    created          BIGINT NOT NULL
);
CREATE INDEX applications_by_developer ON applications (developer_id, created);
CREATE INDEX applications_by_kind ON applications (kind, created);

CREATE TABLE application_secrets (
    id        TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES applications (client_id),
    digest    TEXT NOT NULL,
    created   BIGINT NOT NULL,
    last_used BIGINT
);
CREATE INDEX application_secrets_by_client ON application_secrets (client_id);

-- What the portal asks customers on a developer's behalf, until they return.
CREATE TABLE test_requests (
    digest       TEXT PRIMARY KEY, -- of the state
    browser      TEXT NOT NULL,    -- digest of the developer's cookie
    developer_id TEXT NOT NULL,
    client_id    TEXT NOT NULL,
    verifier     TEXT NOT NULL,
    walk_id      TEXT,             -- what goes on with the token
    created      BIGINT NOT NULL,
    expires      BIGINT NOT NULL
);
CREATE INDEX test_requests_by_developer ON test_requests (developer_id, created);
CREATE INDEX test_requests_by_expiry ON test_requests (expires);

-- Tokens that the portal got for developers, who read them here: invented money, so they are kept as they are.
CREATE TABLE test_tokens (
    id            TEXT PRIMARY KEY,
    developer_id  TEXT NOT NULL,
    client_id     TEXT NOT NULL,
    kind          TEXT NOT NULL,   -- client or customer
    scopes        TEXT NOT NULL,
    access_token  TEXT NOT NULL,
    refresh_token TEXT,
    created       BIGINT NOT NULL,
    expires       BIGINT NOT NULL, -- the access token
    revoked       BIGINT,
    claimed       BIGINT,          -- since when somebody refreshes it
    forgotten     BIGINT NOT NULL
);
CREATE INDEX test_tokens_by_developer ON test_tokens (developer_id, created);
CREATE INDEX test_tokens_by_client ON test_tokens (client_id, created);
CREATE INDEX test_tokens_by_end ON test_tokens (forgotten);

-- Guided walks through an API, step by step.
CREATE TABLE walks (
    id           TEXT PRIMARY KEY,
    developer_id TEXT NOT NULL,
    client_id    TEXT NOT NULL,
    kind         TEXT NOT NULL,   -- payment or accounts
    request      TEXT NOT NULL,   -- what the consent is created with (JSON)
    consent_id   TEXT,
    token_id     TEXT,
    payment_id   TEXT,
    found        TEXT NOT NULL,   -- what came of it (JSON)
    refusal      TEXT,            -- why the customer's answer was none
    exchanges    TEXT NOT NULL,   -- requests and answers, tokens shortened (JSON)
    created      BIGINT NOT NULL,
    forgotten    BIGINT NOT NULL
);
CREATE INDEX walks_by_client ON walks (client_id, created);
CREATE INDEX walks_by_end ON walks (forgotten);
