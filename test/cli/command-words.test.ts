import { describe, expect, test } from 'vitest';
import { commandWords } from '../../node/command-words.ts';

describe('the words of a command', () => {
  test.each([
    ['./runner', ['./runner']],
    ['  ./runner   --fast\tx ', ['./runner', '--fast', 'x']],
    ['"./my runner" \'a "b" \\c\'', ['./my runner', 'a "b" \\c']],
    ['./my\\ runner "a \\" b" ""', ['./my runner', 'a " b', '']],
    ['x\'y\'"z"', ['xyz']],
    ['x $HOME; rm *', ['x', '$HOME;', 'rm', '*']],
  ])('of %s', (text, words) => expect(commandWords(text)).toEqual(words));

  test.each(['', '  ', '""', '"x', "x 'y"])('%s is no command', (text) => {
    expect(() => commandWords(text)).toThrow(/Fix: /);
  });
});
