import { connect } from 'node:net';
import { Client, type Entry } from 'ldapts';
import type { EdgeDirectory } from '#engines/edge/sections/identity.ts';
import { ldapiClient } from '#engines/slapd/ldapi.ts';
import { placesOf } from '#engines/slapd/tree.ts';
import type { Lookup } from '../outbound/resolve.ts';
import { internalAttributes, readEntries, textOf, wantedOfGroups, wantedOfPeople } from './entries.ts';
import type { Reading } from './roll.ts';

/** How one directory is spoken to. */
export interface Source {
  readonly name: string;
  /** Milliseconds between two looks at whether something was changed. */
  readonly pace: number;
  /** Milliseconds after which it is read anew although nothing says that it was changed. */
  readonly patience: number;
  /** A text that another change changes; undefined when the directory has no such thing. */
  probe(client: Client): Promise<string | undefined>;
  read(client: Client): Promise<Reading>;
  /** A connection that may read. */
  open(): Promise<Client>;
  /** A connection on which nobody is bound yet, to check a password with. */
  anonymous(): Promise<Client>;
  /** Who has this address; undefined: nobody. It goes into the question escaped. */
  find(client: Client, email: string): Promise<Found | undefined>;
  /** Binding as this costs what binding as anybody costs. */
  readonly nobody: string;
}

export interface Found {
  readonly dn: string;
  /** False: the directory would not even look at a password, because the account is locked or has none. */
  readonly checkable: boolean;
}

/** Entries that are read of one directory, at most. */
const MOST = 100_000;
const PATIENCE = 15_000;

const text = (value: Entry[string] | undefined): string | undefined => {
  const list = value === undefined ? [] : Array.isArray(value) ? value : [value];
  return list.length === 0 ? undefined : list.map(String).toSorted().join(' ');
};

async function everything(
  client: Client,
  base: string,
  options: { readonly filter: string; readonly attributes: string[]; readonly buffers?: string[] },
): Promise<readonly Entry[]> {
  const { searchEntries } = await client.search(base, {
    scope: 'sub',
    filter: options.filter,
    attributes: options.attributes,
    ...(options.buffers === undefined ? {} : { explicitBufferAttributes: options.buffers }),
    paged: { pageSize: 500 },
    sizeLimit: MOST,
  });
  return searchEntries;
}

/** A value inside of a filter (RFC 4515): whatever it holds, it stays a value. */
export const escaped = (value: string): string =>
  [...Buffer.from(value, 'utf8')]
    .map((byte) =>
      (byte >= 0x30 && byte <= 0x39) ||
      (byte >= 0x41 && byte <= 0x5a) ||
      (byte >= 0x61 && byte <= 0x7a) ||
      byte === 0x40
        ? String.fromCharCode(byte)
        : `\\${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');

async function onlyOne(
  client: Client,
  base: string,
  it: { readonly filter: string; readonly attributes: string[] },
): Promise<Entry | undefined> {
  const { searchEntries } = await client.search(base, { scope: 'sub', ...it, sizeLimit: 2 });
  return searchEntries.length === 1 ? searchEntries[0] : undefined;
}

/** Whether the overlay refuses an account unseen: for a while after many guesses, or because it has no password at all. */
async function isCheckable(client: Client, baseDn: string, entry: Entry, now: number): Promise<boolean> {
  const locked = textOf(entry, 'pwdAccountLockedTime');
  if (locked === undefined) return textOf(entry, 'pwdChangedTime') !== undefined;
  const { policy } = placesOf(baseDn);
  const { searchEntries } = await client.search(policy, { scope: 'base', attributes: ['pwdLockoutDuration'] });
  const seconds = Number(searchEntries[0] === undefined ? 0 : (textOf(searchEntries[0], 'pwdLockoutDuration') ?? 0));
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/.exec(locked) ?? [];
  const since = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(since) ? false : now >= since + seconds * 1000;
}

/** A directory of our own, over its socket; the kernel tells it who we are. */
export function internalSource({ name, baseDn }: EdgeDirectory, socket: string): Source {
  const anonymous = async (): Promise<Client> => ldapiClient(socket);
  return {
    name,
    pace: 250,
    patience: 60_000,
    nobody: placesOf(baseDn).nobody,
    anonymous,
    async open() {
      const client = ldapiClient(socket);
      await client.bind('EXTERNAL');
      return client;
    },
    async probe(client) {
      const { searchEntries } = await client.search(baseDn, { scope: 'base', attributes: ['contextCSN'] });
      return text(searchEntries[0]?.['contextCSN']);
    },
    async read(client) {
      const people = await everything(client, `ou=people,${baseDn}`, {
        filter: '(objectClass=vaubanUser)',
        attributes: wantedOfPeople(internalAttributes),
      });
      const groups = await everything(client, `ou=groups,${baseDn}`, {
        filter: '(objectClass=vaubanGroup)',
        attributes: wantedOfGroups(internalAttributes),
      });
      return readEntries({ people, groups }, internalAttributes);
    },
    async find(client, email) {
      const entry = await onlyOne(client, `ou=people,${baseDn}`, {
        filter: `(mail=${escaped(email)})`,
        attributes: ['pwdAccountLockedTime', 'pwdChangedTime'],
      });
      return entry && { dn: entry.dn, checkable: await isCheckable(client, baseDn, entry, Date.now()) };
    },
  };
}

/** Somebody else's directory, over TLS. */
export function remoteSource(directory: EdgeDirectory, lookup: Lookup): Source | undefined {
  const { name, baseDn, ldap } = directory;
  if (ldap === undefined) return undefined;
  const { attributes } = ldap;
  const url = new URL(ldap.url);
  const tls = {
    servername: url.hostname,
    lookup,
    minVersion: 'TLSv1.2' as const,
    ...(ldap.trustedCertificates === undefined ? {} : { ca: ldap.trustedCertificates }),
  };
  const anonymous = async (): Promise<Client> => {
    const client = new Client({
      url: ldap.url,
      timeout: PATIENCE,
      connectTimeout: 5000,
      tlsOptions: tls,
      createConnection: ((port: number, host: string) => connect({ port, host, lookup })) as typeof connect,
    });
    if (url.protocol === 'ldap:') await client.startTLS(tls);
    return client;
  };
  const buffers = attributes.subject === 'objectGUID' ? ['objectGUID'] : [];
  return {
    name,
    pace: 1000,
    patience: 30_000,
    // Nobody has this name. A real account would be locked by those who guess.
    nobody: `cn=vauban-nobody,${baseDn}`,
    anonymous,
    async open() {
      const client = await anonymous();
      await client.bind(ldap.bindDn, ldap.bindPassword);
      return client;
    },
    async probe(client) {
      const [root] = (await client.search('', { scope: 'base', attributes: ['highestCommittedUSN'] })).searchEntries;
      const usn = text(root?.['highestCommittedUSN']);
      if (usn !== undefined) return usn;
      const [base] = (await client.search(baseDn, { scope: 'base', attributes: ['contextCSN'] })).searchEntries;
      return text(base?.['contextCSN']);
    },
    async read(client) {
      const people = await everything(client, baseDn, {
        filter: `(&${ldap.userFilter}(${attributes.email}=*))`,
        attributes: wantedOfPeople(attributes),
        buffers,
      });
      const groups = await everything(client, baseDn, {
        filter: ldap.groupFilter,
        attributes: wantedOfGroups(attributes),
      });
      return readEntries({ people, groups }, attributes, ldap.groupDomain);
    },
    async find(client, email) {
      const filter = `(&${ldap.userFilter}(${attributes.email}=${escaped(email)}))`;
      const entry = await onlyOne(client, baseDn, { filter, attributes: ['1.1'] });
      return entry && { dn: entry.dn, checkable: true };
    },
  };
}
