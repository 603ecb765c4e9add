import type { Command } from 'commander';

const shells = 'bash, zsh, fish or powershell';

/**
 * `ptb completion SHELL`: the script that makes a shell complete `ptb`, and the hidden `complete` that the script asks.
 * Both read the finished tree of commands, so they are added last, and only when they are what was called.
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
