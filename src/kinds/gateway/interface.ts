import * as z from 'zod';
import { keptForTunnels, tunnelNames } from './tunnel-names.ts';

const Name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,14}$/,
    'not an interface name such as ext: a lower-case letter, then up to 14 letters, digits and dashes',
  )
  .refine((name) => name !== 'lo' && name !== 'all' && name !== 'default', 'a name that the kernel keeps for itself');

/** Name of an interface inside of a gateway; at most 15 characters, as the kernel asks for. */
export const GatewayInterface = Name.refine(
  (name) => !keptForTunnels.includes(name),
  'a name that stands for the traffic of tunnels',
).meta({ id: 'GatewayInterface', examples: ['ext'] });

const names: readonly string[] = tunnelNames;

/** Where traffic of a policy comes in or leaves: by an interface, or through tunnels. */
export const PolicyInterface = Name.refine(
  (name) => names.includes(name) || !keptForTunnels.includes(name),
  'a device of tunnels; policies say ipsec or sslvpn',
).meta({ id: 'PolicyInterface', examples: ['ext', 'sslvpn'] });
