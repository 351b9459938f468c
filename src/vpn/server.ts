import type { VpnFile } from '#engines/openvpn/input.ts';
import { chooseAddress, isClient } from './addresses.ts';
import { type Attempt, attemptIn } from './attempt.ts';
import type { Connection } from './connection.ts';
import { type Admitted, type Edge, isRefused, type Refused, type Verdict } from './edge.ts';
import type { VpnEvent } from './events.ts';
import { type ClientEvent, type Listed, listedIn, type Message, quoted } from './management.ts';
import { configurationOf } from './push.ts';
import { holderOf, isSame, placeFor, type Session, type Transport } from './session.ts';
import { toldOf } from './words.ts';

/** Keeps what sessions may reach where it is enforced; see engines/filter/granting.ts. */
export interface Rights {
  set(holder: string, session: RightsOf | undefined): Promise<void>;
  replace(sessions: ReadonlyMap<string, RightsOf>): Promise<void>;
}

export interface RightsOf {
  readonly address: string;
  readonly person: string;
  readonly grants: Admitted['grants'];
}

export interface VpnParts {
  readonly file: () => VpnFile;
  readonly edge: Pick<Edge, 'authenticate' | 'rights'>;
  readonly rights: Rights;
  readonly command: (transport: Transport, text: string) => Promise<{ readonly ok: boolean; readonly text: string }>;
  /** Sessions of whoever ran before, and which address people had last. */
  readonly sessions: readonly Session[];
  readonly addresses: Map<string, string>;
  /** Something of both has changed. */
  readonly keep: () => void;
  readonly tell: (event: VpnEvent) => void;
  readonly now: () => number;
  /** Does it in a moment, when a client has heard what it was told. */
  readonly soon: (work: () => void) => void;
}

type Denied = Pick<Refused, 'refused' | 'reason'>;
const denied = (refused: string, reason: string): Denied => ({ refused, reason });

/** Lets people in and out of the openvpn processes of one gateway. It holds no policy: the edge service knows people. */
export class VpnServer {
  readonly #parts: VpnParts;
  readonly #sessions = new Map<string, Session>();
  /** Let in no longer, and not yet told to be gone: with the reason. */
  readonly #ending = new Map<string, { readonly session: Session; readonly reason: string }>();
  /** Who asks to come in at this moment; `gone`: has left meanwhile. */
  readonly #asking = new Map<string, { gone: boolean }>();
  #revoked: ReadonlySet<string> = new Set();

  constructor(parts: VpnParts) {
    this.#parts = parts;
    for (const it of parts.sessions) this.#sessions.set(holderOf(it), it);
  }

  get sessions(): readonly Session[] {
    return [...this.#sessions.values()];
  }

  /** An openvpn is there, perhaps with people in it whom we let in before: what it lists is true. */
  async attached(transport: Transport, connection: Pick<Connection, 'command'>): Promise<void> {
    const listed = listedIn((await connection.command('status 3', true)).lines);
    await connection.command('bytecount 5');
    const before = this.sessions.filter((it) => it.transport === transport);
    for (const session of before) {
      const same = listed.find((it) => isSame(session, it));
      if (same === undefined) this.#forget(session, 'its connection was lost');
      else Object.assign(session, { received: same.received, sent: same.sent });
    }
    const unknown = listed.filter((it) => !this.#sessions.has(holderOf({ transport, cid: it.cid })));
    await Promise.all(unknown.map((it) => this.#adopt(transport, it)));
    await this.#parts.rights.replace(
      new Map([...this.#sessions].map(([holder, session]) => [holder, rightsOf(session)])),
    );
    this.#parts.keep();
    void this.changed(undefined);
  }

  /** Somebody who was let in by a predecessor that could not write it down any more, or who waits for an answer in vain. */
  async #adopt(transport: Transport, listed: Listed): Promise<void> {
    const holder = holderOf({ transport, cid: listed.cid });
    if (this.#asking.has(holder)) return;
    const network = this.#networkOf(transport);
    if (network === undefined || listed.address === '' || !isClient(network, listed.address)) {
      return this.#kill(transport, { cid: listed.cid, from: listed.realAddress }, 'RESTART');
    }
    const verdict = await this.#parts.edge.rights(listed.username);
    if (isRefused(verdict) && verdict.refused !== 'unavailable')
      return this.#kill(transport, { cid: listed.cid, from: listed.realAddress }, 'HALT');
    const session: Session = {
      ...{ transport, cid: listed.cid, username: listed.username, address: listed.address, from: listed.realAddress },
      ...{ since: listed.since * 1000, received: listed.received, sent: listed.sent },
      email: isRefused(verdict) ? listed.username : verdict.person.email,
      // Without the edge nobody knows what was granted: nothing is, until it is back.
      grants: isRefused(verdict) ? [] : verdict.grants,
    };
    this.#sessions.set(holder, session);
  }

  heard(transport: Transport, message: Extract<Message, { kind: 'client' | 'bytes' }>): void {
    const holder = holderOf({ transport, cid: message.cid });
    if (message.kind === 'bytes') {
      const session = this.#sessions.get(holder) ?? this.#ending.get(holder)?.session;
      if (session !== undefined) Object.assign(session, { received: message.received, sent: message.sent });
      return;
    }
    if (message.event === 'CONNECT') void this.#connect(transport, message);
    if (message.event === 'REAUTH') void this.#renew(transport, message);
    if (message.event === 'DISCONNECT') this.#left(holder, message);
  }

  async #connect(transport: Transport, event: ClientEvent): Promise<void> {
    const holder = holderOf({ transport, cid: event.cid });
    const asking = { gone: false };
    this.#asking.set(holder, asking);
    const attempt = attemptIn(event);
    try {
      const verdict = await this.#judged(attempt);
      if (asking.gone) return;
      const session = isRefused(verdict) ? verdict : this.#place(transport, event.cid, { attempt, verdict });
      if ('refused' in session) return await this.#deny(transport, event, { attempt, why: session });
      await this.#letIn(event, { attempt, session, asking });
    } finally {
      this.#asking.delete(holder);
    }
  }

  async #judged(attempt: Attempt): Promise<Verdict> {
    const { username, password, code, certificate, ip } = attempt;
    if (attempt.serial !== undefined && this.#revoked.has(attempt.serial))
      return denied('revoked', 'its certificate is revoked');
    if (attempt.serial === undefined && this.#parts.file().requiresCertificate)
      return denied('certificate-needed', 'no certificate was shown');
    if (attempt.staleToken) return denied('token-over', 'its token is over');
    if (attempt.byToken) {
      const verdict = await this.#parts.edge.rights(username);
      const other = !isRefused(verdict) && certificate !== undefined && !sameEmail(certificate, verdict.person.email);
      return other ? denied('certificate-of-another', 'The certificate in this profile is somebody else’s.') : verdict;
    }
    if (password === undefined) return denied('unreadable', 'what was sent as password cannot be read');
    return this.#parts.edge.authenticate({
      ...{ username, password, from: ip },
      ...(code === undefined ? {} : { code }),
      ...(certificate === undefined ? {} : { certificate }),
    });
  }

  /** Without waiting for anything: two who come at once get different places. */
  #place(transport: Transport, cid: number, it: { attempt: Attempt; verdict: Admitted }): Session | Denied {
    const { attempt, verdict } = it;
    const { email, displayName } = verdict.person;
    const { device, serial, client } = attempt;
    const file = this.#parts.file();
    const place = placeFor(this.#sessions.values(), { email, device }, file);
    if (place.full) return denied('full', `${file.sessions} are connected`);
    for (const it of place.replaced) this.#end(it, 'it came back by another connection', 'RESTART');
    for (const it of place.ousted)
      this.#end(it, 'the same person signed in once more', 'HALT,You signed in elsewhere.');
    const network = this.#networkOf(transport);
    const taken = new Set(this.sessions.filter((one) => one.transport === transport).map((one) => one.address));
    const key = `${transport} ${email}`;
    const kept = this.#parts.addresses.get(key);
    const address =
      network === undefined
        ? undefined
        : chooseAddress(network, { person: email, taken, ...(kept === undefined ? {} : { kept }) });
    if (address === undefined) return denied('no-address', `no address of ${network} is left`);
    this.#parts.addresses.delete(key);
    this.#parts.addresses.set(key, address);
    const session: Session = {
      ...{ transport, cid, username: attempt.username, email, address, from: `${attempt.ip}:${attempt.port}` },
      ...{ since: this.#parts.now(), received: 0, sent: 0, grants: verdict.grants },
      ...(displayName === undefined ? {} : { displayName }),
      ...(device === undefined ? {} : { device }),
      ...(serial === undefined ? {} : { serial }),
      ...(client === undefined ? {} : { client }),
    };
    this.#sessions.set(holderOf(session), session);
    return session;
  }

  /** Rights first: whoever is told to be in can reach what he may at once. */
  async #letIn(
    event: ClientEvent,
    it: { attempt: Attempt; session: Session; asking: { gone: boolean } },
  ): Promise<void> {
    const { attempt, session, asking } = it;
    const { transport, cid } = session;
    const network = this.#networkOf(transport) ?? '';
    try {
      await this.#parts.rights.set(holderOf(session), rightsOf(session));
      if (asking.gone || !this.#sessions.has(holderOf(session))) return this.#drop(session);
      const lines = configurationOf(this.#parts.file(), { network, address: session.address, transport });
      const text = [`client-auth ${cid} ${event.kid}`, ...lines, 'END'].join('\n');
      const { ok } = await this.#parts.command(transport, text);
      if (!ok) return this.#drop(session);
      this.#parts.tell({ event: 'connected', by: attempt.byToken ? 'token' : 'password', session: { ...session } });
      this.#parts.keep();
    } catch (error) {
      this.#drop(session);
      const reason = error instanceof Error ? error.message : String(error);
      await this.#deny(transport, event, { attempt, why: denied('unavailable', reason) });
    }
  }

  /** As if it had never been there. */
  #drop(session: Session): void {
    this.#sessions.delete(holderOf(session));
    void this.#parts.rights.set(holderOf(session), undefined).catch(() => undefined);
  }

  async #deny(
    transport: Transport,
    { cid, kid }: Pick<ClientEvent, 'cid' | 'kid'>,
    { attempt, why }: { readonly attempt: Attempt; readonly why: Denied },
  ): Promise<void> {
    const { refused: code, reason } = why;
    await this.#parts
      .command(transport, `client-deny ${cid} ${kid} ${quoted(code)} ${quoted(toldOf(why))}`)
      .catch(() => undefined);
    const { username, ip, port, client } = attempt;
    this.#parts.tell({ event: 'refused', code, reason, username, from: `${ip}:${port}`, transport, client });
  }

  /** Keys are renewed, or the client authenticates once more: the same person, who still may. */
  async #renew(transport: Transport, event: ClientEvent): Promise<void> {
    const session = this.#sessions.get(holderOf({ transport, cid: event.cid }));
    const attempt = attemptIn(event);
    const verdict: Verdict =
      session === undefined || attempt.username !== session.username
        ? denied('no-right', 'nobody of that name is connected there')
        : await this.#judged(attempt);
    // Who is in stays in while nobody can be asked; what is lost meanwhile ends when the edge is back.
    const away = isRefused(verdict) && verdict.refused === 'unavailable' && attempt.byToken;
    if (isRefused(verdict) && !away) return this.#deny(transport, event, { attempt, why: verdict });
    if (session !== undefined && !isRefused(verdict)) this.#follow(session, verdict);
    await this.#parts.command(transport, `client-auth-nt ${event.cid} ${event.kid}`).catch(() => undefined);
  }

  #left(holder: string, { env }: ClientEvent): void {
    const asking = this.#asking.get(holder);
    if (asking !== undefined) asking.gone = true;
    const ended = this.#ending.get(holder);
    this.#ending.delete(holder);
    const session = this.#sessions.get(holder) ?? ended?.session;
    if (session === undefined) return;
    const number = (name: string, otherwise: number): number => Number(env.get(name) ?? otherwise) || otherwise;
    session.received = number('bytes_received', session.received);
    session.sent = number('bytes_sent', session.sent);
    if (ended === undefined) this.#forget(session, 'the client left, or was heard no more');
    else this.#parts.tell({ event: 'disconnected', reason: ended.reason, session });
  }

  /** Rights may have changed: of one person, or of everybody. */
  async changed(email: string | undefined): Promise<void> {
    const people = new Set(this.sessions.map((it) => it.email).filter((it) => email === undefined || it === email));
    await Promise.all(
      [...people].map(async (person) => {
        const verdict = await this.#parts.edge.rights(person);
        for (const session of this.sessions.filter((it) => it.email === person)) {
          if (!isRefused(verdict)) this.#follow(session, verdict);
          else if (verdict.refused !== 'unavailable') this.#end(session, verdict.reason, `HALT,${toldOf(verdict)}`);
        }
      }),
    );
  }

  #follow(session: Session, { grants }: Admitted): void {
    session.grants = grants;
    const holder = holderOf(session);
    if (!this.#sessions.has(holder)) return;
    // Rights that cannot be put in force are no rights.
    void this.#parts.rights
      .set(holder, rightsOf(session))
      .catch(() => this.#end(session, 'its rights could not be enforced', 'RESTART'));
    this.#parts.keep();
  }

  /** These certificates are worth nothing any more. */
  revoked(serials: ReadonlySet<string>): void {
    this.#revoked = serials;
    for (const it of this.sessions) {
      if (it.serial !== undefined && serials.has(it.serial))
        this.#end(it, 'its certificate was revoked', 'HALT,Your certificate was revoked.');
    }
  }

  /** What is asked of clients has changed. */
  settle(): void {
    if (!this.#parts.file().requiresCertificate) return;
    for (const it of this.sessions) {
      if (it.serial === undefined)
        this.#end(it, 'a certificate is needed now', 'HALT,A certificate of your own is needed.');
    }
  }

  /** Gives how many sessions that were. */
  disconnect(email: string): number {
    const own = this.sessions.filter((it) => it.email === email);
    for (const it of own) this.#end(it, 'an administrator ended it', 'HALT,An administrator ended your session.');
    return own.length;
  }

  /** What it may reach goes first, then the session. */
  #end(session: Session, reason: string, message: string): void {
    const holder = holderOf(session);
    if (!this.#sessions.delete(holder)) return;
    this.#ending.set(holder, { session, reason });
    void this.#parts.rights.set(holder, undefined).catch(() => undefined);
    this.#kill(session.transport, session, message);
    this.#parts.keep();
  }

  /** Told, a client leaves by itself; openvpn would give one that does not another five seconds. */
  #kill(transport: Transport, { cid, from }: Pick<Session, 'cid' | 'from'>, message: string): void {
    const holder = holderOf({ transport, cid });
    const gone = (): void => {
      const ended = this.#ending.get(holder);
      this.#ending.delete(holder);
      if (ended !== undefined) this.#parts.tell({ event: 'disconnected', ...ended });
    };
    const cut = (): void => void this.#parts.command(transport, `kill ${from}`).catch(() => undefined);
    this.#parts
      .command(transport, `client-kill ${cid} ${quoted(message)}`)
      .then(({ ok }) => (ok ? this.#parts.soon(cut) : gone()), gone);
  }

  #forget(session: Session, reason: string): void {
    this.#sessions.delete(holderOf(session));
    void this.#parts.rights.set(holderOf(session), undefined).catch(() => undefined);
    this.#parts.tell({ event: 'disconnected', reason, session });
    this.#parts.keep();
  }

  #networkOf(transport: Transport): string | undefined {
    return this.#parts.file().listeners.find((it) => it.transport === transport)?.network;
  }
}

const rightsOf = ({ address, email, grants }: Session): RightsOf => ({ address, person: email, grants });
const sameEmail = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
