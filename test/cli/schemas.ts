/** The schemas in spec/, for checking what the command line really prints. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import { ROOT } from './files.ts';

export const SCHEMA_NAMES = [
  'judgement',
  'comparison',
  'info',
  'dump-record',
  'tail-event',
  'verify',
  'doctor',
  'derived',
  'judge',
  'reduction',
  'explain',
  'mutants',
  'explore',
  'report',
] as const;
export type SchemaName = (typeof SCHEMA_NAMES)[number];

/** A schema, as far as its tests look into it. */
export interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly additionalProperties?: boolean | Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly const?: unknown;
}

export function readSchema(name: SchemaName): Schema {
  return JSON.parse(readFileSync(path.join(ROOT, 'spec', `${name}.schema.json`), 'utf8'));
}

const validators = new Map<SchemaName, ValidateFunction>();

/** Fails the test if the value is not what the schema says. */
export function expectValid(name: SchemaName, value: unknown): void {
  let validate = validators.get(name);
  if (validate === undefined) {
    validate = new Ajv2020({ strict: true, allErrors: true }).compile(readSchema(name));
    validators.set(name, validate);
  }
  validate(value);
  expect(validate.errors, `${name}: ${JSON.stringify(value)}`).toBeNull();
}
