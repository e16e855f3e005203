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
