import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exhaust, replayToken, sample, TokenError } from '../../src/explore/index.ts';
import { encodeToken, MAX_STEPS_LIMIT } from '../../src/explore/token.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { Opcode, Priority } from '../../src/protocol/index.ts';
import { type Scenario, scenarioOfSlots } from '../../src/scenario/index.ts';
import { anyScenario } from './random-scenario.ts';

const kernel = defineKernel({ name: 'tokens', slotCount: 4, observableWords: 32 });
const scenario = (amount: number, ofKernel = kernel): Scenario =>
  scenarioOfSlots(
    ofKernel,
    [0, 1].map((slotIndex) => ({
      slotIndex,
      slot: { opcode: Opcode.COMPARE_SWAP, tenant: 0, priority: Priority.NORMAL, args: [160, slotIndex, amount] },
    })),
  );

function tokenOf(of: Scenario): string {
  let token = '';
  sample(of, { runs: 1 }, (run) => {
    token = run.token();
  });
  return token;
}

describe('a schedule token', () => {
  it('replays its run exactly, under either memory model', () => {
    fc.assert(
      fc.property(anyScenario, fc.constantFrom('sequential' as const, 'relaxed' as const), (of, memory) => {
        exhaust(of, { memory, maxRuns: 40 }, (run) => {
          const again = replayToken(of, run.token());
          expect(again.outcome).toEqual(run.outcome);
          expect(again.trace()).toEqual(run.trace());
        });
      }),
      { numRuns: 25 },
    );
  });

  it('is refused by another kernel, by other slots, by another version, each with what to do', () => {
    const token = tokenOf(scenario(2));
    const other = defineKernel({ name: 'others', slotCount: 4, observableWords: 32 });
    expect(() => replayToken(scenario(2, other), token)).toThrow(/of another kernel\. Fix: /);
    expect(() => replayToken(scenario(3), token)).toThrow(/of another set of slots or state\. Fix: /);
    expect(() => replayToken(scenario(2), token.replace(/^A/, 'B'))).toThrow(TokenError);
  });

  it('is refused if a character of it is changed', () => {
    const token = tokenOf(scenario(2));
    for (let at = 0; at < token.length; at += 1) {
      const changed = `${token.slice(0, at)}${token[at] === 'x' ? 'y' : 'x'}${token.slice(at + 1)}`;
      expect(() => replayToken(scenario(2), changed), changed).toThrow(TokenError);
    }
  });

  it.each([[0], [MAX_STEPS_LIMIT + 1]])('is refused if it allows a lane %i steps', (maxSteps) => {
    const content = { memory: 'sequential' as const, maxSteps, schedule: { lanes: [0, 1], options: [] } };
    expect(() => replayToken(scenario(2), encodeToken(scenario(2), content))).toThrow(TokenError);
  });

  it('is refused whatever else it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        expect(() => replayToken(scenario(2), text)).toThrow(TokenError);
      }),
    );
  });
});
