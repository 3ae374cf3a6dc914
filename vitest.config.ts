import { defineConfig } from 'vitest/config';

/** Tests of races, which need both cores of the smallest machine that we promise to be quick on, and of software GPUs, which use both. */
const ALONE = [
  'test/backend/threads.test.ts',
  'test/cli/{reduce,reduce-test-file,replay}.test.ts',
  'test/gpu/**/*.test.ts',
  'test/house/readme.test.ts',
  'test/log-v2/{followers,kill}/**/*.test.ts',
  'test/mutants/score.test.ts',
];

const configuration: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    globalSetup: ['test/build-once.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'side by side',
          include: ['test/**/*.test.ts'],
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 2 } },
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
