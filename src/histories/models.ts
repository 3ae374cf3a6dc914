/** The models that histories are judged by. spec/history.md has them as a table, and a test compares the two. */

import type { ModelDefinition, OperationDefinition } from './language.ts';

const READ: OperationDefinition = { input: {}, output: { value: 'value' }, does: ['it is output.value'] };
const WRITE: OperationDefinition = {
  input: { value: 'value' },
  output: { 'ok?': 'boolean' },
  does: ['it becomes input.value'],
};

export const MODELS: readonly ModelDefinition[] = [
  {
    name: 'register',
    about: 'one value that is read and written',
    holds: 'value',
    cells: 'one',
    operations: { read: READ, write: WRITE },
  },
  {
    name: 'cas-register',
    about: 'a register with a compare-and-set',
    holds: 'value',
    cells: 'one',
    operations: {
      read: READ,
      write: WRITE,
      cas: {
        input: { from: 'value', to: 'value' },
        output: { ok: 'boolean' },
        does: ['it is input.from', 'it becomes input.to'],
        refused: ['it is not input.from'],
      },
    },
  },
  {
    name: 'counter',
    about: 'a whole number that is added to',
    holds: 'number',
    cells: 'one',
    operations: {
      add: {
        input: { value: 'number' },
        output: { 'old?': 'number', 'value?': 'number', 'ok?': 'boolean' },
        does: ['it is output.old', 'it grows by input.value', 'it is output.value'],
      },
      read: { input: {}, output: { value: 'number' }, does: ['it is output.value'] },
    },
  },
  {
    name: 'kv',
    about: 'values by key',
    holds: 'value',
    cells: 'keys',
    operations: {
      get: { input: { key: 'name' }, output: { value: 'value' }, does: ['[input.key] is output.value'] },
      put: {
        input: { key: 'name', value: 'value' },
        output: { 'ok?': 'boolean' },
        does: ['[input.key] becomes input.value'],
      },
      append: {
        input: { key: 'name', value: 'text' },
        output: { 'ok?': 'boolean' },
        does: ['[input.key] is extended by input.value'],
      },
    },
  },
  {
    name: 'bank',
    about: 'accounts that money goes between, none below zero',
    holds: 'number',
    cells: 'named',
    operations: {
      transfer: {
        input: { from: 'name', to: 'name', amount: 'amount' },
        output: { ok: 'boolean' },
        does: [
          '[input.from] is at least input.amount',
          '[input.from] shrinks by input.amount',
          '[input.to] grows by input.amount',
        ],
        refused: ['[input.from] is less than input.amount'],
      },
      read: { input: {}, output: { value: 'balances' }, does: ['everything is output.value'] },
    },
  },
];

/** The model of a name, or undefined. */
export function findModel(name: string): ModelDefinition | undefined {
  return MODELS.find((model) => model.name === name);
}
