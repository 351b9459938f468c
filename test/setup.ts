/** Makes a machine ready for every test: node test/setup.ts, as root. Does nothing when everything is there. */
import { ensureUsers } from '#host/users.ts';
import { requireFit } from '#lab/doctor.ts';
import { enginePackages, installPackages } from '#lab/install.ts';
import { testPackages } from './packages.ts';

installPackages((text) => console.log(`==> ${text}`), [...enginePackages, ...testPackages]);
requireFit();
ensureUsers();
