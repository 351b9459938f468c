import * as z from 'zod';
import { jsonIn, replaceFile } from '#engines/kept-file.ts';
import { Address } from '#engines/schemas.ts';
import { Session } from './session.ts';

/** Addresses that are remembered; who was away longest is forgotten first. */
const MOST = 10_000;

const Addresses = z.record(z.string().max(340), Address);

/** What cannot be read counts as nothing: then everybody is found again by what openvpn lists. */
export function readSessions(path: string): Session[] {
  return z.array(Session).catch([]).parse(jsonIn(path));
}

/** Which address people had last, by transport and email address. */
export function readAddresses(path: string): Map<string, string> {
  return new Map(Object.entries(Addresses.catch({}).parse(jsonIn(path))));
}

/** All or nothing. */
export function writeSessions(path: string, sessions: readonly Session[]): void {
  replaceFile(path, JSON.stringify(sessions));
}

export function writeAddresses(path: string, addresses: ReadonlyMap<string, string>): void {
  replaceFile(path, JSON.stringify(Object.fromEntries([...addresses].slice(-MOST))));
}
