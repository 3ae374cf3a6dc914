import { defineConfig } from 'tsdown';

// Unbundled on purpose: one file out for one file in keeps stack traces, tree shaking and the worker's URL honest.
const configuration: ReturnType<typeof defineConfig> = defineConfig({
  entry: [
    'src/index.ts',
    'src/*/index.ts',
    'node/index.ts',
    'node/threads-worker.js',
    'node/gpu/runner.ts',
    'node/gpu/orphan-watch.ts',
    'node/kernel-resolver.js',
    'cli/main.ts',
  ],
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  unbundle: true,
  fixedExtension: false,
  dts: { sourcemap: true },
  sourcemap: true,
  clean: true,
  outDir: 'dist',
  logLevel: 'warn',
});

export default configuration;
