import { defineConfig } from 'vitest/config';

const configuration: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/build-once.ts'],
    // The machine that we promise to be quick on has two cores; race tests need both of them for themselves.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['src/**', 'node/**', 'cli/**'],
      reporter: ['text-summary', 'html'],
    },
  },
});

export default configuration;
