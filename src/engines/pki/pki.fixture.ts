import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { run } from '#host/exec.ts';
import { makeFolder, writeFile } from '#host/files.ts';
import { pkiId } from './assemble.ts';
import { type CertificateInput, type InternalInput, PkiInput } from './input.ts';
import { type PkiPaths, pkiPaths } from './paths.ts';

export interface World {
  readonly machine: Machine;
  readonly paths: PkiPaths;
  end(): Promise<void>;
}

/** As much of a machine as this engine needs: real files in a folder of its own, and the real openssl. */
export async function world(authority = 'lab.vpn'): Promise<World> {
  const state = await mkdtemp(join(tmpdir(), 'vauban-pki-'));
  const machine = { state, exec: run, writeFile, makeFolder, unseal: (it: string) => it } as unknown as Machine;
  return {
    machine,
    paths: pkiPaths(machine, authority),
    end: () => rm(state, { recursive: true, force: true }),
  };
}

export const server = (more: Partial<CertificateInput> = {}): Partial<CertificateInput> => ({
  id: 'certificate.web',
  resource: 'lab/certificate/web',
  subject: { commonName: 'web.example.com' },
  names: ['web.example.com'],
  usage: 'server',
  lifeDays: 397,
  ...more,
});

export function authority(
  certificates: readonly Partial<CertificateInput>[] = [server()],
  more: Partial<InternalInput> = {},
): Artifact<PkiInput> {
  const input = PkiInput.parse({
    ...{ type: 'internal', authority: 'lab.vpn', resource: 'lab/certificateAuthority/vpn' },
    ...{ subject: { commonName: 'Lab VPN' }, keyAlgorithm: 'ec-p256', lifeDays: 3650, crlDays: 30, certificates },
    ...more,
  });
  return { id: pkiId('lab.vpn'), engine: 'pki', owners: ['lab/certificateAuthority/vpn'], needs: [], input };
}
