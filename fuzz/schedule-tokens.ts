/** Feeds `replayToken` damaged tokens, tokens of other decisions with right sums, and plain noise. */

import { decodeBase64, encodeBase64 } from '../src/base/base64.ts';
import { crc32c } from '../src/base/crc32c.ts';
import { replayToken, sample, TokenError } from '../src/explore/index.ts';
import { defineKernel } from '../src/kernel/index.ts';
import { Opcode, Priority } from '../src/protocol/index.ts';
import { type Scenario, scenarioOfSlots } from '../src/scenario/index.ts';
import type { FuzzTarget } from './fuzz-target.ts';

type Random = () => number;

const SUM_BYTES = 2;
const BODY_AT = 10;
const scenario: Scenario = scenarioOfSlots(
  defineKernel({ name: 'fuzz', slotCount: 4, observableWords: 16 }),
  [0, 1, 2].map((slotIndex) => ({
    slotIndex,
    slot: { opcode: Opcode.COMPARE_SWAP, tenant: 0, priority: Priority.NORMAL, args: [160, slotIndex, 1] },
  })),
);
const tokens: string[] = (['sequential', 'relaxed'] as const).flatMap((memory) => {
  const made: string[] = [];
  sample(scenario, { memory, runs: 16 }, (run) => {
    made.push(run.token());
  });
  return made;
});

/** A token replays and is then its run's own, or is refused with a TokenError; nothing else ever happens. */
export const target: FuzzTarget = {
  name: 'schedule-tokens',
  once(random) {
    const text = makeToken(random);
    try {
      const again = replayToken(scenario, text).token();
      // Other bytes may say the same: a number with zeros behind it, a run in two pieces. Its own token has to replay.
      if (again !== text) replayToken(scenario, again);
    } catch (error) {
      if (error instanceof TokenError && error.message.includes(' Fix: ')) return;
      throw new Error(`token ${JSON.stringify(text)}`, { cause: error });
    }
  },
};

function makeToken(random: Random): string {
  if (random() % 8 === 0) return String.fromCharCode(...Array.from({ length: random() % 40 }, () => random() % 0x180));
  const bytes = Array.from(decodeBase64(tokens[random() % tokens.length].replaceAll('-', '+').replaceAll('_', '/'))!);
  const body = bytes.slice(0, -SUM_BYTES);
  for (let changes = random() % 4; changes > 0; changes -= 1) {
    // Mostly behind the hashes, or little gets past them.
    const at = random() % 8 === 0 ? random() % body.length : BODY_AT + (random() % Math.max(1, body.length - BODY_AT));
    if (random() % 3 === 0)
      body.splice(at, random() % 3, ...Array.from({ length: random() % 3 }, () => random() & 0xff));
    else body[at] = random() % 2 === 0 ? random() & 0xff : random() % 8;
  }
  const sum = crc32c(Uint8Array.from(body)) ^ (random() % 16 === 0 ? 1 : 0);
  const whole = Uint8Array.from([...body, sum & 0xff, (sum >>> 8) & 0xff]);
  return encodeBase64(whole).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
