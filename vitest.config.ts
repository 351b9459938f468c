import { defineConfig } from 'vitest/config';

/** One or a few engines between namespaces: they wait more than they work, so two of them fill two cores. */
const PARTS = [
  'test/browser/*.test.ts',
  'test/e2e/{bridge,bridge-uplink,devices,directory,edge-adversary,host-boundary,inspection,keys-rotate}.test.ts',
  'test/e2e/{iap,url-filter}-{changes,connections,hostile,live,people,running}.test.ts',
  'test/e2e/{iap,people,suricata,uplink,url-filter,vpn-people}.test.ts',
  'test/e2e/{load-balancer,sign-in}-{attacks,names,providers,servers}.test.ts',
  'test/e2e/sign-in.test.ts',
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
          include: ['src/**/*.test.ts', 'rules/**/*.test.ts', 'test/house/**/*.test.ts', 'test/worlds/**/*.test.ts'],
        },
      },
      {
        test: {
          name: 'parts',
          include: PARTS,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          ...patience,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', 'test/chaos/**/*.test.ts'],
          exclude: PARTS,
          // A whole deployment, or ten thousand packets, is as much as two cores can do: beside a second one it looks broken.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          ...patience,
        },
      },
    ],
  },
});
