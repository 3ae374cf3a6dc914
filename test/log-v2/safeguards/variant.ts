/** Builds the v2 log and its files with one place of the source changed, and loads them beside the ones under test. */

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import type { LogV2 } from '../crash/history.ts';

/** A place of the source, and what is to be there instead. */
export interface Change {
  /** From the root of the project. */
  readonly file: string;
  /** Has to be there exactly once. */
  readonly from: string;
  readonly to: string;
}

/** The modules of a variant. */
export interface Variant {
  readonly log: LogV2;
  readonly files: typeof import('../../../node/flight-log-file.ts');
  readonly calls: typeof import('../../../node/file-calls.ts');
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Packages are found from there as they are from the sources, and the test runner leaves what is there to Node. */
const BUILDS = path.join(ROOT, 'node_modules/.cache/vrrl/safeguards');
/** What the v2 log and its files are made of. */
const ROOMS = ['src/base', 'src/protocol', 'src/storage', 'src/observe', 'src/log', 'src/log-v2', 'node'];
const OPTIONS: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2022,
  rewriteRelativeImportExtensions: true,
  verbatimModuleSyntax: true,
};

/** Makes variants, of sources that are read and translated once. */
export class VariantBuilder {
  readonly #sources = new Map<string, string>();
  readonly #translated = new Map<string, string>();
  readonly #folder: string;
  #count = 0;

  constructor() {
    for (const room of ROOMS) {
      for (const name of fs.readdirSync(path.join(ROOT, room))) {
        if (!name.endsWith('.ts')) continue;
        const file = `${room}/${name}`;
        const source = fs.readFileSync(path.join(ROOT, file), 'utf8');
        this.#sources.set(file, source);
        this.#translated.set(file, translate(source, file));
      }
    }
    fs.mkdirSync(BUILDS, { recursive: true });
    this.#folder = fs.mkdtempSync(`${BUILDS}/build-`);
  }

  /**
   * The modules with some places changed, or as they are.
   *
   * @throws Error unless each place is there exactly once.
   */
  async build(changes: readonly Change[] = []): Promise<Variant> {
    const folder = path.join(this.#folder, `${this.#count}`);
    this.#count += 1;
    for (const [file, text] of [...this.#translated, ...this.#translateChanged(changes)]) {
      const target = path.join(folder, file.replace(/\.ts$/, '.js'));
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, text);
    }
    const load = (file: string): Promise<unknown> => import(pathToFileURL(path.join(folder, file)).href);
    return {
      log: (await load('src/log-v2/index.js')) as LogV2,
      files: (await load('node/flight-log-file.js')) as Variant['files'],
      calls: (await load('node/file-calls.js')) as Variant['calls'],
    };
  }

  /** Removes what was built. */
  clear(): void {
    fs.rmSync(this.#folder, { recursive: true });
  }

  #translateChanged(changes: readonly Change[]): Map<string, string> {
    const changed = new Map<string, string>();
    for (const { file, from, to } of changes) {
      const source = changed.get(file) ?? this.#sources.get(file) ?? '';
      const count = source.split(from).length - 1;
      if (count !== 1) throw new Error(`${file} has ${count} times what is to be changed: ${from}`);
      changed.set(
        file,
        source.replace(from, () => to),
      );
    }
    return new Map([...changed].map(([file, source]) => [file, translate(source, file)]));
  }
}

function translate(source: string, file: string): string {
  return ts.transpileModule(source, { compilerOptions: OPTIONS, fileName: file }).outputText;
}
