/** An OpenID provider on loopback that signs everybody in, for `edge-peers.ts`. Arguments: folder, where it may lead back. */
import { authorityIn } from '#host/authority.ts';
import { foreignProvider } from '../test/foreign-provider.ts';

const [folder = '', ...redirectUris] = process.argv.slice(2);
const provider = await foreignProvider({ authority: authorityIn(folder, 'bench') }, redirectUris);
provider.claims = { sub: 'alice-1', email: 'alice@example.com', email_verified: true };
console.log(provider.issuer);
