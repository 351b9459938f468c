import { expect, test } from 'vitest';
import { CaptivePortalInput } from './input.ts';
import { renderConfig } from './render.ts';

const input = CaptivePortalInput.parse({
  ...{ namespace: 'gw.lab.edge', owner: 'lab/gateway/edge', project: 'lab', portal: 'lab/gatewayCluster/office' },
  ...{ port: 8443, divertPort: 3100, names: [], addresses: ['10.200.0.1', '10.201.0.1'] },
  places: [
    { networks: ['10.200.0.0/16'], host: '10.200.0.1' },
    { networks: ['10.201.0.0/16'], host: '10.201.0.1' },
  ],
});

test('clients are sent to the pages on their own network, and only this proxy says from where they come', async () => {
  const text = renderConfig(input, { run: '/run/vauban/lab', paths: { certificate: '/run/portal.pem' } });
  await expect(text).toMatchFileSnapshot('golden/captive-portal.cfg');
});
