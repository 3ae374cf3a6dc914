// Installs what tests need from Debian, if this is Debian, we are root, and it is missing. Otherwise it does nothing and
// says so: the tests then skip by name.
//
//   libvulkan1            finds Vulkan drivers, for Dawn and for wgpu
//   chromium              brings SwiftShader, a Vulkan driver without a GPU, which Dawn runs on
//   mesa-vulkan-drivers   has lavapipe, another one, which wgpu runs on
//   gcc                   compiles the runner in C; libc6-dev has its headers

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import os from 'node:os';
import { pathToFileURL } from 'node:url';

const machine = os.machine();

/** What is needed, and the files that show that it is there, of which one is enough. */
export const PACKAGES = [
  { name: 'libvulkan1', shows: [`/usr/lib/${machine}-linux-gnu/libvulkan.so.1`] },
  { name: 'chromium', shows: ['/usr/lib/chromium/vk_swiftshader_icd.json'] },
  {
    name: 'mesa-vulkan-drivers',
    // Some releases have the processor in the name.
    shows: [`/usr/share/vulkan/icd.d/lvp_icd.${machine}.json`, '/usr/share/vulkan/icd.d/lvp_icd.json'],
  },
  { name: 'gcc', shows: ['/usr/bin/gcc'] },
  { name: 'libc6-dev', shows: ['/usr/include/stdio.h'] },
];

/** The files that show what is there, by the name of the package; undefined for what is missing. */
export function shownBy() {
  return Object.fromEntries(PACKAGES.map(({ name, shows }) => [name, shows.find((file) => existsSync(file))]));
}

/** Installs what is missing, where that can be done; returns the names of what is missing still. */
export function installMissingPackages() {
  const missing = missingPackages();
  if (missing.length === 0 || !existsSync('/etc/debian_version') || process.getuid?.() !== 0) return missing;
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    execFileSync('apt-get', ['update', '-qq'], { env: environment, stdio: 'ignore' });
    const wanted = ['install', '-y', '-qq', '--no-install-recommends', ...missing];
    execFileSync('apt-get', wanted, { env: environment, stdio: 'ignore' });
  } catch (error) {
    process.stderr.write(`install-debian: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  return missingPackages();
}

function missingPackages() {
  const shown = shownBy();
  return PACKAGES.flatMap(({ name }) => (shown[name] === undefined ? [name] : []));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const missing = installMissingPackages();
  process.stdout.write(missing.length === 0 ? 'nothing is missing\n' : `missing: ${missing.join(', ')}\n`);
}
