import { readFileSync } from 'node:fs';

interface PackageFacts {
  readonly version: string;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const facts = readFacts();

/** The version in this package's package.json. */
export const VERSION: string = facts.version;

/** The versions of the packages that this one can use and does not bring. */
export const PEER_VERSIONS: Readonly<Record<string, string>> = facts.peerDependencies ?? {};

function readFacts(): PackageFacts {
  // From node/ in a checkout it is one folder up, from dist/node/ two.
  for (const candidate of ['../package.json', '../../package.json']) {
    try {
      const json = JSON.parse(readFileSync(new URL(candidate, import.meta.url), 'utf8'));
      if (json.name === 'vrrl') return json;
    } catch {
      // The other one, then.
    }
  }
  return { version: '0.0.0' };
}
