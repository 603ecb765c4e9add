import type { Command } from 'commander';

const shells = 'bash, zsh, fish or powershell';

/**
 * `ptb completion SHELL` prints the completion script of a shell. The script calls the hidden command `complete`. Both
 * read the complete command tree, so they are registered last, and only if one of them was called.
 */
export async function registerCompletion(program: Command, argv: readonly string[]): Promise<void> {
  const called = argv[2];
  if (called !== 'completion' && called !== 'complete') {
    program.command('completion').argument('<shell>', shells).description('Print the completion script of a shell.');
    return;
  }
  const { default: tab } = await import('@bomb.sh/tab/commander');
  tab(program, { completionCommandName: 'completion' });
}
