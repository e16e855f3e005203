-- Browsers with customers in front of them, and what applications ask those customers.

CREATE TABLE customer_sessions (
    digest        TEXT PRIMARY KEY, -- of the cookie, which changes at login
    browser       TEXT NOT NULL,    -- stays
    form_token    TEXT NOT NULL,
    subject       TEXT,             -- who logged in
    authenticated BIGINT,           -- when
    active        BIGINT,           -- when they last did something
    expires       BIGINT NOT NULL
);
CREATE INDEX customer_sessions_by_expiry ON customer_sessions (expires);

CREATE TABLE asks (
    id           TEXT PRIMARY KEY,
    browser      TEXT NOT NULL,
    client_id    TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    state        TEXT,
    scopes       TEXT NOT NULL,
    challenge    TEXT NOT NULL,
    dpop_jkt     TEXT,
    details      TEXT NOT NULL,   -- authorization_details (RFC 9396), as JSON
    acr          TEXT NOT NULL,   -- how surely the customer must be known
    pushed       TEXT,            -- digest of the pushed request that it is (RFC 9126)
    login_needed BIGINT NOT NULL, -- a login of before does not do
    expires      BIGINT NOT NULL, -- it can be answered before
    forgotten    BIGINT NOT NULL, -- a page can say what became of it before
    answered     BIGINT,
    answer       TEXT,
    authorization_id TEXT,        -- what a yes made
    -- The one-time code: of one session, for this question only.
    code         TEXT,
    code_session TEXT,
    code_expires BIGINT,
    code_tries   BIGINT NOT NULL,
    codes_sent   BIGINT NOT NULL,
    code_passed  BIGINT
);
CREATE INDEX asks_by_end ON asks (forgotten);

CREATE INDEX authorizations_by_subject ON authorizations (subject, created);
