import { defineConfig } from 'vitest/config';

/** Tests that need one core, whatever the other one does: no races, no devices, no processes that somebody waits for. */
const SIDE_BY_SIDE = [
  'test/{base,derive,diff,explain,explore,histories,kernel,log,observe}/**/*.test.ts',
  'test/{protocol,record,scenario,serial,storage,wire,workloads}/**/*.test.ts',
  'test/log-v2/{core,crash,damage,io,safeguards}/**/*.test.ts',
];

const configuration: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    globalSetup: ['test/build-once.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The machine that we promise to be quick on has two cores; race tests need both of them for themselves.
    projects: [
      {
        extends: true,
        test: { name: 'side by side', include: SIDE_BY_SIDE, maxWorkers: 2, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: ['test/**/*.test.ts'],
          exclude: SIDE_BY_SIDE,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**', 'node/**', 'cli/**'],
      reporter: ['text-summary', 'html'],
    },
  },
});

export default configuration;
