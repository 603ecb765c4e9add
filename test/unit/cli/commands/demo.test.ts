import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Command } from 'commander';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { registerDemo } from '../../../../src/cli/commands/demo.ts';
import { runProgram } from '../../../../src/cli/run-program.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs `ptb demo` with arguments with which it starts nothing. */
async function refused(...words: readonly string[]): Promise<readonly [exitCode: number, errors: string]> {
  let errors = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    errors += String(text);
    return true;
  });
  const program = new Command('ptb');
  registerDemo(program);
  return [await runProgram(program, ['node', 'ptb', 'demo', '--once', ...words]), errors];
}

describe('ptb demo', () => {
  it('reports in one sentence that the port is in use', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const [exitCode, errors] = await refused('--tenants', '1', '--port', String(port));
    holder.close();
    expect(exitCode).toBe(1);
    // Before anything was started.
    expect(errors).toMatch(new RegExp(`^ptb: Port ${port} is taken by another program, .* npm start -- --port 0\n$`));
  });

  it.each([
    [['--tenants', 'many'], 'It must be a whole number from 1 to 20000.'],
    [['--faults', 'no-such-set'], 'no-such-set'],
  ])('rejects %j and names the next step', async (args, sentence) => {
    expect(await refused(...args)).toEqual([2, expect.stringContaining(sentence)]);
  });
});
