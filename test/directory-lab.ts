import { spawn } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Artifact } from '#core/artifact.ts';
import { slapdId } from '#engines/slapd/assemble.ts';
import { slapdEngine } from '#engines/slapd/driver.ts';
import type { SlapdInput, SlapdUser } from '#engines/slapd/input.ts';
import { type TestMachine, testMachine } from './machine.ts';
import { smallSupervisor } from './small-supervisor.ts';

/** Users that need no entry in the machine's list: the kernel knows numbers only. */
export const directoryUsers = {
  control: { uid: 64_101, gid: 64_101 },
  metadata: { uid: 64_105, gid: 64_105 },
  edge: { uid: 64_102, gid: 64_102 },
  proxy: { uid: 64_103, gid: 64_103 },
  directory: { uid: 64_104, gid: 64_104 },
  urlFilter: { uid: 64_106, gid: 64_106 },
  vpn: { uid: 64_107, gid: 64_107 },
};

export const person = (name: string, more: Partial<SlapdUser> = {}): SlapdUser => ({
  name,
  subject: String(1000 + name.length),
  email: `${name}@example.com`,
  displayName: `${name} Example`,
  mustChangePassword: false,
  disabled: false,
  secondFactorReset: 0,
  password: `first password of ${name}`,
  ...more,
});

/** A machine on which directories can stand. */
export interface DirectoryLab {
  readonly machine: TestMachine;
  /** Checks and applies it, as the host agent would. */
  apply(input: SlapdInput): Promise<void>;
  /** Takes one off the machine, keeping its data. */
  remove(directory: string): Promise<void>;
  cleanup(): Promise<void>;
}

export const artifactOf = (input: SlapdInput, owners: readonly string[] = []): Artifact<SlapdInput> => ({
  id: slapdId(input.directory),
  engine: 'slapd',
  owners,
  needs: [],
  input,
});

/** `edge`: who may read the directories; default a number of its own. */
export async function directoryLab(edge = directoryUsers.edge): Promise<DirectoryLab> {
  const plain = await testMachine();
  const supervisor = smallSupervisor(`${plain.run}/supervisor`);
  const machine: TestMachine = { ...plain, users: { ...plain.users, ...directoryUsers, edge }, supervisor };
  await mkdir(machine.state, { recursive: true });
  await mkdir(machine.run, { recursive: true });
  await chmod(dirname(machine.state), 0o711);
  const held = new Map<string, Artifact<SlapdInput>>();
  const remove = async (directory: string): Promise<void> => {
    const artifact = held.get(directory);
    if (artifact !== undefined) await slapdEngine.remove(machine, artifact);
    held.delete(directory);
  };
  return {
    machine,
    remove,
    async apply(input) {
      const wanted = artifactOf(input);
      await slapdEngine.check?.(machine, wanted);
      await slapdEngine.apply(machine, wanted, held.get(input.directory));
      held.set(input.directory, wanted);
    },
    async cleanup() {
      for (const name of [...held.keys()]) await remove(name);
      await machine.cleanup();
    },
  };
}

/** Somebody else's LDAP server: an ordinary slapd with people and groups as they are found outside, over TLS only. */
export interface ForeignDirectory {
  readonly port: number;
  readonly baseDn: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  /** Changes it, as its administrator would: LDIF for ldapmodify. */
  modify(ldif: string): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

const BASE = 'dc=partner,dc=example';

const foreignConfig = (folder: string): string => `dn: cn=config
objectClass: olcGlobal
cn: config
olcTLSCertificateFile: ${folder}/server.crt
olcTLSCertificateKeyFile: ${folder}/server.key
olcSizeLimit: unlimited

dn: cn=module{0},cn=config
objectClass: olcModuleList
cn: module{0}
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif

include: file:///etc/ldap/schema/cosine.ldif

include: file:///etc/ldap/schema/inetorgperson.ldif

dn: olcDatabase={1}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {1}mdb
olcSuffix: ${BASE}
olcDbDirectory: ${folder}/data
olcRootDN: cn=admin,${BASE}
olcRootPW: administrator
olcAccess: {0}to attrs=userPassword by anonymous auth by * none
olcAccess: {1}to * by dn.exact="cn=reader,${BASE}" read by * none
`;

const foreignData = `dn: ${BASE}
objectClass: organization
objectClass: dcObject
dc: partner
o: Partner

dn: cn=reader,${BASE}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reader password

dn: ou=People,${BASE}
objectClass: organizationalUnit
ou: People

dn: cn=Zoé O'Neil \\, Jr.,ou=People,${BASE}
objectClass: inetOrgPerson
cn: Zoé O'Neil , Jr.
sn: O'Neil
displayName: Zoé O'Neil
mail: Zoe@Partner.example
userPassword: password of zoe

dn: uid=paul,ou=People,${BASE}
objectClass: inetOrgPerson
uid: paul
cn: Paul
sn: Paul
mail: paul@partner.example
userPassword: password of paul

dn: uid=printer,ou=People,${BASE}
objectClass: inetOrgPerson
uid: printer
cn: printer
sn: printer
mail: not an address

dn: cn=Engineers,${BASE}
objectClass: groupOfNames
cn: Engineers
member: cn=Zoé O'Neil \\, Jr.,ou=People,${BASE}
member: uid=printer,ou=People,${BASE}
member: uid=nobody-at-all,ou=People,${BASE}

dn: cn=Everybody Here,${BASE}
objectClass: groupOfNames
cn: Everybody Here
member: cn=Engineers,${BASE}
member: uid=paul,ou=People,${BASE}
member: cn=Everybody Here,${BASE}
`;

/** `name` is what its certificate says. */
export async function foreignDirectory(machine: TestMachine, name: string): Promise<ForeignDirectory> {
  const folder = `${machine.state}/foreign`;
  await mkdir(`${folder}/config`, { recursive: true });
  await mkdir(`${folder}/data`, { recursive: true });
  const issued = await machine.authority.issue({ id: 'foreign', names: [name], addresses: [] });
  await machine.writeFile(`${folder}/server.crt`, issued.certificate);
  await machine.writeFile(`${folder}/server.key`, issued.privateKey, 0o600);
  const load = async (number: string, stdin: string): Promise<void> => {
    const { code, stderr } = await machine.exec(['slapadd', '-n', number, '-F', `${folder}/config`], { stdin });
    if (code !== 0) throw new Error(stderr);
  };
  await load('0', foreignConfig(folder));
  await load('1', foreignData);
  const port = await freePort();
  let child: ReturnType<typeof spawn> | undefined;
  const start = async (): Promise<void> => {
    child = spawn('slapd', ['-d', 'none', '-F', `${folder}/config`, '-h', `ldaps://127.0.0.1:${port}`], {
      stdio: 'ignore',
    });
    for (let tries = 0; tries < 200; tries++) {
      const { stdout } = await machine.exec(['ss', '-Hltn', `sport = :${port}`]);
      if (stdout !== '') return;
      await sleep(25);
    }
    throw new Error('the foreign directory does not listen');
  };
  const stop = async (): Promise<void> => {
    const ended = new Promise((done) => child?.once('exit', done) ?? done(undefined));
    child?.kill('SIGTERM');
    await ended;
    child = undefined;
  };
  await start();
  return {
    port,
    baseDn: BASE,
    bindDn: `cn=reader,${BASE}`,
    bindPassword: 'reader password',
    start,
    stop,
    async modify(ldif) {
      const words = ['-H', `ldaps://127.0.0.1:${port}`, '-x', '-D', `cn=admin,${BASE}`, '-w', 'administrator'];
      const { code, stderr } = await machine.exec(['ldapmodify', ...words], {
        stdin: ldif,
        env: { LDAPTLS_REQCERT: 'never' },
      });
      if (code !== 0) throw new Error(stderr);
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null ? done(address.port) : fail(new Error('none')),
      );
    });
  });
}
