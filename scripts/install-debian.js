// Installs what tests need from Debian, if this is Debian, we are root, and it is missing. Otherwise it does nothing and
// says so: the tests then skip by name.
//
//   chromium   brings SwiftShader, a Vulkan driver without a GPU, which Dawn runs on
//   gcc        compiles the runner in C; libc6-dev has its headers

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** What is needed, and the file that shows that it is there. */
export const PACKAGES = [
  { name: 'chromium', shows: '/usr/lib/chromium/vk_swiftshader_icd.json' },
  { name: 'gcc', shows: '/usr/bin/gcc' },
  { name: 'libc6-dev', shows: '/usr/include/stdio.h' },
];

/** Installs what is missing, where that can be done; returns the names of what is missing still. */
export function installMissingPackages() {
  const missing = PACKAGES.filter(({ shows }) => !existsSync(shows));
  if (missing.length === 0 || !existsSync('/etc/debian_version') || process.getuid?.() !== 0) return names(missing);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    execFileSync('apt-get', ['update', '-qq'], { env: environment, stdio: 'ignore' });
    const wanted = ['install', '-y', '-qq', '--no-install-recommends', ...names(missing)];
    execFileSync('apt-get', wanted, { env: environment, stdio: 'ignore' });
  } catch (error) {
    process.stderr.write(`install-debian: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  return names(PACKAGES.filter(({ shows }) => !existsSync(shows)));
}

/** @param {typeof PACKAGES} packages */
function names(packages) {
  return packages.map(({ name }) => name);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const missing = installMissingPackages();
  process.stdout.write(missing.length === 0 ? 'nothing is missing\n' : `missing: ${missing.join(', ')}\n`);
}
