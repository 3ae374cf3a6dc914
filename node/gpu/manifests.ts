/** Where Vulkan drivers say that they are there: a manifest in JSON for each. */

import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface DriverManifest {
  readonly path: string;
  /** The library that it names. */
  readonly library: string;
  /** Whether the Vulkan loader finds it by itself. */
  readonly isStandard: boolean;
}

/** Drivers that come with something else, in places where no loader looks. */
const ELSEWHERE = [
  '/usr/local/nvidia/share/vulkan/icd.d',
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/usr/lib/chromium-browser/vk_swiftshader_icd.json',
  '/opt/google/chrome/vk_swiftshader_icd.json',
];

/** All manifests of this machine, one a library, those first that the loader finds. Only Linux has them. */
export function driverManifests(): DriverManifest[] {
  if (process.platform !== 'linux') return [];
  const standard = standardFolders().flatMap(manifestFiles);
  const elsewhere = ELSEWHERE.flatMap((place) => (place.endsWith('.json') ? [place] : manifestFiles(place)));
  const byLibrary = new Map<string, DriverManifest>();
  for (const file of [...standard, ...elsewhere]) {
    const library = libraryOf(file);
    if (library === undefined || byLibrary.has(library)) continue;
    byLibrary.set(library, { path: file, library, isStandard: standard.includes(file) });
  }
  return [...byLibrary.values()];
}

/** As in the loader's own documentation (LoaderDriverInterface.md, "Driver Discovery on Linux"), in its order. */
function standardFolders(): string[] {
  const { env } = process;
  const home = os.homedir();
  const config = [
    env['XDG_CONFIG_HOME'] || path.join(home, '.config'),
    ...listed(env['XDG_CONFIG_DIRS'] || '/etc/xdg'),
  ];
  const data = [
    env['XDG_DATA_HOME'] || path.join(home, '.local/share'),
    ...listed(env['XDG_DATA_DIRS'] || '/usr/local/share:/usr/share'),
  ];
  return [...config, '/usr/local/etc', '/etc', ...data].map((folder) => path.join(folder, 'vulkan/icd.d'));
}

function listed(text: string): string[] {
  return text.split(':').filter((each) => each !== '');
}

function manifestFiles(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
    return names.sort().map((name) => path.join(folder, name));
  } catch {
    return [];
  }
}

/** Undefined if it is not there, or no manifest. With a slash in it, it is beside the manifest. */
function libraryOf(file: string): string | undefined {
  try {
    const { ICD } = JSON.parse(readFileSync(file, 'utf8'));
    const library: unknown = ICD?.library_path;
    if (typeof library !== 'string') return undefined;
    return library.includes('/') ? path.resolve(path.dirname(file), library) : library;
  } catch {
    return undefined;
  }
}
