import { readFileSync } from 'node:fs';

/** The version in this package's package.json. */
export const VERSION: string = readVersion();

function readVersion(): string {
  // From node/ in a checkout it is one folder up, from dist/node/ two.
  for (const candidate of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(candidate, import.meta.url), 'utf8'));
      if (name === 'vrrl') return version;
    } catch {
      // The other one, then.
    }
  }
  return '0.0.0';
}
