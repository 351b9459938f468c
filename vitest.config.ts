import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** They wait more than they work, so that two of them fill two cores: engines between namespaces, and small deployments. */
const IN_PAIRS = [
  'test/browser/*.test.ts',
  'test/e2e/{bridge,bridge-uplink,cluster,devices,directory,edge-adversary,gateway-machines,host-boundary}.test.ts',
  'test/e2e/{iap,url-filter}-{changes,connections,hostile,live,people,running}.test.ts',
  'test/e2e/{iap,inspection,keys-rotate,machine-firewall,names,people,routers,suricata,uplink}.test.ts',
  'test/e2e/{load-balancer,sign-in}-{attacks,names,providers,servers,site}.test.ts',
  'test/e2e/{sign-in,threats-behind-proxy,url-filter,vpn-people}.test.ts',
];

const patience = { testTimeout: 120_000, hookTimeout: 300_000, maxConcurrency: 10 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          // Whether a machine is busy is not what is tested.
          testTimeout: 60_000,
          // By itself vitest leaves one core to itself, which it hardly needs.
          maxWorkers: availableParallelism(),
          include: ['src/**/*.test.ts', 'rules/**/*.test.ts', 'test/house/**/*.test.ts', 'test/worlds/**/*.test.ts'],
        },
      },
      {
        test: {
          name: 'pairs',
          include: IN_PAIRS,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          ...patience,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', 'test/chaos/**/*.test.ts'],
          exclude: IN_PAIRS,
          // What installs packages, loads both cores or counts packets looks broken beside something else.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          ...patience,
        },
      },
    ],
  },
});
