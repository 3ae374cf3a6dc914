import { describe, expect, test } from 'vitest';
import { expectValid, readSchema, SCHEMA_NAMES, type Schema } from './schemas.ts';

describe('schemas', () => {
  test.each(SCHEMA_NAMES)('%s describes every member and leaves nothing open', (name) => {
    const schema = readSchema(name);
    expect(schema).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' });
    expectDescribed(schema, name);
  });

  test.each(SCHEMA_NAMES.filter((name) => name !== 'dump-record'))('%s is versioned', (name) => {
    expect(readSchema(name).properties?.['schemaVersion']?.const).toBe(1);
  });

  test('they refuse what they do not know', () => {
    const record = { timestampNs: '1', slotIndex: 0, tenantId: 0, opcode: 0, args: [0, 0, 0, 0], epoch: 0 };
    expectValid('dump-record', record);
    expect(() => expectValid('dump-record', { ...record, more: 1 })).toThrow();
    expect(() => expectValid('dump-record', { ...record, timestampNs: 1 })).toThrow();
  });

  test('a line of dump has what its log keeps: a number with a priority, and twelve arguments with it', () => {
    const record = { timestampNs: '1', slotIndex: 0, tenantId: 0, opcode: 0, args: [0, 0, 0, 0], epoch: 0 };
    const args = new Array(12).fill(0);
    expectValid('dump-record', { ...record, sequence: 1 });
    expectValid('dump-record', { ...record, sequence: 1, priority: 2, args });
    expect(() => expectValid('dump-record', { ...record, args })).toThrow();
    expect(() => expectValid('dump-record', { ...record, sequence: 1, priority: 2 })).toThrow();
    expect(() => expectValid('dump-record', { ...record, priority: 2, args })).toThrow();
  });
});

function expectDescribed(schema: Schema, where: string): void {
  expect(schema.description, where).toBeTruthy();
  if (schema.type === 'object') expect(schema.additionalProperties, where).toBeDefined();
  if (schema.properties !== undefined) expect(schema.additionalProperties, where).toBe(false);
  for (const [name, member] of Object.entries(schema.properties ?? {})) expectDescribed(member, `${where}.${name}`);
  if (schema.items?.properties !== undefined) expectDescribed(schema.items, `${where}[]`);
}
