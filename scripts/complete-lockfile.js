// Completes package-lock.json after an `npm install`.
//
// npm leaves out optional packages of other platforms whose manifests it could not get at that moment, and then `npm ci`
// refuses the lockfile it wrote itself. Their versions are exact in the packages that want them, and their names say which
// platform they are for, so what is missing can be written down here. Run it after every change of the dependencies.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('../package-lock.json', import.meta.url));

/** @typedef {{ version?: string, dev?: boolean, optional?: boolean, optionalDependencies?: Record<string, string>, os?: string[], cpu?: string[] }} LockedPackage */
/** @type {{ packages: Record<string, LockedPackage> }} */
const lock = JSON.parse(readFileSync(file, 'utf8'));

const systems = ['android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32', 'aix'];
const processors = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 's390x', 'riscv64', 'loong64', 'mips64el', 'wasm32'];

/**
 * What a package named after a platform is for, or undefined if its name does not say.
 * @param {string} name
 */
function platformOf(name) {
  const parts = name.split('/').at(-1)?.split(/[-_]/) ?? [];
  const os = systems.filter((system) => parts.includes(system));
  const cpu = processors.filter((processor) => parts.includes(processor));
  return os.length === 0 && cpu.length === 0
    ? undefined
    : { ...(os.length > 0 && { os }), ...(cpu.length > 0 && { cpu }) };
}

let added = 0;
for (const { dev, optionalDependencies = {} } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const platform = platformOf(name);
    const key = `node_modules/${name}`;
    if (lock.packages[key] !== undefined || platform === undefined || !/^\d/.test(version)) continue;
    lock.packages[key] = { version, ...platform, ...(dev && { dev }), optional: true };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([left], [right]) => (left < right ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
process.stdout.write(`${added} packages added to package-lock.json\n`);
