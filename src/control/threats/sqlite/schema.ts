/** How many rows of a severity or definition (`what`) an endpoint has in a slot of time, counted from 1970. */
const sumTable = (name: string, key: string): string => `CREATE TABLE ${name} (
  endpoint INTEGER, what INTEGER, slot INTEGER, sessions INTEGER NOT NULL, threats INTEGER NOT NULL,
  PRIMARY KEY (${key})
) STRICT, WITHOUT ROWID;`;

/**
 * Tables of the threat database. What lists filter by is in `threat`, narrow and in the order of time; words that repeat
 * are numbers (`definition`, `term`); what only a reader of one threat needs is in `detail`.
 */
export const tables = `
CREATE TABLE endpoint (
  id INTEGER PRIMARY KEY,
  project TEXT NOT NULL, zone TEXT NOT NULL, network TEXT NOT NULL, name TEXT NOT NULL,
  UNIQUE (project, name, zone, network)
) STRICT;
CREATE TABLE definition (id INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE term (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;

-- number: microseconds since 1970, moved on until free. source, destination: IPv4 as a number, anything else as text.
-- side: 0 unknown, 1 sent, 2 received. position: place in the order of insertion, key of detail.
CREATE TABLE threat (
  number INTEGER PRIMARY KEY,
  endpoint INTEGER NOT NULL, definition INTEGER NOT NULL, severity INTEGER NOT NULL,
  source ANY NOT NULL, source_port INTEGER NOT NULL, source_instance INTEGER,
  destination ANY NOT NULL, destination_port INTEGER NOT NULL, destination_instance INTEGER,
  application INTEGER NOT NULL, signature INTEGER NOT NULL, side INTEGER NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL,
  twin INTEGER, folded INTEGER NOT NULL, position INTEGER NOT NULL
) STRICT;
CREATE TABLE detail (
  position INTEGER PRIMARY KEY, number INTEGER NOT NULL, body TEXT NOT NULL, evidence TEXT
) STRICT;

-- Sums of what threat holds, kept in the same transactions. sessions: all; threats: without the folded ones.
-- Severities are five and asked for slot by slot; definitions are many and asked for as a whole.
${['severity_minute', 'severity_hour', 'severity_day'].map((it) => sumTable(it, 'endpoint, what, slot')).join('\n')}
${['definition_hour', 'definition_day'].map((it) => sumTable(it, 'endpoint, slot, what')).join('\n')}

CREATE TABLE session (
  number INTEGER PRIMARY KEY,
  endpoint INTEGER NOT NULL,
  source ANY NOT NULL, source_port INTEGER NOT NULL, source_instance INTEGER,
  destination ANY NOT NULL, destination_port INTEGER NOT NULL, destination_instance INTEGER,
  protocol INTEGER NOT NULL, application INTEGER NOT NULL, side INTEGER NOT NULL,
  start INTEGER NOT NULL, elapsed INTEGER NOT NULL, bytes INTEGER NOT NULL, packets INTEGER NOT NULL,
  flow TEXT NOT NULL, community TEXT
) STRICT;

CREATE TABLE feed (
  name TEXT PRIMARY KEY, cursor TEXT NOT NULL, lines INTEGER NOT NULL, malformed INTEGER NOT NULL,
  canaries INTEGER NOT NULL, suppressed TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE malformed (
  id INTEGER PRIMARY KEY, feed TEXT NOT NULL, file TEXT NOT NULL, offset INTEGER NOT NULL,
  reason TEXT NOT NULL, text TEXT NOT NULL
) STRICT;
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** Each ends in the row's number, so that it gives rows in the order of time. Named by the filter that they serve. */
export const indexes = `
CREATE INDEX threat_severity ON threat (endpoint, severity);
CREATE INDEX threat_definition ON threat (endpoint, definition);
CREATE INDEX threat_source ON threat (endpoint, source);
CREATE INDEX threat_destination ON threat (endpoint, destination);
CREATE INDEX threat_source_instance ON threat (endpoint, source_instance) WHERE source_instance IS NOT NULL;
CREATE INDEX threat_destination_instance ON threat (endpoint, destination_instance)
  WHERE destination_instance IS NOT NULL;
`;

export const version = 1;

/**
 * WAL, so that readers and the writer do not wait for each other. `synchronous = NORMAL`: a killed process loses
 * nothing; after a power cut the last transactions may be missing, but the cursor of the event file goes back with
 * them, so their lines are read again. FULL would wait for the disk in every batch and gain nothing. Checkpoints are made
 * every 32 MiB, because the pages that every batch changes are written once more in each.
 */
export const pragmas = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -49152;
PRAGMA wal_autocheckpoint = 8000;
PRAGMA journal_size_limit = 67108864;
`;
