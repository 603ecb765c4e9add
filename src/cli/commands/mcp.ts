import type { Command } from 'commander';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { say } from '../sign-in/output.ts';

/** `ptb mcp`: the tools of the broker for an agent on this machine. */
export function registerMcp(program: Command): void {
  const mcp = program
    .command('mcp')
    .description(
      'Offer the tools of a broker to an AI agent on this machine, with your sign-in: a Model Context Protocol server on standard input and output. An agent starts it; docs/agents.md has the configuration.',
    );
  addConnectionOptions(mcp).action(async (flags: ConnectionFlags) => {
    const client = await connect(flags);
    const { relayMessages } = await import('../mcp/relay.ts');
    await relayMessages(client, { input: process.stdin, output: process.stdout, say });
  });
}
