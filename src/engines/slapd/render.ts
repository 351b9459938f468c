import type { SlapdInput } from './input.ts';
import { placesOf } from './tree.ts';

/** Who a process is that comes by the socket; the kernel says so. */
export const peer = (uid: number, gid: number): string =>
  `gidNumber=${gid}+uidNumber=${uid},cn=peercred,cn=external,cn=auth`;

const ROOT = peer(0, 0);

/** Our own attributes and classes; the number is a random UUID's, so it is nobody else's (X.667). */
const OID = '2.25.236570493910292779256328064298669035771';
const TEXT = '1.3.6.1.4.1.1466.115.121.1.15';

const schema = [
  `olcAttributeTypes: ( ${OID}.1.1 NAME 'vaubanSubject' DESC 'What stands for a person for ever' EQUALITY caseExactMatch SYNTAX ${TEXT} SINGLE-VALUE )`,
  `olcAttributeTypes: ( ${OID}.1.2 NAME 'vaubanInitialPassword' DESC 'Mark of the first password that was given' EQUALITY caseExactMatch SYNTAX ${TEXT} SINGLE-VALUE )`,
  `olcAttributeTypes: ( ${OID}.1.3 NAME 'vaubanSecondFactorReset' DESC 'Another number: second factors are forgotten' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )`,
  `olcObjectClasses: ( ${OID}.2.1 NAME 'vaubanUser' SUP top AUXILIARY MUST vaubanSubject MAY ( vaubanInitialPassword $ vaubanSecondFactorReset ) )`,
  `olcObjectClasses: ( ${OID}.2.2 NAME 'vaubanGroup' SUP top STRUCTURAL MUST cn MAY ( member $ mail $ displayName $ description ) )`,
];

export interface RenderPlaces {
  readonly data: string;
  /** User id of the edge service, who may read everything but passwords. */
  readonly edgeUid: number;
}

/**
 * The whole configuration as LDIF for `slapadd -n 0`. Anonymous requests are refused; a person may bind and change the
 * own password; the edge service reads; root, over the socket, does everything else.
 */
export function renderConfig({ baseDn }: SlapdInput, { data, edgeUid }: RenderPlaces): string {
  const places = placesOf(baseDn);
  const edge = `dn.regex="^gidNumber=[0-9]+\\+uidNumber=${edgeUid},cn=peercred,cn=external,cn=auth$"`;
  const overlay = (number: number, name: string, lines: readonly string[]): string[] => [
    `dn: olcOverlay={${number}}${name},olcDatabase={1}mdb,cn=config`,
    'objectClass: olcOverlayConfig',
    ...lines,
    `olcOverlay: {${number}}${name}`,
    '',
  ];
  return [
    ...['dn: cn=config', 'objectClass: olcGlobal', 'cn: config'],
    ...['olcDisallows: bind_anon', 'olcRequires: authc', 'olcThreads: 4', 'olcSizeLimit: unlimited', ''],
    ...['dn: cn=module{0},cn=config', 'objectClass: olcModuleList', 'cn: module{0}', 'olcModulePath: /usr/lib/ldap'],
    ...['back_mdb', 'ppolicy', 'memberof', 'refint', 'syncprov'].map((it) => `olcModuleLoad: ${it}`),
    // 19 MiB for a guess, as OWASP recommends for Argon2id; Debian's slapd makes Argon2i, which wants a third pass.
    ...['olcModuleLoad: argon2 m=19456 t=3 p=1', ''],
    ...['dn: cn=schema,cn=config', 'objectClass: olcSchemaConfig', 'cn: schema', ''],
    ...['core', 'cosine', 'inetorgperson', 'namedobject'].flatMap((it) => [
      `include: file:///etc/ldap/schema/${it}.ldif`,
      '',
    ]),
    ...['dn: cn=vauban,cn=schema,cn=config', 'objectClass: olcSchemaConfig', 'cn: vauban', ...schema, ''],
    ...['dn: olcDatabase={-1}frontend,cn=config', 'objectClass: olcDatabaseConfig', 'objectClass: olcFrontendConfig'],
    ...['olcDatabase: {-1}frontend', 'olcPasswordHash: {ARGON2}', 'olcAccess: {0}to * by * none', ''],
    ...['dn: olcDatabase={0}config,cn=config', 'objectClass: olcDatabaseConfig', 'olcDatabase: {0}config'],
    ...[`olcRootDN: ${ROOT}`, 'olcAccess: {0}to * by * none', ''],
    ...['dn: olcDatabase={1}mdb,cn=config', 'objectClass: olcDatabaseConfig', 'objectClass: olcMdbConfig'],
    ...['olcDatabase: {1}mdb', `olcSuffix: ${baseDn}`, `olcDbDirectory: ${data}`, `olcRootDN: ${ROOT}`],
    ...['olcDbMaxSize: 1073741824', 'olcLastMod: TRUE'],
    ...['objectClass', 'uid', 'mail', 'cn', 'member', 'memberOf', 'entryUUID', 'entryCSN', 'vaubanSubject'].map(
      (it) => `olcDbIndex: ${it} eq`,
    ),
    'olcAccess: {0}to attrs=userPassword by self =xw by anonymous auth by * none',
    `olcAccess: {1}to dn.subtree="${places.policies}" by ${edge} read by users read by * none`,
    `olcAccess: {2}to * by ${edge} read by self read by * none`,
    '',
    ...overlay(0, 'ppolicy', [
      'objectClass: olcPPolicyConfig',
      `olcPPolicyDefault: ${places.policy}`,
      'olcPPolicyHashCleartext: TRUE',
      // An answer of its own for locked accounts would tell a stranger which accounts there are.
      'olcPPolicyUseLockout: FALSE',
    ]),
    ...overlay(1, 'memberof', [
      'objectClass: olcMemberOfConfig',
      'olcMemberOfGroupOC: vaubanGroup',
      'olcMemberOfMemberAD: member',
      'olcMemberOfMemberOfAD: memberOf',
      'olcMemberOfRefInt: FALSE',
    ]),
    ...overlay(2, 'refint', [
      'objectClass: olcRefintConfig',
      'olcRefintAttribute: member',
      'olcRefintAttribute: memberOf',
    ]),
    // Gives the whole directory a number that every change raises: who keeps a copy asks for that alone.
    ...overlay(3, 'syncprov', ['objectClass: olcSyncProvConfig']),
  ].join('\n');
}
