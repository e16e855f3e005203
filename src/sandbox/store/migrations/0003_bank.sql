-- What third parties created at the bank's APIs: consents, payments, and the keys by which a request is known again.

CREATE TABLE consents (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    client_id TEXT NOT NULL,
    -- AWAU, AUTH, RJCT, COND, CANC, or GONE once the third party deleted it; that it expired is seen by `expires`.
    status TEXT NOT NULL,
    -- Names with a space between; empty where the kind has none.
    permissions TEXT NOT NULL,
    -- What was asked for, as the third party wrote it (JSON).
    request TEXT NOT NULL,
    transactions_from BIGINT,
    transactions_to BIGINT,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    expires BIGINT,
    -- Since the customer said yes.
    authorization_id TEXT,
    subject TEXT,
    -- Ids with a space between.
    accounts TEXT
);

CREATE INDEX consents_by_client ON consents (client_id, status);
CREATE INDEX consents_by_authorization ON consents (authorization_id);
CREATE INDEX consents_by_age ON consents (updated);

CREATE TABLE payments (
    id TEXT PRIMARY KEY,
    -- One consent, one payment.
    consent_id TEXT NOT NULL UNIQUE,
    client_id TEXT NOT NULL,
    -- Who pays, from which account.
    subject TEXT NOT NULL,
    account_id TEXT NOT NULL,
    -- Who gets it, if the account is held here.
    creditor_account_id TEXT,
    -- In hundredths of the account's currency.
    amount BIGINT NOT NULL,
    -- The order, as the third party wrote it (JSON).
    request TEXT NOT NULL,
    -- settles, waits, AM04 and its like: why it is not paid.
    outcome TEXT NOT NULL,
    created BIGINT NOT NULL
);

CREATE INDEX payments_by_account ON payments (account_id, created);
CREATE INDEX payments_by_creditor ON payments (creditor_account_id, created);
CREATE INDEX payments_by_age ON payments (created);

CREATE TABLE idempotency_keys (
    -- Of application, operation and key.
    digest TEXT PRIMARY KEY,
    -- Digest of the body that came with it.
    body TEXT NOT NULL,
    -- What was created.
    resource TEXT NOT NULL,
    created BIGINT NOT NULL
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created);
