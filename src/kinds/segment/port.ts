import type { Resource } from '#core/resource.ts';
import type { LinkEnd } from '#engines/link/input.ts';
import { interfaceName, macFor, segmentNamespace } from '../network/fabric.ts';
import type { SegmentSpec } from './spec.ts';

/** The switch of a segment, inside its namespace. */
export const BRIDGE = 'br0';

type Segment = Pick<Resource<SegmentSpec>, 'project' | 'name' | 'spec'>;

/**
 * The segment's end of a link: a port of its bridge. `of` says whose, such as `lab/instance/web/eth0`; one port for each.
 * The link needs the bridge by itself.
 */
export const segmentPort = ({ project, name, spec }: Segment, of: string): LinkEnd => ({
  namespace: segmentNamespace(project, name),
  name: interfaceName('p', of),
  alias: of,
  mac: macFor(`port/${project}/${name}/${of}`),
  mtu: spec.mtu,
  arp: true,
  bridge: BRIDGE,
  addresses: [],
  neighbours: [],
  routes: [],
  sysctls: {},
});
