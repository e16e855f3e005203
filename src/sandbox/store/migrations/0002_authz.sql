-- What the authorization server gives out. Secrets are kept as digests; a row's `expires` says when the sweep takes it.

-- A customer's yes to one application. Codes and tokens live and die with it.
CREATE TABLE authorizations (
    id            TEXT PRIMARY KEY,
    client_id     TEXT NOT NULL,
    subject       TEXT NOT NULL,
    scopes        TEXT NOT NULL,
    acr           TEXT NOT NULL,
    authenticated BIGINT NOT NULL,
    created       BIGINT NOT NULL,
    revoked       BIGINT,
    details       TEXT,            -- the granted authorization_details (RFC 9396), JSON
    tokens_until  BIGINT NOT NULL, -- when the last of its access tokens expires
    forgotten     BIGINT NOT NULL  -- when no code and no token of it is left
);
CREATE INDEX authorizations_by_end ON authorizations (forgotten);

CREATE TABLE codes (
    digest           TEXT PRIMARY KEY,
    authorization_id TEXT NOT NULL,
    redirect_uri     TEXT NOT NULL,
    challenge        TEXT NOT NULL,
    dpop_jkt         TEXT,
    good_until       BIGINT NOT NULL,
    used             BIGINT,
    expires          BIGINT NOT NULL -- later than good_until: a used one that returns must be recognised
);
CREATE INDEX codes_by_expiry ON codes (expires);

CREATE TABLE refresh_tokens (
    digest           TEXT PRIMARY KEY,
    authorization_id TEXT NOT NULL,
    dpop_jkt         TEXT,            -- these two bind it to a client that cannot authenticate
    certificate      TEXT,
    used             BIGINT,          -- when its successor was given out
    expires          BIGINT NOT NULL  -- moves on with each use of one that stays
);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires);

-- What the gateway must know. A row stays as long as it can stop anything: the next gateway may begin with nothing.
CREATE TABLE revocations (
    id    TEXT PRIMARY KEY,
    kind  TEXT NOT NULL,   -- the member that names it at the gateway: consent_id or token_id
    until BIGINT NOT NULL, -- when nothing is left that it could stop
    told  BIGINT           -- when the gateway said that it has it
);
CREATE INDEX revocations_by_end ON revocations (until);

-- Every access token that has not expired. The id begins with the time, so that new rows stand side by side however
-- many there are.
CREATE TABLE access_tokens (
    id               TEXT PRIMARY KEY, -- the claim jti
    digest           TEXT NOT NULL,    -- of the whole token
    client_id        TEXT NOT NULL,
    authorization_id TEXT,             -- none for an application's own
    scopes           TEXT NOT NULL,
    dpop_jkt         TEXT,
    certificate      TEXT,             -- its thumbprint
    issued           BIGINT NOT NULL,
    expires          BIGINT NOT NULL
);
CREATE INDEX access_tokens_by_expiry ON access_tokens (expires);

-- What may be shown once: DPoP proofs and client assertions, as digests, until they would be too old anyway.
CREATE TABLE shown_once (
    digest  TEXT PRIMARY KEY,
    expires BIGINT NOT NULL
);
CREATE INDEX shown_once_by_expiry ON shown_once (expires);

-- Authorization requests that came by themselves (RFC 9126).
CREATE TABLE pushed_requests (
    digest    TEXT PRIMARY KEY, -- of what is secret in its request_uri
    client_id TEXT NOT NULL,
    form      TEXT NOT NULL,
    used      BIGINT,           -- when the customer answered
    expires   BIGINT NOT NULL
);
CREATE INDEX pushed_requests_by_expiry ON pushed_requests (expires);
CREATE INDEX pushed_requests_by_client ON pushed_requests (client_id);

-- What signs tokens: from `signs_from` on, until the next one does. Published for longer, on both sides.
CREATE TABLE signing_keys (
    id         TEXT PRIMARY KEY, -- its thumbprint (RFC 7638)
    private    TEXT NOT NULL,    -- PKCS #8 in base64
    signs_from BIGINT NOT NULL
);
