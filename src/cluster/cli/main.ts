// The command line: makes it from the table of commands, and turns errors into messages and exit codes.
import { Command, Option } from 'commander';
import { VERSION } from '../version.ts';
import type { CommandIo, CommandSpec } from './command.ts';
import { COMMANDS } from './commands.ts';
import { explain } from './errors.ts';

const io: CommandIo = {
  out: (t) => void process.stdout.write(t),
  err: (t) => void process.stderr.write(t),
  env: process.env,
  colour: process.stderr.isTTY === true && (process.env.NO_COLOR ?? '') === '',
  colourOut: process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '',
};

function addCommand(program: Command, spec: CommandSpec): void {
  const words = spec.name.split(' ');
  const last = words.pop() ?? '';
  let parent = program;
  for (const word of words) {
    parent =
      parent.commands.find((c) => c.name() === word) ?? parent.command(word).description(`commands about ${word}s`);
  }
  const command = parent
    .command([last, ...(spec.args ?? [])].join(' '), { hidden: spec.hidden === true })
    .description(spec.summary)
    .aliases([...(spec.aliases ?? [])]);
  if (spec.passThrough === true)
    command.allowUnknownOption().allowExcessArguments().helpOption(false).passThroughOptions();
  for (const o of spec.options) {
    const option = new Option(o.flags, o.description);
    if (o.default !== undefined) option.default(o.default);
    if (o.repeated === true)
      option.argParser((value: string, previous: string[] | undefined) => [...(previous ?? []), value]);
    command.addOption(option);
  }
  command.action(async () => {
    const args = command.processedArgs.flat().filter((a): a is string => typeof a === 'string');
    process.exitCode = await spec.run(spec.passThrough === true ? command.args : args, command.opts(), io);
  });
}

/** Who reads no more (`minke doctor | head`) is no reason to stop half-way. */
function heedNoReaders(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
}

async function main(): Promise<void> {
  heedNoReaders();
  const program = new Command('minke')
    .description('Kubernetes in TypeScript: a whole cluster in one process')
    .version(`minke ${VERSION}`)
    .enablePositionalOptions()
    .showHelpAfterError('(minke --help shows what there is)');
  for (const spec of COMMANDS) addCommand(program, spec);
  try {
    await program.parseAsync();
  } catch (error) {
    const told = explain(error) ?? { message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    io.err(`minke: ${told.message}\n${told.hint === undefined ? '' : `  ${told.hint}\n`}`);
    process.exitCode = 1;
  }
}

await main();
