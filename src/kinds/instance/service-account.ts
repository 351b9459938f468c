import type { Instance } from './fabric.ts';
import { projectNumber } from './fabric.ts';

/** What scopes are called for short, as the cloud's command line has it; any other word is one by itself. */
const aliases: Readonly<Record<string, readonly string[]>> = {
  'cloud-source-repos': ['source.full_control'],
  'cloud-source-repos-ro': ['source.read_only'],
  'compute-ro': ['compute.readonly'],
  'compute-rw': ['compute'],
  default: [
    'devstorage.read_only',
    'logging.write',
    'monitoring.write',
    'pubsub',
    'service.management.readonly',
    'servicecontrol',
    'trace.append',
  ],
  'logging-write': ['logging.write'],
  'monitoring-read': ['monitoring.read'],
  'monitoring-write': ['monitoring.write'],
  'service-control': ['servicecontrol'],
  'service-management': ['service.management.readonly'],
  'sql-admin': ['sqlservice.admin'],
  'storage-full': ['devstorage.full_control'],
  'storage-ro': ['devstorage.read_only'],
  'storage-rw': ['devstorage.read_write'],
  trace: ['trace.append'],
  'userinfo-email': ['userinfo.email'],
};

const scopesOf = (word: string): readonly string[] =>
  word.startsWith('https://') ? [word] : (aliases[word] ?? [word]).map((it) => `https://www.googleapis.com/auth/${it}`);

/** The account that programs inside find at the metadata server: the project's own. Without scopes there is none. */
export function serviceAccountOf({
  project,
  spec,
}: Instance): { readonly email: string; readonly scopes: string[] } | undefined {
  if (spec.accessScopes.length === 0) return undefined;
  const scopes = [...new Set(spec.accessScopes.flatMap(scopesOf))].sort();
  return { email: `${projectNumber(project)}-compute@developer.gserviceaccount.com`, scopes };
}
