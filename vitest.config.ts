import { defineConfig } from 'vitest/config';

/**
 * These measure what a moment costs, or are driven to their end on purpose: a file beside them would be taken for a fault, or
 * suffer from one.
 */
const ALONE = [
  'test/chaos/**/*.test.ts',
  'test/e2e/{cluster,gateway-ha,load-balancer-changes,load-balancer-traffic,sandbox,ssl-vpn-failover}.test.ts',
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
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', 'test/browser/**/*.test.ts'],
          exclude: ALONE,
          // They wait more than they work: two of them fill two cores.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          ...patience,
        },
      },
      {
        test: {
          name: 'alone',
          include: ALONE,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          ...patience,
        },
      },
    ],
  },
});
