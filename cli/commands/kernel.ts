/** `vrrl kernel`: a kernel as people read it, or as data. */

import { openRecording } from '../../node/recording-files.ts';
import { InputError } from '../../src/base/errors.ts';
import {
  defineKernel,
  type Kernel,
  kernelFromJson,
  kernelToJson,
  lowerToWgsl,
  printKernel,
} from '../../src/kernel/index.ts';
import type { AddCommand } from '../context.ts';
import { recordedKernel } from '../kernel-choice.ts';
import { tidyJson } from '../render/json.ts';
import { printableLines } from '../render/text.ts';
import { kernelFromFile } from '../user-modules.ts';

export const addKernel: AddCommand = (program, context) => {
  program
    .command('kernel')
    .description('print a kernel: the built-in one, one from a module, or the one that a log was recorded with')
    .argument('[file]', 'a kernel module or kernel in JSON, or a log with observations beside it')
    .option('--json', 'print it as data, for --kernel FILE.json')
    .option('--wgsl', 'print it lowered to WGSL')
    .addHelpText(
      'after',
      '\nExamples:\n  $ vrrl kernel\n  $ vrrl kernel my-kernel.mjs --wgsl\n  $ vrrl kernel run.vrrl',
    )
    .action(async (file, options) => {
      const kernel = await findKernel(file);
      if (options.json && options.wgsl)
        throw new InputError('--json and --wgsl were both given', 'choose one of them.');
      if (options.json) await context.io.write(`${tidyJson(kernelToJson(kernel))}\n`);
      else await context.io.write(options.wgsl ? lowerToWgsl(kernel) : printableLines(printKernel(kernel), ''));
    });
};

async function findKernel(file: string | undefined): Promise<Kernel> {
  if (file === undefined) return defineKernel({ name: 'built-in' });
  if (/\.([cm]?[jt]s|json)$/.test(file)) return kernelFromFile(file);
  const recording = openRecording(file);
  try {
    const recorded = recordedKernel(recording);
    if (recorded !== undefined && recorded !== null) return kernelFromJson(recorded);
    throw new InputError(
      `\`${file}\` does not say which kernel it was recorded with`,
      'name the module of the kernel.',
    );
  } finally {
    recording.close();
  }
}
