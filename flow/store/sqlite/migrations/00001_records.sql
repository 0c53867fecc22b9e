-- Records are whole objects (doc, the JSON that the API shows) with the columns
-- that lists and look-ups need beside them. Times are microseconds since 1970;
-- 0 stands for a time that is not yet reached. Tables of objects keep their row
-- numbers: an object is more than what fits the pages of a table without.

-- +goose Up
CREATE TABLE calls (
    id          TEXT    NOT NULL PRIMARY KEY,
    customer_id TEXT    NOT NULL,
    node        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    tm_create   INTEGER NOT NULL,
    tm_delete   INTEGER NOT NULL,
    call_seq    INTEGER NOT NULL DEFAULT 0, -- number of the last event about the call
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX calls_by_age ON calls (tm_create DESC, id DESC);
CREATE INDEX calls_open ON calls (node) WHERE status <> 'hangup';

CREATE TABLE conferences (
    id          TEXT    NOT NULL PRIMARY KEY,
    customer_id TEXT    NOT NULL,
    node        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    tm_create   INTEGER NOT NULL,
    tm_delete   INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX conferences_by_age ON conferences (tm_create DESC, id DESC);
CREATE INDEX conferences_open ON conferences (node) WHERE status <> 'terminated';

CREATE TABLE conferencecalls (
    id          TEXT    NOT NULL PRIMARY KEY,
    customer_id TEXT    NOT NULL,
    node        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    tm_create   INTEGER NOT NULL,
    tm_delete   INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX conferencecalls_by_age ON conferencecalls (tm_create DESC, id DESC);
CREATE INDEX conferencecalls_open ON conferencecalls (node) WHERE status <> 'leaved';

CREATE TABLE recordings (
    id          TEXT    NOT NULL PRIMARY KEY,
    customer_id TEXT    NOT NULL,
    node        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    tm_create   INTEGER NOT NULL,
    tm_delete   INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX recordings_by_age ON recordings (tm_create DESC, id DESC);
CREATE INDEX recordings_open ON recordings (node) WHERE status <> 'ended';

-- When each node was last known to be alive.
CREATE TABLE beats (
    node TEXT    PRIMARY KEY,
    tm   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE beats;
DROP TABLE recordings;
DROP TABLE conferencecalls;
DROP TABLE conferences;
DROP TABLE calls;
